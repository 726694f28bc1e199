/* hsm/uri.h - one token's RFC 7512 URI.  For the files of hsm/ only.
 * Needed: token= or serial=, and module-path=/ABSOLUTE.  Allowed beside: manufacturer, model, slot-id, pin-source, and the
 * vendor attribute x-init-args (C_Initialize's pReserved; NSS wants it).  Refused: pin-value (a secret does not belong in a
 * configuration; it is never quoted), object and id (labels are the roles'), and what p11-kit does not know.
 * Memory: the struct owns all; uri_fini. */
#ifndef HSM_URI_H
#define HSM_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "hsm/cryptoki.h"
#include <p11-kit/uri.h>

#include "base/err.h"

struct hsm_uri {
    P11KitUri *parsed;
    const char *module_path; /* absolute */
    const char *pin_source;  /* NULL: none */
    const char *init_args;   /* NULL: none */
    char who[33];            /* token label or serial, for messages */
};

/* ERR_CONFIG */
enum err_code uri_parse(struct hsm_uri *u, const char *text, struct err *e) __attribute__((warn_unused_result));
void uri_fini(struct hsm_uri *u);

bool uri_fits(const struct hsm_uri *u, CK_SLOT_ID slot, const CK_TOKEN_INFO *info);

/* A field padded with blanks (CK_TOKEN_INFO.label) as text; bytes that are no printable ASCII become '?'. */
void uri_field(char out[33], const unsigned char *field, size_t len);

#endif

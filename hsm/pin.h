/* hsm/pin.h - where a PIN comes from.  For the files of hsm/ only.
 * The PIN lives in struct pin from pin_read to pin_wipe, nowhere else: not in argv, environment, log or error text. */
#ifndef HSM_PIN_H
#define HSM_PIN_H

#include "hsm/hsm.h"

struct pin {
    char text[HSM_PIN_MAX];
    size_t len;
};

/* source->kind URI: uri_source is the pin-source of the URI ("file:/p", "file:///p" or "/p"; NULL: none).  who: the token,
 * for the prompt. ERR_RIGHTS; *pin is wiped then. */
enum err_code pin_read(struct pin *pin, const struct hsm_pin_source *source, const char *uri_source, const char *who,
                       struct err *e);
void pin_wipe(struct pin *pin);

#endif

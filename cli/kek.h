/* cli/kek.h - the two keys that line and server share: what the line wraps, the server must unwrap. */
#ifndef CLI_KEK_H
#define CLI_KEK_H

#include "hsm/hsm.h"

enum { KEKS = 2 };
extern const struct hsm_key_name keks[KEKS]; /* of private keys; of device secrets */

/* The check values of the token's KEKs.  ERR_UNAVAILABLE: one is missing. */
enum err_code keks_find(struct hsm *h, uint8_t kcv[KEKS][3], struct err *e) __attribute__((warn_unused_result));

/* ERR_CONFLICT: a key of line and server differs. */
enum err_code keks_compare(uint8_t line[KEKS][3], uint8_t server[KEKS][3], struct err *e)
    __attribute__((warn_unused_result));

#endif

/* cli/kek.h - the keys of a line's tokens: what they are called, and whether line and server hold the same.
 * line, server: `kek`, `kek-secret`, `master/ID`; what the line wraps or derives the server must unwrap or derive.
 * log: `checkpoint`, which signs the log. */
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

/* The master of a line, named by the station's id, which stands in each image that it burns (docs/protocol.md, 0x1A). */
struct master {
    char label[HSM_LABEL]; /* "master/1" */
};
struct master master_of(uint16_t station);
enum err_code master_find(struct hsm *h, const struct master *m, uint8_t kcv[3], struct err *e)
    __attribute__((warn_unused_result));
/* ERR_CONFLICT: that of line and server differs. */
enum err_code master_compare(const struct master *m, const uint8_t line[3], const uint8_t server[3], struct err *e)
    __attribute__((warn_unused_result));

/* The log's signer, Ed25519: its check value and public key.  It does not sign here: each signature is verified when it is
 * made.  ERR_UNAVAILABLE: it is missing. */
extern const struct hsm_key_name log_signer;
enum err_code signer_find(struct hsm *log, uint8_t kcv[3], uint8_t pk[32], struct err *e)
    __attribute__((warn_unused_result));

#endif

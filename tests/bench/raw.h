/* tests/bench/raw.h - the same work by the bare PKCS#11 calls, with the same templates, on the handle's own session.  Exit 1
 * if a call fails. */
#ifndef TESTS_BENCH_RAW_H
#define TESTS_BENCH_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hsm/hsm.h"

/* Generate, read the point, wrap, destroy; verify: unwrap again and compare an ECDH. */
void raw_new_key(struct hsm *h, struct hsm_key *kek, bool verify);

/* What one first frame needs of the token. */
void raw_unwrap_ecdh(struct hsm *h, struct hsm_key *kek, const uint8_t *blob, size_t len);

#endif

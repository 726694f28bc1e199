/* The test vectors inside the chip: the same walker and blob as on the host, BearSSL below.  Linked with startup.c and a
 * board's .ld of this folder; says what came out in vectors_state, where a debugger finds it. */
#include "firmware-stub/crypto_bearssl.h"
#include "firmware-stub/rsa_bearssl.h"
#include "tests/firmware/board.h"
#include "tests/vectors/walk.h"

struct state {
    uint32_t verdict; /* 0x600DC0DE all passed, 0xBADC0DE5 not, anything else: not at the end yet */
    uint32_t self_test;
    struct vectors_result result;
    uint32_t differ; /* signatures that one way to verify takes and the other refuses */
};

struct state vectors_state __attribute__((section(".result")));

extern const uint8_t vectors_blob[], vectors_blob_end[];
__asm__(".section .rodata.vectors_blob, \"a\"\n"
        ".global vectors_blob, vectors_blob_end\n"
        "vectors_blob: .incbin \"" VECTORS_BLOB "\"\n"
        "vectors_blob_end:\n"
        ".previous\n");

static bool no_random(void *io, void *out, size_t len)
{
    (void)io;
    (void)out;
    (void)len;
    return false; /* what needs random bytes gets known ones from the walker */
}

/* Both ways to verify say the same, or neither counts. */
static bool verify_both(void *io, const uint8_t pk[P256_PK_LEN], const uint8_t digest[SHA256_LEN],
                        const uint8_t sig[ECDSA_LEN])
{
    bool good = ecdsa_bearssl_verify(io, pk, digest, sig);
    vectors_state.differ += good != ecdsa_bearssl_verify_small(io, pk, digest, sig);
    return good;
}

int main(void)
{
    struct crypto c = crypto_bearssl(no_random);
    c.ecdsa_verify = verify_both;
    c.rsa_public = rsa_bearssl_public;
    vectors_state.verdict = vectors_state.differ = 0;
    vectors_state.self_test = crypto_bearssl_self_test();
    bool ok = vectors_run(&c, vectors_blob, (size_t)(vectors_blob_end - vectors_blob), &vectors_state.result);
    ok = ok && vectors_state.self_test && vectors_state.differ == 0;
    vectors_state.verdict = ok ? 0x600DC0DE : 0xBADC0DE5;
    return 0;
}

/* RFC 9180, HKDF, HMAC, AES-CCM, P-256, X25519, ECDSA, OAEP and our own frames pass inside both chips, by the same walker as
 * on the host.  The F407's build leaves out Wycheproof's ECDH, X25519, ECDSA and OAEP files, which take a minute: core and
 * code are those of the L476.  That has of ECDSA and X25519 only the cases that our own code can get wrong and a sample
 * (tests/vectors/pack.c).  With ALL=1, make soak-vectors: every copied vector on the L476, for minutes. */
#include "tests/firmware-stub/dut.h"
#include "tests/vectors/walk.h"

enum { VECTORS_WAIT_S = 500, ALL_WAIT_S = 3600, GOOD = 0x600DC0DE, OFF_SELF_TEST = 4, OFF_RESULT = 8 };

static uint32_t word(struct dut *d, uint32_t addr)
{
    uint32_t v;
    memcpy(&v, dut_ram(d, addr, 4), sizeof v);
    return v;
}

static bool slow(uint32_t type)
{
    return type == VECTOR_ECDH || type == VECTOR_POINT || type == VECTOR_VERIFY || type == VECTOR_OAEP ||
           type == VECTOR_X25519;
}

static void all_pass_on(const char *chip, bool slow_too)
{
    struct dut d;
    struct err e;
    uint32_t at = 0;
    const bool all = getenv("ALL") != NULL;
    dut_open_plain(&d, chip, all ? "vectors-all" : "vectors");
    assert_int_equal(fw_image_symbol(d.fw, "vectors_state", &at, &e), ERR_OK);
    board_power(d.board, true);
    memset(dut_ram(&d, at, 4), 0, 4);
    const uint64_t until = clock_mono_ns() + (uint64_t)(all ? ALL_WAIT_S : VECTORS_WAIT_S) * 1000000000;
    while (word(&d, at) == 0 && clock_mono_ns() < until)
        board_run(d.board, 1000000);
    for (uint32_t type = 1; type < VECTOR_TYPES; type++)
        if (word(&d, at + OFF_RESULT + 4 * type) == 0 && (slow_too || !slow(type)))
            fail_msg("%s: no vector of type %u was run", chip, (unsigned)type);
    if (word(&d, at) != GOOD)
        fail_msg("%s: %u failed, the first of type %u, number %u", chip, word(&d, at + OFF_RESULT + 4 * VECTOR_TYPES),
                 word(&d, at + OFF_RESULT + 4 * VECTOR_TYPES + 4) & 0xFF,
                 word(&d, at + OFF_RESULT + 4 * VECTOR_TYPES + 4) >> 16);
    assert_int_equal(word(&d, at + OFF_SELF_TEST), 1);
    dut_close_plain(&d);
}

static void test_all_vectors_pass_inside_the_l476(void **state)
{
    (void)state;
    all_pass_on("stm32l476", true);
}

static void test_all_vectors_pass_inside_the_f407(void **state)
{
    (void)state;
    if (getenv("ALL") == NULL)
        all_pass_on("stm32f407", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_vectors_pass_inside_the_l476),
        cmocka_unit_test(test_all_vectors_pass_inside_the_f407),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

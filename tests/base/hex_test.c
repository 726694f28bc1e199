#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hex.h"

static void test_every_byte_goes_there_and_back(void **state)
{
    uint8_t in[256], out[256];
    char text[513];

    (void)state;
    for (unsigned i = 0; i < 256; i++)
        in[i] = (uint8_t)i;
    hex_encode(in, sizeof in, text);
    assert_int_equal(hex_decode(text, out, sizeof out), 256);
    assert_memory_equal(in, out, sizeof in);
}

static void test_decode_takes_either_case_and_the_empty_string(void **state)
{
    uint8_t out[2];

    (void)state;
    assert_int_equal(hex_decode("aBCd", out, 2), 2);
    assert_int_equal(out[0], 0xab);
    assert_int_equal(out[1], 0xcd);
    assert_int_equal(hex_decode("", out, 2), 0);
}

static void test_decode_refuses_and_leaves_the_output_alone(void **state)
{
    static const char *const bad[] = { "0", "0g", "00 ", "0x00", "000000", "-1" };
    uint8_t out[2] = { 0x55, 0xaa };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(hex_decode(bad[i], out, sizeof out), -1);
        assert_int_equal(out[0], 0x55);
        assert_int_equal(out[1], 0xaa);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_goes_there_and_back),
        cmocka_unit_test(test_decode_takes_either_case_and_the_empty_string),
        cmocka_unit_test(test_decode_refuses_and_leaves_the_output_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

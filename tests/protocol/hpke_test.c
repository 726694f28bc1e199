/* What the published vectors do not say: the edges of scalars and of pre-shared keys, of HKDF and of the even-y rule. */
#include "tests/protocol/device.h"

#include "protocol/hkdf.h"
#include "protocol/hpke.h"

static void test_scalars_are_1_to_n_minus_1(void **state)
{
    (void)state;
    uint8_t d[P256_LEN] = { 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                            0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51 };
    uint8_t pk[P256_PK_LEN];
    struct rig r;
    rig_open_host(&r);
    for (int over = -1; over <= 1; over++) { /* n - 1, n, n + 1 */
        d[P256_LEN - 1] = (uint8_t)(0x51 + over);
        assert_int_equal(p256_scalar_ok(d), over < 0);
        assert_int_equal(r.c.p256_public(&r, d, pk), over < 0);
    }
    for (unsigned value = 0; value <= 1; value++) {
        memset(d, 0, sizeof d);
        d[P256_LEN - 1] = (uint8_t)value;
        assert_int_equal(p256_scalar_ok(d), value);
        assert_int_equal(r.c.p256_public(&r, d, pk), value);
    }
    memset(d, 0xFF, sizeof d);
    assert_false(p256_scalar_ok(d));
    rig_fini(&r);
}

/* RFC 9180 9.5 and 5.1: a PSK of at least 32 bytes, and never without its name. */
static void test_a_short_or_nameless_psk_is_refused(void **state)
{
    (void)state;
    struct rig r;
    uint8_t shared[HPKE_NSECRET] = { 1 }, key[32] = { 2 }, out[HPKE_NH];
    struct hpke_psk psk = { key, 32, key, 8 };
    rig_open_host(&r);
    assert_true(hpke_key_schedule(&r.c, HPKE_P256, shared, &psk, key, 3, out));
    psk.psk_len = 31;
    assert_false(hpke_key_schedule(&r.c, HPKE_P256, shared, &psk, key, 3, out));
    psk.psk_len = 32;
    psk.psk_id_len = 0;
    assert_false(hpke_key_schedule(&r.c, HPKE_P256, shared, &psk, key, 3, out));
    rig_fini(&r);
}

static void test_an_exported_value_has_an_upper_length(void **state)
{
    (void)state;
    static uint8_t out[HKDF_LEN_MAX];
    struct rig r;
    uint8_t secret[HPKE_NH] = { 3 };
    const struct crypto_part many[HKDF_PARTS + 1] = { { NULL, 0 } };
    rig_open_host(&r);
    assert_true(hpke_export(&r.c, HPKE_P256, secret, "a", 1, out, sizeof out));
    assert_false(hpke_export(&r.c, HPKE_P256, secret, "a", 1, out, sizeof out + 1));
    assert_false(hpke_export(&r.c, HPKE_P256, secret, "a", 1, out, 65536));
    assert_true(hkdf_expand(&r.c, secret, many, HKDF_PARTS, out, 32));
    assert_false(hkdf_expand(&r.c, secret, many, HKDF_PARTS + 1, out, 32));
    rig_fini(&r);
}

/* Both points of an x become the same one, the one that decompression gives. */
static void test_even_y_is_what_decompression_gives(void **state)
{
    (void)state;
    struct rig r;
    uint8_t d[P256_LEN] = { 0 }, pk[P256_PK_LEN], even[P256_PK_LEN];
    unsigned odd = 0;
    rig_open_host(&r);
    for (unsigned i = 1; i <= 64; i++) {
        d[0] = d[P256_LEN - 1] = (uint8_t)i;
        assert_true(r.c.p256_public(&r, d, pk) && r.c.p256_decompress(&r, pk + 1, even));
        odd += pk[P256_PK_LEN - 1] & 1;
        p256_even_y(pk);
        assert_memory_equal(pk, even, sizeof pk);
    }
    assert_in_range(odd, 10, 54);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars_are_1_to_n_minus_1),
        cmocka_unit_test(test_a_short_or_nameless_psk_is_refused),
        cmocka_unit_test(test_an_exported_value_has_an_upper_length),
        cmocka_unit_test(test_even_y_is_what_decompression_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Scheme 1 from device to server: what opens, and that nothing else does. */
#include "tests/protocol/device.h"

#include "protocol/bytes.h"
#include "protocol/sealing.h"

static const uint8_t TEXT[16] = "sixteen bytes ..";
static const uint8_t CHALLENGE[CHALLENGE_LEN] = { 0xC4 };

struct variant {
    bool psk, compact;
    uint8_t sid_len, ctr_len;
};
static const struct variant variants[] = {
    { false, false, 2, 1 },
    { false, true, 2, 2 },
    { true, false, 4, 1 },
    { true, true, 4, 2 },
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static void rig_variant(struct rig *r, unsigned i)
{
    rig_init(r, variants[i].psk, variants[i].compact, variants[i].sid_len, variants[i].ctr_len);
}

static size_t make_open(struct rig *r, uint32_t boot, size_t len, uint8_t *frame, struct device_session *s)
{
    uint8_t data[FRAME_DATA_MAX];
    size_t n;
    for (size_t i = 0; i < len; i++)
        data[i] = len == sizeof TEXT ? TEXT[i] : (uint8_t)i;
    assert_int_equal(device_sealed.open(&r->c, &r->device, boot, data, len, frame, FRAME_MAX, &n, s), SEALED_OK);
    return n;
}

static size_t make_data(struct rig *r, const struct device_session *s, uint32_t counter, uint8_t *frame)
{
    size_t n;
    assert_int_equal(device_sealed.data(&r->c, &r->device, s, counter, TEXT, sizeof TEXT, frame, FRAME_MAX, &n), SEALED_OK);
    return n;
}

static void test_frames_have_the_sizes_of_the_table(void **state)
{
    (void)state;
    static const size_t open_size[] = { 73, 61, 73, 61 }, data_size[] = { 28, 29, 30, 31 };
    static const uint8_t open_hdr[] = { 0x20, 0x28, 0x20, 0x28 }, data_hdr[] = { 0x49, 0x4A, 0x51, 0x52 };
    for (unsigned i = 0; i < VARIANTS; i++) {
        struct rig r;
        struct device_session s;
        uint8_t frame[FRAME_MAX];
        rig_variant(&r, i);
        assert_int_equal(make_open(&r, 1, 16, frame, &s), open_size[i]);
        assert_int_equal(frame[0], open_hdr[i]);
        assert_int_equal(make_data(&r, &s, 1, frame), data_size[i]);
        assert_int_equal(frame[0], data_hdr[i]);
        rig_fini(&r);
    }
}

static void test_server_opens_what_the_device_seals(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 511, 512 };
    for (unsigned i = 0; i < VARIANTS; i++) {
        struct rig r;
        rig_variant(&r, i);
        for (unsigned k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            struct device_session s;
            struct peer_session server;
            uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX];
            size_t len = 0, n = make_open(&r, k + 1, sizes[k], frame, &s);
            assert_true(rig_receive_open(&r, frame, n, &server, data, &len));
            assert_memory_equal(&s.keys, &server.keys, sizeof s.keys);
            assert_int_equal(len, sizes[k]);
            for (size_t b = 0; b < len && len != 16; b++)
                assert_int_equal(data[b], (uint8_t)b);
            n = make_data(&r, &s, 7, frame);
            assert_true(rig_receive_data(&r, &server.keys, frame, n, data, &len));
            assert_int_equal(len, sizeof TEXT);
            assert_memory_equal(data, TEXT, len);
        }
        rig_fini(&r);
    }
}

/* Any one bit of a first frame. */
static void test_every_bit_flip_of_open_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        struct rig r;
        struct device_session s;
        struct peer_session server;
        uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX];
        rig_variant(&r, i);
        size_t len, n = make_open(&r, 1, 16, frame, &s);
        for (size_t bit = 0; bit < n * 8; bit++) {
            frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(rig_receive_open(&r, frame, n, &server, data, &len));
            frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_true(rig_receive_open(&r, frame, n, &server, data, &len));
        rig_fini(&r);
    }
}

static void test_every_bit_flip_of_data_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        struct rig r;
        struct device_session s;
        uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX];
        rig_variant(&r, i);
        size_t len, n;
        (void)make_open(&r, 1, 16, frame, &s);
        n = make_data(&r, &s, 5, frame);
        for (size_t bit = 0; bit < n * 8; bit++) {
            frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(rig_receive_data(&r, &s.keys, frame, n, data, &len));
            frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_true(rig_receive_data(&r, &s.keys, frame, n, data, &len));
        rig_fini(&r);
    }
}

static void test_every_truncation_and_one_more_byte_are_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        struct rig r;
        struct device_session s;
        struct peer_session server;
        uint8_t open[FRAME_MAX] = { 0 }, later[FRAME_MAX] = { 0 }, data[FRAME_DATA_MAX];
        rig_variant(&r, i);
        size_t len, n = make_open(&r, 1, 16, open, &s), m = make_data(&r, &s, 5, later);
        for (size_t cut = 0; cut <= n + 1; cut++)
            assert_int_equal(rig_receive_open(&r, open, cut, &server, data, &len), cut == n);
        for (size_t cut = 0; cut <= m + 1; cut++)
            assert_int_equal(rig_receive_data(&r, &s.keys, later, cut, data, &len), cut == m);
        rig_fini(&r);
    }
}

static bool proof_ok(struct rig *r, const uint8_t *bytes, size_t n, const uint8_t *challenge, const uint8_t *digest)
{
    struct frame f;
    struct peer_session s;
    return frame_parse(bytes, n, &f) == FRAME_OK && rig_session(r, &f, &s) == SEALED_OK &&
           rig_read_proof(r, &s, &f, challenge, digest) == SEALED_OK;
}

static void test_a_proof_is_good_for_its_challenge_and_image_only(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        struct rig r;
        uint8_t frame[FRAME_MAX], digest[SHA256_LEN], other[SHA256_LEN];
        size_t n;
        rig_variant(&r, i);
        assert_true(otp_image_digest(&r.c, r.image, digest));
        assert_int_equal(device_sealed.proof(&r.c, &r.device, 1, CHALLENGE, digest, frame, sizeof frame, &n), SEALED_OK);
        assert_int_equal(n, variants[i].compact ? 45 : 57);
        assert_true(proof_ok(&r, frame, n, CHALLENGE, digest));
        for (unsigned bit = 0; bit < 256; bit++) {
            memcpy(other, CHALLENGE, sizeof other);
            other[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(proof_ok(&r, frame, n, other, digest));
            memcpy(other, digest, sizeof other);
            other[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(proof_ok(&r, frame, n, CHALLENGE, other));
        }
        for (size_t bit = 0; bit < n * 8; bit++) {
            frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(proof_ok(&r, frame, n, CHALLENGE, digest));
            frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        rig_fini(&r);
    }
}

static void test_a_proof_is_no_telemetry_and_telemetry_no_proof(void **state)
{
    (void)state;
    struct rig r;
    struct device_session s;
    struct peer_session server;
    uint8_t frame[FRAME_MAX], digest[SHA256_LEN], data[FRAME_DATA_MAX];
    size_t n, len;
    rig_init(&r, true, false, 2, 1);
    assert_true(otp_image_digest(&r.c, r.image, digest));
    assert_int_equal(device_sealed.proof(&r.c, &r.device, 1, CHALLENGE, digest, frame, sizeof frame, &n), SEALED_OK);
    assert_false(rig_receive_open(&r, frame, n, &server, data, &len));
    n = make_open(&r, 2, 0, frame, &s);
    assert_true(rig_receive_open(&r, frame, n, &server, data, &len));
    assert_false(proof_ok(&r, frame, n, CHALLENGE, digest));
    n = make_open(&r, 3, 16, frame, &s); /* a proof carries no data */
    struct frame f;
    assert_int_equal(frame_parse(frame, n, &f), FRAME_OK);
    assert_int_equal(rig_read_proof(&r, &server, &f, CHALLENGE, digest), SEALED_FORM);
    rig_fini(&r);
}

/* Suite, form, mode and lengths come from the registry: a frame cannot choose. */
static void test_a_frame_of_another_profile_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++)
        for (unsigned k = 0; k < VARIANTS; k++) {
            struct rig r;
            struct device_session s;
            struct peer_session server;
            uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX];
            size_t len;
            rig_variant(&r, i);
            size_t n = make_open(&r, 1, 16, frame, &s);
            r.peer.profile.psk = variants[k].psk;
            r.peer.profile.compact = variants[k].compact;
            assert_int_equal(rig_receive_open(&r, frame, n, &server, data, &len), i == k);
            n = make_data(&r, &s, 1, frame);
            r.peer.profile.sid_len = variants[k].sid_len;
            r.peer.profile.ctr_len = variants[k].ctr_len;
            assert_int_equal(rig_receive_data(&r, &s.keys, frame, n, data, &len), i == k);
            rig_fini(&r);
        }
}

static void test_info_binds_fleet_serial_scheme_and_suite(void **state)
{
    (void)state;
    struct rig r;
    struct device_session s;
    struct peer_session server;
    uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX];
    size_t len;
    rig_init(&r, false, true, 2, 1);
    size_t n = make_open(&r, 1, 16, frame, &s);
    r.peer.serial[0] ^= 1; /* compact: not even on the air */
    assert_false(rig_receive_open(&r, frame, n, &server, data, &len));
    r.peer.serial[0] ^= 1;
    r.peer.profile.fleet ^= 1;
    assert_false(rig_receive_open(&r, frame, n, &server, data, &len));
    r.peer.profile.fleet ^= 1;
    r.peer.profile.suite = SUITE_P256_CHACHA;
    assert_false(rig_receive_open(&r, frame, n, &server, data, &len));
    r.peer.profile.suite = SUITE_P256_CCM;
    r.peer.profile.scheme = 2;
    assert_false(rig_receive_open(&r, frame, n, &server, data, &len));
    r.peer.profile.scheme = 1;
    assert_true(rig_receive_open(&r, frame, n, &server, data, &len));
    rig_fini(&r);
}

static void test_another_device_another_psk_another_session_are_refused(void **state)
{
    (void)state;
    struct rig r;
    struct device_session s, s2;
    struct peer_session server;
    uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX];
    struct frame f;
    size_t len;
    rig_init(&r, true, false, 4, 2);
    size_t n = make_open(&r, 1, 16, frame, &s);
    r.peer.serial[7] ^= 1;
    assert_int_equal(frame_parse(frame, n, &f), FRAME_OK);
    assert_int_equal(rig_session(&r, &f, &server), SEALED_SERIAL);
    r.peer.serial[7] ^= 1;
    r.secret[31] ^= 1; /* the server's side: the device points into its image */
    assert_int_equal(rig_session(&r, &f, &server), SEALED_OK);
    assert_int_equal(rig_read_open(&r, &server, &f, data, &len), SEALED_AUTH);
    r.secret[31] ^= 1;

    (void)make_open(&r, 2, 16, frame, &s2);
    n = make_data(&r, &s, 1, frame);
    assert_int_equal(frame_parse(frame, n, &f), FRAME_OK);
    assert_int_equal(rig_read_data(&r, &s2.keys, &f, data, &len), SEALED_SERIAL);
    memcpy(s2.keys.sid, s.keys.sid, sizeof s.keys.sid); /* the same prefix by chance */
    assert_int_equal(rig_read_data(&r, &s2.keys, &f, data, &len), SEALED_AUTH);
    rig_fini(&r);
}

static void test_points_with_odd_y_are_refused(void **state)
{
    (void)state;
    struct rig r;
    struct session s;
    uint8_t odd[P256_PK_LEN], even[P256_PK_LEN];
    rig_init(&r, false, false, 2, 1);
    memset(odd, 0x11, sizeof odd);
    memcpy(even, r.peer.pkRm, sizeof even);
    const struct sealing odd_enc = { &r.peer.profile, r.peer.serial, 0, odd, even, r.skR, NULL };
    const struct sealing odd_pkRm = { &r.peer.profile, r.peer.serial, 0, even, odd, r.skR, NULL };
    assert_int_equal(sealing_session(&r.c, &odd_enc, &s, NULL), SEALED_POINT);
    assert_int_equal(sealing_session(&r.c, &odd_pkRm, &s, NULL), SEALED_POINT);
    rig_fini(&r);
}

static void test_an_x_that_is_no_point_is_refused_before_the_hsm(void **state)
{
    (void)state;
    static const uint8_t bad[][P256_LEN] = {
        { [31] = 1 }, /* 1 - 3 + b is no square; p itself, and more than p, are below */
        { 0xFF, 0xFF, 0xFF, 0xFF, 0,    0,    0,    1,    0,    0,    0,    0,    0,    0,    0,    0,
          0,    0,    0,    0,    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF },
        { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
          0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF },
    };
    struct rig r;
    struct device_session s;
    struct peer_session server;
    uint8_t frame[FRAME_MAX];
    struct frame f;
    rig_init(&r, false, false, 2, 1);
    size_t n = make_open(&r, 1, 16, frame, &s);
    for (unsigned i = 0; i < 3; i++) {
        memcpy(frame + 9, bad[i], P256_LEN);
        assert_int_equal(frame_parse(frame, n, &f), FRAME_OK);
        assert_int_equal(rig_session(&r, &f, &server), SEALED_POINT);
    }
    rig_fini(&r);
}

static void test_counter_0_and_counters_beyond_its_bytes_are_not_made(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VARIANTS; i++) {
        struct rig r;
        struct device_session s;
        uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX];
        size_t n, len;
        uint32_t last = variants[i].ctr_len == 1 ? 0xFF : 0xFFFF;
        rig_variant(&r, i);
        (void)make_open(&r, 1, 16, frame, &s);
        assert_int_equal(device_sealed.data(&r.c, &r.device, &s, 0, TEXT, 16, frame, FRAME_MAX, &n), SEALED_RANGE);
        assert_int_equal(device_sealed.data(&r.c, &r.device, &s, last + 1, TEXT, 16, frame, FRAME_MAX, &n), SEALED_RANGE);
        n = make_data(&r, &s, last, frame);
        assert_true(rig_receive_data(&r, &s.keys, frame, n, data, &len)); /* the all-ones counter is used */
        rig_fini(&r);
    }
}

static void test_boot_numbers_and_lengths_out_of_range_are_not_sealed(void **state)
{
    (void)state;
    struct rig r;
    struct device_session s;
    uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX + 1] = { 0 };
    size_t n;
    rig_init(&r, false, false, 2, 1);
    assert_int_equal(device_sealed.open(&r.c, &r.device, 0, data, 1, frame, FRAME_MAX, &n, &s), SEALED_RANGE);
    assert_int_equal(device_sealed.open(&r.c, &r.device, 0x1000000, data, 1, frame, FRAME_MAX, &n, &s), SEALED_RANGE);
    assert_int_equal(device_sealed.open(&r.c, &r.device, 0xFFFFFF, data, 1, frame, FRAME_MAX, &n, &s), SEALED_OK);
    assert_int_equal(device_sealed.open(&r.c, &r.device, 1, data, 513, frame, FRAME_MAX, &n, &s), SEALED_RANGE);
    assert_int_equal(device_sealed.open(&r.c, &r.device, 1, data, 16, frame, 72, &n, &s), SEALED_RANGE);
    assert_int_equal(device_sealed.open(&r.c, &r.device, 1, data, 16, frame, 73, &n, &s), SEALED_OK);
    assert_int_equal(device_sealed.data(&r.c, &r.device, &s, 1, data, 513, frame, FRAME_MAX, &n), SEALED_RANGE);
    assert_int_equal(device_sealed.data(&r.c, &r.device, &s, 1, data, 16, frame, 27, &n), SEALED_RANGE);
    rig_fini(&r);
}

/* The ephemeral key is fresh while either the RNG or (with a secret) the boot number moves. */
static void test_the_ephemeral_key_is_hedged(void **state)
{
    (void)state;
    struct rig r;
    struct device_session s;
    uint8_t a[FRAME_MAX], b[FRAME_MAX];
    rig_init(&r, true, false, 2, 1);
    r.rng = 9;
    (void)make_open(&r, 1, 16, a, &s);
    r.rng = 9; /* an RNG that repeats itself */
    (void)make_open(&r, 2, 16, b, &s);
    assert_memory_not_equal(a + 9, b + 9, P256_LEN);
    r.rng = 9;
    (void)make_open(&r, 1, 16, b, &s);
    assert_memory_equal(a, b, 73);
    r.rng = 10; /* a boot number that repeats itself */
    (void)make_open(&r, 1, 16, b, &s);
    assert_memory_not_equal(a + 9, b + 9, P256_LEN);
    r.rng = 9;
    r.image[OTP_OFF_SLOT + SLOT_LEN] ^= 1; /* another secret */
    (void)make_open(&r, 1, 16, b, &s);
    assert_memory_not_equal(a + 9, b + 9, P256_LEN);
    rig_fini(&r);
}

static void test_a_broken_rng_silences_a_device_without_a_secret(void **state)
{
    (void)state;
    for (int psk = 0; psk < 2; psk++) {
        struct rig r;
        struct device_session s;
        uint8_t frame[FRAME_MAX], again[FRAME_MAX];
        size_t n;
        rig_init(&r, psk != 0, false, 2, 1);
        r.rng_broken = true;
        enum sealed_result result = device_sealed.open(&r.c, &r.device, 1, TEXT, 16, frame, FRAME_MAX, &n, &s);
        assert_int_equal(result, psk ? SEALED_OK : SEALED_RANDOM);
        if (psk) { /* what the broken source gave does not matter */
            assert_int_equal(device_sealed.open(&r.c, &r.device, 1, TEXT, 16, again, FRAME_MAX, &n, &s), SEALED_OK);
            assert_memory_equal(frame, again, n);
        }
        rig_fini(&r);
    }
}

/* Each call of the table fails once: no frame is reported, no session key is left. */
static void test_a_failing_back_end_leaves_nothing(void **state)
{
    (void)state;
    struct rig r;
    struct device_session s;
    uint8_t frame[FRAME_MAX];
    size_t n;
    long calls = 0;
    rig_init(&r, true, false, 2, 1);
    for (;; calls++) {
        r.fail_after = calls;
        memset(&s, 0, sizeof s);
        enum sealed_result result = device_sealed.open(&r.c, &r.device, 1, TEXT, 16, frame, FRAME_MAX, &n, &s);
        if (result == SEALED_OK)
            break;
        assert_int_equal(result, SEALED_CRYPTO);
        assert_true(bytes_all(&s, sizeof s, 0));
    }
    assert_true(calls > 15);
    rig_fini(&r);
}

static void test_a_device_refuses_an_image_that_is_not_its_schemes(void **state)
{
    (void)state;
    struct rig r;
    struct device_side d;
    rig_init(&r, false, false, 2, 1);
    assert_int_equal(device_sealed.init(&r.c, r.image, 3, 1, &d), SEALED_FORM);
    assert_int_equal(device_sealed.init(&r.c, r.image, 2, 3, &d), SEALED_FORM);
    r.image[OTP_OFF_SERIAL] ^= 1;
    assert_int_equal(device_sealed.init(&r.c, r.image, 2, 1, &d), SEALED_FORM);
    r.image[OTP_OFF_SERIAL] ^= 1;
    r.image[OTP_OFF_SCHEME] = 2;
    assert_true(otp_image_finish(&r.c, r.image));
    assert_int_equal(device_sealed.init(&r.c, r.image, 2, 1, &d), SEALED_FORM);
    rig_fini(&r);
}

static void test_result_names_are_distinct(void **state)
{
    (void)state;
    for (int i = 0; i < SEALED_RESULTS; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(sealed_result_name((enum sealed_result)i), sealed_result_name((enum sealed_result)k));
    assert_string_equal(sealed_result_name(SEALED_RESULTS), "sealed-unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_have_the_sizes_of_the_table),
        cmocka_unit_test(test_server_opens_what_the_device_seals),
        cmocka_unit_test(test_every_bit_flip_of_open_is_refused),
        cmocka_unit_test(test_every_bit_flip_of_data_is_refused),
        cmocka_unit_test(test_every_truncation_and_one_more_byte_are_refused),
        cmocka_unit_test(test_a_proof_is_good_for_its_challenge_and_image_only),
        cmocka_unit_test(test_a_proof_is_no_telemetry_and_telemetry_no_proof),
        cmocka_unit_test(test_a_frame_of_another_profile_is_refused),
        cmocka_unit_test(test_info_binds_fleet_serial_scheme_and_suite),
        cmocka_unit_test(test_another_device_another_psk_another_session_are_refused),
        cmocka_unit_test(test_points_with_odd_y_are_refused),
        cmocka_unit_test(test_an_x_that_is_no_point_is_refused_before_the_hsm),
        cmocka_unit_test(test_counter_0_and_counters_beyond_its_bytes_are_not_made),
        cmocka_unit_test(test_boot_numbers_and_lengths_out_of_range_are_not_sealed),
        cmocka_unit_test(test_the_ephemeral_key_is_hedged),
        cmocka_unit_test(test_a_broken_rng_silences_a_device_without_a_secret),
        cmocka_unit_test(test_a_failing_back_end_leaves_nothing),
        cmocka_unit_test(test_a_device_refuses_an_image_that_is_not_its_schemes),
        cmocka_unit_test(test_result_names_are_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Parsing frames, expanding them to COSE, and what carries them: COBS, mailbox, console records. */
#include "tests/protocol/device.h"

#include "protocol/bytes.h"
#include "protocol/cobs.h"
#include "protocol/cose.h"
#include "protocol/local.h"
#include "protocol/mailbox.h"

static void test_only_the_named_headers_exist(void **state)
{
    (void)state;
    static const uint8_t named[] = { 0x20, 0x21, 0x22, 0x23, 0x24, 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x30, 0x31,
                                     0x39, 0x49, 0x4A, 0x51, 0x52, 0x55, 0x69, 0x71, 0x80, 0x81, 0xC0 };
    uint8_t bytes[513];
    struct frame f;
    unsigned found = 0;
    memset(bytes, 1, sizeof bytes);
    for (unsigned hdr = 0; hdr < 256; hdr++) {
        bytes[0] = (uint8_t)hdr;
        bool known = memchr(named, (int)hdr, sizeof named) != NULL;
        const struct frame_form *form = frame_form((uint8_t)hdr);
        assert_int_equal(form != NULL, known);
        assert_int_equal(frame_parse(bytes, form ? frame_size(form, form->least) : sizeof bytes, &f),
                         known ? FRAME_OK : FRAME_HEADER);
        found += known;
    }
    assert_int_equal(found, sizeof named);
}

static void test_a_product_is_compact_where_its_scheme_has_such_a_form_and_its_policy_says_so(void **state)
{
    (void)state;
    for (uint8_t scheme = 0; scheme <= SCHEME_MAX + 1; scheme++) {
        bool has = scheme >= 1 && scheme <= 8 && scheme != 4 && scheme != 5;
        assert_int_equal(frame_is_compact(scheme, SUITE_P256_CCM, POLICY_NVM_REQUIRED), has);
        assert_int_equal(frame_is_compact(scheme, SUITE_X25519_CCM, POLICY_NVM_REQUIRED), has);
        assert_false(frame_is_compact(scheme, SUITE_P256_CHACHA, POLICY_NVM_REQUIRED));
        assert_false(frame_is_compact(scheme, SUITE_RSA, POLICY_NVM_REQUIRED));
        assert_false(frame_is_compact(scheme, SUITE_P256_CCM, POLICY_NVM_REQUIRED | POLICY_TAG16));
    }
}

static void test_fields_are_where_the_layout_says(void **state)
{
    (void)state;
    uint8_t b[160];
    struct frame f;
    for (unsigned i = 0; i < sizeof b; i++)
        b[i] = (uint8_t)i;
    b[0] = 0x20;
    assert_int_equal(frame_parse(b, 73, &f), FRAME_OK);
    assert_true(f.kid == b + 1 && f.x == b + 9 && f.ct == b + 41 && !f.ctr);
    assert_true(f.head_len == 41 && f.data_len == 16 && f.counter == 0);
    b[0] = 0x28;
    assert_int_equal(frame_parse(b, 61, &f), FRAME_OK);
    assert_true(f.kid == b + 1 && f.x == b + 5 && f.ct == b + 37 && f.data_len == 16);
    b[0] = 0x52;
    assert_int_equal(frame_parse(b, 31, &f), FRAME_OK);
    assert_true(f.kid == b + 1 && f.ctr == b + 5 && !f.x && f.ct == b + 7 && f.data_len == 16);
    assert_int_equal(f.counter, 0x0506);
    b[0] = 0x22;
    memset(b + 73, 0, sizeof b - 73);
    assert_int_equal(frame_parse(b, 125, &f), FRAME_OK);
    assert_true(!f.kid && f.epoch == b + 1 && f.x == b + 2 && f.ct == b + 34 && f.data_len == 75 && f.counter == 0);
    b[0] = 0x55;
    assert_int_equal(frame_parse(b, 34, &f), FRAME_OK);
    assert_true(f.kid == b + 1 && f.boot == b + 5 && f.ctr == b + 8 && !f.x && f.ct == b + 10 && f.data_len == 16);
    b[0] = 0x80;
    assert_int_equal(frame_parse(b, 98, &f), FRAME_OK);
    assert_true(f.epoch == b + 1 && f.x == b + 2 && f.ct == b + 34 && f.data_len == 0);
    b[0] = 0xC0;
    assert_int_equal(frame_parse(b, 30, &f), FRAME_OK);
    assert_true(f.kid == b + 1 && f.epoch == b + 5 && f.ct == b + 6 && f.data_len == 16);
}

static void test_lengths_are_limited_before_any_key_is_used(void **state)
{
    (void)state;
    static const struct {
        uint8_t hdr;
        size_t least, more; /* bytes with no data; what may be added */
    } row[] = {
        { 0x20, 57, 512 }, { 0x21, 58, 512 },  { 0x22, 125, 512 }, { 0x23, 157, 512 }, { 0x24, 125, 512 }, { 0x28, 45, 512 },
        { 0x29, 46, 512 }, { 0x2A, 113, 512 }, { 0x2B, 145, 512 }, { 0x2C, 117, 512 }, { 0x30, 513, 0 },   { 0x31, 50, 512 },
        { 0x39, 42, 512 }, { 0x49, 12, 576 },  { 0x4A, 13, 576 },  { 0x51, 14, 576 },  { 0x52, 15, 576 },  { 0x55, 18, 512 },
        { 0x69, 12, 512 }, { 0x71, 14, 512 },  { 0x80, 98, 0 },    { 0x81, 98, 0 },    { 0xC0, 30, 0 },
    }; /* 49 to 52: data 512, and a signature where the profile has one */
    uint8_t b[FRAME_MAX + 1];
    struct frame f;
    memset(b, 1, sizeof b);
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        b[0] = row[i].hdr;
        for (size_t len = 0; len <= sizeof b; len++) {
            enum frame_result want = len == 0                           ? FRAME_EMPTY
                                     : len > FRAME_MAX                  ? FRAME_LONG
                                     : len < row[i].least               ? FRAME_SHORT
                                     : len > row[i].least + row[i].more ? FRAME_LONG
                                                                        : FRAME_OK;
            assert_int_equal(frame_parse(b, len, &f), want);
        }
        const struct frame_form *form = frame_form(row[i].hdr);
        assert_int_equal(frame_size(form, form->least), row[i].least);
    }
}

static void test_counter_0_is_refused_in_data(void **state)
{
    (void)state;
    static const uint8_t hdr[] = { 0x49, 0x4A, 0x51, 0x52, 0x55, 0x69, 0x71 };
    uint8_t b[31] = { 0 };
    struct frame f;
    for (unsigned i = 0; i < sizeof hdr; i++) {
        memset(b, 0, sizeof b);
        b[0] = hdr[i];
        assert_int_equal(frame_parse(b, sizeof b, &f), FRAME_COUNTER);
        b[frame_head_len(frame_form(hdr[i])) - 1] = 1;
        assert_int_equal(frame_parse(b, sizeof b, &f), FRAME_OK);
        assert_int_equal(f.counter, 1);
    }
    assert_int_equal(frame_data_form(2, 1)->hdr, 0x49);
    assert_int_equal(frame_data_form(4, 2)->hdr, 0x52);
    assert_null(frame_data_form(8, 1));
    assert_null(frame_data_form(2, 0));
    assert_int_equal(frame_down_form(2)->hdr, 0x69);
    assert_int_equal(frame_down_form(4)->hdr, 0x71);
    assert_null(frame_down_form(8));
}

/* ---- COSE ---- */

/* A reader of its own for what deterministic CBOR may hold here. */
static const uint8_t *item(const uint8_t *p, unsigned major, size_t *arg)
{
    assert_int_equal(*p >> 5, major);
    unsigned low = *p++ & 31;
    *arg = low;
    if (low == 24) {
        *arg = *p++;
        assert_true(*arg >= 24);
    } else if (low == 25) {
        *arg = get16(p);
        p += 2;
        assert_true(*arg >= 256);
    } else {
        assert_true(low < 24);
    }
    return p;
}

/* Decrypt a COSE_Encrypt0 as RFC 9052 5.3 says, given key, iv ("Context IV") and external_aad: nothing of protocol/ here. */
static size_t cose_decrypt(struct rig *r, const uint8_t *cose, size_t len, const struct session *s, const uint8_t *external,
                           size_t external_len, uint8_t out[FRAME_DATA_MAX])
{
    const uint8_t *p = cose, *protected, *value;
    size_t n, protected_len, map, ct_len, alg, tag_len;
    uint8_t nonce[13], aad[1200] = { 0x83, 0x68, 'E', 'n', 'c', 'r', 'y', 'p', 't', '0' };
    memcpy(nonce, s->iv, sizeof nonce);
    p = item(p, 4, &n);
    assert_int_equal(n, 3);
    p = item(protected = p, 2, &n);
    protected_len = (size_t)(p - protected) + n;
    assert_memory_equal(p, "\xA1\x01", 2);
    assert_ptr_equal(item(p + 2, 0, &alg), p + n);
    tag_len = alg == 10 ? 8 : 16;
    assert_true(alg == 10 || alg == 30);
    p = item(p + n, 5, &map);
    for (uint8_t last = 0; map > 0; map--) {
        uint8_t label = *p++;
        assert_true(label > last); /* deterministic order */
        last = label;
        p = item(value = p, 2, &n);
        if (label == 6)
            for (size_t i = 0; i < n; i++)
                nonce[13 - n + i] ^= p[i];
        p += n;
    }
    p = item(p, 2, &ct_len);
    assert_int_equal((size_t)(p - cose) + ct_len, len);

    memcpy(aad + 10, protected, protected_len);
    n = 10 + protected_len;
    assert_true(external_len < 256);
    if (external_len >= 24)
        aad[n++] = 0x58;
    aad[n++] = (uint8_t)(external_len >= 24 ? external_len : 0x40 | external_len);
    memcpy(aad + n, external, external_len);
    const struct crypto_part part = { aad, n + external_len };
    const struct ccm m = { s->key, nonce, tag_len, &part, 1 };
    assert_true(r->c.ccm_open(r, &m, p, ct_len - tag_len, out));
    return ct_len - tag_len;
}

static void test_frames_open_by_standard_cose_rules(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 7, 8, 15, 16, 100, 247, 248, 512 };
    for (unsigned compact = 0; compact < 2; compact++)
        for (unsigned k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            struct rig r;
            struct frame f;
            struct device_session s;
            uint8_t data[FRAME_DATA_MAX], bytes[FRAME_MAX], cose[COSE_EXPANDED_MAX], out[FRAME_DATA_MAX];
            size_t n;
            rig_init(&r, true, compact, compact ? 4 : 2, compact ? 2 : 1);
            memset(data, 0xDA, sizeof data);
            assert_int_equal(device_sealed.open(&r.c, &r.device, 5, data, sizes[k], bytes, FRAME_MAX, &n, &s), SEALED_OK);
            for (int later = 0; later < 2; later++) {
                assert_int_equal(frame_parse(bytes, n, &f), FRAME_OK);
                size_t len = cose_expand(&f, SUITE_P256_CCM, cose, sizeof cose);
                assert_true(len > n && len <= n + 32);
                assert_int_equal(cose_decrypt(&r, cose, len, &s.keys, bytes, f.head_len, out), sizes[k]);
                assert_memory_equal(out, data, sizes[k]);
                assert_int_equal(cose_expand(&f, SUITE_P256_CCM, cose, n), 0); /* no room */
                assert_int_equal(device_sealed.data(&r.c, &r.device, &s, 200, data, sizes[k], bytes, FRAME_MAX, &n),
                                 SEALED_OK);
            }
            rig_fini(&r);
        }
}

/* ---- COBS ---- */

static void test_cobs_examples(void **state)
{
    (void)state;
    static const struct {
        size_t n, m;
        uint8_t in[8], out[8];
    } row[] = {
        { 0, 2, { 0 }, { 1, 0 } },
        { 1, 3, { 0 }, { 1, 1, 0 } },
        { 2, 4, { 0, 0 }, { 1, 1, 1, 0 } },
        { 4, 6, { 0x11, 0x22, 0, 0x33 }, { 3, 0x11, 0x22, 2, 0x33, 0 } },
        { 4, 6, { 0x11, 0x22, 0x33, 0x44 }, { 5, 0x11, 0x22, 0x33, 0x44, 0 } },
        { 4, 6, { 0x11, 0, 0, 0 }, { 2, 0x11, 1, 1, 1, 0 } },
    };
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        uint8_t out[16], back[16];
        assert_int_equal(cobs_encode(row[i].in, row[i].n, out, sizeof out), row[i].m);
        assert_memory_equal(out, row[i].out, row[i].m);
        assert_int_equal(cobs_decode(out, row[i].m - 1, back, sizeof back), row[i].n);
        assert_memory_equal(back, row[i].in, row[i].n);
    }
}

static void test_cobs_gives_back_every_length_and_pattern(void **state)
{
    (void)state;
    static uint8_t in[FRAME_MAX], out[COBS_MAX(FRAME_MAX)];
    for (unsigned every = 1; every < 600; every += every < 5 ? 1 : 83)
        for (size_t len = 0; len <= FRAME_MAX; len++) {
            for (size_t i = 0; i < len; i++)
                in[i] = (i + 1) % every ? (uint8_t)(i % 255 + 1) : 0;
            size_t n = cobs_encode(in, len, out, sizeof out);
            assert_true(n >= len + 2 && n <= COBS_MAX(len) && out[n - 1] == 0);
            assert_null(memchr(out, 0, n - 1));
            assert_int_equal(cobs_decode(out, n - 1, out, len), len); /* in place, and in just enough room */
            assert_memory_equal(out, in, len);
        }
}

static void test_cobs_refuses_cut_and_overlong_input(void **state)
{
    (void)state;
    uint8_t out[8];
    assert_int_equal(cobs_decode((const uint8_t *)"", 0, out, 8), -1);
    assert_int_equal(cobs_decode((const uint8_t *)"\3\1", 2, out, 8), -1);
    assert_int_equal(cobs_decode((const uint8_t *)"\3\1\0", 3, out, 8), -1);
    assert_int_equal(cobs_decode((const uint8_t *)"\0", 1, out, 8), -1);
    assert_int_equal(cobs_decode((const uint8_t *)"\5abcd", 5, out, 3), -1);
    assert_int_equal(cobs_decode((const uint8_t *)"\4abc\1", 5, out, 3), -1);
    assert_int_equal(cobs_encode(out, 8, out, 9), 0);
}

/* ---- mailbox and console ---- */

static void test_mailbox_layout(void **state)
{
    (void)state;
    static const uint8_t want[] = { 0x42, 0x4D, 0x4C, 0x46, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c' };
    uint8_t box[MAILBOX_LEN];
    struct mailbox_view v;
    assert_int_equal(mailbox_put(box, MAILBOX_PROOF, (const uint8_t *)"abc", 3), sizeof want);
    assert_memory_equal(box, want, sizeof want);
    box[MAILBOX_OFF_STATE] = MAILBOX_ANSWER;
    assert_true(mailbox_get(box, sizeof want, &v));
    assert_true(v.state == MAILBOX_ANSWER && v.cmd == MAILBOX_PROOF && v.len == 3 && v.data == box + 16);
    assert_int_equal(offsetof(struct mailbox, data), MAILBOX_OFF_DATA);
    assert_int_equal(sizeof(struct mailbox), MAILBOX_LEN);
    assert_int_equal(mailbox_put(box, MAILBOX_PROOF, box, MAILBOX_DATA_MAX + 1), 0);
}

static void test_a_mailbox_of_garbage_is_refused(void **state)
{
    (void)state;
    uint8_t box[MAILBOX_LEN];
    struct mailbox_view v;
    size_t n = mailbox_put(box, MAILBOX_PROOF, (const uint8_t *)"abc", 3);
    for (size_t cut = 0; cut < n; cut++)
        assert_false(mailbox_get(box, cut, &v));
    for (unsigned bit = 0; bit < 32; bit++) {
        box[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(mailbox_get(box, n, &v));
        box[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    box[MAILBOX_OFF_STATE] = 5;
    assert_false(mailbox_get(box, n, &v));
    box[MAILBOX_OFF_STATE] = 0;
    box[MAILBOX_OFF_LEN + 1] = 0x04;
    assert_false(mailbox_get(box, sizeof box, &v)); /* 1027 */
    box[MAILBOX_OFF_LEN] = 0;
    assert_true(mailbox_get(box, sizeof box, &v)); /* 1024 */
    box[MAILBOX_OFF_LEN + 3] = 0x80;
    assert_false(mailbox_get(box, sizeof box, &v));
}

static void test_console_records(void **state)
{
    (void)state;
    uint8_t out[200], challenge[32] = { 7 };
    struct local l;
    size_t n = local_error(DEVICE_SELF_TEST, "aes-ccm", out, sizeof out);
    assert_int_equal(n, 9);
    assert_true(local_is(out, n) && local_parse(out, n, &l));
    assert_true(l.type == LOCAL_ERROR && l.code == 32 && l.len == 7 && memcmp(l.body, "aes-ccm", 7) == 0);
    n = local_challenge(challenge, out, sizeof out);
    assert_true(n == 33 && local_parse(out, n, &l) && l.type == LOCAL_CHALLENGE && l.body[0] == 7);
    assert_false(local_parse(out, 32, &l) || local_parse(out, 34, &l));
    for (uint8_t rdp = 0; rdp < 3; rdp++) {
        n = local_proof(rdp, challenge, 32, out, sizeof out);
        assert_true(n == 34 && local_parse(out, n, &l) && l.type == LOCAL_PROOF && l.rdp == rdp && l.len == 32);
        assert_memory_equal(l.body, challenge, 32);
    }
    out[1] = 3;
    assert_false(local_parse(out, n, &l));
    out[1] = 0;
    assert_int_equal(local_proof(0, challenge, 32, out, 33), 0);
    assert_int_equal(local_error(1, "abc", out, 4), 0);
    for (unsigned type = 0; type < 256; type++) {
        out[0] = (uint8_t)type;
        assert_int_equal(local_is(out, 1), type < 32);
        assert_int_equal(local_parse(out, 33, &l), type >= 1 && type <= 3);
    }
    memset(out, LOCAL_ERROR, sizeof out);
    assert_false(local_parse(out, 3 + LOCAL_TEXT_MAX, &l));
    assert_true(local_parse(out, 2 + LOCAL_TEXT_MAX, &l));
    assert_false(local_parse(out, 1, &l) || local_parse(out, 0, &l) || local_is(out, 0));
}

static void test_device_codes_have_names(void **state)
{
    (void)state;
    assert_string_equal(device_code_name(OTP_CRC), "otp-crc");
    assert_string_equal(device_code_name(DEVICE_SELF_TEST), "self-test");
    assert_string_equal(device_code_name(DEVICE_OTP_WRITE), "otp-write");
    assert_string_equal(device_code_name(DEVICE_SEED), "seed");
    assert_string_equal(device_code_name(DEVICE_SEED + 1), "unknown");
    assert_string_equal(device_code_name(31), "unknown");
    for (int i = 0; i < FRAME_RESULTS; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(frame_result_name((enum frame_result)i), frame_result_name((enum frame_result)k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_named_headers_exist),
        cmocka_unit_test(test_a_product_is_compact_where_its_scheme_has_such_a_form_and_its_policy_says_so),
        cmocka_unit_test(test_fields_are_where_the_layout_says),
        cmocka_unit_test(test_lengths_are_limited_before_any_key_is_used),
        cmocka_unit_test(test_counter_0_is_refused_in_data),
        cmocka_unit_test(test_frames_open_by_standard_cose_rules),
        cmocka_unit_test(test_cobs_examples),
        cmocka_unit_test(test_cobs_gives_back_every_length_and_pattern),
        cmocka_unit_test(test_cobs_refuses_cut_and_overlong_input),
        cmocka_unit_test(test_mailbox_layout),
        cmocka_unit_test(test_a_mailbox_of_garbage_is_refused),
        cmocka_unit_test(test_console_records),
        cmocka_unit_test(test_device_codes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

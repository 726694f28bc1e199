/* The OTP image: documented offsets, every boot check, the burn order. */
#include "tests/protocol/device.h"

#include "protocol/bytes.h"
#include "protocol/otp_cells.h"

static void flip(uint8_t *bytes, size_t bit)
{
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

static void test_fields_stand_at_the_documented_offsets(void **state)
{
    (void)state;
    static const uint8_t head[0x1C] = { 'F',  'L',  '1',  'O',  1,    1,    1,    2,    'T', 'E', 'S',  'T',  0,    0,
                                        0x12, 0x34, 0x01, 0x02, 0x03, 0x04, 0x00, 0x1C, 0,   0,   0x09, 0xD4, 0x00, 0x03 };
    struct rig r;
    rig_init(&r, true, false, 2, 1);
    assert_memory_equal(r.image, head, sizeof head);
    assert_memory_equal(r.image + 0x20, r.peer.pkRm + 1, 32);
    assert_memory_equal(r.image + 0x40, r.secret, 32);
    assert_true(bytes_all(r.image + 0x60, 64, 0xFF));
    assert_ptr_equal(otp_image_secret(r.image), r.image + 0x40);
    rig_fini(&r);
}

static void test_decode_gives_back_what_was_encoded(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct rig r;
        struct otp_image out;
        rig_init(&r, i & 1, i & 2, 2, 1);
        struct otp_image in = rig_fields(&r, i & 1, i & 2);
        assert_int_equal(otp_image_decode(r.image, &out), OTP_OK);
        assert_memory_equal(&in, &out, sizeof in);
        memset(&out, 0, sizeof out);
        assert_int_equal(otp_image_check(&r.c, r.image, false, &out), OTP_OK);
        assert_memory_equal(&in, &out, sizeof in);
        rig_fini(&r);
    }
}

/* Which check sees a flipped bit depends on where it is; that one does is the promise. */
static void test_every_bit_flip_is_refused(void **state)
{
    (void)state;
    for (int psk = 0; psk < 2; psk++) {
        struct rig r;
        rig_init(&r, psk, false, 2, 1);
        for (size_t bit = 0; bit < OTP_IMAGE_LEN * 8; bit++) {
            enum otp_result want = bit / 8 < OTP_OFF_VERSION    ? OTP_MAGIC
                                   : bit / 8 == OTP_OFF_VERSION ? OTP_VERSION
                                   : bit / 8 < OTP_OFF_MAC      ? OTP_CRC
                                                                : OTP_MAC;
            flip(r.image, bit);
            assert_int_equal(otp_image_check(&r.c, r.image, false, NULL), want);
            flip(r.image, bit);
        }
        assert_int_equal(otp_image_check(&r.c, r.image, false, NULL), OTP_OK);
        rig_fini(&r);
    }
}

/* Who can write cells can mend a CRC, not a mac under the secret slot. */
static void test_a_mended_crc_does_not_help_against_the_mac(void **state)
{
    (void)state;
    struct rig r;
    uint8_t forged[OTP_IMAGE_LEN];
    rig_init(&r, true, false, 2, 1);
    for (size_t at = OTP_OFF_SERIAL; at < OTP_OFF_POLICY; at++) {
        memcpy(forged, r.image, sizeof forged);
        flip(forged, at * 8);
        assert_true(otp_image_finish(&r.c, forged)); /* CRC and mac of the forgery */
        memcpy(forged + OTP_OFF_MAC, r.image + OTP_OFF_MAC, OTP_MAC_LEN);
        assert_int_equal(otp_image_check(&r.c, forged, false, NULL), OTP_MAC);
    }
    rig_fini(&r);
}

/* Burned in the order of the spans, unit by unit, and cut after any of them: the chip does not start. */
static void test_every_cut_of_the_burn_is_refused(void **state)
{
    (void)state;
    for (int psk = 0; psk < 2; psk++) {
        struct rig r;
        struct otp_image_span span[OTP_SPANS_MAX];
        uint8_t chip[OTP_IMAGE_LEN];
        rig_init(&r, psk, false, 2, 1);
        memset(chip, 0xFF, sizeof chip);
        size_t n = otp_image_spans(r.image, span);
        for (size_t i = 0; i < n; i++)
            for (unsigned at = span[i].offset; at < span[i].offset + span[i].len; at += OTP_UNIT) {
                assert_int_not_equal(otp_image_check(&r.c, chip, false, NULL), OTP_OK);
                memcpy(chip + at, r.image + at, OTP_UNIT);
            }
        assert_memory_equal(chip, r.image, sizeof chip);
        assert_int_equal(otp_image_check(&r.c, chip, false, NULL), OTP_OK);
        rig_fini(&r);
    }
}

/* A read that ends early reads as blank behind the end. */
static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    struct rig r;
    uint8_t cut[OTP_IMAGE_LEN];
    rig_init(&r, true, false, 2, 1);
    for (size_t len = 0; len < OTP_IMAGE_LEN; len++) {
        memset(cut, 0xFF, sizeof cut);
        memcpy(cut, r.image, len);
        if (memcmp(cut, r.image, sizeof cut) != 0)
            assert_int_equal(otp_image_check(&r.c, cut, false, NULL), len == 0                 ? OTP_BLANK
                                                                      : len < 4                ? OTP_MAGIC
                                                                      : len == 4               ? OTP_VERSION
                                                                      : len < OTP_OFF_MAC - 64 ? OTP_CRC
                                                                                               : OTP_MAC);
    }
    rig_fini(&r);
}

static void test_burn_order_is_slots_serial_ids_mac_day_magic(void **state)
{
    (void)state;
    static const struct otp_image_span want[] = {
        { 0x20, 128 }, { 0x08, 8 }, { 0x10, 8 }, { 0xA0, 8 }, { 0xA8, 8 }, { 0x18, 8 }, { 0x00, 8 },
    };
    struct rig r;
    struct otp_image_span span[OTP_SPANS_MAX];
    rig_init(&r, true, false, 2, 1);
    assert_int_equal(otp_image_spans(r.image, span), sizeof want / sizeof *want);
    assert_memory_equal(span, want, sizeof want);
    r.image[OTP_OFF_SCHEME] = 0;
    assert_int_equal(otp_image_spans(r.image, span), 0);
    rig_fini(&r);
}

/* Schemes 3, 7, 8: the station never writes the chip's own slot, and a proof does not name it. */
static void test_a_chip_made_slot_is_neither_burned_nor_named(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r, true, false, 2, 1);
    for (uint8_t id = 1; id <= SCHEME_MAX; id++) {
        const struct scheme *s = scheme_by_id(id);
        uint8_t image[OTP_IMAGE_LEN], written[OTP_IMAGE_LEN] = { 0 }, before[SHA256_LEN], after[SHA256_LEN];
        struct otp_image_span span[OTP_SPANS_MAX];
        memcpy(image, r.image, sizeof image);
        image[OTP_OFF_SCHEME] = id;
        for (unsigned slot = 0; slot < SLOTS; slot++)
            if (s->slot[slot] == SLOT_CHIP_MADE)
                memset(image + OTP_OFF_SLOT + slot * SLOT_LEN, 0xFF, SLOT_LEN);
        size_t n = otp_image_spans(image, span);
        for (size_t i = 0; i < n; i++)
            for (unsigned at = span[i].offset; at < span[i].offset + span[i].len; at++)
                assert_int_equal(written[at]++, 0);
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            bool made = s->slot[slot] == SLOT_CHIP_MADE;
            uint8_t *bytes = image + OTP_OFF_SLOT + slot * SLOT_LEN;
            assert_true(bytes_all(written + OTP_OFF_SLOT + slot * SLOT_LEN, SLOT_LEN, !made));
            assert_true(otp_image_digest(&r.c, image, before));
            bytes[5] ^= 1;
            assert_true(otp_image_digest(&r.c, image, after));
            bytes[5] ^= 1;
            assert_int_equal(bytes_equal(before, after, sizeof before), made);
        }
        assert_true(bytes_all(written, OTP_OFF_SLOT, 1) && bytes_all(written + OTP_OFF_MAC, OTP_MAC_LEN, 1));
    }
    rig_fini(&r);
}

/* Scheme 3: a seed that the line holds is burned like any slot, and a proof does not name it either. */
static void test_an_injected_seed_is_burned_with_the_other_slots(void **state)
{
    (void)state;
    struct rig r;
    struct otp_image_span span[OTP_SPANS_MAX];
    uint8_t before[SHA256_LEN], after[SHA256_LEN];
    rig_init(&r, true, false, 2, 1);
    r.image[OTP_OFF_SCHEME] = 3;
    assert_true(otp_image_spans(r.image, span) > 0);
    assert_true(span[0].offset == OTP_OFF_SLOT && span[0].len == SLOTS * SLOT_LEN);
    assert_true(otp_image_digest(&r.c, r.image, before));
    memset(r.image + OTP_OFF_SLOT + SLOT_LEN, 0xFF, SLOT_LEN);
    assert_true(otp_image_digest(&r.c, r.image, after));
    assert_memory_equal(before, after, sizeof before);
    assert_true(otp_image_spans(r.image, span) > 0);
    assert_int_equal(span[0].len, SLOT_LEN);
    rig_fini(&r);
}

static void test_digest_covers_every_byte_of_a_scheme_1_image(void **state)
{
    (void)state;
    struct rig r;
    uint8_t plain[SHA256_LEN], digest[SHA256_LEN];
    rig_init(&r, true, false, 2, 1);
    const struct crypto_part whole = { r.image, sizeof r.image };
    assert_true(r.c.sha256(&r, &whole, 1, plain));
    assert_true(otp_image_digest(&r.c, r.image, digest));
    assert_memory_equal(plain, digest, sizeof digest);
    rig_fini(&r);
}

static void test_a_retired_chip_is_refused_before_its_mac(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r, true, false, 2, 1);
    flip(r.image, OTP_OFF_MAC * 8);
    assert_int_equal(otp_image_check(&r.c, r.image, true, NULL), OTP_RETIRED);
    rig_fini(&r);
}

/* The builder refuses each contradiction; a chip that holds it anyway (a builder of another make) refuses too. */
static void refused(struct rig *r, const struct otp_image *in, enum otp_result want)
{
    uint8_t image[OTP_IMAGE_LEN] = { 0 };
    assert_int_equal(otp_image_encode(&r->c, in, image), want);
    assert_true(bytes_all(image, sizeof image, 0));
}

static void test_contradictions_are_not_encoded(void **state)
{
    (void)state;
    struct rig r;
    rig_open_host(&r);
    struct otp_image in = rig_fields(&r, true, false);
    in.scheme = 0;
    refused(&r, &in, OTP_SCHEME);
    in.scheme = 9;
    refused(&r, &in, OTP_SCHEME);
    in.scheme = 7;
    refused(&r, &in, OTP_SCHEME); /* named, but not spoken by this version */
    in = rig_fields(&r, true, false);
    in.suite = SUITE_P256_CHACHA;
    refused(&r, &in, OTP_SCHEME);
    in = rig_fields(&r, true, false);
    for (unsigned bit = 0; bit < 16; bit++) {
        in.policy ^= (uint16_t)(1 << bit);
        bool free = bit == 0 || bit == 2; /* one-way, tag16 */
        uint8_t image[OTP_IMAGE_LEN];
        assert_int_equal(otp_image_encode(&r.c, &in, image), free ? OTP_OK : bit == 4 ? OTP_SLOT : OTP_POLICY);
        in.policy ^= (uint16_t)(1 << bit);
    }
    in.epoch = 1;
    refused(&r, &in, OTP_POLICY);
    in = rig_fields(&r, true, false);
    in.gen = 1;
    refused(&r, &in, OTP_POLICY);
    in = rig_fields(&r, false, false);
    memset(in.slot[1], 0x22, SLOT_LEN); /* a PSK that the policy does not know */
    refused(&r, &in, OTP_SLOT);
    in = rig_fields(&r, true, false);
    in.slot[3][0] = 0;
    refused(&r, &in, OTP_SLOT);
    memset(in.slot[3], 0xFF, SLOT_LEN);
    memset(in.slot[0], 0xFF, SLOT_LEN);
    refused(&r, &in, OTP_SLOT);
    memset(in.slot[0], 0, SLOT_LEN);
    in.slot[0][31] = 1; /* no point has this x */
    refused(&r, &in, OTP_POINT);
    rig_fini(&r);
}

static void burned_anyway(struct rig *r, size_t at, uint8_t value, enum otp_result want)
{
    uint8_t image[OTP_IMAGE_LEN];
    memcpy(image, r->image, sizeof image);
    image[at] = value;
    assert_true(otp_image_finish(&r->c, image));
    assert_int_equal(otp_image_check(&r->c, image, false, NULL), want);
}

static void test_contradictions_on_a_chip_are_refused(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r, true, false, 2, 1);
    burned_anyway(&r, OTP_OFF_SCHEME, 7, OTP_SCHEME);
    burned_anyway(&r, OTP_OFF_SUITE, 2, OTP_SCHEME);
    burned_anyway(&r, OTP_OFF_USED, 1, OTP_SLOT);
    burned_anyway(&r, OTP_OFF_USED, 3, OTP_SLOT);
    burned_anyway(&r, OTP_OFF_POLICY, 1, OTP_POLICY);
    burned_anyway(&r, OTP_OFF_POLICY + 1, 0x14, OTP_POLICY); /* nvm-required is always set */
    burned_anyway(&r, OTP_OFF_POLICY + 1, 0x0C, OTP_SLOT);   /* a secret without policy psk */
    burned_anyway(&r, OTP_OFF_EPOCH, 1, OTP_POLICY);
    burned_anyway(&r, OTP_OFF_SLOT + 3 * SLOT_LEN, 0, OTP_SLOT);
    uint8_t image[OTP_IMAGE_LEN];
    memcpy(image, r.image, sizeof image);
    memset(image + OTP_OFF_SLOT, 0, SLOT_LEN);
    image[OTP_OFF_SLOT + SLOT_LEN - 1] = 1;
    assert_true(otp_image_finish(&r.c, image));
    assert_int_equal(otp_image_check(&r.c, image, false, NULL), OTP_POINT);
    rig_fini(&r);
}

static void test_a_failing_back_end_never_passes_an_image(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r, true, false, 2, 1);
    struct otp_image in = rig_fields(&r, true, false);
    for (long calls = 0; calls < 3; calls++) { /* mac key, mac, point */
        uint8_t image[OTP_IMAGE_LEN] = { 0 };
        r.fail_after = calls;
        assert_int_not_equal(otp_image_check(&r.c, r.image, false, NULL), OTP_OK);
        r.fail_after = calls;
        assert_int_not_equal(otp_image_encode(&r.c, &in, image), OTP_OK);
        assert_true(bytes_all(image, sizeof image, 0));
    }
    rig_fini(&r);
}

static void test_a_scheme_1_draft_is_complete(void **state)
{
    (void)state;
    struct rig r;
    struct otp_image_span hole[OTP_HOLES_MAX];
    uint8_t image[OTP_IMAGE_LEN];
    size_t n = 9;
    rig_init(&r, true, false, 2, 1);
    struct otp_image in = rig_fields(&r, true, false);
    assert_int_equal(otp_image_draft(&r.c, &in, image, hole, &n), OTP_OK);
    assert_int_equal(n, 0);
    assert_memory_equal(image, r.image, sizeof image);
    rig_fini(&r);
}

static void test_the_scheme_table_fits_the_document(void **state)
{
    (void)state;
    static const uint8_t secret[] = { 0, 1, 3, 1, 0, 0, 3, 2, 1 };
    static const char *const name[] = { "",        "sealed",  "sealed-fleet", "identity", "secret",
                                        "derived", "session", "certificate",  "signup" };
    for (uint8_t id = 1; id <= SCHEME_MAX; id++) {
        const struct scheme *s = scheme_by_id(id);
        assert_int_equal(s->id, id);
        assert_int_equal(s->secret, secret[id]);
        assert_true(s->slot[s->secret] == SLOT_SECRET || s->slot[s->secret] == SLOT_CHIP_MADE);
        assert_string_equal(s->name, name[id]);
        assert_ptr_equal(scheme_by_name(name[id]), s);
        assert_int_equal(scheme_spoken(id, SUITE_P256_CCM), id != 7);
        assert_int_equal(scheme_spoken(id, SUITE_X25519_CCM), id == 2 || id == 3 || id == 6 || id == 8);
        assert_int_equal(scheme_spoken(id, SUITE_RSA), id == 6);
        assert_false(scheme_spoken(id, 0) || scheme_spoken(id, SUITE_P256_CHACHA));
        assert_int_equal((s->policy & POLICY_SIGN_ALL) != 0, id == 3 || id == 7 || id == 8);
    }
    assert_null(scheme_by_id(0));
    assert_null(scheme_by_id(9));
    assert_null(scheme_by_name("seal"));
    assert_null(scheme_by_name("sealed-"));
}

static void test_a_form_goes_by_its_schemes_name_but_for_rsa(void **state)
{
    (void)state;
    uint8_t suite = 0;
    for (uint8_t id = 1; id <= SCHEME_MAX; id++) {
        const struct scheme *s = scheme_by_id(id);
        assert_string_equal(scheme_form(id, SUITE_P256_CCM), s->name);
        assert_ptr_equal(scheme_by_form(s->name, &suite), s);
        assert_int_equal(suite, SUITE_P256_CCM);
    }
    assert_string_equal(scheme_form(6, SUITE_RSA), "session-rsa");
    assert_ptr_equal(scheme_by_form("session-rsa", &suite), scheme_by_id(6));
    assert_int_equal(suite, SUITE_RSA);
    assert_null(scheme_form(0, SUITE_RSA));
    assert_null(scheme_by_form("session-rs", &suite));
}

static bool burned_up_to(void *io, unsigned cell)
{
    const uint8_t *cells = io;
    return cells[cell];
}

static void test_run_time_cells_lie_behind_the_image(void **state)
{
    (void)state;
    assert_int_equal(otp_cell_offset(&otp_cells_l4, CELL_NVM_INITIALISED), 0xB0);
    assert_int_equal(otp_cell_offset(&otp_cells_l4, CELLS - 1), 0xB0 + 65 * 8);
    assert_true(otp_cell_offset(&otp_cells_l4, CELLS - 1) + 8 <= 1024);
    assert_int_equal(otp_cell_offset(&otp_cells_f407, CELL_RETIRED), 0xC1);
    assert_true(otp_cell_offset(&otp_cells_f407, CELLS - 1) < 512);
}

static void test_nvm_loss_is_the_highest_burned_cell(void **state)
{
    (void)state;
    uint8_t cells[CELLS] = { 1, 1, 1 };
    assert_int_equal(otp_nvm_loss(burned_up_to, cells), 0);
    for (unsigned i = 0; i < CELLS_NVM_LOSS; i += 2) { /* every other one is weak and reads blank */
        cells[CELL_NVM_LOSS + i] = 1;
        assert_int_equal(otp_nvm_loss(burned_up_to, cells), i + 1);
    }
    assert_int_equal(otp_nvm_loss(burned_up_to, cells), 63);
}

static void test_result_names_are_distinct(void **state)
{
    (void)state;
    for (int i = 0; i < OTP_RESULTS; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(otp_result_name((enum otp_result)i), otp_result_name((enum otp_result)k));
    assert_string_equal(otp_result_name(OTP_MAC), "otp-mac");
    assert_string_equal(otp_result_name(OTP_CRYPTO), "otp-crypto");
    assert_string_equal(otp_result_name(OTP_RESULTS), "otp-unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_stand_at_the_documented_offsets),
        cmocka_unit_test(test_decode_gives_back_what_was_encoded),
        cmocka_unit_test(test_every_bit_flip_is_refused),
        cmocka_unit_test(test_a_mended_crc_does_not_help_against_the_mac),
        cmocka_unit_test(test_every_cut_of_the_burn_is_refused),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_burn_order_is_slots_serial_ids_mac_day_magic),
        cmocka_unit_test(test_a_chip_made_slot_is_neither_burned_nor_named),
        cmocka_unit_test(test_an_injected_seed_is_burned_with_the_other_slots),
        cmocka_unit_test(test_digest_covers_every_byte_of_a_scheme_1_image),
        cmocka_unit_test(test_a_retired_chip_is_refused_before_its_mac),
        cmocka_unit_test(test_contradictions_are_not_encoded),
        cmocka_unit_test(test_contradictions_on_a_chip_are_refused),
        cmocka_unit_test(test_a_failing_back_end_never_passes_an_image),
        cmocka_unit_test(test_a_scheme_1_draft_is_complete),
        cmocka_unit_test(test_the_scheme_table_fits_the_document),
        cmocka_unit_test(test_a_form_goes_by_its_schemes_name_but_for_rsa),
        cmocka_unit_test(test_run_time_cells_lie_behind_the_image),
        cmocka_unit_test(test_nvm_loss_is_the_highest_burned_cell),
        cmocka_unit_test(test_result_names_are_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

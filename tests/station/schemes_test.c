/* Every scheme's way through the line: the same steps, other keys.  The server's side of the proof is protocol/peer.h over
 * the test's one token. */
#include "tests/station/line.h"

#include "db/device_key.h"
#include "db/fleet.h"
#include "protocol/derive.h"
#include "protocol/peer.h"

struct kind {
    const struct device_scheme *device;
    const char *chip;
    uint16_t policy;
    uint8_t lock;
};

static uint8_t ra_x[2][32], fleet_x[32];

/* ---- the server's side ---- */

struct asked {
    const struct product *product;
    const struct device *device;
};

static bool ecdh(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    struct hsm_key *k = NULL;
    bool ok = hsm_key_find(line.h, HSM_FLEET, "fleet/1/1", &k, &e) == ERR_OK && hsm_ecdh(k, enc, z, &e) == ERR_OK;

    (void)io;
    hsm_key_free(k);
    return ok;
}

static bool mac_secret(const struct device *d, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    struct wrapped_key key[REG_KEYS_MAX];
    struct hsm_key *kek = NULL, *k = NULL;
    struct hsm_blob blob;
    size_t n = 0;

    assert_ok(registry_keys(line.registry, d->serial, key, &n, &e));
    assert_int_equal(n, 1);
    assert_string_equal(key[0].role, "secret");
    blob = (struct hsm_blob){ .len = key[0].blob_len, .mechanism = key[0].mechanism };
    memcpy(blob.bytes, key[0].blob, sizeof blob.bytes);
    memcpy(blob.profile, key[0].profile, sizeof blob.profile);
    assert_ok(hsm_key_find(line.h, HSM_KEK_SECRET, "kek-secret", &kek, &e));
    assert_ok(hsm_unwrap(line.h, kek, &blob, HSM_USE_MAC, &k, &e));
    assert_ok(hsm_hmac(k, in, len, out, &e));
    hsm_key_free(k);
    hsm_key_free(kek);
    return true;
}

static bool mac_derived(const struct device *d, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    const struct crypto_part part = { in, len };
    static const uint8_t salt[DERIVE_SALT_LEN];
    uint8_t serial[8], root_in[DERIVE_ROOT_INPUT_LEN], gen_in[DERIVE_GEN_INPUT_LEN], gen[SHA256_LEN];
    struct hsm_key *master = NULL, *root = NULL;

    put32(serial, (uint32_t)(d->serial >> 32));
    put32(serial + 4, (uint32_t)d->serial);
    derive_root_input(serial, root_in);
    derive_gen_input(0, salt, gen_in);
    assert_ok(hsm_key_find(line.h, HSM_MASTER, "master/3", &master, &e));
    assert_ok(hsm_derive_key(master, root_in, &root, &e));
    assert_ok(hsm_hmac(root, gen_in, sizeof gen_in, gen, &e));
    hsm_key_free(root);
    hsm_key_free(master);
    return line.crypto.hmac_sha256(line.crypto.io, gen, sizeof gen, &part, 1, out);
}

static bool mac(void *io, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    const struct asked *a = io;

    return (a->product->scheme == 4 ? mac_secret : mac_derived)(a->device, in, len, out);
}

static struct peer_side side_of(const struct product *p, const struct device *d)
{
    struct peer_side side = { .profile = profile_make(p->scheme, p->suite, p->fleet, p->policy, p->sid_len, p->ctr_len),
                              .epoch = p->epoch };

    put32(side.serial, (uint32_t)(d->serial >> 32));
    put32(side.serial + 4, (uint32_t)d->serial);
    if (p->epoch != 0)
        assert_true(line.crypto.p256_decompress(line.crypto.io, fleet_x, side.pkRm));
    return side;
}

/* What a first frame says, opened as the server would; proof NULL: telemetry. */
static enum sealed_result open_first(const struct device *d, const uint8_t *frame, size_t len, const uint8_t *proof,
                                     struct peer_text *text)
{
    const struct peer_scheme *peer = peer_scheme_of(line.product.scheme, line.product.suite);
    const struct peer_side side = side_of(&line.product, d);
    struct asked asked = { &line.product, d };
    const struct peer_token token = { .ecdh = ecdh, .mac = mac, .io = &asked };
    struct peer_session s;
    struct frame f;
    enum sealed_result r = SEALED_FORM;
    enum device_key_state state;
    uint8_t x[32];

    if (frame_parse(frame, len, &f) != FRAME_OK || (r = peer->session(&line.crypto, &side, &token, &f, &s)) != SEALED_OK ||
        (r = peer->open(&line.crypto, &side, &s, &f, proof, text)) != SEALED_OK || peer->verify == NULL)
        return r;
    assert_ok(registry_device_key(line.registry, d->serial, x, &state, &e));
    assert_int_not_equal(state, DEVICE_KEY_NONE);
    return peer->verify(&line.crypto, &side, &s, 0, proof, text, x);
}

static enum err_code prove(void *io, uint64_t serial, const uint8_t *frame, size_t len, const uint8_t challenge[32],
                           const uint8_t image_digest[32], struct err *err)
{
    uint8_t proof[PROOF_LEN];
    struct peer_text text;
    struct device d;

    (void)io;
    assert_ok(registry_device(line.registry, serial, &d, &e));
    profile_proof(challenge, image_digest, proof);
    const enum sealed_result r = open_first(&d, frame, len, proof, &text);
    return r == SEALED_OK ? ERR_OK
                          : err_set(err, &station_fault[STATION_PROOF], "proof", NULL, 0, "%s", sealed_result_name(r));
}

/* ---- the line of a scheme ---- */

static void public_x(enum hsm_key_kind kind, const char *label, uint8_t x[32])
{
    struct hsm_key *k = NULL;
    uint8_t pk[65];

    assert_ok(hsm_key_ensure(line.h, kind, label, &k, NULL, &e));
    assert_ok(hsm_public(k, pk, &e));
    memcpy(x, pk + 1, 32);
    hsm_key_free(k);
}

static int group_up(void **state)
{
    if (line_group_up(state) != 0)
        return -1;
    ensure(HSM_MASTER, "master/3");
    public_x(HSM_FLEET, "fleet/1/1", fleet_x);
    public_x(HSM_RA, "ra", ra_x[0]);
    public_x(HSM_RA, "ra-backup", ra_x[1]);
    return 0;
}

static int up(void **state)
{
    const struct kind *kind = *state;
    const struct scheme *s = scheme_by_id(kind->device->id);
    struct fleet_key k = { .fleet = 1, .epoch = 1, .suite = 1, .label = "fleet/1/1" };
    struct product p = { .scheme = s->id,
                         .suite = 1,
                         .fleet = 1,
                         .model = 7,
                         .policy = (uint16_t)(POLICY_NVM_REQUIRED | kind->policy),
                         .sid_len = 2,
                         .ctr_len = 1,
                         .lock = kind->lock,
                         .epoch = s->epoch };

    (void)snprintf(p.name, sizeof p.name, "TEST-%s", s->name);
    (void)snprintf(p.chip, sizeof p.chip, "%s", kind->chip);
    if (s->epoch) {
        p.has_ra = true;
        memcpy(p.ra_x, ra_x[0], sizeof p.ra_x);
    }
    if (s->id == 2) {
        p.has_backup_ra = true;
        memcpy(p.backup_ra_x, ra_x[1], sizeof p.backup_ra_x);
    }
    if (s->id == 5)
        (void)snprintf(p.master, sizeof p.master, "3");
    line_start(&p, kind->device);
    line.station.prove = prove;
    memcpy(k.x, fleet_x, sizeof k.x);
    if (s->epoch)
        assert_ok(registry_fleet_key_add(line.registry, &k, &e));
    return 0;
}

static void board_opens(void)
{
    const struct device d = row();
    struct device_side side;
    struct device_session session;
    struct peer_text text;
    uint8_t image[OTP_IMAGE_LEN], frame[FRAME_MAX];
    size_t len;

    assert_true(board_starts(line.chip, image, &side));
    assert_int_equal(line.device->open(&line.crypto, &side, ++line.boot, (const uint8_t *)"hello", 5, frame, sizeof frame,
                                       &len, &session),
                     SEALED_OK);
    assert_int_equal(open_first(&d, frame, len, NULL, &text), SEALED_OK);
    assert_int_equal(text.data_len, 5);
    assert_memory_equal(text.data, "hello", 5);
}

/* ---- what every scheme does ---- */

static void test_a_blank_board_becomes_a_device_whose_message_opens(void **state)
{
    struct otp_image image;
    uint8_t bytes[OTP_IMAGE_LEN];

    (void)state;
    expect_pass();
    assert_string_equal(line.r.code, "done");
    otp_of(line.chip, bytes);
    assert_int_equal(otp_image_check(&line.crypto, bytes, false, &image), OTP_OK);
    assert_int_equal(image.scheme, line.product.scheme);
    assert_int_equal(image.epoch, line.product.epoch);
    assert_int_equal(get32(image.serial + 4), (uint32_t)line.r.serial);
    board_opens();
}

static void test_a_plan_counts_the_cells_that_are_burned_and_burns_none(void **state)
{
    uint8_t image[OTP_IMAGE_LEN];
    uint32_t burned = 0, planned;

    (void)state;
    line.station.line = NULL;
    assert_ok(provision(false));
    assert_int_equal(line.r.verdict, VERDICT_PLAN);
    assert_int_equal(pulses(), 0);
    planned = line.r.otp_to_burn;
    line.station.line = line.h;
    expect_pass();
    otp_of(line.chip, image);
    for (uint32_t i = 0; i < OTP_IMAGE_LEN; i += line.chip->desc->otp.cell)
        burned += !bytes_all(image + i, line.chip->desc->otp.cell, 0xFF);
    assert_true(burned <= planned && planned <= burned + 2); /* a cell whose wanted value is blank */
}

static void test_a_finished_board_is_already_done(void **state)
{
    (void)state;
    expect_pass();
    power_cycle();
    silicon_stats_clear(inproc_silicon(line.chip));
    expect_pass();
    assert_string_equal(line.r.code, "already-done");
    assert_int_equal(pulses(), 0);
}

static void test_a_cut_at_any_otp_pulse_ends_in_the_same_device(void **state)
{
    unsigned cuts = 0;

    (void)state;
    for (uint64_t at = 1;; at += 3, cuts++) { /* every third: the burn itself is swept elsewhere */
        new_board();
        line.boot = 0;
        silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, at, at % 2 != 0 ? TEAR_NONE : TEAR_DONE);
        if (provision(true) == ERR_OK)
            break;
        const uint64_t serial = line.r.serial;
        assert_int_equal(err_exit_status(e.code), 81);
        power_cycle();
        expect_pass();
        assert_int_equal(line.r.serial, serial);
    }
    silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, 0, TEAR_NONE);
    assert_true(cuts > 3);
    board_opens();
}

static void test_two_boards_never_share_a_secret(void **state)
{
    const unsigned at = OTP_OFF_SLOT + scheme_by_id(line.product.scheme)->secret * (unsigned)SLOT_LEN;
    uint8_t first[OTP_IMAGE_LEN], second[OTP_IMAGE_LEN];

    (void)state;
    expect_pass();
    otp_of(line.chip, first);
    new_board();
    line.boot = 0;
    expect_pass();
    otp_of(line.chip, second);
    if (line.product.scheme == 2) /* it has none */
        assert_true(bytes_all(first + at, SLOT_LEN, 0xFF) && bytes_all(second + at, SLOT_LEN, 0xFF));
    else
        assert_memory_not_equal(first + at, second + at, SLOT_LEN);
}

static void test_the_journal_never_holds_the_secret(void **state)
{
    const unsigned at = OTP_OFF_SLOT + scheme_by_id(line.product.scheme)->secret * (unsigned)SLOT_LEN;
    uint8_t image[OTP_IMAGE_LEN];

    (void)state;
    expect_pass();
    const struct device d = row();
    assert_true(bytes_all(d.image + at, SLOT_LEN, 0xFF));
    otp_of(line.chip, image);
    memset(image + at, 0xFF, SLOT_LEN);
    assert_memory_equal(d.image, image, sizeof image);
}

static void test_what_all_devices_share_is_missing_before_a_serial_is_taken(void **state)
{
    const bool fleet = line.product.epoch != 0, derived = line.product.scheme == 5;

    (void)state;
    if (fleet)
        line.product.epoch = 9; /* a key that nobody made */
    if (derived)
        (void)snprintf(line.product.master, sizeof line.product.master, "404");
    if (!fleet && !derived)
        return; /* nothing shared */
    expect_fault(true, &station_fault[STATION_PRODUCT_KEYS], VERDICT_REFUSED);
    assert_false(line.r.has_device);
    assert_int_equal(pulses(), 0);
}

#define EACH(test, n)                                     \
    {                                                     \
#test " [" #n "]", test, up, line_down, &kinds[n] \
    }
#define EACH_KIND(test) EACH(test, 0), EACH(test, 1), EACH(test, 2), EACH(test, 3), EACH(test, 4)

int main(void)
{
    static struct kind kinds[] = {
        { &device_fleet, "stm32l476", POLICY_TAG16, 0 },
        { &device_fleet, "stm32f407", 0, 1 },
        { &device_secret, "stm32l476", 0, 1 },
        { &device_derived, "stm32f407", 0, 0 },
        { &device_session, "stm32l476", POLICY_TAG16, 0 },
    };
    const struct CMUnitTest tests[] = {
        EACH_KIND(test_a_blank_board_becomes_a_device_whose_message_opens),
        EACH_KIND(test_a_plan_counts_the_cells_that_are_burned_and_burns_none),
        EACH_KIND(test_a_finished_board_is_already_done),
        EACH_KIND(test_a_cut_at_any_otp_pulse_ends_in_the_same_device),
        EACH_KIND(test_two_boards_never_share_a_secret),
        EACH_KIND(test_the_journal_never_holds_the_secret),
        EACH_KIND(test_what_all_devices_share_is_missing_before_a_serial_is_taken),
    };
    return cmocka_run_group_tests(tests, group_up, line_group_down);
}

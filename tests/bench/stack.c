/* stack NAME CHIP - two numbers of that firmware: its deepest stack in bytes, and the instructions from a reset until its
 * first frame is out.  Stack: painted at its start, looked at after all that it does: a
 * key made (3, 8), start, OPEN, DATA, DOWN, ROTATE or REKEY, proof.  Run at the root; a firmware that fails ends it. */
#include "tests/firmware-stub/site.h"

#include <inttypes.h>

#include "protocol/rotate.h"

static const struct site_row rows[] = {
    { "sealed", 1, SUITE_P256_CCM, &device_sealed, &peer_sealed, 0, 61, 28 },
    { "sealed-fleet", 2, SUITE_P256_CCM, &device_fleet, &peer_fleet, 0, 62, 28 },
    { "identity", 3, SUITE_P256_CCM, &device_identity, &peer_identity, 0, 129, 28 },
    { "secret", 4, SUITE_P256_CCM, &device_secret, &peer_secret, SLOTS, 34, 34 },
    { "derived", 5, SUITE_P256_CCM, &device_derived, &peer_derived, SLOTS, 34, 34 },
    { "session", 6, SUITE_P256_CCM, &device_session, &peer_session_ecies, 1, 58, 28 },
    { "session-rsa", 6, SUITE_RSA, &device_session_rsa, &peer_session_rsa, SLOTS, 513, 28 },
    { "signup", 8, SUITE_P256_CCM, &device_signup, &peer_signup, 0, 161, 28 },
    { "sealed-fleet-x25519", 2, SUITE_X25519_CCM, &device_fleet, &peer_fleet, 0, 62, 28 },
    { "identity-x25519", 3, SUITE_X25519_CCM, &device_identity, &peer_identity, 0, 129, 28 },
    { "session-x25519", 6, SUITE_X25519_CCM, &device_session, &peer_session_ecies, 1, 58, 28 },
    { "signup-x25519", 8, SUITE_X25519_CCM, &device_signup, &peer_signup, 0, 161, 28 },
};
/* STACK_PAINT of firmware-stub/startup.h, which declares a main of its own. */
static const uint32_t paint = UINT32_C(0xC5C5C5C5);

enum { ROWS = sizeof rows / sizeof *rows, NEW_KEY = 0x55, DATA = 12 };

static uint32_t symbol(struct dut *d, const char *name)
{
    uint32_t at = 0;
    struct err e;
    assert_int_equal(fw_image_symbol(d->fw, name, &at, &e), ERR_OK);
    return at;
}

static unsigned deepest(struct dut *d)
{
    const uint32_t limit = symbol(d, "stack_limit"), top = symbol(d, "stack_top");
    uint32_t at = limit;
    while (at < top && memcmp(dut_ram(d, at, 4), &paint, 4) == 0)
        at += 4;
    return top - at;
}

static unsigned most(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static const uint8_t challenge[CHALLENGE_LEN] = { 0xC4 };
static uint64_t first_frame; /* instructions from the last reset until then */

static void count(struct dut *d)
{
    struct board_stats stats;
    board_stats_get(d->board, &stats);
    first_frame = stats.instructions;
}

static void data(struct site *s)
{
    uint8_t frame[FRAME_MAX];
    for (unsigned i = 0; i < DATA; i++)
        assert_true(dut_receive(&s->d, frame, sizeof frame, DUT_WAIT_MS) > 0);
}

static void down(struct site *s)
{
    uint8_t frame[FRAME_MAX], text[16] = { 0 };
    size_t len = 0;
    assert_int_equal(s->row->peer->down(&kit, &s->peer, &s->session, 1, text, sizeof text, frame, FRAME_MAX, &len),
                     SEALED_OK);
    dut_send(&s->d, frame, len);
    data(s);
}

static void rotate(struct site *s)
{
    uint8_t frame[ROTATE_LEN], d[P256_LEN], pk[P256_PK_LEN], digest[SHA256_LEN], sig[ECDSA_LEN], x[P256_LEN];
    const struct rotate_mark mark = { 0, KIT_EPOCH + 1 };
    kit_seal(s->row->suite, NEW_KEY, d, pk);
    memcpy(x, pk + kem_of(s->row->suite)->name, sizeof x);
    memset(d, s->row->scheme == 2 ? 0x22 : 0x23, sizeof d); /* the RA of kit_image */
    assert_true(kit.p256_public(kit.io, d, pk));
    if (pk[P256_PK_LEN - 1] & 1)
        p256_negate(d);
    assert_int_equal(rotate_digest(&kit, &s->peer.profile, mark, x, digest), SEALED_OK);
    assert_true(kit.ecdsa_sign(kit.io, d, digest, sig));
    rotate_put(mark, x, sig, frame);
    dut_send(&s->d, frame, sizeof frame);
    data(s);
    assert_int_equal(dut_boot(&s->d), 2);
}

static void rekey(struct site *s)
{
    uint8_t input[REKEY_INPUT_LEN], mac[SHA256_LEN], frame[REKEY_LEN];
    const struct crypto_part part = { input, sizeof input };
    const struct rekey k = { .gen = 1 };
    rekey_head(s->peer.serial, &k, frame);
    rekey_input(&s->peer.profile, 0, frame, input);
    assert_true(kit.hmac_sha256(kit.io, s->image + OTP_OFF_SLOT, SLOT_LEN, &part, 1, mac));
    rekey_finish(mac, frame);
    dut_send(&s->d, frame, sizeof frame);
    data(s);
    assert_int_equal(dut_boot(&s->d), 2);
}

/* One after the other, and once more from a start that finds what ROTATE or REKEY left. */
static unsigned life(const struct site_row *row, const char *chip)
{
    struct site s;
    struct peer_text text;
    site_open(&s, row, chip);
    site_start(&s);
    board_stats_clear(s.d.board);
    (void)site_expect(&s, &text);
    count(&s.d);
    data(&s);
    down(&s);
    if (row->scheme == 5)
        rekey(&s);
    else if (scheme_by_id(row->scheme)->epoch && row->suite != SUITE_RSA)
        rotate(&s);
    unsigned depth = deepest(&s.d);
    site_start(&s);
    dut_ask(&s.d, MAILBOX_PROOF, challenge, sizeof challenge);
    assert_int_equal(dut_answer(&s.d).state, MAILBOX_ANSWER);
    depth = most(depth, deepest(&s.d));
    site_close(&s);
    return depth;
}

static unsigned birth(const struct site_row *row, const char *chip)
{
    struct site s;
    uint8_t draft[OTP_IMAGE_LEN];
    site_open_blank(&s, row, chip);
    memcpy(draft, s.image, sizeof draft);
    memset(draft + OTP_OFF_SLOT + SLOT_LEN, 0xFF, SLOT_LEN);
    site_start(&s);
    dut_ask(&s.d, MAILBOX_MAKE_KEY, draft, sizeof draft);
    assert_int_equal(dut_answer(&s.d).state, MAILBOX_ANSWER);
    unsigned depth = deepest(&s.d);
    site_close(&s);
    return depth;
}

/* With a PSK, which takes the most. */
static unsigned sealed_life(const char *chip)
{
    struct dut d;
    struct peer_session session;
    uint8_t frame[FRAME_MAX];
    dut_open(&d, chip, "sealed-fast", true, false);
    dut_start(&d);
    board_stats_clear(d.board);
    (void)dut_expect_open(&d, frame, &session);
    count(&d);
    for (unsigned i = 0; i < DATA; i++)
        assert_true(dut_receive(&d, frame, sizeof frame, DUT_WAIT_MS) > 0);
    unsigned depth = deepest(&d);
    dut_start(&d);
    dut_ask(&d, MAILBOX_PROOF, challenge, sizeof challenge);
    assert_int_equal(dut_answer(&d).state, MAILBOX_ANSWER);
    depth = most(depth, deepest(&d));
    dut_close(&d);
    return depth;
}

int main(int argc, char *argv[])
{
    if (argc != 3 || kit_open(NULL) != 0)
        return 64;
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].name, argv[1]) != 0)
            continue;
        const struct site_row *row = &rows[i];
        unsigned depth = row->scheme == 1 ? sealed_life(argv[2]) : life(row, argv[2]);
        if (scheme_by_id(row->scheme)->slot[1] == SLOT_CHIP_MADE)
            depth = most(depth, birth(row, argv[2]));
        printf("%u %" PRIu64 "\n", depth, first_frame);
        return kit_close(NULL);
    }
    fprintf(stderr, "stack: no firmware %s\n", argv[1]);
    return 64;
}

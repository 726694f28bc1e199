/* The server's side of every scheme with keys in SoftHSM2 and rows in a registry: what devices send opens once, and nothing
 * else does. */
#include "tests/verifier/site.h"

enum { TAG16 = POLICY_TAG16, SIGN = POLICY_SIGN_ALL };

static const struct kind kinds[] = {
    { &device_fleet, TAG16, 0 },
    { &device_fleet, 0, 0 },
    { &device_identity, TAG16 | SIGN, 0 },
    { &device_identity, 0, 0 },
    { &device_secret, 0, 0 },
    { &device_derived, 0, 0 },
    { &device_session, TAG16, 1 },
    { &device_signup, TAG16 | SIGN, 0 },
    { &device_signup, 0, 0 },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* The claim of each kind, in a registry of its own. */
static void each(void (*claim)(struct board *b))
{
    for (size_t i = 0; i < KINDS; i++) {
        struct board b;
        if (i > 0) {
            (void)site_down(NULL);
            (void)site_up(NULL);
        }
        one_board(&b, &kinds[i]);
        claim(&b);
    }
}

static bool is_boot(const struct board *b)
{
    return !b->kind->device->sid;
}

/* ---- opening ---- */

static void opens_and_duplicates(struct board *b)
{
    struct sent first, second;

    opens(b, "hello", &first);
    sends(b, later(b, 1), "again", &second);
    for (int i = 0; i < 3; i++) {
        const enum frame_status s = i == 0 ? FRAME_OPENED : FRAME_IS_DUPLICATE;
        if (i == 2)
            restart();
        offer(&first);
        expect(b, s, "hello");
        offer(&second);
        expect(b, s, "again");
        assert_int_equal(out.counter, later(b, 1));
    }
    assert_int_equal(frames_stored(), 2);
}

static void test_what_a_device_sends_opens_once_and_then_is_a_duplicate(void **state)
{
    (void)state;
    each(opens_and_duplicates);
}

static void remakes(struct board *b)
{
    struct sent first, second, third;

    opens(b, "hello", &first);
    sends(b, later(b, 2), "again", &second);
    sends(b, later(b, 1), "late", &third);
    offer(&first);
    restart();
    offer(&second);
    expect(b, FRAME_OPENED, "again");
    peers_wipe(site.verifier, UINT64_MAX); /* as after idle time */
    sessions_wipe(site.verifier, UINT64_MAX);
    offer(&third);
    expect(b, FRAME_OPENED, "late");
}

static void test_a_cold_session_is_made_again_from_its_first_frame(void **state)
{
    (void)state;
    each(remakes);
}

static void idles(struct board *b)
{
    static const struct peer no_peer;
    static const struct live_session no_session;
    struct verifier *v = site.verifier;
    struct sent first, second;

    opens(b, "hello", &first);
    sends(b, later(b, 1), "again", &second);
    offer(&first);
    assert_true(v->peer[0].used && v->session[0].used);
    v->wiped_ns = 0;
    verifier_idle(v); /* not idle yet */
    assert_true(v->peer[0].used && v->session[0].used);
    v->wiped_ns = v->peer[0].stamp = v->session[0].stamp = 0; /* long ago */
    verifier_idle(v);
    assert_memory_equal(&v->peer[0], &no_peer, sizeof no_peer);
    assert_memory_equal(&v->session[0], &no_session, sizeof no_session);
    offer(&second);
    expect(b, FRAME_OPENED, "again");
}

static void test_keys_that_nobody_uses_are_wiped_and_come_back_when_needed(void **state)
{
    (void)state;
    each(idles);
}

static void waits(struct board *b)
{
    struct sent first, second;

    opens(b, "hello", &first);
    sends(b, later(b, 1), "again", &second);
    offer(&second);
    if (is_boot(b)) { /* there, every frame is a first one */
        expect(b, FRAME_OPENED, "again");
        return;
    }
    expect_refused("no-session");
    offer(&first);
    expect(b, FRAME_OPENED, "hello");
    offer(&second);
    expect(b, FRAME_OPENED, "again");
}

static void test_data_before_its_open_is_refused_and_opens_later(void **state)
{
    (void)state;
    each(waits);
}

static void replays(struct board *b)
{
    struct sent first, second, other;
    const uint32_t counter = later(b, 1);

    opens(b, "hello", &first);
    sends(b, counter, "again", &second);
    sends(b, counter, "other", &other);
    offer(&first);
    offer(&second);
    const long told = events();
    offer(&other);
    expect_refused("replay");
    assert_int_equal(events(), told + 1);
    assert_int_equal(frames_stored(), 2);
}

static void test_other_bytes_at_a_used_counter_are_a_replay_with_an_alarm(void **state)
{
    (void)state;
    each(replays);
}

static void flips(struct board *b)
{
    struct sent good[2], bad;

    opens(b, "hello", &good[0]);
    offer(&good[0]);
    sends(b, later(b, 1), "again", &good[1]);
    const long stored = frames_stored(), told = events();
    for (int i = 0; i < 2; i++) {
        for (size_t bit = 0; bit < 8 * good[i].len; bit += 13) {
            bad = good[i];
            bad.frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
            offer(&bad);
            if (out.status != FRAME_REFUSED || out.reason[0] == '\0' || out.len != 0)
                fail_msg("frame %d bit %zu: %s", i, bit, frame_status_name(out.status));
        }
        for (bad = good[i]; bad.len-- > 0;) {
            offer(&bad);
            assert_int_equal(out.status, FRAME_REFUSED);
        }
    }
    assert_int_equal(frames_stored(), stored);
    assert_int_equal(events(), told);
    offer(&good[1]);
    expect(b, FRAME_OPENED, "again");
}

static void test_flips_and_cuts_are_refused_and_leave_no_trace(void **state)
{
    (void)state;
    each(flips);
}

/* ---- whose keys ---- */

static void knows_fleets(struct board *b)
{
    struct sent first, second;
    const uint16_t other = (uint16_t)(b->product.fleet + 1);

    opens(b, "hello", &first);
    sends(b, later(b, 1), "again", &second);
    if (way_of(b->product.scheme)->of_fleet) {
        offer_of(other, &first);
        expect_refused("no-key");
        assert_int_equal(frames_stored(), 0);
    }
    offer_of(b->product.fleet, &first);
    expect(b, FRAME_OPENED, "hello");
    if (!is_boot(b)) {
        offer_of(other, &second);
        expect_refused("no-session");
    }
    offer_of(b->product.fleet, &second);
    expect(b, FRAME_OPENED, "again");
}

static void test_a_frame_is_looked_for_in_the_fleet_of_the_path(void **state)
{
    (void)state;
    each(knows_fleets);
}

/* A device whose image holds another key: another server's, or a thief's. */
static void misses_keys(struct board *b)
{
    struct otp_image in = fields_of(b);
    struct sent first;

    if (is_boot(b))
        in.slot[0][0] ^= 1;
    else
        random_point(in.slot[b->kind->key_slot]);
    struct board other = with_fields(b, &in);
    starts(&other);
    opens(&other, "hello", &first);
    offer(&first);
    expect_refused("sealed-auth");
    assert_int_equal(frames_stored(), 0);
}

static void test_a_device_with_another_key_is_refused(void **state)
{
    (void)state;
    each(misses_keys);
}

static void is_another_fleets(struct board *b)
{
    struct otp_image in = fields_of(b);
    struct sent first;

    in.fleet++; /* the same key, another fleet in info */
    struct board other = with_fields(b, &in);
    starts(&other);
    opens(&other, "hello", &first);
    offer(&first);
    expect_refused("sealed-auth");
}

static void test_the_fleet_is_part_of_the_keys(void **state)
{
    (void)state;
    each(is_another_fleets);
}

static void test_eight_fleets_of_an_epoch_are_tried_and_the_ninth_only_when_named(void **state)
{
    struct board b[9];
    struct sent s;

    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%u", i);
        const struct product p = add_product(&kinds[0], name);
        const struct fleet_key k = add_fleet_key(&p);
        make_board(&b[i], &kinds[0], &p, &k);
    }
    opens(&b[7], "eighth", &s);
    offer(&s);
    expect(&b[7], FRAME_OPENED, "eighth");
    opens(&b[8], "ninth", &s);
    offer(&s);
    expect_refused("sealed-auth");
    offer_of(b[8].product.fleet, &s);
    expect(&b[8], FRAME_OPENED, "ninth");
}

/* A serial in a text is the sender's word: it must be one of the fleet whose key opened it. */
static void test_a_serial_of_another_fleet_or_of_nobody_is_refused(void **state)
{
    const struct product p = add_product(&kinds[0], "mine"), q = add_product(&kinds[0], "other");
    const struct fleet_key k = add_fleet_key(&p), l = add_fleet_key(&q);
    struct board mine, other, claims;
    struct sent s;

    (void)state;
    make_board(&mine, &kinds[0], &p, &k);
    make_board(&other, &kinds[0], &q, &l);
    struct otp_image in = fields_of(&mine);
    memcpy(in.serial, fields_of(&other).serial, sizeof in.serial);
    for (int i = 0; i < 2; i++) {
        claims = with_fields(&mine, &in);
        starts(&claims);
        opens(&claims, "hello", &s);
        offer(&s);
        expect_refused("unknown-serial");
        in.serial[7] ^= 0x40; /* and then nobody's */
    }
    assert_int_equal(frames_stored(), 0);
}

static void is_not_heard(struct board *b)
{
    struct sent first, second;

    opens(b, "hello", &first);
    sends(b, later(b, 1), "again", &second);
    offer(&first);
    assert_ok(registry_quarantine(site.registry, b->serial, DEV_DONE, "test", &e));
    offer(&second);
    if (b->product.scheme == 6) { /* nobody says whose it is */
        expect(b, FRAME_OPENED, "again");
        return;
    }
    expect_refused("quarantined");
    assert_int_equal(frames_stored(), 2);
}

static void test_frames_of_a_quarantined_device_are_kept_but_withheld(void **state)
{
    (void)state;
    each(is_not_heard);
}

static void is_gone(struct board *b)
{
    struct sent first;

    opens(b, "hello", &first);
    assert_ok(registry_advance(site.registry, b->serial, DEV_DONE, DEV_VERIFIED, "test", &e));
    offer(&first);
    if (b->product.scheme != 6)
        expect_refused("not-done");
}

static void test_a_device_that_has_not_left_the_line_is_not_heard_yet(void **state)
{
    (void)state;
    each(is_gone);
}

/* ---- the proof ---- */

static enum err_code proves(struct board *b, const uint8_t *challenge, const struct sent *s)
{
    return verifier_prove(site.verifier, b->serial, s->frame, s->len, challenge, b->digest, &e);
}

static void is_proved(struct board *b)
{
    struct sent proof, first;
    uint8_t other[CHALLENGE_LEN] = { 0xC5 };

    assert_int_equal(b->kind->device->proof(&site.crypto, &b->side, ++b->boot, CHALLENGE, b->digest, proof.frame,
                                            sizeof proof.frame, &proof.len),
                     SEALED_OK);
    assert_ok(proves(b, CHALLENGE, &proof));
    assert_int_equal(proves(b, other, &proof), ERR_NO);
    offer(&proof);
    expect_refused("sealed-auth");
    opens(b, "", &first);
    assert_int_equal(proves(b, CHALLENGE, &first), ERR_NO);
    proof.frame[proof.len - 1] ^= 1;
    assert_int_equal(proves(b, CHALLENGE, &proof), ERR_NO);
    proof.frame[proof.len - 1] ^= 1;
    b->digest[0] ^= 1;
    assert_int_equal(proves(b, CHALLENGE, &proof), ERR_NO);
    b->digest[0] ^= 1;
    assert_ok(registry_quarantine(site.registry, b->serial, DEV_DONE, "test", &e));
    assert_int_equal(proves(b, CHALLENGE, &proof), ERR_NO);
    assert_int_equal(frames_stored(), 0);
}

static void test_a_proof_is_good_for_its_challenge_and_image_alone_and_never_telemetry(void **state)
{
    (void)state;
    each(is_proved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_what_a_device_sends_opens_once_and_then_is_a_duplicate),
        T(test_a_cold_session_is_made_again_from_its_first_frame),
        T(test_keys_that_nobody_uses_are_wiped_and_come_back_when_needed),
        T(test_data_before_its_open_is_refused_and_opens_later),
        T(test_other_bytes_at_a_used_counter_are_a_replay_with_an_alarm),
        T(test_flips_and_cuts_are_refused_and_leave_no_trace),
        T(test_a_frame_is_looked_for_in_the_fleet_of_the_path),
        T(test_a_device_with_another_key_is_refused),
        T(test_the_fleet_is_part_of_the_keys),
        T(test_eight_fleets_of_an_epoch_are_tried_and_the_ninth_only_when_named),
        T(test_a_serial_of_another_fleet_or_of_nobody_is_refused),
        T(test_frames_of_a_quarantined_device_are_kept_but_withheld),
        T(test_a_device_that_has_not_left_the_line_is_not_heard_yet),
        T(test_a_proof_is_good_for_its_challenge_and_image_alone_and_never_telemetry),
    };
    return cmocka_run_group_tests(tests, site_group_up, site_group_down);
}

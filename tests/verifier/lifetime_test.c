/* Keys over a lifetime, at the server: epochs of a fleet with ROTATE, generations of a device with REKEY, flash that was
 * lost. */
#include "tests/verifier/heard.h"

static const struct kind fleet = { &device_fleet, POLICY_TAG16, 0 };
static const struct kind rotating[] = {
    { &device_fleet, POLICY_TAG16, 0 },
    { &device_identity, POLICY_TAG16 | POLICY_SIGN_ALL, 0 },
    { &device_session, POLICY_TAG16, 1 },
    { &device_signup, POLICY_TAG16 | POLICY_SIGN_ALL, 0 },
};
static const struct kind derived = { &device_derived, 0, 0 };

enum { FLASH_LOSS = 1 << 18 }; /* of a boot number: one nvm_loss */

/* ---- ROTATE ---- */

/* The device accepted it. */
static void moves(struct board *b, const struct fleet_key *k)
{
    b->side.epoch = k->epoch;
    assert_true(site.crypto.p256_decompress(site.crypto.io, k->x, b->side.pkRm));
}

static void is_rotated(struct board *b)
{
    struct sent old, late, s;

    opens(b, "old", &old);
    offer(&old);
    ask_down();
    assert_int_equal(heard.n, 0);
    const struct fleet_key k = add_fleet_key(&b->product);
    opens(b, "late", &late);
    offer(&late);
    expect(b, FRAME_OPENED, "late");
    assert_int_equal(out.epoch, 1);
    for (int i = 0; i < 2; i++) { /* and again for a retry */
        ask_down();
        assert_int_equal(heard.n, 1);
        assert_int_equal(heard.len, REG_ROTATE);
        assert_memory_equal(heard.frame, k.rotate, REG_ROTATE);
        offer(&late);
        expect(b, FRAME_IS_DUPLICATE, "late");
    }
    sends(b, 1, "data", &s);
    offer(&s);
    expect(b, FRAME_OPENED, "data");
    ask_down(); /* DATA names no epoch */
    assert_int_equal(heard.n, 0);
    moves(b, &k);
    opens(b, "new", &s);
    offer(&s);
    expect(b, FRAME_OPENED, "new");
    assert_int_equal(out.epoch, 2);
    ask_down();
    assert_int_equal(heard.n, 0);
}

static void test_an_open_of_an_old_epoch_is_answered_with_the_newest_rotate(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rotating / sizeof *rotating; i++) {
        struct board b;
        if (i > 0) {
            (void)site_down(NULL);
            (void)site_up(NULL);
        }
        one_board(&b, &rotating[i]);
        is_rotated(&b);
    }
}

/* It would never arrive: no phone is asked to carry it. */
static void test_a_one_way_fleet_is_offered_no_rotate(void **state)
{
    static const struct kind one_way = { &device_fleet, POLICY_TAG16 | POLICY_ONE_WAY, 0 };
    struct board b;
    struct sent s;

    (void)state;
    one_board(&b, &one_way);
    (void)add_fleet_key(&b.product);
    opens(&b, "old", &s);
    offer(&s);
    expect(&b, FRAME_OPENED, "old");
    ask_down();
    assert_int_equal(heard.n, 0);
}

static void test_a_retired_epoch_opens_nothing_and_what_is_stored_stays_a_duplicate(void **state)
{
    struct board b;
    struct sent first, data, late, more;

    (void)state;
    one_board(&b, &fleet);
    opens(&b, "hello", &first);
    sends(&b, 1, "again", &data);
    sends(&b, 2, "more", &more);
    offer(&first);
    offer(&data);
    opens(&b, "late", &late);
    (void)add_fleet_key(&b.product);
    assert_ok(
        registry_fleet_key_state(site.registry, b.product.fleet, 1, FLEET_KEY_PREVIOUS, FLEET_KEY_RETIRED, "test", &e));
    for (int i = 0; i < 2; i++) { /* a live session does not outlive the key */
        offer(&late);
        expect_refused("no-key");
        offer(&more);
        expect_refused("no-session");
        offer(&first);
        expect(&b, FRAME_IS_DUPLICATE, "");
        offer(&data);
        expect(&b, FRAME_IS_DUPLICATE, "");
        restart();
    }
    assert_ok(
        registry_fleet_key_state(site.registry, b.product.fleet, 1, FLEET_KEY_RETIRED, FLEET_KEY_PREVIOUS, "test", &e));
    offer(&late);
    expect(&b, FRAME_OPENED, "late");
    offer(&more);
    expect(&b, FRAME_OPENED, "more");
}

/* The registry names a key that this token has not: our fault, and only of the fleet whose key it is. */
static void test_a_fleet_key_that_is_missing_hides_no_other_fleet(void **state)
{
    const struct product p = add_product(&fleet, "lacks"), q = add_product(&fleet, "has");
    struct fleet_key none = { .fleet = p.fleet, .epoch = 1, .suite = 1, .label = "fleet/9999/1" };
    struct board b;
    struct sent s;

    (void)state;
    random_point(none.x);
    assert_ok(registry_fleet_key_add(site.registry, &none, &e));
    const struct fleet_key k = add_fleet_key(&q);
    make_board(&b, &fleet, &q, &k);
    opens(&b, "hello", &s);
    assert_int_equal(verifier_frame_of(site.verifier, p.fleet, s.frame, s.len, &out, &e), ERR_CONFIG);
    assert_string_equal(e.fault->name, "server-fleet-key");
    offer(&s);
    expect(&b, FRAME_OPENED, "hello");
}

/* ---- REKEY ---- */

static void rekey_begins(const struct board *b, struct generations *g)
{
    uint8_t salt[REG_SALT];

    random_bytes(salt, sizeof salt);
    assert_ok(registry_rekey_begin(site.registry, b->serial, salt, g, &e));
}

/* What the device says to the frame that was heard: K_root is its slot 0. */
static enum sealed_result takes(struct board *b, uint8_t nvm_loss)
{
    struct rekey k;
    const enum sealed_result r = rekey_check(&site.crypto, &b->side.profile, b->side.serial, b->image + OTP_OFF_SLOT,
                                             nvm_loss, b->side.gen, heard.frame, heard.len, &k);

    if (r == SEALED_OK) {
        b->side.gen = k.gen;
        memcpy(b->side.salt, k.salt, sizeof k.salt);
    }
    return r;
}

static void test_a_pending_rekey_is_sent_until_the_device_has_moved(void **state)
{
    struct board b;
    struct generations g;
    struct sent before, kept, late, s;

    (void)state;
    one_board(&b, &derived);
    opens(&b, "before", &before);
    offer(&before);
    ask_down();
    assert_int_equal(heard.n, 0);
    rekey_begins(&b, &g);
    sends(&b, 2, "kept", &kept);
    sends(&b, 3, "late", &late);
    offer(&kept);
    expect(&b, FRAME_OPENED, "kept");
    ask_down();
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.len, REKEY_LEN);
    assert_int_equal(takes(&b, 1), SEALED_AUTH); /* bound to this life of its flash */
    assert_int_equal(takes(&b, 0), SEALED_OK);
    assert_int_equal(b.side.gen, 1);

    opens(&b, "moved", &s);
    offer(&s);
    expect(&b, FRAME_OPENED, "moved");
    assert_int_equal(out.gen, 1);
    ask_down();
    assert_int_equal(heard.n, 0);
    assert_ok(registry_gen(site.registry, b.serial, &g, &e));
    assert_true(g.gen == 1 && !g.has_pending);

    const long told = events();
    for (int i = 0; i < 2; i++) {
        offer(&late); /* of the ended generation: no alarm */
        expect_refused("generation-ended");
        offer(&kept);
        expect(&b, FRAME_IS_DUPLICATE, "kept");
        restart();
    }
    assert_int_equal(events(), told);
    sends(&b, 2, "on", &s);
    offer(&s);
    expect(&b, FRAME_OPENED, "on");
}

/* Of a generation in the middle, whose salt the registry keeps no more: its stored frames keep their receipts. */
static void test_frames_of_a_generation_long_ended_are_duplicates_without_data_or_refused(void **state)
{
    struct board b;
    struct generations g;
    struct sent kept, late, s;

    (void)state;
    one_board(&b, &derived);
    for (int i = 0; i < 2; i++) {
        if (i == 1) {
            sends(&b, 2, "kept", &kept);
            sends(&b, 3, "late", &late);
            offer(&kept);
            expect(&b, FRAME_OPENED, "kept");
        }
        rekey_begins(&b, &g);
        memcpy(b.side.salt, g.pending_salt, sizeof b.side.salt);
        b.side.gen++;
        opens(&b, "moved", &s);
        offer(&s);
        expect(&b, FRAME_OPENED, "moved");
    }
    offer(&kept);
    expect(&b, FRAME_IS_DUPLICATE, "");
    offer(&late);
    expect_refused("sealed-auth");
}

static void test_flash_that_was_lost_is_told_and_healed_by_a_rekey_for_its_new_life(void **state)
{
    struct board b;
    struct generations g;
    struct sent s, stale;

    (void)state;
    one_board(&b, &derived);
    rekey_begins(&b, &g);
    memcpy(b.side.salt, g.pending_salt, sizeof b.side.salt);
    b.side.gen = 1;
    opens(&b, "first", &s);
    offer(&s);
    expect(&b, FRAME_OPENED, "first");
    for (uint8_t life = 1; life <= 2; life++) { /* with none pending, then with one */
        if (life == 2)
            rekey_begins(&b, &g);
        b.side.gen = 0; /* all is forgotten but the cells */
        memset(b.side.salt, 0, sizeof b.side.salt);
        opens_at(&b, (uint32_t)life * FLASH_LOSS + 1, "from the start", &stale);
        for (int i = 0; i < 2; i++) {
            const long stored = frames_stored();
            offer(&stale);
            expect_refused("flash-lost");
            assert_int_equal(frames_stored(), stored);
            ask_down();
            assert_int_equal(heard.n, 1);
        }
        assert_int_equal(takes(&b, (uint8_t)(life - 1)), SEALED_AUTH);
        assert_int_equal(takes(&b, life), SEALED_OK);
        assert_int_equal(b.side.gen, life);
        opens_at(&b, (uint32_t)life * FLASH_LOSS + 2, "healed", &s);
        offer(&s);
        expect(&b, FRAME_OPENED, "healed");
        ask_down();
        assert_int_equal(heard.n, 0);
        offer(&stale); /* now it is a late frame */
        expect_refused("generation-ended");
    }
}

static void test_nothing_goes_down_to_a_frame_that_was_refused(void **state)
{
    struct board b;
    struct generations g;
    struct sent s;

    (void)state;
    one_board(&b, &derived);
    rekey_begins(&b, &g);
    opens(&b, "hello", &s);
    s.frame[s.len - 1] ^= 1;
    offer(&s);
    expect_refused("sealed-auth");
    ask_down();
    assert_int_equal(heard.n, 0);
}

static void test_a_one_way_device_is_offered_no_rekey(void **state)
{
    static const struct kind one_way = { &device_derived, POLICY_ONE_WAY, 0 };
    struct board b;
    struct generations g;
    struct sent s;

    (void)state;
    one_board(&b, &one_way);
    rekey_begins(&b, &g);
    opens(&b, "hello", &s);
    offer(&s);
    expect(&b, FRAME_OPENED, "hello");
    ask_down();
    assert_int_equal(heard.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_an_open_of_an_old_epoch_is_answered_with_the_newest_rotate),
        T(test_a_one_way_fleet_is_offered_no_rotate),
        T(test_a_retired_epoch_opens_nothing_and_what_is_stored_stays_a_duplicate),
        T(test_a_fleet_key_that_is_missing_hides_no_other_fleet),
        T(test_a_pending_rekey_is_sent_until_the_device_has_moved),
        T(test_frames_of_a_generation_long_ended_are_duplicates_without_data_or_refused),
        T(test_flash_that_was_lost_is_told_and_healed_by_a_rekey_for_its_new_life),
        T(test_nothing_goes_down_to_a_frame_that_was_refused),
        T(test_a_one_way_device_is_offered_no_rekey),
    };
    return cmocka_run_group_tests(tests, site_group_up, site_group_down);
}

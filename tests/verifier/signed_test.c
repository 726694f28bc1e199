/* Schemes 3 and 8 at the server: whose signature it is, which key is pinned, and two boards of one identity. */
#include "tests/verifier/site.h"

static const struct kind kinds[] = {
    { &device_identity, POLICY_TAG16 | POLICY_SIGN_ALL, 0 },
    { &device_identity, 0, 0 },
    { &device_signup, POLICY_TAG16 | POLICY_SIGN_ALL, 0 },
    { &device_signup, 0, 0 },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const struct kind in_field = { &device_signup, POLICY_TAG16 | POLICY_SIGN_ALL | POLICY_FIELD_SIGN_UP, 0 };
static const struct kind on_line = { &device_signup, POLICY_TAG16 | POLICY_SIGN_ALL, 0 };

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

/* The same serial and the same server's keys, with a signature key of its own. */
static void with_own_key(const struct board *b, struct board *other)
{
    struct otp_image in = fields_of(b);

    random_bytes(in.slot[1], SLOT_LEN);
    *other = with_fields(b, &in);
    starts(other);
}

static long refused_keys(void)
{
    return ask_db("SELECT count(*) FROM device_key WHERE state = 'REFUSED'");
}

/* ---- forgery ---- */

/* The thief has all that the server has, and the device's image but for its seed; control: with the seed it opens. */
static void is_forged(struct board *b)
{
    struct board thief = *b;
    struct sent s;

    memset(thief.side.sign_key, 0x55, sizeof thief.side.sign_key);
    opens(&thief, "forged", &s);
    offer(&s);
    expect_refused("sealed-signature");
    assert_int_equal(frames_stored(), 0);
    assert_int_equal(device_of(b->serial).state, DEV_DONE);
    memcpy(thief.side.sign_key, b->side.sign_key, sizeof thief.side.sign_key);
    opens(&thief, "forged", &s);
    offer(&s);
    expect(b, FRAME_OPENED, "forged");
}

static void test_a_forged_signature_is_refused_with_all_server_keys_in_hand(void **state)
{
    (void)state;
    each(is_forged);
}

/* A session that the thief knows: DATA in it is signed too, or else falls with the session key, as the profile says. */
static void data_is_forged(struct board *b)
{
    struct board thief;
    struct sent first, s;

    opens(b, "hello", &first);
    offer(&first);
    expect(b, FRAME_OPENED, "hello");
    thief = *b;
    memset(thief.side.sign_key, 0x55, sizeof thief.side.sign_key);
    sends(&thief, 1, "forged", &s);
    offer(&s);
    if (b->side.profile.sign_all)
        expect_refused("sealed-signature");
    else
        expect(b, FRAME_OPENED, "forged");
    restart(); /* the session's boot number is in its first frame */
    sends(b, 2, "true", &s);
    offer(&s);
    expect(b, FRAME_OPENED, "true");
}

static void test_forged_data_of_a_known_session_is_refused_where_all_is_signed(void **state)
{
    (void)state;
    each(data_is_forged);
}

/* Who reads must see which frames a thief of the server's keys could have made. */
static void tells_what_is_signed(struct board *b)
{
    struct sent first, s;

    opens(b, "hello", &first);
    offer(&first);
    expect(b, FRAME_OPENED, "hello");
    assert_true(out.may_sign && out.is_signed);
    sends(b, 1, "data", &s);
    offer(&s);
    expect(b, FRAME_OPENED, "data");
    assert_true(out.may_sign);
    assert_int_equal(out.is_signed, b->side.profile.sign_all);
    offer(&s);
    expect(b, FRAME_IS_DUPLICATE, "data");
    assert_int_equal(out.is_signed, b->side.profile.sign_all);
    s.frame[s.len - 1] ^= 1;
    offer(&s);
    assert_int_equal(out.status, FRAME_REFUSED);
    assert_false(out.is_signed);
}

static void test_a_frame_that_opened_says_whether_it_is_signed(void **state)
{
    static const struct kind unsigned_kind = { &device_sealed, POLICY_TAG16, 0 };
    struct board b;
    struct sent s;

    (void)state;
    each(tells_what_is_signed);
    (void)site_down(NULL);
    (void)site_up(NULL);
    one_board(&b, &unsigned_kind);
    opens(&b, "hello", &s);
    offer(&s);
    expect(&b, FRAME_OPENED, "hello");
    assert_false(out.may_sign || out.is_signed);
}

/* A board opened completely, its image and its session in hand, signs for no other board. */
static void other_is_opened(struct board *b)
{
    struct fleet_key k;
    struct board other;
    struct sent s;

    assert_ok(registry_fleet_key_active(site.registry, b->product.fleet, &k, &e));
    make_board(&other, b->kind, &b->product, &k);
    struct otp_image in = fields_of(&other);
    memcpy(in.serial, b->side.serial, sizeof in.serial);
    struct board thief = with_fields(&other, &in);
    starts(&thief);
    opens(&thief, "as the other", &s);
    offer(&s);
    expect_refused(b->product.scheme == 8 ? "key-conflict" : "sealed-signature");
    assert_int_equal(frames_stored(), 0);
}

static void test_one_board_in_hand_signs_for_no_other(void **state)
{
    (void)state;
    each(other_is_opened);
}

/* ---- clones ---- */

static void is_cloned(struct board *b)
{
    struct board clone = *b;
    struct sent first, second, data;

    opens_at(b, 7, "hello", &first);
    opens_at(&clone, 7, "hello too", &second);
    sends(&clone, 1, "of the clone", &data);
    offer(&first);
    expect(b, FRAME_OPENED, "hello");
    offer(&second);
    expect_refused("clone");
    assert_int_equal(ask_db("SELECT count(*) FROM evidence"), 1);
    assert_int_equal(frames_stored(), 1);
    assert_int_equal(device_of(b->serial).state, DEV_QUARANTINED);
    offer(&data);
    expect_refused("no-session");
    restart();
    offer(&data);
    expect_refused("no-session");
    offer(&second);
    expect_refused("clone");
    assert_int_equal(ask_db("SELECT count(*) FROM evidence"), 1);
}

static void test_two_boards_of_one_identity_are_noticed_and_the_evidence_is_kept(void **state)
{
    (void)state;
    each(is_cloned);
}

/* ---- pinned ---- */

static void test_a_second_key_for_a_pinned_serial_is_refused_and_quarantines(void **state)
{
    struct board b, other;
    struct sent s, first;

    (void)state;
    one_board(&b, &on_line);
    with_own_key(&b, &other);
    opens(&b, "hello", &first);
    offer(&first);
    expect(&b, FRAME_OPENED, "hello");
    opens(&other, "mine", &s);
    offer(&s);
    expect_refused("key-conflict");
    assert_int_equal(frames_stored(), 1);
    assert_int_equal(refused_keys(), 1);
    assert_int_equal(device_of(b.serial).state, DEV_QUARANTINED);
    offer(&s);
    expect_refused("key-conflict");
    assert_int_equal(refused_keys(), 1);
    sends(&b, 1, "withheld", &s);
    offer(&s);
    expect_refused("quarantined");
}

/* A key is shown by its signature: a frame that only names one moves nothing. */
static void test_a_key_that_signed_nothing_quarantines_nobody(void **state)
{
    struct board b, other;
    struct sent s;

    (void)state;
    one_board(&b, &on_line);
    with_own_key(&b, &other);
    memset(other.side.sign_key, 0x55, sizeof other.side.sign_key);
    opens(&other, "mine", &s);
    offer(&s);
    expect_refused("sealed-signature");
    assert_int_equal(device_of(b.serial).state, DEV_DONE);
    assert_int_equal(refused_keys(), 0);
}

static void test_in_the_field_the_first_open_pins_and_a_second_key_is_a_conflict(void **state)
{
    struct board b, other;
    struct sent first, s;

    (void)state;
    one_board(&b, &in_field);
    with_own_key(&b, &other);
    opens(&b, "hello", &first);
    offer(&first);
    expect(&b, FRAME_OPENED, "hello");
    assert_int_equal(ask_db("SELECT count(*) FROM device_key WHERE state = 'PINNED'"), 1);
    offer(&first);
    expect(&b, FRAME_IS_DUPLICATE, "hello");
    sends(&b, 1, "again", &s);
    offer(&s);
    expect(&b, FRAME_OPENED, "again");
    opens(&other, "mine", &s);
    offer(&s);
    expect_refused("key-conflict");
}

static void test_the_pin_stands_in_one_transaction_with_its_frame(void **state)
{
    struct board b;
    struct sent first;

    (void)state;
    one_board(&b, &in_field);
    opens(&b, "hello", &first);
    assert_ok(registry_batch_begin(site.registry, &e));
    offer(&first);
    registry_batch_drop(site.registry);
    assert_int_equal(ask_db("SELECT count(*) FROM device_key"), 0);
    assert_int_equal(frames_stored(), 0);
    restart();
    offer(&first);
    expect(&b, FRAME_OPENED, "hello");
    assert_int_equal(ask_db("SELECT count(*) FROM device_key"), 1);
}

/* Without the policy bit nobody pins but the line. */
static void test_without_field_sign_up_an_unpinned_serial_is_refused(void **state)
{
    struct board b;
    struct sent s;

    (void)state;
    one_board(&b, &in_field); /* no key is pinned */
    sqlite3 *db;
    assert_int_equal(sqlite3_open(site.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE product SET policy = policy & ~32", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    opens(&b, "hello", &s);
    offer(&s);
    expect_refused("unpinned");
    assert_int_equal(frames_stored(), 0);
    assert_int_equal(ask_db("SELECT count(*) FROM device_key"), 0);
}

static void test_a_key_of_another_device_is_not_pinned_again(void **state)
{
    struct fleet_key k;
    struct board b, other;
    struct sent s;

    (void)state;
    one_board(&b, &in_field);
    assert_ok(registry_fleet_key_active(site.registry, b.product.fleet, &k, &e));
    make_board(&other, &in_field, &b.product, &k);
    opens(&b, "hello", &s);
    offer(&s);
    expect(&b, FRAME_OPENED, "hello");
    struct otp_image in = fields_of(&other);
    memcpy(in.slot[1], fields_of(&b).slot[1], SLOT_LEN); /* the same seed in two devices */
    other = with_fields(&other, &in);
    starts(&other);
    opens(&other, "hello", &s);
    offer(&s);
    expect_refused("key-known");
    assert_int_equal(frames_stored(), 1);
}

/* ---- the proof ---- */

static void proof_of_another_key(struct board *b)
{
    struct board other;
    struct sent s;
    with_own_key(b, &other);

    assert_int_equal(
        b->kind->device->proof(&site.crypto, &other.side, 3, CHALLENGE, b->digest, s.frame, sizeof s.frame, &s.len),
        SEALED_OK);
    assert_int_equal(verifier_prove(site.verifier, b->serial, s.frame, s.len, CHALLENGE, b->digest, &e), ERR_NO);
}

static void test_a_proof_with_another_key_than_the_chips_is_refused(void **state)
{
    (void)state;
    each(proof_of_another_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_forged_signature_is_refused_with_all_server_keys_in_hand),
        T(test_forged_data_of_a_known_session_is_refused_where_all_is_signed),
        T(test_a_frame_that_opened_says_whether_it_is_signed),
        T(test_one_board_in_hand_signs_for_no_other),
        T(test_two_boards_of_one_identity_are_noticed_and_the_evidence_is_kept),
        T(test_a_second_key_for_a_pinned_serial_is_refused_and_quarantines),
        T(test_a_key_that_signed_nothing_quarantines_nobody),
        T(test_in_the_field_the_first_open_pins_and_a_second_key_is_a_conflict),
        T(test_the_pin_stands_in_one_transaction_with_its_frame),
        T(test_without_field_sign_up_an_unpinned_serial_is_refused),
        T(test_a_key_of_another_device_is_not_pinned_again),
        T(test_a_proof_with_another_key_than_the_chips_is_refused),
    };
    return cmocka_run_group_tests(tests, site_group_up, site_group_down);
}

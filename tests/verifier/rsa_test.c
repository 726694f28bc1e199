/* Scheme 6 in its RSA form at the server: one key of 4096 bits in SoftHSM2, made once for all tests. */
#include <sqlite3.h>

#include "tests/verifier/breach.h"

#include "verifier/fault.h"

static const struct kind rsa = { &device_session_rsa, POLICY_TAG16, 0 };

static void session_name(const struct board *b, uint8_t x[32])
{
    memcpy(x, b->session.open.x, 32);
}

static void test_what_a_device_sends_opens_once_and_then_is_a_duplicate(void **state)
{
    struct board b;
    struct sent first, second;
    struct frame_row row;
    uint8_t x[32];
    bool found;

    (void)state;
    one_board(&b, &rsa);
    opens(&b, "hello", &first);
    assert_int_equal(first.len, SESSION_RSA_FRAME_LEN);
    session_name(&b, x);
    sends(&b, 1, "again", &second);
    for (int i = 0; i < 3; i++) {
        const enum frame_status s = i == 0 ? FRAME_OPENED : FRAME_IS_DUPLICATE;
        if (i == 2)
            restart();
        offer(&first);
        expect(&b, s, "hello");
        offer(&second);
        expect(&b, s, "again");
    }
    assert_ok(registry_frame_find(site.registry, second.frame, second.len, &row, &found, &e));
    assert_memory_equal(row.session, x, sizeof x); /* a digest of the ID, never the ID */
    assert_int_equal(frames_stored(), 2);
}

static void test_a_cold_session_is_made_again_and_other_bytes_are_a_replay(void **state)
{
    struct board b;
    struct sent first, second, other;

    (void)state;
    one_board(&b, &rsa);
    opens(&b, "hello", &first);
    sends(&b, 1, "again", &second);
    sends(&b, 1, "other", &other);
    offer(&second);
    expect_refused("no-session");
    offer_of(b.product.fleet, &first);
    expect(&b, FRAME_OPENED, "hello");
    restart();
    offer_of((uint16_t)(b.product.fleet + 1), &second);
    expect_refused("no-session");
    offer(&second);
    expect(&b, FRAME_OPENED, "again");
    offer(&other);
    expect_refused("replay");
}

/* Out of range, wrong padding, another fleet's label: one answer. */
static void test_blocks_that_are_wrong_in_whatever_way_are_refused_alike(void **state)
{
    struct board b;
    struct sent good, bad;

    (void)state;
    one_board(&b, &rsa);
    opens(&b, "hello", &good);
    for (size_t at = 1; at < good.len; at += 64) {
        bad = good;
        bad.frame[at] ^= 1;
        offer(&bad);
        expect_refused("sealed-auth");
    }
    memset(bad.frame + 1, 0xFF, FRAME_RSA_LEN); /* above n */
    offer(&bad);
    expect_refused("sealed-auth");
    memset(bad.frame + 1, 0, FRAME_RSA_LEN);
    offer(&bad);
    expect_refused("sealed-auth");
    for (bad = good; bad.len-- > 0;) {
        offer(&bad);
        assert_int_equal(out.status, FRAME_REFUSED);
    }
    offer_of((uint16_t)(b.product.fleet + 1), &good);
    expect_refused("no-key");
    struct otp_image in = fields_of(&b);
    in.fleet++;
    struct board other = with_fields(&b, &in);
    starts(&other);
    opens(&other, "hello", &bad);
    offer(&bad);
    expect_refused("sealed-auth");
    assert_int_equal(frames_stored(), 0);
}

static void test_a_proof_opens_no_session_and_telemetry_proves_nothing(void **state)
{
    struct board b;
    struct sent proof, first;

    (void)state;
    one_board(&b, &rsa);
    assert_int_equal(b.kind->device->proof(&site.crypto, &b.side, ++b.boot, CHALLENGE, b.digest, proof.frame,
                                           sizeof proof.frame, &proof.len),
                     SEALED_OK);
    assert_ok(verifier_prove(site.verifier, b.serial, proof.frame, proof.len, CHALLENGE, b.digest, &e));
    offer(&proof);
    expect_refused("sealed-auth");
    opens(&b, "", &first);
    assert_int_equal(verifier_prove(site.verifier, b.serial, first.frame, first.len, CHALLENGE, b.digest, &e), ERR_NO);
    const uint8_t other[CHALLENGE_LEN] = { 1 };
    assert_int_equal(verifier_prove(site.verifier, b.serial, proof.frame, proof.len, other, b.digest, &e), ERR_NO);
    assert_int_equal(frames_stored(), 0);
}

static void relabel(const char *label)
{
    char sql[80];
    sqlite3 *db;

    (void)snprintf(sql, sizeof sql, "UPDATE fleet_key SET label = '%s'", label);
    assert_int_equal(sqlite3_open(site.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* The line asks before it burns: afterwards the proof would find it out. */
static void test_a_token_without_the_fleets_key_is_not_ready(void **state)
{
    static const struct kind sealed = { &device_sealed, POLICY_TAG16, 0 };
    struct board b;
    struct fleet_key k;
    struct peer *p;

    (void)state;
    one_board(&b, &rsa);
    relabel("rsa/404/1");
    assert_int_equal(verifier_is_ready(site.verifier, &b.product, &e), ERR_CONFIG);
    assert_ptr_equal(e.fault, &verifier_fault[VERIFIER_FLEET_KEY]);
    assert_non_null(strstr(e.subject, "rsa/404/1"));
    assert_ok(registry_fleet_key_active(site.registry, b.product.fleet, &k, &e));
    assert_int_equal(peer_of_fleet(site.verifier, &k, &p, &e), ERR_CONFIG); /* nothing of it was kept */
    char label[REG_NAME];
    (void)snprintf(label, sizeof label, "rsa/%u/1", b.product.fleet);
    relabel(label);
    assert_ok(verifier_is_ready(site.verifier, &b.product, &e));
    assert_ok(registry_fleet_key_state(site.registry, b.product.fleet, 1, FLEET_KEY_ACTIVE, FLEET_KEY_RETIRED, "end", &e));
    assert_ok(verifier_is_ready(site.verifier, &b.product, &e)); /* the station's to refuse */
    const struct product other = add_product(&sealed, "other");
    assert_ok(verifier_is_ready(site.verifier, &other, &e)); /* it has no key of a fleet */
}

/* As breach_test.c's rows. */
static const struct breach row = { { &device_session_rsa, POLICY_TAG16, 0 }, 0, 0, NULL, READ_NOTHING };

static void test_a_board_opened_completely_or_the_registry_read_costs_no_other_board(void **state)
{
    static void (*const claims[])(struct scene *) = { claim_reads_nothing, claim_writes_nothing, claim_session_is_closed,
                                                      claim_registry_is_shut };
    (void)state;
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        if (i > 0) {
            (void)site_down(NULL);
            (void)site_up(NULL);
        }
        breach_each(&row, 1, claims[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_what_a_device_sends_opens_once_and_then_is_a_duplicate),
        T(test_a_cold_session_is_made_again_and_other_bytes_are_a_replay),
        T(test_blocks_that_are_wrong_in_whatever_way_are_refused_alike),
        T(test_a_proof_opens_no_session_and_telemetry_proves_nothing),
        T(test_a_token_without_the_fleets_key_is_not_ready),
        T(test_a_board_opened_completely_or_the_registry_read_costs_no_other_board),
    };
    return cmocka_run_group_tests(tests, site_group_up, site_group_down);
}

/* The server side, on devices that a line of its own made: what opens, what is recorded, what is refused. */
#include "tests/station/line.h"

#include <sqlite3.h>

#include "verifier/cache.h"
#include "verifier/fault.h"

static struct opened_frame out;
static struct message msg;

static void offer(const uint8_t *frame, size_t len)
{
    memset(&out, 0xEE, sizeof out);
    if (verifier_frame(line.verifier, frame, len, &out, &e) != ERR_OK)
        fail_msg("%s: %s", e.fault->name, e.subject);
}

static void expect_open(enum frame_status status, uint64_t counter, const char *data)
{
    if (out.status != status)
        fail_msg("%s %s", frame_status_name(out.status), out.reason);
    assert_string_equal(out.reason, "");
    assert_true(out.has_serial);
    assert_int_equal(out.serial, line.r.serial);
    assert_string_equal(out.scheme, "sealed");
    assert_int_equal(out.counter, counter);
    assert_int_equal(out.len, strlen(data));
    assert_memory_equal(out.data, data, out.len);
    assert_string_equal(out.received, "2026-11-21T08:00:00.123Z");
}

static void expect_refused(const char *reason)
{
    assert_int_equal(out.status, FRAME_REFUSED);
    assert_string_equal(out.reason, reason);
    assert_int_equal(out.len, 0);
    assert_true(bytes_all(out.data, sizeof out.data, 0));
    assert_string_equal(out.received, "");
}

/* ---- the registry, looked at from outside ---- */

static long ask_db(const char *statement)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    long v;

    assert_int_equal(sqlite3_open_v2(line.db, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, statement, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    v = (long)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return v;
}

static unsigned frames_stored(void)
{
    return (unsigned)ask_db("SELECT count(*) FROM frame");
}

static unsigned events(void)
{
    return (unsigned)ask_db("SELECT count(*) FROM event");
}

static void restart(void)
{
    verifier_close(line.verifier);
    registry_close(line.registry);
    open_registry(REGISTRY_WRITE);
    open_verifier();
}

/* A product of the device's firmware: with a short OPEN if compact. */
static int device_up(const char *chip, bool psk, bool compact, uint8_t sid_len, uint8_t ctr_len)
{
    line_up(chip, psk, 0);
    struct product p = line.product;
    (void)snprintf(p.name, sizeof p.name, "TEST-variant");
    p.fleet = 0;
    p.serial_first = 0;
    p.sid_len = sid_len;
    p.ctr_len = ctr_len;
    if (compact)
        p.policy &= (uint16_t)~POLICY_TAG16;
    assert_ok(registry_product_add(line.registry, &p, &e));
    line.product = p;
    expect_pass();
    board_sends(line.chip, "hello", "again", &msg);
    return 0;
}

static int up_base(void **state)
{
    (void)state;
    return device_up("stm32l476", false, false, 2, 1);
}
static int up_psk(void **state)
{
    (void)state;
    return device_up("stm32l476", true, false, 2, 1);
}
static int up_compact(void **state)
{
    (void)state;
    return device_up("stm32f407", true, true, 2, 1);
}

/* ---- opening ---- */

static void test_open_and_data_are_opened_and_recorded_as_received(void **state)
{
    struct frame_row row;
    bool found;

    (void)state;
    offer(msg.open, msg.open_len);
    expect_open(FRAME_OPENED, 0, "hello");
    offer(msg.data, msg.data_len);
    expect_open(FRAME_OPENED, 1, "again");
    assert_int_equal(frames_stored(), 2);
    assert_ok(registry_frame_find(line.registry, msg.data, msg.data_len, &row, &found, &e));
    assert_true(found);
    assert_int_equal(row.serial, line.r.serial);
    assert_int_equal(row.ctr, 1);
    assert_memory_equal(row.session, msg.open + msg.open_len - 32 - 5 - (msg.open[0] == 0x28 ? 8 : 16), 32); /* x32 */
}

static void test_the_same_bytes_again_are_a_duplicate_with_the_same_data_and_receipt(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        offer(msg.open, msg.open_len);
        expect_open(i == 0 ? FRAME_OPENED : FRAME_IS_DUPLICATE, 0, "hello");
        offer(msg.data, msg.data_len);
        expect_open(i == 0 ? FRAME_OPENED : FRAME_IS_DUPLICATE, 1, "again");
    }
    assert_int_equal(frames_stored(), 2);
}

static void test_duplicates_are_known_after_a_restart(void **state)
{
    (void)state;
    offer(msg.open, msg.open_len);
    offer(msg.data, msg.data_len);
    restart();
    offer(msg.data, msg.data_len);
    expect_open(FRAME_IS_DUPLICATE, 1, "again");
    offer(msg.open, msg.open_len);
    expect_open(FRAME_IS_DUPLICATE, 0, "hello");
    assert_int_equal(frames_stored(), 2);
}

static void test_a_cold_session_is_made_again_from_its_open(void **state)
{
    (void)state;
    offer(msg.open, msg.open_len);
    restart();
    offer(msg.data, msg.data_len);
    expect_open(FRAME_OPENED, 1, "again");
}

static void test_data_before_its_open_is_refused_and_opens_later(void **state)
{
    (void)state;
    offer(msg.data, msg.data_len);
    expect_refused("no-session");
    assert_false(out.has_serial);
    assert_int_equal(frames_stored(), 0);
    offer(msg.open, msg.open_len);
    offer(msg.data, msg.data_len);
    expect_open(FRAME_OPENED, 1, "again");
}

/* Two bytes of sid are on the air, so two sessions can share them; here a stranger's session is made to. */
static void test_a_session_with_the_same_sid_on_the_air_does_not_hide_the_right_one(void **state)
{
    struct sealed_session stranger = { .key = { 1 } };
    const uint8_t x[P256_LEN] = { 1 };

    (void)state;
    offer(msg.open, msg.open_len);
    memcpy(stranger.sid, msg.session.sid, 2);
    restart(); /* so that the stranger's is live, and the right one is cold */
    session_keep(line.verifier, line.r.serial, x, &stranger);
    offer(msg.data, msg.data_len);
    expect_open(FRAME_OPENED, 1, "again");
    msg.data[msg.data_len - 1] ^= 1;
    offer(msg.data, msg.data_len);
    expect_refused("sealed-auth");
}

static void test_each_stored_session_with_that_sid_is_tried_the_newest_first(void **state)
{
    static struct message second;
    struct frame_row row = { .serial = line.r.serial };
    enum frame_record what;

    (void)state;
    offer(msg.open, msg.open_len);
    board_sends(line.chip, "other", "session", &second);
    memcpy(row.sid, msg.session.sid, 2); /* as if it had drawn the same two bytes */
    memset(row.session, 0x77, sizeof row.session);
    memcpy(row.frame, second.open, second.open_len);
    row.frame_len = (uint16_t)second.open_len;
    assert_ok(registry_frame_record(line.registry, &row, &what, &e));
    restart();
    offer(msg.data, msg.data_len);
    expect_open(FRAME_OPENED, 1, "again");
}

static void test_more_sessions_than_the_cache_holds_all_open(void **state)
{
    enum { N = SESSIONS_MAX + 6 };
    static struct message m[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        board_sends(line.chip, "a", "b", &m[i]);
        offer(m[i].open, m[i].open_len);
        expect_open(FRAME_OPENED, 0, "a");
    }
    for (int i = 0; i < N; i++) {
        offer(m[i].data, m[i].data_len);
        expect_open(FRAME_OPENED, 1, "b");
    }
}

/* ---- replay ---- */

static void test_other_bytes_at_a_used_counter_are_a_replay_with_an_alarm(void **state)
{
    uint8_t frame[FRAME_MAX];
    size_t len;
    unsigned before;

    (void)state;
    offer(msg.open, msg.open_len);
    offer(msg.data, msg.data_len);
    before = events();
    assert_int_equal(sealed_make_data(&line.crypto, &msg.device.profile, &msg.session, 1, (const uint8_t *)"forged", 6,
                                      frame, sizeof frame, &len),
                     SEALED_OK);
    offer(frame, len);
    expect_refused("replay");
    assert_int_equal(frames_stored(), 2);
    assert_int_equal(events(), before + 1);
}

static void test_late_data_out_of_order_is_accepted(void **state)
{
    uint8_t frame[FRAME_MAX];
    size_t len;

    (void)state;
    offer(msg.open, msg.open_len);
    assert_int_equal(sealed_make_data(&line.crypto, &msg.device.profile, &msg.session, 9, (const uint8_t *)"nine", 4, frame,
                                      sizeof frame, &len),
                     SEALED_OK);
    offer(frame, len);
    expect_open(FRAME_OPENED, 9, "nine");
    offer(msg.data, msg.data_len);
    expect_open(FRAME_OPENED, 1, "again");
}

/* ---- what is not a frame of ours ---- */

static void nothing_opens(const uint8_t *frame, size_t len, size_t where)
{
    if (verifier_frame(line.verifier, frame, len, &out, &e) != ERR_OK)
        fail_msg("%zu: %s: %s", where, e.fault->name, e.subject);
    if (out.status != FRAME_REFUSED || out.reason[0] == '\0' || out.len != 0)
        fail_msg("%zu: %s", where, frame_status_name(out.status));
}

static void flips_and_cuts(const uint8_t *good, size_t len)
{
    uint8_t bad[FRAME_MAX];
    const unsigned stored = frames_stored(), told = events();

    for (size_t bit = 0; bit < 8 * len; bit++) {
        memcpy(bad, good, len);
        bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
        nothing_opens(bad, len, bit);
    }
    for (size_t n = 0; n < len; n++)
        nothing_opens(good, n, n);
    memcpy(bad, good, len);
    bad[len] = 0;
    nothing_opens(bad, len + 1, len + 1);
    assert_int_equal(frames_stored(), stored);
    assert_int_equal(events(), told);
}

static void test_every_bit_flip_and_truncation_of_an_open_is_refused_and_leaves_no_trace(void **state)
{
    (void)state;
    flips_and_cuts(msg.open, msg.open_len);
    offer(msg.open, msg.open_len);
    expect_open(FRAME_OPENED, 0, "hello");
}

static void test_every_bit_flip_and_truncation_of_data_is_refused_and_leaves_no_trace(void **state)
{
    (void)state;
    offer(msg.open, msg.open_len);
    flips_and_cuts(msg.data, msg.data_len);
    offer(msg.data, msg.data_len);
    expect_open(FRAME_OPENED, 1, "again");
}

static void test_an_unknown_serial_is_refused(void **state)
{
    (void)state;
    msg.open[4] ^= 0x10;
    offer(msg.open, msg.open_len);
    expect_refused("unknown-serial");
    assert_true(out.has_serial);
}

static void test_a_frame_sealed_to_another_device_is_refused(void **state)
{
    static struct message other;

    (void)state;
    new_board();
    line.boot = 0;
    expect_pass();
    board_sends(line.chip, "mine", "too", &other);
    memcpy(other.open + 1, msg.open + 1, msg.open[0] == 0x28 ? 4 : 8); /* claims to be the first */
    offer(other.open, other.open_len);
    expect_refused("sealed-auth");
    assert_int_equal(frames_stored(), 0);
}

static void test_nothing_over_the_limit_is_looked_at(void **state)
{
    static uint8_t big[FRAME_MAX + 1] = { HDR_OPEN_SEALED };

    (void)state;
    offer(big, sizeof big);
    expect_refused("frame-long");
    offer(big, 0);
    expect_refused("frame-empty");
}

/* ---- what the registry says of the device ---- */

static void test_a_device_that_has_not_left_the_line_is_not_heard_yet(void **state)
{
    (void)state;
    assert_ok(registry_advance(line.registry, line.r.serial, DEV_DONE, DEV_VERIFIED, "test", &e));
    offer(msg.open, msg.open_len);
    expect_refused("not-done");
    assert_int_equal(frames_stored(), 0);
    expect_pass();
    offer(msg.open, msg.open_len);
    expect_open(FRAME_OPENED, 0, "hello");
}

static void test_what_is_stored_stays_a_duplicate_while_the_device_is_reworked(void **state)
{
    (void)state;
    offer(msg.open, msg.open_len);
    assert_ok(registry_advance(line.registry, line.r.serial, DEV_DONE, DEV_VERIFIED, "test", &e));
    offer(msg.open, msg.open_len);
    expect_open(FRAME_IS_DUPLICATE, 0, "hello");
    offer(msg.data, msg.data_len);
    expect_refused("not-done");
}

static void test_frames_of_a_quarantined_device_are_kept_but_withheld(void **state)
{
    (void)state;
    offer(msg.open, msg.open_len);
    assert_ok(registry_quarantine(line.registry, line.r.serial, "test", &e));
    offer(msg.data, msg.data_len); /* the session is live, and still nothing comes out */
    expect_refused("quarantined");
    assert_int_equal(frames_stored(), 2);
    offer(msg.open, msg.open_len);
    expect_refused("quarantined");
    restart();
    offer(msg.data, msg.data_len);
    expect_refused("quarantined");
    assert_int_equal(frames_stored(), 2);
}

/* ---- when we are at fault ---- */

static void test_a_frame_that_cannot_be_recorded_is_not_given_out(void **state)
{
    (void)state;
    verifier_close(line.verifier);
    registry_close(line.registry);
    open_registry(REGISTRY_READ);
    open_verifier();
    memset(&out, 0xEE, sizeof out);
    assert_int_not_equal(verifier_frame(line.verifier, msg.open, msg.open_len, &out, &e), ERR_OK);
    expect_refused("");
    restart();
    offer(msg.open, msg.open_len);
    expect_open(FRAME_OPENED, 0, "hello");
}

static void run_sql(const char *statement)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(line.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void expect_call_fails(const struct fault *f)
{
    restart();
    assert_int_equal(verifier_frame(line.verifier, msg.open, msg.open_len, &out, &e), f->code);
    assert_ptr_equal(e.fault, f);
    assert_int_equal(frames_stored(), 0);
}

static void test_keys_of_another_kek_or_none_are_our_fault_not_the_frames(void **state)
{
    (void)state;
    run_sql("UPDATE wrapped_key SET kek_kcv = x'000000'");
    expect_call_fails(&verifier_fault[VERIFIER_OTHER_KEK]);
    run_sql("DELETE FROM wrapped_key");
    expect_call_fails(&verifier_fault[VERIFIER_KEY_ROWS]);
}

/* ---- the proof ---- */

static void test_a_proof_is_good_for_its_challenge_and_image_alone_and_never_telemetry(void **state)
{
    uint8_t challenge[32] = { 1 }, digest[32], frame[FRAME_MAX], other[FRAME_MAX];
    size_t len, n;
    uint64_t serial = line.r.serial;

    (void)state;
    assert_true(otp_image_digest(&line.crypto, msg.image, digest));
    assert_int_equal(sealed_make_proof(&line.crypto, &msg.device, ++line.boot, challenge, digest, frame, sizeof frame, &len),
                     SEALED_OK);
    assert_ok(verifier_prove(line.verifier, serial, frame, len, challenge, digest, &e));
    offer(frame, len);
    expect_refused("sealed-auth");
    assert_int_equal(frames_stored(), 0);

    challenge[31] ^= 1;
    assert_int_equal(verifier_prove(line.verifier, serial, frame, len, challenge, digest, &e), ERR_NO);
    challenge[31] ^= 1;
    digest[0] ^= 1;
    assert_int_equal(verifier_prove(line.verifier, serial, frame, len, challenge, digest, &e), ERR_NO);
    assert_int_equal(sealed_make_proof(&line.crypto, &msg.device, ++line.boot, challenge, digest, other, sizeof other, &n),
                     SEALED_OK); /* a good proof of an image that was never intended */
    assert_int_equal(verifier_prove(line.verifier, serial, other, n, challenge, digest, &e), ERR_NO);
    digest[0] ^= 1;
    assert_int_equal(verifier_prove(line.verifier, serial, msg.open, msg.open_len, challenge, digest, &e), ERR_NO);
    assert_int_equal(verifier_prove(line.verifier, serial, msg.data, msg.data_len, challenge, digest, &e), ERR_NO);
    assert_int_equal(verifier_prove(line.verifier, serial, frame, len - 1, challenge, digest, &e), ERR_NO);
    assert_int_equal(verifier_prove(line.verifier, serial, frame, 0, challenge, digest, &e), ERR_NO);
    assert_ok(verifier_prove(line.verifier, serial, frame, len, challenge, digest, &e));
    assert_ok(registry_quarantine(line.registry, serial, "test", &e));
    assert_int_equal(verifier_prove(line.verifier, serial, frame, len, challenge, digest, &e), ERR_NO);
}

#define TEST(test, up)                                \
    {                                                 \
#test " [" #up "]", test, up, line_down, NULL \
    }
#define EACH(test) TEST(test, up_base), TEST(test, up_psk), TEST(test, up_compact)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_open_and_data_are_opened_and_recorded_as_received),
        EACH(test_the_same_bytes_again_are_a_duplicate_with_the_same_data_and_receipt),
        EACH(test_duplicates_are_known_after_a_restart),
        EACH(test_a_cold_session_is_made_again_from_its_open),
        EACH(test_data_before_its_open_is_refused_and_opens_later),
        TEST(test_a_session_with_the_same_sid_on_the_air_does_not_hide_the_right_one, up_base),
        TEST(test_each_stored_session_with_that_sid_is_tried_the_newest_first, up_base),
        TEST(test_more_sessions_than_the_cache_holds_all_open, up_psk),
        EACH(test_other_bytes_at_a_used_counter_are_a_replay_with_an_alarm),
        TEST(test_late_data_out_of_order_is_accepted, up_base),
        EACH(test_every_bit_flip_and_truncation_of_an_open_is_refused_and_leaves_no_trace),
        EACH(test_every_bit_flip_and_truncation_of_data_is_refused_and_leaves_no_trace),
        EACH(test_an_unknown_serial_is_refused),
        EACH(test_a_frame_sealed_to_another_device_is_refused),
        TEST(test_nothing_over_the_limit_is_looked_at, up_base),
        TEST(test_a_device_that_has_not_left_the_line_is_not_heard_yet, up_base),
        TEST(test_what_is_stored_stays_a_duplicate_while_the_device_is_reworked, up_base),
        EACH(test_frames_of_a_quarantined_device_are_kept_but_withheld),
        TEST(test_a_frame_that_cannot_be_recorded_is_not_given_out, up_base),
        EACH(test_keys_of_another_kek_or_none_are_our_fault_not_the_frames),
        EACH(test_a_proof_is_good_for_its_challenge_and_image_alone_and_never_telemetry),
    };
    return cmocka_run_group_tests(tests, line_group_up, line_group_down);
}

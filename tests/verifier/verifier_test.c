/* The server side, on devices that a line of its own made: what opens, what is recorded, what is refused. */
#include "tests/verifier/frames.h"

#include "verifier/fault.h"

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
    assert_int_equal(device_sealed.data(&line.crypto, &msg.device, &msg.session, 1, (const uint8_t *)"forged", 6, frame,
                                        sizeof frame, &len),
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
    assert_int_equal(device_sealed.data(&line.crypto, &msg.device, &msg.session, 9, (const uint8_t *)"nine", 4, frame,
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
    assert_ok(registry_quarantine(line.registry, line.r.serial, DEV_DONE, "test", &e));
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
    assert_int_equal(
        device_sealed.proof(&line.crypto, &msg.device, ++line.boot, challenge, digest, frame, sizeof frame, &len),
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
    assert_int_equal(device_sealed.proof(&line.crypto, &msg.device, ++line.boot, challenge, digest, other, sizeof other, &n),
                     SEALED_OK); /* a good proof of an image that was never intended */
    assert_int_equal(verifier_prove(line.verifier, serial, other, n, challenge, digest, &e), ERR_NO);
    digest[0] ^= 1;
    assert_int_equal(verifier_prove(line.verifier, serial, msg.open, msg.open_len, challenge, digest, &e), ERR_NO);
    assert_int_equal(verifier_prove(line.verifier, serial, msg.data, msg.data_len, challenge, digest, &e), ERR_NO);
    assert_int_equal(verifier_prove(line.verifier, serial, frame, len - 1, challenge, digest, &e), ERR_NO);
    assert_int_equal(verifier_prove(line.verifier, serial, frame, 0, challenge, digest, &e), ERR_NO);
    assert_ok(verifier_prove(line.verifier, serial, frame, len, challenge, digest, &e));
    assert_ok(registry_quarantine(line.registry, serial, row().state, "test", &e));
    assert_int_equal(verifier_prove(line.verifier, serial, frame, len, challenge, digest, &e), ERR_NO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_open_and_data_are_opened_and_recorded_as_received),
        EACH(test_the_same_bytes_again_are_a_duplicate_with_the_same_data_and_receipt),
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

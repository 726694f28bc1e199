/* The challenge over the slot's console: after the lock, and to a board whose debug port is silent. */
#include "tests/station/far_end.h"

#include <sqlite3.h>
#include <sys/file.h>

#include "db/fault.h"

enum { SHORT_MS = 300 }; /* where nobody will answer */

static void up(uint8_t lock)
{
    line_up("stm32l476", lock == 2, lock);
    far_up();
}
static int up_0(void **state)
{
    (void)state;
    up(0);
    return 0;
}
static int up_1(void **state)
{
    (void)state;
    up(1);
    return 0;
}
static int up_2(void **state)
{
    (void)state;
    up(2);
    return 0;
}
static int up_2_f4(void **state)
{
    (void)state;
    line_up("stm32f407", true, 2);
    far_up();
    return 0;
}

static int down(void **state)
{
    far_down();
    return line_down(state);
}

static unsigned rdp(void)
{
    return silicon_rdp(inproc_silicon(line.chip));
}

/* A whole way, with somebody at the plug. */
static uint64_t done(void)
{
    far.cycle_at = far.looks + 3;
    expect_pass();
    return line.r.serial;
}

/* Locked, and then nobody at the plug. */
static uint64_t left_locked(void)
{
    line.station.console_ms = SHORT_MS;
    far.cycle_at = 0;
    expect_fault(true, &station_fault[STATION_CONSOLE_TIMEOUT], VERDICT_FAIL);
    assert_int_equal(err_exit_status(e.code), 81);
    assert_int_equal(row().state, DEV_LOCKED);
    line.station.console_ms = 20000;
    return line.r.serial;
}

/* ---- after the lock ---- */

static void test_at_level_0_the_started_device_is_asked_without_a_power_cycle(void **state)
{
    (void)state;
    expect_pass();
    assert_int_equal(far.proofs, 1);
    assert_int_equal(far.cycle_at, 0);
}

static void test_a_power_cycle_while_the_station_waits_is_enough(void **state)
{
    (void)state;
    far.cycle_at = 5;
    expect_pass();
    assert_true(far.looks >= 5); /* not before */
    assert_int_equal(far.proofs, 1);
    assert_int_equal(rdp(), line.product.lock);
}

static void test_without_an_answer_it_is_not_done_and_a_repeat_asks_again(void **state)
{
    const uint64_t serial = left_locked();
    const unsigned runs = line.runs;

    (void)state;
    assert_false(happened("device.done"));
    assert_int_equal(left_locked(), serial);
    assert_int_equal(done(), serial);
    assert_string_equal(line.r.code, "done");
    assert_int_equal(line.runs, runs); /* the challenge alone remained */
}

static void test_a_port_that_goes_with_the_power_is_opened_again(void **state)
{
    (void)state;
    far.port_goes = true;
    (void)done();
    assert_int_equal(far.proofs, 1);
}

static void test_a_device_that_is_not_locked_as_its_product_asks_is_not_done(void **state)
{
    (void)state;
    far.cycle_at = 3;
    far.says_rdp = 1; /* level 0 */
    expect_fault(true, &station_fault[STATION_LOCK_MISSING], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_LOCKED);
    far.says_rdp = 0;
    (void)done();
}

static void test_telemetry_noise_and_pieces_around_the_answer_are_passed_over(void **state)
{
    (void)state;
    far.mood = FAR_CHATS;
    line.station.again_ms = 400; /* and ten of these for the answer behind a proof that is none */
    (void)done();
}

static void test_what_was_said_before_the_question_counts_for_nothing(void **state)
{
    (void)state;
    far_says(DEVICE_SELF_TEST, "old");
    far_noise();
    far.cycle_at = 3;
    expect_pass();
}

static void refused_and_mended(enum far_mood mood, const struct fault *f)
{
    far.mood = mood;
    far.cycle_at = far.looks + 2;
    line.station.console_ms = mood == FAR_SILENT ? 10 * SHORT_MS : 20000; /* many times again_ms */
    expect_fault(true, f, VERDICT_FAIL);
    assert_int_equal(row().state, DEV_LOCKED);
    far.mood = FAR_GOOD;
    line.station.console_ms = 20000;
}

static void test_only_a_proof_of_this_device_over_this_challenge_ends_the_wait(void **state)
{
    (void)state;
    refused_and_mended(FAR_SILENT, &station_fault[STATION_CONSOLE_TIMEOUT]);
    assert_true(far.challenges >= 2);                                       /* asked again and again */
    refused_and_mended(FAR_GARBAGE, &station_fault[STATION_CONSOLE_PROOF]); /* there is a proof without a frame in it */
    refused_and_mended(FAR_SAYS_CODE, &station_fault[STATION_CONSOLE_SAYS]);
    assert_non_null(strstr(e.subject, "random: rng?"));
    (void)done();
    assert_true(far.replay_len > 0);
}

/* A proof of the present board over a challenge that nobody drew now. */
static void record_old_proof(void)
{
    static const uint8_t old[32] = { 7 };
    uint8_t image[OTP_IMAGE_LEN];

    otp_of(line.chip, image);
    far_proves(image, old);
}

static void test_a_replayed_proof_is_refused(void **state)
{
    (void)state;
    (void)left_locked();
    record_old_proof();
    refused_and_mended(FAR_REPLAYS, &station_fault[STATION_CONSOLE_PROOF]);
    (void)done();
}

static void test_the_proof_of_another_device_of_this_line_is_refused(void **state)
{
    uint64_t first;

    (void)state;
    first = done();
    otp_of(line.chip, far.other);
    new_board();
    inproc_on_run(line.chip, far_runs, NULL);
    (void)left_locked();
    assert_int_not_equal(line.r.serial, first);
    refused_and_mended(FAR_OTHER, &station_fault[STATION_CONSOLE_PROOF]);
    (void)done();
}

static void test_a_device_that_has_answered_since_its_start_is_asked_until_its_power_cycle(void **state)
{
    (void)state;
    (void)left_locked();
    far_cycle();
    far.spent = true;
    far.cycle_at = far.looks + 10;
    expect_pass();
}

static void test_a_signal_ends_the_wait_and_the_repeat_goes_on(void **state)
{
    (void)state;
    far.stop = true;
    expect_fault(true, &station_fault[STATION_CONSOLE_STOPPED], VERDICT_FAIL);
    assert_int_equal(err_exit_status(e.code), 81);
    assert_int_equal(row().state, DEV_LOCKED);
    far.stop = false;
    (void)done();
}

static void test_a_console_that_someone_else_listens_to_is_found_before_anything_is_written(void **state)
{
    const int other = open(far.path, O_RDWR | O_NOCTTY | O_CLOEXEC);

    (void)state;
    assert_true(other >= 0);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
    expect_fault(true, &station_fault[STATION_CONSOLE_IN_USE], VERDICT_REFUSED);
    assert_int_equal(pulses(), 0);
    assert_ok(provision(false)); /* a plan asks nobody */
    assert_int_equal(close(other), 0);
    (void)done();
    assert_true(flock(far.slave, LOCK_EX | LOCK_NB) == 0); /* let go of */
}

/* ---- a finished board comes again ---- */

static void test_a_finished_board_at_level_1_is_already_done_after_a_challenge(void **state)
{
    const uint64_t serial = done();
    const unsigned proofs = far.proofs;

    (void)state;
    assert_int_equal(done(), serial);
    assert_string_equal(line.r.code, "already-done");
    assert_int_equal(far.proofs, proofs + 1);
    far.mood = FAR_SILENT;
    line.station.console_ms = SHORT_MS;
    expect_fault(true, &station_fault[STATION_CONSOLE_TIMEOUT], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_DONE);
    assert_ok(provision(false));
    assert_string_equal(line.r.code, "already-done");
}

/* ---- RDP level 2: the debug port is silent ---- */

static const struct chip_ops *whole;
static struct chip_ops cut;

static enum err_code lock_and_lose(struct chip *c, unsigned level, struct err *err)
{
    const enum err_code rc = whole->rdp_set(c, level, err);

    return rc != ERR_OK ? rc : err_set(err, &flash_fault[FLASH_CONTACT_LOST], "test", NULL, 0, "cut");
}

/* The part is at level 2, and nobody wrote it down. */
static uint64_t cut_between_lock_and_record(void)
{
    whole = line.chip->ops;
    cut = *whole;
    cut.rdp_set = lock_and_lose;
    line.chip->ops = &cut;
    assert_int_equal(provision(true), ERR_INCOMPLETE);
    assert_int_equal(row().state, DEV_PROVED);
    assert_int_equal(rdp(), 2);
    line.chip->ops = whole;
    return line.r.serial;
}

static void test_cut_between_lock_and_record_the_device_is_found_by_its_proof(void **state)
{
    const uint64_t serial = cut_between_lock_and_record();

    (void)state;
    far_cycle();
    expect_pass();
    assert_string_equal(line.r.code, "done");
    assert_int_equal(line.r.serial, serial);
    assert_false(line.r.has_identity);
    assert_true(happened("by its silence"));
    assert_int_equal(far.challenges, 1); /* asked once, not once more after the lock */
}

static void test_a_silent_port_of_a_part_that_is_not_at_level_2_is_a_cable(void **state)
{
    const uint64_t serial = cut_between_lock_and_record();

    (void)state;
    for (unsigned level = 0; level < 2; level++) {
        far.says_rdp = 1 + level;
        far_cycle();
        expect_fault(true, &flash_fault[FLASH_NO_CHIP], VERDICT_REFUSED);
        line.r.serial = serial;
        assert_int_equal(row().state, DEV_PROVED);
    }
    far.says_rdp = 0;
    far_cycle();
    expect_pass();
}

static void test_locked_but_not_done_at_level_2_is_done_after_a_challenge(void **state)
{
    const uint64_t serial = left_locked();

    (void)state;
    assert_int_equal(done(), serial);
    assert_string_equal(line.r.code, "done");
    assert_false(line.r.has_identity);
}

static void test_done_at_level_2_is_already_done_after_a_challenge(void **state)
{
    const uint64_t serial = done();

    (void)state;
    assert_int_equal(done(), serial);
    assert_string_equal(line.r.code, "already-done");
}

static void test_nobody_at_all_is_no_chip_as_ever(void **state)
{
    (void)state;
    line.station.silent_ms = SHORT_MS;
    inproc_power(line.chip, false);
    expect_fault(true, &flash_fault[FLASH_NO_CHIP], VERDICT_REFUSED);
    inproc_power(line.chip, true);
    (void)done();
    line.station.silent_ms = SHORT_MS;
    far.mood = FAR_SILENT;
    far.cycle_at = 0;
    far_telemetry(); /* it lives, but answers nothing */
    expect_fault(true, &flash_fault[FLASH_NO_CHIP], VERDICT_REFUSED);
    expect_fault(false, &flash_fault[FLASH_NO_CHIP], VERDICT_REFUSED); /* a plan asks nobody */
}

static void test_a_silent_board_that_has_answered_since_its_start_wants_a_power_cycle(void **state)
{
    (void)state;
    (void)done();
    line.station.silent_ms = 5 * SHORT_MS; /* its refusal comes within one, and then nothing */
    far.cycle_at = 0;
    expect_fault(true, &station_fault[STATION_CONSOLE_TIMEOUT], VERDICT_REFUSED);
    assert_non_null(strstr(e.subject, "since its start"));
}

static void test_a_silent_board_is_not_believed_without_a_proof(void **state)
{
    const uint64_t serial = cut_between_lock_and_record();

    (void)state;
    record_old_proof();
    far_cycle();
    far.mood = FAR_REPLAYS;
    expect_fault(true, &station_fault[STATION_CONSOLE_PROOF], VERDICT_REFUSED);
    line.r.serial = serial;
    assert_int_equal(row().state, DEV_PROVED);
    far_cycle();
    far.mood = FAR_GARBAGE;
    expect_fault(true, &station_fault[STATION_CONSOLE_PROOF], VERDICT_REFUSED);
    far_cycle();
    far.mood = FAR_GOOD;
    expect_pass();
    assert_int_equal(line.r.serial, serial);
}

static void change(const char *statement)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(line.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_a_silent_board_that_was_given_up_or_is_unknown_stays_so(void **state)
{
    (void)state;
    (void)cut_between_lock_and_record();
    change("UPDATE device SET state = 'VERIFIED'");
    far_cycle();
    expect_fault(true, &station_fault[STATION_CLOSED], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_QUARANTINED);
    far_cycle();
    expect_fault(true, &station_fault[STATION_QUARANTINED], VERDICT_FAIL);
    change("UPDATE device SET state = 'KEYED'");
    far_cycle();
    expect_fault(true, &station_fault[STATION_CONSOLE_PROOF], VERDICT_REFUSED);
    change("DELETE FROM wrapped_key; UPDATE device SET serial = '00010000000000ff', short = 255");
    far_cycle();
    expect_fault(true, &station_fault[STATION_CONSOLE_PROOF], VERDICT_REFUSED);
    assert_non_null(strstr(e.subject, "nobody knows"));
}

static void test_a_silent_board_of_another_product_keeps_its_product(void **state)
{
    struct product other;

    (void)state;
    (void)cut_between_lock_and_record();
    other = line.product;
    (void)snprintf(other.name, sizeof other.name, "TEST-other");
    other.fleet = 0;
    other.serial_first = other.serial_last = 0;
    assert_ok(registry_product_add(line.registry, &other, &e));
    line.station.product = &other;
    far_cycle();
    expect_fault(true, &db_fault[DB_UID_OTHER_PRODUCT], VERDICT_REFUSED);
}

#define AT(level, test)                                     \
    {                                                       \
#test " [" #level "]", test, up_##level, down, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT(0, test_at_level_0_the_started_device_is_asked_without_a_power_cycle),
        AT(1, test_a_power_cycle_while_the_station_waits_is_enough),
        AT(2, test_a_power_cycle_while_the_station_waits_is_enough),
        AT(2_f4, test_a_power_cycle_while_the_station_waits_is_enough),
        AT(1, test_without_an_answer_it_is_not_done_and_a_repeat_asks_again),
        AT(1, test_a_port_that_goes_with_the_power_is_opened_again),
        AT(1, test_telemetry_noise_and_pieces_around_the_answer_are_passed_over),
        AT(1, test_a_device_that_is_not_locked_as_its_product_asks_is_not_done),
        AT(2, test_a_device_that_is_not_locked_as_its_product_asks_is_not_done),
        AT(1, test_what_was_said_before_the_question_counts_for_nothing),
        AT(1, test_only_a_proof_of_this_device_over_this_challenge_ends_the_wait),
        AT(1, test_a_replayed_proof_is_refused),
        AT(1, test_the_proof_of_another_device_of_this_line_is_refused),
        AT(1, test_a_device_that_has_answered_since_its_start_is_asked_until_its_power_cycle),
        AT(1, test_a_signal_ends_the_wait_and_the_repeat_goes_on),
        AT(1, test_a_console_that_someone_else_listens_to_is_found_before_anything_is_written),
        AT(1, test_a_finished_board_at_level_1_is_already_done_after_a_challenge),
        AT(2, test_cut_between_lock_and_record_the_device_is_found_by_its_proof),
        AT(2_f4, test_cut_between_lock_and_record_the_device_is_found_by_its_proof),
        AT(2, test_a_silent_port_of_a_part_that_is_not_at_level_2_is_a_cable),
        AT(2, test_locked_but_not_done_at_level_2_is_done_after_a_challenge),
        AT(2, test_done_at_level_2_is_already_done_after_a_challenge),
        AT(2, test_nobody_at_all_is_no_chip_as_ever),
        AT(2, test_a_silent_board_that_has_answered_since_its_start_wants_a_power_cycle),
        AT(2, test_a_silent_board_is_not_believed_without_a_proof),
        AT(2, test_a_silent_board_that_was_given_up_or_is_unknown_stays_so),
        AT(2, test_a_silent_board_of_another_product_keeps_its_product),
    };
    return cmocka_run_group_tests(tests, line_group_up, line_group_down);
}

/* A board that comes again: proofs that failed, work that was cut off, finished devices, and other people's hands. */
#include "tests/station/line.h"

#include <sqlite3.h>

#include "db/fault.h"

/* ---- proofs ---- */

static void fails_and_can_be_reworked(enum firmware_mood mood, const struct fault *f)
{
    line.mood = mood;
    expect_fault(true, f, VERDICT_FAIL);
    assert_int_equal(row().state, DEV_VERIFIED);
    assert_int_equal(silicon_rdp(inproc_silicon(line.chip)), 0); /* never locked without a proof */
    line.mood = FW_GOOD;
}

static void test_without_a_good_proof_nothing_is_locked_and_the_same_board_can_be_repeated(void **state)
{
    uint64_t serial;

    (void)state;
    fails_and_can_be_reworked(FW_OTHER_CHALLENGE, &station_fault[STATION_PROOF]);
    serial = line.r.serial;
    fails_and_can_be_reworked(FW_SENDS_OPEN, &station_fault[STATION_PROOF]);
    fails_and_can_be_reworked(FW_GARBAGE, &station_fault[STATION_PROOF]);
    fails_and_can_be_reworked(FW_SILENT, &station_fault[STATION_NO_ANSWER]);
    fails_and_can_be_reworked(FW_SAYS_ERROR, &station_fault[STATION_DEVICE_SAYS]);
    assert_non_null(strstr(e.subject, device_code_name(DEVICE_RANDOM)));
    assert_int_equal(line.r.serial, serial);
    expect_pass();
    assert_int_equal(line.r.serial, serial);
}

static struct chip_ops late; /* a firmware that wipes its mailbox at the start and looks for requests later */
static unsigned polls;

static enum err_code run_and_wipe(struct chip *c, struct err *err)
{
    (void)err;
    memset(inproc_ram(c, MAILBOX_AT, MAILBOX_LEN), 0, MAILBOX_LEN);
    return ERR_OK;
}

static enum err_code read_after_a_while(struct chip *c, uint32_t addr, void *buf, size_t len, struct err *err)
{
    const uint8_t *ram = inproc_ram(c, addr, len);

    if (addr == MAILBOX_AT && ++polls == 3)
        firmware_runs(NULL, c);
    if (ram != NULL)
        memcpy(buf, ram, len);
    else
        assert_true(silicon_peek(inproc_silicon(c), addr, buf, (uint32_t)len) || addr == c->desc->uid_addr);
    if (addr == c->desc->uid_addr)
        memcpy(buf, silicon_uid(inproc_silicon(c)), len);
    (void)err;
    return ERR_OK;
}

static void test_a_firmware_that_wipes_its_mailbox_at_start_is_asked_again(void **state)
{
    (void)state;
    polls = 0;
    late = *line.chip->ops;
    late.run = run_and_wipe;
    late.mem_read = read_after_a_while;
    line.chip->ops = &late;
    expect_pass();
    assert_true(polls >= 3);
}

static void cut_in_mid_burn(uint64_t at, enum silicon_tear tear)
{
    silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, at, tear);
    assert_int_not_equal(provision(true), ERR_OK);
    assert_int_equal(line.r.verdict, VERDICT_FAIL);
    assert_int_equal(err_exit_status(e.code), 81);
    assert_int_equal(line.r.state, DEV_BURNING);
    power_cycle();
}

/* ---- taken up again ---- */

static void test_a_finished_board_is_told_so_and_left_alone(void **state)
{
    uint64_t serial;

    (void)state;
    expect_pass();
    serial = line.r.serial;
    power_cycle();
    silicon_stats_clear(inproc_silicon(line.chip));
    assert_ok(provision(true));
    assert_int_equal(line.r.verdict, VERDICT_PASS);
    assert_string_equal(line.r.code, "already-done");
    assert_int_equal(line.r.serial, serial);
    assert_int_equal(pulses(), 0);
    assert_ok(provision(false));
    assert_int_equal(line.r.verdict, VERDICT_PLAN);
    assert_int_equal(pulses(), 0);
}

static void test_a_finished_board_whose_firmware_is_gone_gets_it_again_as_an_event(void **state)
{
    uint64_t serial;

    (void)state;
    expect_pass();
    serial = line.r.serial;
    assert_false(happened("device.rework"));
    fw_image_close(line.fw);
    line.station.firmware = line.fw = firmware(MAILBOX_AT, 0xA5, "fl_mailbox");
    power_cycle();
    expect_pass();
    assert_string_equal(line.r.code, "done");
    assert_int_equal(line.r.serial, serial);
    assert_true(happened("device.rework"));
}

static void test_a_finished_board_that_was_opened_by_a_regression_is_finished_again(void **state)
{
    (void)state; /* locked at level 1 */
    expect_pass();
    power_cycle();
    assert_ok(chip_probe(line.chip, &line.r.identity, &e));
    assert_ok(chip_rdp_set(line.chip, 0, &e)); /* erases the flash */
    expect_pass();
    assert_string_equal(line.r.code, "done");
    assert_int_equal(silicon_rdp(inproc_silicon(line.chip)), 1);
}

static void test_a_finished_board_with_its_firmware_but_without_its_lock_is_finished_again(void **state)
{
    const struct fw_segment *seg;
    const size_t n = fw_image_segments(line.fw, &seg);

    (void)state; /* locked at level 1 */
    expect_pass();
    power_cycle();
    assert_ok(chip_probe(line.chip, &line.r.identity, &e));
    assert_ok(chip_rdp_set(line.chip, 0, &e));
    assert_ok(chip_flash_write(line.chip, seg, n, &e));
    expect_pass();
    assert_string_equal(line.r.code, "done");
    assert_int_equal(silicon_rdp(inproc_silicon(line.chip)), 1);
}

static void test_a_finished_board_whose_otp_blocks_are_open_gets_them_locked(void **state)
{
    static const uint8_t open = 0xFF;
    const uint32_t at = line.chip->desc->otp.lock_base + 5;
    uint8_t now;

    (void)state;
    expect_pass();
    silicon_plant(inproc_silicon(line.chip), at, &open, 1);
    expect_pass();
    assert_string_equal(line.r.code, "done");
    assert_true(silicon_peek(inproc_silicon(line.chip), at, &now, 1));
    assert_int_equal(now, 0);
}

/* ---- somebody else's hands ---- */

static void other_station(void *io, enum station_step step)
{
    struct device d;
    bool fresh;

    if (step == STEP_KEY)
        assert_ok(
            registry_reserve(line.registry, "TEST-meter", silicon_uid(inproc_silicon(line.chip)), 4, 2517, &d, &fresh, io));
}

static void test_a_board_that_another_station_takes_meanwhile_is_left_to_it(void **state)
{
    (void)state;
    line.station.progress = other_station;
    line.station.progress_io = &e;
    expect_fault(true, &db_fault[DB_STATE_CHANGED], VERDICT_REFUSED);
    assert_int_equal(pulses(), 0);
}

static void swap_board(void *io, enum station_step step)
{
    if (step == STEP_BURN)
        silicon_new_part(inproc_silicon(line.chip), io);
}

static void test_a_board_swapped_before_the_burn_gets_nothing_and_quarantines_nobody(void **state)
{
    static uint8_t other_uid[CHIP_UID_LEN] = "another-uid";

    (void)state;
    line.station.progress = swap_board;
    line.station.progress_io = other_uid;
    assert_int_equal(provision(true), ERR_RETRY);
    assert_string_equal(line.r.code, flash_fault[FLASH_BOARD_SWAPPED].name);
    assert_int_equal(line.r.verdict, VERDICT_FAIL);
    assert_int_equal(row().state, DEV_BURNING);
    assert_int_equal(pulses(), 0);
}

static void tear_cell(void *io, enum station_step step)
{
    (void)io;
    if (step == STEP_BURN)
        silicon_tear_cell(inproc_silicon(line.chip), line.chip->desc->otp.base + 0x28);
}

static void plant_cell(void *io, enum station_step step)
{
    static const uint8_t alien[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

    (void)io;
    if (step == STEP_BURN)
        silicon_plant(inproc_silicon(line.chip), line.chip->desc->otp.base + 8, alien, 8);
}

static void test_cells_found_spoilt_at_the_burn_quarantine_the_board(void **state)
{
    (void)state;
    line.station.progress = tear_cell;
    assert_int_equal(provision(true), ERR_DAMAGED);
    assert_int_equal(row().state, DEV_QUARANTINED);
    assert_int_equal(pulses(), 0);
    new_board();
    line.station.progress = plant_cell;
    expect_fault(true, &station_fault[STATION_UNLIKE], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_QUARANTINED);
    assert_int_equal(pulses(), 0);
}

static void test_a_torn_cell_of_a_secret_is_seen_without_the_token(void **state)
{
    (void)state;
    cut_in_mid_burn(6, TEAR_PARTIAL);
    line.station.line = NULL;
    expect_fault(false, &station_fault[STATION_TORN], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_BURNING);
}

static void test_a_blank_chip_with_the_uid_of_a_burned_one_is_quarantined(void **state)
{
    (void)state;
    expect_pass();
    same_uid_blank_board();
    expect_fault(true, &station_fault[STATION_EXCHANGED], VERDICT_FAIL);
    assert_int_equal(err_exit_status(e.code), 80);
    assert_int_equal(row().state, DEV_QUARANTINED);
    assert_string_equal(row().reason, "board-exchanged");
    expect_fault(true, &station_fault[STATION_QUARANTINED], VERDICT_FAIL);
    assert_int_equal(err_exit_status(e.code), 82);
}

static void test_a_plan_records_no_quarantine(void **state)
{
    (void)state;
    expect_pass();
    same_uid_blank_board();
    expect_fault(false, &station_fault[STATION_EXCHANGED], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_DONE);
}

static void test_burned_cells_that_are_no_beginning_of_the_image_quarantine_the_board(void **state)
{
    (void)state;
    static const uint8_t alien[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

    cut_in_mid_burn(3, TEAR_NONE);
    silicon_plant(inproc_silicon(line.chip), line.chip->desc->otp.base + 8, alien, 8); /* a serial, out of order */
    silicon_stats_clear(inproc_silicon(line.chip));
    expect_fault(true, &station_fault[STATION_UNLIKE], VERDICT_FAIL);
    assert_int_equal(pulses(), 0);
    assert_int_equal(row().state, DEV_QUARANTINED);
}

static void test_the_right_value_at_the_wrong_place_in_the_order_quarantines_too(void **state)
{
    (void)state;
    cut_in_mid_burn(3, TEAR_NONE);
    silicon_plant(inproc_silicon(line.chip), line.chip->desc->otp.base, (const uint8_t *)"FL1O\x01\x01\x01\x01", 8);
    expect_fault(true, &station_fault[STATION_UNLIKE], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_QUARANTINED);
}

static void change(const char *statement)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(line.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    silicon_stats_clear(inproc_silicon(line.chip));
}

/* Cut between key and intent: nothing is burned, and still it is this device's key. */
static void test_a_board_with_a_key_and_no_intent_keeps_its_key(void **state)
{
    struct wrapped_key before[REG_KEYS_MAX], after[REG_KEYS_MAX];
    size_t n, again;

    (void)state;
    expect_pass();
    assert_ok(registry_keys(line.registry, line.r.serial, before, &n, &e));
    change("UPDATE device SET state = 'KEYED', image = NULL, image_sha256 = NULL");
    same_uid_blank_board();
    expect_pass();
    assert_ok(registry_keys(line.registry, line.r.serial, after, &again, &e));
    assert_int_equal(again, n);
    for (size_t i = 0; i < n; i++)
        assert_memory_equal(after[i].digest, before[i].digest, sizeof before[i].digest);
}

static void test_a_secret_under_another_kek_is_not_burned(void **state)
{
    (void)state;
    cut_in_mid_burn(1, TEAR_NONE);
    change("UPDATE wrapped_key SET kek_kcv = x'000000'");
    expect_fault(true, &station_fault[STATION_OTHER_KEK], VERDICT_FAIL);
    change("DELETE FROM wrapped_key");
    expect_fault(true, &station_fault[STATION_KEY_ROWS], VERDICT_FAIL);
    assert_int_equal(pulses(), 0);
}

static void test_an_intent_that_registry_and_token_no_longer_make_is_not_burned(void **state)
{
    (void)state;
    cut_in_mid_burn(1, TEAR_NONE);
    change("UPDATE device SET image_sha256 = zeroblob(32)");
    expect_fault(true, &station_fault[STATION_IMAGE_DIFFERS], VERDICT_FAIL);
    assert_int_equal(pulses(), 0);
}

static void test_a_void_serial_never_comes_back(void **state)
{
    struct device d;
    bool fresh;

    (void)state;
    assert_ok(chip_probe(line.chip, &line.r.identity, &e));
    assert_ok(registry_reserve(line.registry, "TEST-meter", line.r.identity.uid, 3, 2516, &d, &fresh, &e));
    assert_ok(registry_advance(line.registry, d.serial, DEV_RESERVED, DEV_VOID, NULL, &e));
    expect_fault(true, &station_fault[STATION_VOID], VERDICT_REFUSED);
    assert_int_equal(pulses(), 0);
}

static void test_read_protection_without_a_recorded_proof_is_quarantined(void **state)
{
    (void)state;
    line.mood = FW_SILENT;
    expect_fault(true, &station_fault[STATION_NO_ANSWER], VERDICT_FAIL);
    line.mood = FW_GOOD;
    assert_ok(chip_rdp_set(line.chip, 1, &e));
    expect_fault(true, &station_fault[STATION_CLOSED], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_QUARANTINED);
    new_board();
    assert_ok(chip_probe(line.chip, &line.r.identity, &e));
    assert_ok(chip_rdp_set(line.chip, 1, &e));
    expect_fault(true, &station_fault[STATION_CLOSED], VERDICT_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ALL(test_a_board_with_a_key_and_no_intent_keeps_its_key),
        ON_ALL(test_without_a_good_proof_nothing_is_locked_and_the_same_board_can_be_repeated),
        ON_BOTH(test_a_firmware_that_wipes_its_mailbox_at_start_is_asked_again),
        ON_ALL(test_a_finished_board_is_told_so_and_left_alone),
        ON_BOTH(test_a_finished_board_whose_firmware_is_gone_gets_it_again_as_an_event),
        { "test_a_finished_board_that_was_opened_by_a_regression_is_finished_again [stm32l476]",
          test_a_finished_board_that_was_opened_by_a_regression_is_finished_again, up_l4_psk, line_down, NULL },
        { "test_a_finished_board_that_was_opened_by_a_regression_is_finished_again [stm32f407]",
          test_a_finished_board_that_was_opened_by_a_regression_is_finished_again, up_f4_psk, line_down, NULL },
        { "test_a_finished_board_with_its_firmware_but_without_its_lock_is_finished_again [stm32l476]",
          test_a_finished_board_with_its_firmware_but_without_its_lock_is_finished_again, up_l4_psk, line_down, NULL },
        ON_F4(test_a_finished_board_whose_otp_blocks_are_open_gets_them_locked),
        ON_BOTH(test_a_board_that_another_station_takes_meanwhile_is_left_to_it),
        ON_BOTH(test_a_board_swapped_before_the_burn_gets_nothing_and_quarantines_nobody),
        ON_ALL(test_cells_found_spoilt_at_the_burn_quarantine_the_board),
        { "test_a_torn_cell_of_a_secret_is_seen_without_the_token [stm32l476]",
          test_a_torn_cell_of_a_secret_is_seen_without_the_token, up_l4_psk, line_down, NULL },
        ON_BOTH(test_a_blank_chip_with_the_uid_of_a_burned_one_is_quarantined),
        ON_L4(test_a_plan_records_no_quarantine),
        ON_ALL(test_burned_cells_that_are_no_beginning_of_the_image_quarantine_the_board),
        ON_ALL(test_the_right_value_at_the_wrong_place_in_the_order_quarantines_too),
        ON_ALL(test_an_intent_that_registry_and_token_no_longer_make_is_not_burned),
        { "test_a_secret_under_another_kek_is_not_burned [stm32l476]", test_a_secret_under_another_kek_is_not_burned,
          up_l4_psk, line_down, NULL },
        ON_L4(test_a_void_serial_never_comes_back),
        ON_BOTH(test_read_protection_without_a_recorded_proof_is_quarantined),
    };
    return cmocka_run_group_tests(tests, line_group_up, line_group_down);
}

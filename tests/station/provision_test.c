/* One board's way: the whole of it, its plan, and what is refused at the door. */
#include "tests/station/line.h"

#include "db/fault.h"

static void opens(const uint8_t *frame, size_t len, const char *data)
{
    struct opened_frame out;

    assert_ok(verifier_frame(line.verifier, frame, len, &out, &e));
    if (out.status != FRAME_OPENED)
        fail_msg("%s", out.reason);
    assert_int_equal(out.serial, line.r.serial);
    assert_int_equal(out.len, strlen(data));
    assert_memory_equal(out.data, data, out.len);
}

/* ---- the whole way ---- */

static void test_a_blank_board_becomes_a_device_whose_messages_open(void **state)
{
    struct message m;
    struct otp_image image;

    (void)state;
    expect_pass();
    assert_string_equal(line.r.code, "done");
    board_sends(line.chip, "first", "second", &m);
    opens(m.open, m.open_len, "first");
    opens(m.data, m.data_len, "second");
    assert_int_equal(otp_image_check(&line.crypto, m.image, false, &image), OTP_OK);
    assert_int_equal(get32(image.serial + 4), (uint32_t)line.r.serial);
    assert_int_equal(get32(image.serial), line.r.serial >> 32);
    assert_int_equal(image.station, 3);
    assert_int_equal(image.day, 2516); /* 2026-11-21 */
    for (int s = 0; s < STATION_STEPS; s++)
        assert_true(line.r.step_ns[s] > 0);
}

static void test_the_chip_is_locked_as_the_product_says(void **state)
{
    const bool f4 = line.chip->desc->otp.lock_base != 0;
    uint8_t locks[16] = { 0 };

    (void)state;
    expect_pass();
    assert_int_equal(silicon_rdp(inproc_silicon(line.chip)), line.product.lock);
    if (f4) {
        assert_true(silicon_peek(inproc_silicon(line.chip), line.chip->desc->otp.lock_base, locks, sizeof locks));
        for (size_t i = 0; i < sizeof locks; i++)
            assert_int_equal(locks[i], i < 6 ? 0x00 : 0xFF); /* run-time cells stay open */
    }
}

static void test_nothing_of_the_proof_is_left_in_ram(void **state)
{
    const uint8_t *box = inproc_ram(line.chip, MAILBOX_AT, MAILBOX_LEN);

    (void)state;
    expect_pass();
    assert_true(bytes_all(box, MAILBOX_LEN, 0));
}

static void test_every_proof_has_a_challenge_of_its_own(void **state)
{
    uint8_t first[32];

    (void)state;
    expect_pass();
    memcpy(first, line.challenge, sizeof first);
    assert_false(bytes_all(first, sizeof first, first[0]));
    new_board();
    expect_pass();
    assert_memory_not_equal(line.challenge, first, sizeof first);
}

/* Locks say that somebody locked, not what. */
static void test_a_clone_with_our_locks_but_other_cells_is_not_the_finished_board(void **state)
{
    const struct chip_desc *d = line.chip->desc;
    static const uint8_t locks[6] = { 0 }, other[32] = { 0x55 };

    (void)state;
    expect_pass();
    same_uid_blank_board();
    assert_true(silicon_plant(inproc_silicon(line.chip), d->otp.base, other, sizeof other));
    assert_true(silicon_plant(inproc_silicon(line.chip), d->otp.lock_base, locks, sizeof locks));
    expect_fault(true, &station_fault[STATION_UNLIKE], VERDICT_FAIL);
    assert_int_equal(row().state, DEV_QUARANTINED);
}

static bool file_holds(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *f = fopen(path, "rb");
    static uint8_t all[1 << 20];
    size_t n;

    assert_non_null(f);
    n = fread(all, 1, sizeof all, f);
    fclose(f);
    assert_true(n > 4096 && n < sizeof all);
    return memmem(all, n, bytes, len) != NULL;
}

static void test_the_registry_knows_the_image_but_never_the_secret(void **state)
{
    uint8_t image[OTP_IMAGE_LEN];

    (void)state;
    expect_pass();
    otp_of(line.chip, image);
    assert_true(file_holds(line.db, image + OTP_OFF_SLOT, SLOT_LEN)); /* S0 is public: the search finds what is there */
    assert_false(file_holds(line.db, image + OTP_OFF_SLOT + SLOT_LEN, 8));
    assert_false(file_holds(line.db, image + OTP_OFF_SLOT + 2 * SLOT_LEN - 8, 8));
}

static void test_two_boards_get_two_serials_and_two_keys(void **state)
{
    uint8_t first[OTP_IMAGE_LEN], second[OTP_IMAGE_LEN];
    uint64_t serial;

    (void)state;
    expect_pass();
    serial = line.r.serial;
    otp_of(line.chip, first);
    new_board();
    line.boot = 0;
    expect_pass();
    otp_of(line.chip, second);
    assert_int_equal(line.r.serial, serial + 1);
    assert_memory_not_equal(first + OTP_OFF_SLOT, second + OTP_OFF_SLOT, SLOT_LEN);
    if (line.product.policy & POLICY_PSK)
        assert_memory_not_equal(first + OTP_OFF_SLOT + SLOT_LEN, second + OTP_OFF_SLOT + SLOT_LEN, SLOT_LEN);
}

static void count_step(void *io, enum station_step step)
{
    unsigned *next = io;

    assert_int_equal(step, *next);
    assert_string_not_equal(station_step_name(step), "");
    ++*next;
}

static void test_steps_are_told_in_their_order(void **state)
{
    unsigned next = 0;

    (void)state;
    line.station.progress = count_step;
    line.station.progress_io = &next;
    expect_pass();
    assert_int_equal(next, STATION_STEPS);
}

/* ---- a plan ---- */

static size_t slurp(const char *path, uint8_t *out, size_t max)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    assert_non_null(f);
    n = fread(out, 1, max, f);
    fclose(f);
    return n;
}

static void test_a_plan_changes_neither_chip_nor_registry(void **state)
{
    static uint8_t before[1 << 18], after[1 << 18];
    size_t n = slurp(line.db, before, sizeof before);
    uint32_t cells;
    struct silicon_stats s;

    (void)state;
    line.station.line = NULL;
    assert_ok(provision(false));
    assert_int_equal(line.r.verdict, VERDICT_PLAN);
    assert_string_equal(line.r.code, "plan");
    assert_false(line.r.has_device);
    assert_int_equal(pulses(), 0);
    assert_int_equal(slurp(line.db, after, sizeof after), n);
    assert_memory_equal(before, after, n);

    cells = line.r.otp_to_burn;
    line.station.line = line.h;
    expect_pass();
    silicon_stats_get(inproc_silicon(line.chip), &s);
    assert_int_equal(s.otp_pulses, cells + (line.chip->desc->otp.lock_base != 0 ? 6 : 0));
}

static void test_a_plan_needs_no_more_than_a_readable_registry(void **state)
{
    (void)state;
    verifier_close(line.verifier);
    line.verifier = NULL;
    registry_close(line.registry);
    open_registry(REGISTRY_READ);
    line.station.line = NULL;
    assert_ok(provision(false));
    assert_int_equal(line.r.verdict, VERDICT_PLAN);
}

static void test_a_plan_for_a_board_cut_in_mid_burn_tells_what_is_left(void **state)
{
    struct silicon_stats s;
    uint32_t left;

    (void)state;
    silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, 4, TEAR_NONE);
    assert_int_not_equal(provision(true), ERR_OK);
    power_cycle();
    line.station.line = NULL;
    assert_ok(provision(false));
    assert_int_equal(line.r.verdict, VERDICT_PLAN);
    assert_int_equal(line.r.state, DEV_BURNING);
    left = line.r.otp_to_burn;
    line.station.line = line.h;
    silicon_stats_clear(inproc_silicon(line.chip));
    expect_pass();
    silicon_stats_get(inproc_silicon(line.chip), &s);
    assert_int_equal(s.otp_pulses, left + (line.chip->desc->otp.lock_base != 0 ? 6 : 0));
}

/* ---- refused at the door: nothing reserved, nothing written ---- */

static enum err_code any_device(void *io, const struct device *d, struct err *err)
{
    (void)err;
    (void)d;
    ++*(unsigned *)io;
    return ERR_OK;
}

static unsigned devices(void)
{
    unsigned n = 0;

    assert_ok(registry_devices(line.registry, NULL, DEV_STATES, any_device, &n, &e));
    return n;
}

static void refused(const struct fault *f)
{
    for (int burn = 0; burn < 2; burn++) {
        expect_fault(burn != 0, f, VERDICT_REFUSED);
        assert_int_equal(pulses(), 0);
        assert_int_equal(devices(), 0);
    }
}

static void test_a_product_for_another_chip_is_refused(void **state)
{
    (void)state;
    (void)snprintf(line.product.chip, sizeof line.product.chip, "stm32f407");
    refused(&station_fault[STATION_OTHER_CHIP]);
}

static void test_a_scheme_that_is_not_ready_is_refused(void **state)
{
    (void)state;
    line.product.scheme = 7;
    refused(&station_fault[STATION_SCHEME]);
}

static void test_level_2_without_a_console_is_refused(void **state)
{
    (void)state;
    line.product.lock = 2;
    refused(&station_fault[STATION_LOCK_NEEDS_CONSOLE]);
}

static void test_a_console_that_is_not_there_is_refused(void **state)
{
    (void)state;
    line.station.console = "/nonexistent/tty";
    refused(&station_fault[STATION_CONSOLE_MISSING]);
}

static void test_a_firmware_without_a_mailbox_is_refused(void **state)
{
    (void)state;
    fw_image_close(line.fw);
    line.station.firmware = line.fw = firmware(MAILBOX_AT, 0x5A, "other_name");
    refused(&station_fault[STATION_NO_MAILBOX]);
}

static void test_a_mailbox_where_the_programmer_works_is_refused(void **state)
{
    static const uint32_t bad[] = { 0x20000000, 0x20007C00, 0x08000000, MAILBOX_AT + 2, 0x2001FC00 + 0x400, 0 };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fw_image_close(line.fw);
        line.station.firmware = line.fw = firmware(bad[i], 0x5A, "fl_mailbox");
        refused(&station_fault[STATION_NO_MAILBOX]);
    }
}

static void test_a_board_that_is_not_there_is_refused(void **state)
{
    (void)state;
    inproc_power(line.chip, false);
    refused(&flash_fault[FLASH_NO_CHIP]);
    assert_false(line.r.has_identity);
}

static uint64_t year_2019(void *io)
{
    (void)io;
    return 1577836799999;
}

static void test_a_clock_before_2020_is_refused(void **state)
{
    (void)state;
    line.station.now_ms = year_2019;
    expect_fault(true, &station_fault[STATION_CLOCK], VERDICT_REFUSED);
    assert_int_equal(pulses(), 0);
    assert_int_equal(devices(), 0);
}

static void test_a_board_programmed_elsewhere_is_refused_and_told_of(void **state)
{
    static const uint8_t one[] = { 0xFE };
    const struct chip_desc *d = line.chip->desc;
    const uint32_t at[] = { 0, 0x20, 0xA8, d->otp.size - 1 }; /* the last lies among the run-time cells */

    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        new_board();
        silicon_plant(inproc_silicon(line.chip), d->otp.base + at[i], one, 1);
        refused(&station_fault[STATION_FOREIGN]);
        assert_int_equal(e.code, ERR_CONFLICT);
    }
    assert_true(happened("board.refused"));
}

static void test_a_clone_of_a_finished_board_is_refused(void **state)
{
    uint8_t image[OTP_IMAGE_LEN];

    (void)state;
    expect_pass();
    otp_of(line.chip, image);
    new_board();
    silicon_plant(inproc_silicon(line.chip), line.chip->desc->otp.base, image, sizeof image);
    expect_fault(true, &station_fault[STATION_FOREIGN], VERDICT_REFUSED);
    assert_int_equal(pulses(), 0);
    assert_int_equal(devices(), 1);
}

static void test_a_part_locked_elsewhere_is_refused(void **state)
{
    static const uint8_t locked[] = { 0x00 };

    (void)state;
    silicon_plant(inproc_silicon(line.chip), line.chip->desc->otp.lock_base + 1, locked, 1);
    refused(&station_fault[STATION_FOREIGN]);
}

static void test_a_torn_cell_on_an_unknown_board_is_refused_as_damage(void **state)
{
    (void)state;
    silicon_tear_cell(inproc_silicon(line.chip), line.chip->desc->otp.base + 0x40);
    refused(&station_fault[STATION_TORN]);
    assert_int_equal(err_exit_status(e.code), 82);
}

static void test_a_board_of_another_product_is_refused(void **state)
{
    struct product other = line.product;

    (void)state;
    expect_pass();
    (void)snprintf(other.name, sizeof other.name, "TEST-other");
    other.fleet = 0;
    other.serial_first = 0;
    assert_ok(registry_product_add(line.registry, &other, &e));
    line.station.product = &other;
    silicon_stats_clear(inproc_silicon(line.chip));
    expect_fault(true, &db_fault[DB_UID_OTHER_PRODUCT], VERDICT_REFUSED);
    assert_int_equal(pulses(), 0);
}

static void test_without_serials_nothing_is_burned(void **state)
{
    struct product small = line.product;

    (void)state;
    (void)snprintf(small.name, sizeof small.name, "TEST-small");
    small.fleet = 0;
    small.serial_first = small.serial_last = 0x70000000;
    assert_ok(registry_product_add(line.registry, &small, &e));
    line.station.product = &small;
    expect_pass();
    new_board();
    line.boot = 0;
    expect_fault(true, &db_fault[DB_SERIALS_USED_UP], VERDICT_REFUSED);
    assert_int_equal(pulses(), 0);
    assert_int_equal(devices(), 1);
}

static void test_a_registry_that_cannot_be_written_lets_nothing_be_burned(void **state)
{
    (void)state;
    verifier_close(line.verifier);
    line.verifier = NULL;
    registry_close(line.registry);
    open_registry(REGISTRY_READ);
    assert_int_not_equal(provision(true), ERR_OK);
    assert_int_equal(line.r.verdict, VERDICT_REFUSED);
    assert_int_equal(pulses(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ALL(test_a_blank_board_becomes_a_device_whose_messages_open),
        ON_ALL(test_the_chip_is_locked_as_the_product_says),
        ON_BOTH(test_nothing_of_the_proof_is_left_in_ram),
        ON_L4(test_every_proof_has_a_challenge_of_its_own),
        ON_F4(test_a_clone_with_our_locks_but_other_cells_is_not_the_finished_board),
        { "test_the_registry_knows_the_image_but_never_the_secret", test_the_registry_knows_the_image_but_never_the_secret,
          up_l4_psk, line_down, NULL },
        ON_ALL(test_two_boards_get_two_serials_and_two_keys),
        ON_ALL(test_a_plan_changes_neither_chip_nor_registry),
        ON_L4(test_a_plan_needs_no_more_than_a_readable_registry),
        ON_ALL(test_a_plan_for_a_board_cut_in_mid_burn_tells_what_is_left),
        ON_L4(test_a_product_for_another_chip_is_refused),
        ON_L4(test_a_scheme_that_is_not_ready_is_refused),
        ON_BOTH(test_level_2_without_a_console_is_refused),
        ON_L4(test_a_console_that_is_not_there_is_refused),
        ON_L4(test_a_firmware_without_a_mailbox_is_refused),
        ON_BOTH(test_a_mailbox_where_the_programmer_works_is_refused),
        ON_L4(test_a_board_that_is_not_there_is_refused),
        ON_L4(test_a_clock_before_2020_is_refused),
        ON_BOTH(test_a_board_programmed_elsewhere_is_refused_and_told_of),
        ON_BOTH(test_a_clone_of_a_finished_board_is_refused),
        ON_F4(test_a_part_locked_elsewhere_is_refused),
        ON_L4(test_a_torn_cell_on_an_unknown_board_is_refused_as_damage),
        ON_L4(test_a_board_of_another_product_is_refused),
        ON_L4(test_without_serials_nothing_is_burned),
        ON_L4(test_a_registry_that_cannot_be_written_lets_nothing_be_burned),
        ON_BOTH(test_steps_are_told_in_their_order),
    };
    return cmocka_run_group_tests(tests, line_group_up, line_group_down);
}

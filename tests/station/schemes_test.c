/* Every scheme's way through the line: the same steps, other keys. */
#include "tests/station/scheme_line.h"

#include <sqlite3.h>

/* ---- what every scheme does ---- */

static void test_a_blank_board_becomes_a_device_whose_message_opens(void **state)
{
    struct otp_image image;
    uint8_t bytes[OTP_IMAGE_LEN];

    (void)state;
    expect_pass();
    assert_string_equal(line.r.code, "done");
    otp_of(line.chip, bytes);
    assert_int_equal(otp_image_check(&line.crypto, bytes, false, &image), OTP_OK);
    assert_int_equal(image.scheme, line.product.scheme);
    assert_int_equal(image.epoch, line.product.epoch);
    assert_int_equal(get32(image.serial + 4), (uint32_t)line.r.serial);
    board_opens();
}

static void test_a_plan_counts_the_cells_that_are_burned_and_burns_none(void **state)
{
    uint8_t image[OTP_IMAGE_LEN];
    uint32_t burned = 0, planned;

    (void)state;
    line.station.line = NULL;
    assert_ok(provision(false));
    assert_int_equal(line.r.verdict, VERDICT_PLAN);
    assert_int_equal(pulses(), 0);
    planned = line.r.otp_to_burn;
    line.station.line = line.h;
    expect_pass();
    otp_of(line.chip, image);
    for (uint32_t i = 0; i < OTP_IMAGE_LEN; i += line.chip->desc->otp.cell)
        burned += !bytes_all(image + i, line.chip->desc->otp.cell, 0xFF);
    assert_true(burned <= planned && planned <= burned + 2); /* a cell whose wanted value is blank */
}

static void test_a_finished_board_is_already_done(void **state)
{
    (void)state;
    expect_pass();
    power_cycle();
    silicon_stats_clear(inproc_silicon(line.chip));
    expect_pass();
    assert_string_equal(line.r.code, "already-done");
    assert_int_equal(pulses(), 0);
}

static void test_a_cut_at_any_otp_pulse_ends_in_the_same_device(void **state)
{
    unsigned cuts = 0;

    (void)state;
    for (uint64_t at = 1;; at += 3, cuts++) { /* every third: the burn itself is swept elsewhere */
        new_board();
        line.boot = 0;
        silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, at, at % 2 != 0 ? TEAR_NONE : TEAR_DONE);
        if (provision(true) == ERR_OK)
            break;
        const uint64_t serial = line.r.serial;
        assert_int_equal(err_exit_status(e.code), 81);
        power_cycle();
        if (line.make_key != NULL && line.r.state == DEV_BURNING && provision(true) != ERR_OK) {
            assert_int_equal(line.r.state, DEV_QUARANTINED); /* within a unit of the seed: chip_key_test.c */
            continue;
        }
        expect_pass();
        assert_int_equal(line.r.serial, serial);
    }
    silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, 0, TEAR_NONE);
    assert_true(cuts > 3);
    board_opens();
}

static void test_two_boards_never_share_a_secret(void **state)
{
    const unsigned at = OTP_OFF_SLOT + scheme_by_id(line.product.scheme)->secret * (unsigned)SLOT_LEN;
    uint8_t first[OTP_IMAGE_LEN], second[OTP_IMAGE_LEN];

    (void)state;
    expect_pass();
    otp_of(line.chip, first);
    new_board();
    line.boot = 0;
    expect_pass();
    otp_of(line.chip, second);
    if (line.product.scheme == 2) /* it has none */
        assert_true(bytes_all(first + at, SLOT_LEN, 0xFF) && bytes_all(second + at, SLOT_LEN, 0xFF));
    else
        assert_memory_not_equal(first + at, second + at, SLOT_LEN);
}

static void test_the_journal_never_holds_the_secret(void **state)
{
    const unsigned at = OTP_OFF_SLOT + scheme_by_id(line.product.scheme)->secret * (unsigned)SLOT_LEN;
    uint8_t image[OTP_IMAGE_LEN];

    (void)state;
    expect_pass();
    const struct device d = row();
    assert_true(bytes_all(d.image + at, SLOT_LEN, 0xFF));
    otp_of(line.chip, image);
    memset(image + at, 0xFF, SLOT_LEN);
    assert_memory_equal(d.image, image, sizeof image);
}

static void test_what_all_devices_share_is_missing_before_a_serial_is_taken(void **state)
{
    const bool fleet = line.product.epoch != 0, derived = line.product.scheme == 5;

    (void)state;
    if (fleet)
        assert_ok(registry_fleet_key_state(line.registry, 1, 1, FLEET_KEY_ACTIVE, FLEET_KEY_RETIRED, "its end", &e));
    if (derived)
        (void)snprintf(line.product.master, sizeof line.product.master, "404");
    if (!fleet && !derived)
        return; /* nothing shared */
    expect_fault(true, &station_fault[STATION_PRODUCT_KEYS], VERDICT_REFUSED);
    assert_false(line.r.has_device);
    assert_int_equal(pulses(), 0);
}

/* The key of the product's first epoch may be gone by then: nobody would ever hear a device that starts with it. */
static void test_a_new_board_starts_with_the_key_that_its_fleet_was_rotated_to(void **state)
{
    struct fleet_key k = { .fleet = 1, .epoch = 2, .suite = 1, .label = "fleet/1/2", .has_rotate = true };
    struct otp_image image;
    uint8_t bytes[OTP_IMAGE_LEN];

    (void)state;
    if (line.product.epoch == 0 || line.product.suite == SUITE_RSA)
        return; /* no fleet key, or one for life */
    public_x(HSM_FLEET, k.label, k.x);
    assert_ok(registry_fleet_key_add(line.registry, &k, &e));
    active = k;
    expect_pass();
    otp_of(line.chip, bytes);
    assert_int_equal(otp_image_check(&line.crypto, bytes, false, &image), OTP_OK);
    assert_int_equal(image.epoch, 2);
    for (unsigned i = 0; i < SLOTS; i++)
        if (slot_rule(&line.product, i).from == FROM_FLEET)
            assert_memory_equal(image.slot[i], k.x, SLOT_LEN);
    board_opens();
}

/* ---- the RSA form: the firmware is one for all fleets ---- */

static void key_of_fleet(uint8_t key[SESSION_RSA_KEY_LEN])
{
    memcpy(key, active.rsa_n, sizeof active.rsa_n);
    memcpy(key + sizeof active.rsa_n, active.rsa_e, sizeof active.rsa_e);
}

static void use_firmware(const uint8_t *rsa_key)
{
    fw_image_close(line.fw);
    line.station.firmware = line.fw = firmware_with(MAILBOX_AT, 0x5A, "fl_mailbox", rsa_key);
}

static void refused_and_nothing_is_done(const struct fault *f)
{
    expect_fault(true, f, VERDICT_REFUSED);
    assert_false(line.r.has_device);
    assert_int_equal(pulses(), 0);
}

static void test_the_fleets_key_is_in_flash_and_its_digest_in_otp(void **state)
{
    uint8_t want[SESSION_RSA_KEY_LEN], flash[SESSION_RSA_KEY_LEN], image[OTP_IMAGE_LEN];

    (void)state;
    expect_pass();
    key_of_fleet(want);
    assert_true(silicon_peek(inproc_silicon(line.chip), RSA_KEY_AT, flash, sizeof flash));
    assert_memory_equal(flash, want, sizeof want);
    otp_of(line.chip, image);
    assert_int_equal(image[OTP_OFF_SUITE], SUITE_RSA);
    assert_memory_equal(image + OTP_OFF_SLOT, active.x, SLOT_LEN);
    assert_true(bytes_all(image + OTP_OFF_SLOT + SLOT_LEN, SLOT_LEN, 0xFF)); /* no point to seal to */
}

static void test_a_board_whose_key_in_flash_differs_is_not_done_until_it_is_written_again(void **state)
{
    static const uint8_t other[SESSION_RSA_KEY_LEN + 4] = { 1 };
    const struct fw_segment seg = { .addr = RSA_KEY_AT, .len = sizeof other, .data = other };
    uint8_t image[OTP_IMAGE_LEN];
    struct device_side side;

    (void)state;
    expect_pass();
    assert_ok(chip_flash_write(line.chip, &seg, 1, &e));
    assert_false(board_starts(line.chip, image, &side));
    power_cycle();
    expect_pass();
    assert_string_equal(line.r.code, "done");
    board_opens();
}

static void test_a_firmware_that_holds_this_key_already_is_taken_and_no_other(void **state)
{
    uint8_t key[SESSION_RSA_KEY_LEN];

    (void)state;
    key_of_fleet(key);
    key[0] ^= 1;
    use_firmware(key);
    refused_and_nothing_is_done(&flash_fault[FLASH_FIRMWARE_FILLED]);
    key[0] ^= 1;
    use_firmware(key);
    expect_pass();
    board_opens();
}

static void test_a_firmware_without_the_place_is_another_schemes(void **state)
{
    (void)state;
    use_firmware(NULL);
    refused_and_nothing_is_done(&station_fault[STATION_OTHER_FIRMWARE]);
}

static void test_a_firmware_with_the_place_is_no_other_schemes(void **state)
{
    uint8_t blank[SESSION_RSA_KEY_LEN];

    (void)state;
    memset(blank, 0xFF, sizeof blank);
    use_firmware(blank);
    refused_and_nothing_is_done(&station_fault[STATION_OTHER_FIRMWARE]);
}

static void test_a_key_whose_digest_is_not_the_rows_is_never_written(void **state)
{
    static const char *const bad[] = { "UPDATE fleet_key SET rsa_e = x'00000003'",
                                       "UPDATE fleet_key SET rsa_n = NULL, rsa_e = NULL" };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sqlite3 *db;
        assert_int_equal(sqlite3_open(line.db, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, bad[i], NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        refused_and_nothing_is_done(&station_fault[STATION_PRODUCT_KEYS]);
    }
}

/* ---- injected keys ---- */

static size_t wrapped(uint64_t serial)
{
    struct wrapped_key key[REG_KEYS_MAX];
    size_t n = 0;

    assert_ok(registry_keys(line.registry, serial, key, &n, &e));
    return n;
}

static void key_of(uint64_t serial, enum device_key_state want, uint8_t x[32])
{
    enum device_key_state state;

    assert_ok(registry_device_key(line.registry, serial, x, &state, &e));
    assert_int_equal(state, want);
}

/* The seed in OTP has the form of one that a chip made, and makes the key that is pinned. */
static void test_an_injected_seed_is_as_a_chip_makes_it(void **state)
{
    uint8_t image[OTP_IMAGE_LEN], d[P256_LEN], x[P256_LEN], pinned[P256_LEN];

    (void)state;
    expect_pass();
    otp_of(line.chip, image);
    const uint8_t *seed = image + OTP_OFF_SLOT + SLOT_LEN;
    for (unsigned i = 0; i < SEED_UNITS; i++) {
        assert_int_equal(seed[i * OTP_UNIT + SEED_UNIT_RANDOM], seed_check_byte(seed + i * OTP_UNIT));
        assert_int_not_equal(seed[i * OTP_UNIT + SEED_UNIT_RANDOM], 0xFF);
    }
    assert_true(signing_key(&line.crypto, seed, d, x));
    key_of(line.r.serial, DEVICE_KEY_PINNED, pinned);
    assert_memory_equal(x, pinned, sizeof x);
}

/* From the first pulse on the key stays the same, and what it is made of is there until the burn is read back. */
static void test_a_cut_burn_goes_on_with_the_same_seed_and_then_nobody_else_holds_it(void **state)
{
    uint8_t x[32], same[32];
    unsigned cuts = 0;

    (void)state;
    for (uint64_t at = 1;; at += 2, cuts++) {
        new_board();
        line.boot = 0;
        silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, at, at % 4 == 1 ? TEAR_NONE : TEAR_DONE);
        if (provision(true) == ERR_OK)
            break;
        assert_int_equal(wrapped(line.r.serial), line.r.state == DEV_BURNING ? 1 : 0); /* else cut in the locks */
        key_of(line.r.serial, DEVICE_KEY_MADE, x);
        power_cycle();
        expect_pass();
        key_of(line.r.serial, DEVICE_KEY_PINNED, same);
        assert_memory_equal(same, x, sizeof x);
        assert_int_equal(wrapped(line.r.serial), 0);
    }
    silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, 0, TEAR_NONE);
    assert_true(cuts > 3);
    board_opens();
}

static void test_a_board_that_is_quarantined_in_the_burn_leaves_no_seed(void **state)
{
    (void)state;
    silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, 3, TEAR_PARTIAL);
    assert_int_not_equal(provision(true), ERR_OK);
    assert_int_equal(wrapped(line.r.serial), 1);
    power_cycle();
    assert_int_not_equal(provision(true), ERR_OK);
    assert_int_equal(line.r.state, DEV_QUARANTINED);
    assert_int_equal(wrapped(line.r.serial), 0);
}

/* A key that is not the one on record: found before anything is burned. */
static void test_a_seed_of_another_key_than_recorded_is_not_burned(void **state)
{
    (void)state;
    sqlite3 *db;
    silicon_arm_cut(inproc_silicon(line.chip), CUT_OTP, 1, TEAR_NONE);
    assert_int_not_equal(provision(true), ERR_OK);
    power_cycle();
    assert_int_equal(sqlite3_open(line.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE wrapped_key SET public_x = zeroblob(32)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    silicon_stats_clear(inproc_silicon(line.chip));
    expect_fault(true, &station_fault[STATION_KEY_ROWS], VERDICT_FAIL);
    assert_int_equal(pulses(), 0);
}

#define EACH(test, n)                                     \
    {                                                     \
#test " [" #n "]", test, up, line_down, &kinds[n] \
    }
#define EACH_KIND(test)                                                                                                     \
    EACH(test, 0), EACH(test, 1), EACH(test, 2), EACH(test, 3), EACH(test, 4), EACH(test, 5), EACH(test, 6), EACH(test, 7), \
        EACH(test, 8), EACH(test, 9)

int main(void)
{
    static struct kind kinds[] = {
        { &device_fleet, "stm32l476", POLICY_TAG16, 0, false },
        { &device_fleet, "stm32f407", 0, 1, false },
        { &device_secret, "stm32l476", 0, 1, false },
        { &device_derived, "stm32f407", 0, 0, false },
        { &device_session, "stm32l476", POLICY_TAG16, 0, false },
        { &device_identity, "stm32l476", POLICY_TAG16 | POLICY_SIGN_ALL, 0, false },
        { &device_signup, "stm32f407", POLICY_SIGN_ALL, 1, false },
        { &device_session_rsa, "stm32f407", POLICY_TAG16, 0, false },
        { &device_identity, "stm32l476", POLICY_TAG16 | POLICY_SIGN_ALL, 0, true },
        { &device_identity, "stm32f407", POLICY_SIGN_ALL, 1, true },
    };
    const struct CMUnitTest tests[] = {
        EACH_KIND(test_a_blank_board_becomes_a_device_whose_message_opens),
        EACH_KIND(test_a_plan_counts_the_cells_that_are_burned_and_burns_none),
        EACH_KIND(test_a_finished_board_is_already_done),
        EACH_KIND(test_a_cut_at_any_otp_pulse_ends_in_the_same_device),
        EACH_KIND(test_two_boards_never_share_a_secret),
        EACH_KIND(test_the_journal_never_holds_the_secret),
        EACH_KIND(test_a_new_board_starts_with_the_key_that_its_fleet_was_rotated_to),
        EACH_KIND(test_what_all_devices_share_is_missing_before_a_serial_is_taken),
        EACH(test_the_fleets_key_is_in_flash_and_its_digest_in_otp, 7),
        EACH(test_a_board_whose_key_in_flash_differs_is_not_done_until_it_is_written_again, 7),
        EACH(test_a_firmware_that_holds_this_key_already_is_taken_and_no_other, 7),
        EACH(test_a_firmware_without_the_place_is_another_schemes, 7),
        EACH(test_a_firmware_with_the_place_is_no_other_schemes, 4),
        EACH(test_a_key_whose_digest_is_not_the_rows_is_never_written, 7),
        EACH(test_an_injected_seed_is_as_a_chip_makes_it, 8),
        EACH(test_a_cut_burn_goes_on_with_the_same_seed_and_then_nobody_else_holds_it, 8),
        EACH(test_a_cut_burn_goes_on_with_the_same_seed_and_then_nobody_else_holds_it, 9),
        EACH(test_a_board_that_is_quarantined_in_the_burn_leaves_no_seed, 8),
        EACH(test_a_seed_of_another_key_than_recorded_is_not_burned, 9),
    };
    return cmocka_run_group_tests(tests, group_up, line_group_down);
}

/* The debug port as a whole: pins, counters, resets, faults. */
#include "tests/flash/vchip/scan.h"

static void test_only_rising_edges_count_as_clocks(void **state)
{
    (void)state;
    jtag_pins(scan_port, false, false, false);
    uint64_t before = jtag_clocks(scan_port);
    for (unsigned i = 0; i < 10; i++) {
        jtag_pins(scan_port, true, false, false);
        jtag_pins(scan_port, true, false, true);
        jtag_pins(scan_port, false, false, false);
        jtag_pins(scan_port, false, false, true);
    }
    assert_int_equal(jtag_clocks(scan_port) - before, 10);
    assert_int_equal(scan_bus.clocks, jtag_clocks(scan_port));
}

static void test_a_port_of_bus_functions_alone_is_enough(void **state)
{
    struct jtag_port bare = { .read = fake_bus_read, .write = fake_bus_write, .io = &scan_bus };

    (void)state;
    jtag_free(scan_port);
    scan_port = jtag_new(chip_desc_find("stm32f407"), &bare);
    assert_non_null(scan_port);
    jtag_reset_pins(scan_port, true, true);
    jtag_reset_pins(scan_port, false, false);
    tms_path("111110");
    assert_int_equal(dr_scan(64, 0), UINT64_C(0x064130414BA00477));
}

static void test_a_power_on_forgets_and_a_trst_does_not(void **state)
{
    (void)state;
    power();
    transfer(WORD | SINGLE, RAM + 8);
    jtag_reset_pins(scan_port, true, false);
    tms_path("0100");
    jtag_reset_pins(scan_port, false, false);
    tms_path("0");
    assert_int_equal(dr_scan(64, 0), UINT64_C(0x064150414BA00477)); /* held in reset through those clocks */
    assert_int_equal(dp_read(CTRL_STAT), POWERED);
    assert_int_equal(ap_read(TAR), RAM + 8);

    jtag_power_on(scan_port);
    tms_path("111110");
    assert_int_equal(dp_read(CTRL_STAT), 0);
    power();
    assert_int_equal(ap_read(TAR), 0);
}

static void test_srst_reaches_the_board_once_per_edge(void **state)
{
    (void)state;
    jtag_reset_pins(scan_port, false, true);
    jtag_reset_pins(scan_port, true, true);
    assert_int_equal(scan_bus.resets, 1);
    assert_true(scan_bus.nrst_active);
    jtag_reset_pins(scan_port, false, false);
    assert_int_equal(scan_bus.resets, 1);
    assert_false(scan_bus.nrst_active);
}

static void test_a_wrong_idcode_shows_until_it_is_taken_back(void **state)
{
    (void)state;
    jtag_set_idcode(scan_port, 0x2BA01477);
    assert_int_equal(dr_scan(64, 0), UINT64_C(0x064150412BA01477));
    jtag_power_on(scan_port);
    tms_path("111110");
    assert_int_equal(dr_scan(64, 0), UINT64_C(0x064150412BA01477));
    jtag_set_idcode(scan_port, 0);
    assert_int_equal(dr_scan(64, 0), UINT64_C(0x064150414BA00477));
}

static void test_an_absent_part_reads_all_ones(void **state)
{
    (void)state;
    scan_bus.absent = true;
    assert_int_equal(dr_scan(64, 0), UINT64_MAX);
    assert_int_equal(ir_scan(0, 0), 0x1FF);
    scan_bus.absent = false; /* it was not clocked meanwhile */
    assert_int_equal(dr_scan(64, 0), UINT64_C(0x064150414BA00477));
}

static void test_a_part_that_goes_lets_tdo_rise(void **state)
{
    (void)state;
    ir_scan(BS_BYPASS, IR_BYPASS);
    tms_path("100");
    jtag_pins(scan_port, false, false, false);
    assert_false(jtag_tdo(scan_port)); /* what BYPASS captured */
    scan_bus.absent = true;
    assert_true(jtag_tdo(scan_port));
}

static void test_a_part_that_goes_in_mid_scan_makes_no_access(void **state)
{
    (void)state;
    power();
    transfer(WORD | SINGLE, RAM);
    ir_scan(BS_BYPASS, IR_APACC);
    scan_bus.gone_after = 3 + 36 + 1; /* gone at the very edge that enters Update-DR */
    (void)dr_scan(36, UINT64_C(0xDEADBEEF) << 3 | DRW >> 1);
    assert_true(scan_bus.absent);
    assert_int_equal(ram_word(0), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scan_setup, scan_teardown)
    const struct CMUnitTest tests[] = {
        T(test_only_rising_edges_count_as_clocks),
        T(test_a_port_of_bus_functions_alone_is_enough),
        T(test_a_power_on_forgets_and_a_trst_does_not),
        T(test_srst_reaches_the_board_once_per_edge),
        T(test_a_wrong_idcode_shows_until_it_is_taken_back),
        T(test_an_absent_part_reads_all_ones),
        T(test_a_part_that_goes_lets_tdo_rise),
        T(test_a_part_that_goes_in_mid_scan_makes_no_access),
    };
#undef T
    return cmocka_run_group_tests_name("jtag", tests, NULL, NULL);
}

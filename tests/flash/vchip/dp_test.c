/* The JTAG-DP: registers, power, sticky flags, WAIT. */
#include "tests/flash/vchip/scan.h"

static void test_power_requests_are_acknowledged(void **state)
{
    (void)state;
    assert_int_equal(dp_read(CTRL_STAT), 0);
    dp_write(CTRL_STAT, 0x10000000);
    assert_int_equal(dp_read(CTRL_STAT), 0x30000000);
    dp_write(CTRL_STAT, POWER_UP | ORUNDETECT);
    assert_int_equal(dp_read(CTRL_STAT), POWERED | ORUNDETECT);
    dp_write(CTRL_STAT, 0);
    assert_int_equal(dp_read(CTRL_STAT), 0);
}

static void test_a_scan_captures_the_result_of_the_access_before(void **state)
{
    uint32_t v = 0;

    (void)state;
    power();
    (void)dap_scan(IR_DPACC, CTRL_STAT, true, 0, NULL);
    (void)dap_scan(IR_DPACC, SELECT, false, 0xF0, &v);
    assert_int_equal(v, POWERED);
    (void)dap_scan(IR_APACC, IDR, true, 0, NULL);
    (void)dap_scan(IR_APACC, BASE, true, 0, &v);
    assert_int_equal(v, 0x24770011);
    (void)dap_scan(IR_DPACC, SELECT, true, 0, &v);
    assert_int_equal(v, 0xE00FF003);
    assert_int_equal(read_buffer(), 0xF0);
    assert_int_equal(read_buffer(), 0); /* reading RDBUFF leaves nothing behind */
}

static void test_a_write_leaves_the_result_of_the_read_before(void **state)
{
    uint32_t v = 0;

    (void)state;
    power();
    dp_write(SELECT, IDR & 0xF0);
    assert_int_equal(dap_scan(IR_APACC, IDR, true, 0, NULL), OK);
    dp_write(CTRL_STAT, POWER_UP | STICKYORUN);
    assert_int_equal(dap_scan(IR_APACC, BASE, true, 0, &v), OK);
    assert_int_equal(v, 0x24770011);
}

static void test_select_keeps_only_the_fields_it_has(void **state)
{
    (void)state;
    dp_write(SELECT, 0xFFFFFFFF);
    assert_int_equal(dp_read(SELECT), 0xFF0000F0);
}

static void test_an_ap_access_without_power_sets_stickyerr(void **state)
{
    (void)state;
    dp_write(SELECT, IDR & 0xF0);
    assert_int_equal(dap_scan(IR_DPACC, SELECT, true, 0, NULL), OK); /* something to be left behind */
    assert_int_equal(dap_scan(IR_APACC, IDR, true, 0, NULL), OK);
    assert_int_equal(read_buffer(), 0);
    assert_int_equal(dp_read(CTRL_STAT), STICKYERR);
    power(); /* powering up alone does not clear it */
    assert_int_equal(dp_read(CTRL_STAT), POWERED | STICKYERR);
    assert_int_equal(ap_read(IDR), 0); /* discarded meanwhile */
    dp_write(CTRL_STAT, POWER_UP | STICKYERR);
    assert_int_equal(dp_read(CTRL_STAT), POWERED);
    assert_int_equal(ap_read(IDR), 0x24770011);
}

static void test_a_bus_error_sets_stickyerr_and_discards_what_follows(void **state)
{
    (void)state;
    power();
    transfer(WORD | SINGLE, 0x60000000);
    assert_int_equal(ap_read(DRW), 0);
    assert_int_equal(dp_read(CTRL_STAT), POWERED | STICKYERR);
    ap_write(TAR, RAM);
    ap_write(DRW, 0xDEADBEEF);
    dp_write(CTRL_STAT, POWER_UP | STICKYERR);
    assert_int_equal(ap_read(TAR), 0x60000004); /* moved on behind the failed access, as on a Cortex-M4 */
    assert_int_equal(ram_word(0), 0);
}

static void test_a_stalled_read_makes_every_scan_wait_and_then_delivers_once(void **state)
{
    uint32_t v = 0;

    (void)state;
    power();
    transfer(WORD | SINGLE, RAM);
    scan_bus.ram[0] = 0x5A;
    scan_bus.accesses = 0;
    scan_bus.stall = 4;
    assert_int_equal(dap_scan(IR_APACC, DRW, true, 0, NULL), OK); /* accepted: the bus is asked a first time */
    assert_int_equal(dap_scan(IR_DPACC, RDBUFF, true, 0, NULL), WAIT);
    assert_int_equal(dap_scan(IR_DPACC, CTRL_STAT, true, 0, NULL), WAIT);
    assert_int_equal(dap_scan(IR_APACC, TAR, false, RAM + 0x80, NULL), WAIT);
    assert_int_equal(scan_bus.accesses, 0);
    assert_int_equal(dap_scan(IR_DPACC, RDBUFF, true, 0, &v), OK);
    assert_int_equal(v, 0x5A);
    assert_int_equal(scan_bus.accesses, 1);
    assert_int_equal(ap_read(TAR), RAM + 4); /* the write that got WAIT was dropped, the increment came once */
}

static void test_a_stalled_write_lands_once(void **state)
{
    (void)state;
    power();
    transfer(HALF | PACKED, RAM);
    scan_bus.accesses = 0;
    scan_bus.stall = 2;
    assert_int_equal(dap_scan(IR_APACC, DRW, false, 0x11223344, NULL), OK);
    assert_int_equal(dap_scan(IR_APACC, DRW, false, 0x55667788, NULL), WAIT);
    assert_int_equal(dap_scan(IR_APACC, DRW, false, 0x99AABBCC, NULL), OK);
    assert_int_equal(scan_bus.accesses, 4);
    assert_int_equal(ram_word(0), 0x11223344);
    assert_int_equal(ram_word(4), 0x99AABBCC);
    assert_int_equal(ram_word(8), 0);
}

static void test_a_stalled_access_can_still_fail(void **state)
{
    (void)state;
    power();
    transfer(WORD | SINGLE, 0x60000000);
    scan_bus.stall = 2;
    assert_int_equal(dap_scan(IR_APACC, DRW, true, 0, NULL), OK);
    assert_int_equal(dap_scan(IR_DPACC, RDBUFF, true, 0, NULL), WAIT);
    assert_int_equal(dp_read(CTRL_STAT), POWERED | STICKYERR);
}

static void test_with_overrun_detection_a_wait_discards_what_is_queued_behind(void **state)
{
    (void)state;
    dp_write(CTRL_STAT, POWER_UP | ORUNDETECT);
    transfer(WORD | SINGLE, RAM);
    scan_bus.stall = 2;
    assert_int_equal(dap_scan(IR_APACC, DRW, false, 1, NULL), OK);
    assert_int_equal(dap_scan(IR_APACC, DRW, false, 2, NULL), WAIT);
    assert_int_equal(dap_scan(IR_APACC, DRW, false, 3, NULL), OK); /* discarded: STICKYORUN */
    assert_int_equal(dp_read(CTRL_STAT), POWERED | ORUNDETECT | STICKYORUN);
    dp_write(CTRL_STAT, POWER_UP | ORUNDETECT | STICKYORUN);
    assert_int_equal(dap_scan(IR_APACC, DRW, false, 2, NULL), OK); /* sent again, as OpenOCD does */
    assert_int_equal(dap_scan(IR_APACC, DRW, false, 3, NULL), OK);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(ram_word(4 * i), i + 1);
}

static void test_dapabort_drops_a_stalled_access(void **state)
{
    (void)state;
    power();
    transfer(WORD | SINGLE, RAM);
    scan_bus.stall = 1000;
    assert_int_equal(dap_scan(IR_APACC, DRW, false, 0xDEADBEEF, NULL), OK);
    assert_int_equal(dap_scan(IR_DPACC, CTRL_STAT, true, 0, NULL), WAIT);
    assert_int_equal(dap_scan(IR_ABORT, 0, false, 0, NULL), OK); /* DAPABORT = 0: nothing */
    assert_int_equal(dap_scan(IR_DPACC, CTRL_STAT, true, 0, NULL), WAIT);
    assert_int_equal(dap_scan(IR_ABORT, 0, false, 1, NULL), OK);
    scan_bus.stall = 0;
    assert_int_equal(dp_read(CTRL_STAT), POWERED);
    assert_int_equal(ram_word(0), 0);
}

static void test_injected_waits_hit_ap_scans_only_and_keep_the_result_before(void **state)
{
    uint32_t v = 0;

    (void)state;
    power();
    dp_write(SELECT, IDR & 0xF0);
    assert_int_equal(dap_scan(IR_APACC, IDR, true, 0, NULL), OK);
    jtag_inject_wait(scan_port, 2);
    assert_int_equal(dap_scan(IR_APACC, BASE, true, 0, NULL), WAIT);
    assert_int_equal(dap_scan(IR_APACC, BASE, true, 0, NULL), WAIT);
    assert_int_equal(dap_scan(IR_APACC, BASE, true, 0, &v), OK);
    assert_int_equal(v, 0x24770011);
    assert_int_equal(read_buffer(), 0xE00FF003);
    jtag_inject_wait(scan_port, 1);
    assert_int_equal(dp_read(CTRL_STAT), POWERED);
    jtag_power_on(scan_port);
    tms_path("111110");
    assert_int_equal(dap_scan(IR_APACC, IDR, true, 0, NULL), WAIT); /* a fault stays until it has struck */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scan_setup, scan_teardown)
    const struct CMUnitTest tests[] = {
        T(test_power_requests_are_acknowledged),
        T(test_a_scan_captures_the_result_of_the_access_before),
        T(test_a_write_leaves_the_result_of_the_read_before),
        T(test_select_keeps_only_the_fields_it_has),
        T(test_an_ap_access_without_power_sets_stickyerr),
        T(test_a_bus_error_sets_stickyerr_and_discards_what_follows),
        T(test_a_stalled_read_makes_every_scan_wait_and_then_delivers_once),
        T(test_a_stalled_write_lands_once),
        T(test_a_stalled_access_can_still_fail),
        T(test_with_overrun_detection_a_wait_discards_what_is_queued_behind),
        T(test_dapabort_drops_a_stalled_access),
        T(test_injected_waits_hit_ap_scans_only_and_keep_the_result_before),
    };
#undef T
    return cmocka_run_group_tests_name("dp", tests, NULL, NULL);
}

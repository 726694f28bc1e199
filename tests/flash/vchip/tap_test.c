/* The TAP controllers, pin by pin. */
#include "tests/flash/vchip/scan.h"

static void test_reset_selects_idcode_in_both_taps(void **state)
{
    (void)state;
    assert_int_equal(dr_scan(64, 0), UINT64_C(0x064150414BA00477));
}

static void test_five_tms_ones_reach_reset_from_every_state(void **state)
{
    /* the shortest way from Run-Test/Idle to each of the 16 states */
    static const char *const way[] = { "",    "1",  "10",  "100",  "101",  "1010",  "10101",  "1011",
                                       "111", "11", "110", "1100", "1101", "11010", "110101", "11011" };

    (void)state;
    for (size_t i = 0; i < sizeof way / sizeof *way; i++) {
        ir_scan(BS_BYPASS, IR_BYPASS);
        tms_path(way[i]);
        tms_path("111110");
        assert_int_equal(dr_scan(64, 0), UINT64_C(0x064150414BA00477));
    }
}

static void test_four_tms_ones_do_not_reset_from_shift_dr(void **state)
{
    (void)state;
    ir_scan(BS_BYPASS, IR_BYPASS);
    tms_path("1001111"); /* Shift-DR, Exit1, Update, Select-DR, Select-IR */
    tms_path("00110");   /* Capture-IR, Shift-IR, Exit1, Update, Idle */
    assert_int_not_equal(dr_scan(64, 0), UINT64_C(0x064150414BA00477));
}

static void test_ir_capture_is_one_in_both_taps(void **state)
{
    (void)state;
    assert_int_equal(ir_scan(BS_BYPASS, IR_BYPASS), 1 << 4 | 1);
}

static void test_bypass_of_both_taps_is_two_bits_long(void **state)
{
    (void)state;
    ir_scan(BS_BYPASS, IR_BYPASS);
    assert_int_equal(dr_scan(16, 0x2D5B), (0x2D5B << 2) & 0xFFFF);
}

static void test_unknown_instructions_select_bypass(void **state)
{
    (void)state;
    ir_scan(0x00, 0x0);
    assert_int_equal(dr_scan(16, 0x2D5B), (0x2D5B << 2) & 0xFFFF);
}

static void test_pausing_a_scan_loses_no_bit(void **state)
{
    uint64_t in = 0;

    (void)state;
    tms_path("100");
    for (unsigned i = 0; i < 20; i++)
        in |= (uint64_t)tick(i == 19, false) << i;
    tms_path("000010"); /* Exit1 -> Pause, waits there, Exit2 -> Shift */
    for (unsigned i = 20; i < 64; i++)
        in |= (uint64_t)tick(i == 63, false) << i;
    tms_path("10");
    assert_int_equal(in, UINT64_C(0x064150414BA00477));
}

static void test_pausing_an_instruction_scan_loses_no_bit(void **state)
{
    unsigned in = 0;

    (void)state;
    tms_path("1100");
    for (unsigned i = 0; i < 4; i++)
        in |= (unsigned)tick(i == 3, true) << i;
    tms_path("000010"); /* Exit1 -> Pause, waits there, Exit2 -> Shift */
    for (unsigned i = 4; i < 9; i++)
        in |= (unsigned)tick(i == 8, true) << i;
    tms_path("10");
    assert_int_equal(in, 1 << 4 | 1);
    assert_int_equal(dr_scan(16, 0x2D5B), (0x2D5B << 2) & 0xFFFF); /* both are in BYPASS now */
}

static void test_a_dap_scan_works_with_the_other_tap_in_idcode(void **state)
{
    (void)state;
    power();
    ir_scan(0x01, IR_DPACC);
    tms_path("100"); /* 67 bits: longer than one 64-bit word */
    uint64_t dp = 0, bs = 0;
    for (unsigned i = 0; i < 35; i++)
        dp |= (uint64_t)tick(false, false) << i;
    for (unsigned i = 0; i < 32; i++) /* the DP's access is what goes in last: read CTRL/STAT */
        bs |= (uint64_t)tick(i == 31, false) << i;
    tms_path("10");
    assert_int_equal(dp & 7, OK);
    assert_int_equal(bs, 0x06415041);
}

static void test_tdo_is_pulled_up_outside_the_shift_states(void **state)
{
    (void)state;
    ir_scan(BS_BYPASS, IR_BYPASS);
    /* Idle, Select, Capture | Shift (BYPASS captured 0) | Exit1, Pause, Exit2 | Shift again | Exit1, Update */
    static const char tms[] = "0100"
                              "1"
                              "010"
                              "1"
                              "10",
                      tdo[] = "1111"
                              "0"
                              "111"
                              "0"
                              "11";
    for (size_t i = 0; tms[i] != '\0'; i++)
        assert_int_equal(tick(tms[i] == '1', false), tdo[i] == '1');
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scan_setup, scan_teardown)
    const struct CMUnitTest tests[] = {
        T(test_reset_selects_idcode_in_both_taps),
        T(test_five_tms_ones_reach_reset_from_every_state),
        T(test_four_tms_ones_do_not_reset_from_shift_dr),
        T(test_ir_capture_is_one_in_both_taps),
        T(test_bypass_of_both_taps_is_two_bits_long),
        T(test_unknown_instructions_select_bypass),
        T(test_pausing_a_scan_loses_no_bit),
        T(test_pausing_an_instruction_scan_loses_no_bit),
        T(test_a_dap_scan_works_with_the_other_tap_in_idcode),
        T(test_tdo_is_pulled_up_outside_the_shift_states),
    };
#undef T
    return cmocka_run_group_tests_name("tap", tests, NULL, NULL);
}

/* tests/flash/vchip/debug_test.c - the Cortex-M4 as a debugger sees it: halt, step, breakpoints, vector catch, registers. */
#include "tests/flash/vchip/core_machine.h"

static void boot(struct machine *m, const uint16_t *code, size_t bytes)
{
    machine_load(m, code, bytes);
    core_reset(m->core, true);
}

#define BOOT(m, code) boot(m, code, sizeof code)
#define HALT (DBGKEY | DHCSR_C_HALT | DHCSR_C_DEBUGEN)
#define STEP (DBGKEY | DHCSR_C_STEP | DHCSR_C_DEBUGEN)

static uint32_t get(struct machine *m, uint32_t regsel)
{
    machine_poke(m, DCRSR, regsel);
    return machine_peek(m, DCRDR);
}

static void set(struct machine *m, uint32_t regsel, uint32_t value)
{
    machine_poke(m, DCRDR, value);
    machine_poke(m, DCRSR, regsel | 1 << 16);
}

static const uint16_t work[] = {
    /* main: */
    0x3001, /* adds r0, #1 */
    /* second: */
    0x3101, /* adds r1, #1 */
    0xdf00, /* svc 0 */
    /* third: */
    0xbf00, /* nop */
    /* fourth: */
    0xbf00, /* nop */
    0xbe00, /* bkpt 0x0000 */
    /* handler: */
    0x3501, /* adds r5, #1 */
    0x4770, /* bx lr */
    /* irq: */
    0x3301, /* adds r3, #1 */
    0x4770, /* bx lr */
};
enum { work_second = 0x2, work_third = 0x6, work_fourth = 0x8, work_handler = 0xc, work_irq = 0x10 }; /* byte offsets */

static void test_halt_and_resume(void **state)
{
    struct machine *m = *state;
    BOOT(m, work);
    machine_poke(m, DHCSR, HALT);
    assert_int_equal(m->attached, 1);
    assert_int_equal(core_state(m->core), CORE_HALTED);
    assert_int_equal(core_run(m->core, 10), CORE_HALTED);
    assert_int_equal(get(m, 15), CODE);
    assert_int_equal(machine_peek(m, SCB_DFSR), DFSR_HALTED);
    machine_poke(m, SCB_DFSR, DFSR_HALTED);
    assert_int_equal(machine_peek(m, SCB_DFSR), 0);
    machine_poke(m, DHCSR, DBGKEY | DHCSR_C_DEBUGEN);
    assert_int_equal(core_run(m->core, 2), CORE_RUNNING);
    machine_poke(m, DHCSR, HALT);
    assert_int_equal(m->attached, 1);
    assert_int_equal(get(m, 0), 1);
    assert_int_equal(get(m, 1), 1);
}

static void test_dhcsr_needs_its_key_and_code_cannot_enable_debugging(void **state)
{
    struct machine *m = *state;
    BOOT(m, work);
    machine_poke(m, DHCSR, 0x12340003);
    assert_int_equal(core_state(m->core), CORE_RUNNING);
    assert_int_equal(core_ppb_write(m->core, BUS_CPU_FLASH, DHCSR, 4, HALT), BUS_OK);
    assert_int_equal(core_state(m->core), CORE_RUNNING);
    assert_int_equal(m->attached, 0);
    assert_int_equal(machine_peek(m, DHCSR) & 0xff, 0);
}

static void test_reset_and_retire_flags_clear_when_read(void **state)
{
    struct machine *m = *state;
    BOOT(m, work);
    assert_int_equal(machine_peek(m, DHCSR) & (S_RESET_ST | S_RETIRE_ST), S_RESET_ST);
    assert_int_equal(machine_peek(m, DHCSR) & (S_RESET_ST | S_RETIRE_ST), 0);
    (void)core_run(m->core, 1);
    assert_int_equal(machine_peek(m, DHCSR) & (S_RESET_ST | S_RETIRE_ST), S_RETIRE_ST);
    assert_int_equal(machine_peek(m, DHCSR) & (S_RESET_ST | S_RETIRE_ST), 0);
}

static void test_each_register_goes_round_through_dcrsr(void **state)
{
    struct machine *m = *state;
    static const uint32_t special = 20;
    BOOT(m, work);
    machine_poke(m, DHCSR, HALT);
    for (uint32_t r = 0; r <= 12; r++)
        set(m, r, 0xa0000000 + r);
    set(m, 14, 0xfffffff9);
    set(m, 15, 0x20000100);
    set(m, 16, 0xf1000000);
    set(m, 17, 0x20001000);
    set(m, 18, 0x20002000);
    set(m, special, 0x04016001); /* FPCA, FAULTMASK, BASEPRI 0x60, PRIMASK */
    set(m, 0x21, 0xf0000000);
    for (uint32_t r = 0x40; r <= 0x5f; r++)
        set(m, r, 0xb0000000 + r);
    for (uint32_t r = 0; r <= 12; r++)
        assert_int_equal(get(m, r), 0xa0000000 + r);
    for (uint32_t r = 0x40; r <= 0x5f; r++)
        assert_int_equal(get(m, r), 0xb0000000 + r);
    assert_int_equal(get(m, 13), 0x20001000);
    assert_int_equal(get(m, 14), 0xfffffff9);
    assert_int_equal(get(m, 15), 0x20000100);
    assert_int_equal(get(m, 16), 0xf1000000);
    assert_int_equal(get(m, 17), 0x20001000);
    assert_int_equal(get(m, 18), 0x20002000);
    assert_int_equal(get(m, special), 0x04016001);
    assert_int_equal(get(m, 0x21), 0xf0000000);
    set(m, special, 0x03000000); /* unprivileged on PSP: all of it stays within reach */
    assert_int_equal(get(m, 13), 0x20002000);
    set(m, 13, 0x20003000);
    assert_int_equal(get(m, 18), 0x20003000);
    assert_int_equal(get(m, 17), 0x20001000);
    set(m, special, 0x00000001);
    assert_int_equal(get(m, special), 0x00000001);
    assert_int_equal(get(m, 13), 0x20001000);
}

static void test_dcrsr_does_nothing_while_the_core_runs(void **state)
{
    struct machine *m = *state;
    BOOT(m, work);
    machine_debug(m);
    set(m, 0, 77);
    assert_int_equal(cpu_get(m->cpu, CPU_R0), 0);
}

static void test_step_executes_one_instruction_and_steps_into_an_svc(void **state)
{
    struct machine *m = *state;
    static const uint32_t pc[] = { work_second, work_second + 2, work_handler, work_handler + 2, work_third, work_fourth };
    machine_vector(m, EXC_SVCALL, work_handler);
    BOOT(m, work);
    machine_poke(m, DHCSR, HALT);
    for (size_t i = 0; i < sizeof pc / sizeof *pc; i++) {
        machine_poke(m, SCB_DFSR, 0x1f);
        machine_poke(m, DHCSR, STEP);
        assert_int_equal(core_state(m->core), CORE_HALTED);
        assert_int_equal(machine_peek(m, SCB_DFSR), DFSR_HALTED);
        assert_int_equal(get(m, 15), CODE + pc[i]);
    }
    assert_int_equal(get(m, 5), 1);
}

static void test_step_with_interrupts_masked_stays_in_the_program(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_IRQ0 + 2, work_irq);
    BOOT(m, work);
    machine_poke(m, DHCSR, HALT);
    machine_poke(m, 0xe000e100, 4);
    core_irq(m->core, 2, true);
    machine_poke(m, DHCSR, HALT | DHCSR_C_MASKINTS);
    machine_poke(m, DHCSR, STEP | DHCSR_C_MASKINTS);
    assert_int_equal(get(m, 15), CODE + work_second);
    machine_poke(m, DHCSR, HALT);
    machine_poke(m, DHCSR, STEP);
    assert_int_equal(get(m, 15), CODE + work_irq);
    assert_int_equal(get(m, 3), 0);
    assert_int_equal(get(m, 16) & 0x1ff, EXC_IRQ0 + 2);
}

static void test_bkpt_halts_with_pc_at_it(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_SVCALL, work_handler);
    BOOT(m, work);
    machine_debug(m);
    assert_int_equal(core_run(m->core, 1000), CORE_HALTED);
    assert_int_equal(get(m, 15), CODE + work_fourth + 2);
    assert_int_equal(machine_peek(m, SCB_DFSR), DFSR_BKPT);
    assert_true((machine_peek(m, DHCSR) & (S_HALT | DHCSR_C_HALT)) == (S_HALT | DHCSR_C_HALT));
}

static void test_hardware_breakpoint_in_either_half_of_a_word(void **state)
{
    struct machine *m = *state;
    static const struct {
        uint32_t comp, pc;
    } row[] = { { 1u << 30, 0 }, { 2u << 30, 2 }, { 3u << 30, 0 } };
    machine_vector(m, EXC_SVCALL, work_handler);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        BOOT(m, work);
        machine_debug(m);
        machine_poke(m, 0xe0002008, row[i].comp | CODE | 1);
        machine_poke(m, 0xe0002000, 1); /* no key: stays off */
        assert_int_equal(machine_peek(m, 0xe0002000), 0x260);
        machine_poke(m, 0xe0002000, 3);
        assert_int_equal(machine_peek(m, 0xe0002000), 0x261);
        assert_int_equal(core_run(m->core, 1000), CORE_HALTED);
        assert_int_equal(get(m, 15), CODE + row[i].pc);
        assert_int_equal(machine_peek(m, SCB_DFSR), DFSR_BKPT);
        machine_poke(m, 0xe0002008, 0);
        machine_poke(m, DHCSR, DBGKEY | DHCSR_C_DEBUGEN);
        assert_int_equal(core_run(m->core, 1000), CORE_HALTED);
        assert_int_equal(get(m, 15), CODE + work_fourth + 2); /* the BKPT */
    }
}

static void test_breakpoints_outlive_a_system_reset_and_not_a_power_cycle(void **state)
{
    struct machine *m = *state;
    BOOT(m, work);
    machine_debug(m);
    machine_poke(m, 0xe0002008, 2u << 30 | CODE | 1);
    machine_poke(m, 0xe0002000, 3);
    core_reset(m->core, false);
    assert_int_equal(core_run(m->core, 1000), CORE_HALTED);
    assert_int_equal(get(m, 15), CODE + 2);
    core_reset(m->core, true);
    assert_int_equal(core_run(m->core, 2), CORE_RUNNING);
    assert_int_equal(machine_peek(m, 0xe0002008), 0);
    assert_int_equal(machine_peek(m, DHCSR) & 0xff, 0);
}

static void test_vector_catch_halts_at_the_reset_vector(void **state)
{
    struct machine *m = *state;
    BOOT(m, work);
    machine_debug(m);
    machine_poke(m, DEMCR, DEMCR_VC_CORERESET);
    (void)core_run(m->core, 2);
    machine_poke(m, SCB_DFSR, 0x1f);
    machine_poke(m, 0xe000ed0c, 0x05fa0004);
    assert_int_equal(m->resets, 1);
    assert_int_equal(core_state(m->core), CORE_HALTED);
    assert_int_equal(machine_peek(m, SCB_DFSR), DFSR_VCATCH);
    assert_true((machine_peek(m, DHCSR) & S_RESET_ST) != 0);
    assert_int_equal(get(m, 15), CODE);
    assert_int_equal(get(m, 13), STACK);
    assert_int_equal(machine_peek(m, DEMCR), DEMCR_VC_CORERESET);
}

static void test_a_system_reset_without_vector_catch_runs(void **state)
{
    struct machine *m = *state;
    BOOT(m, work);
    machine_poke(m, DHCSR, HALT);
    machine_poke(m, 0xe000ed0c, 0x05fa0004);
    assert_int_equal(core_run(m->core, 1), CORE_RUNNING);
    assert_int_equal(machine_peek(m, DHCSR) & 0xff, DHCSR_C_DEBUGEN);
}

static const uint16_t crash[] = {
    /* handler-0x2: */
    0xde00, /* udf #0 */
    /* handler: */
    0xe7fe, /* b.n handler */
};
enum { crash_handler = 0x2 }; /* byte offsets */

static void test_vector_catch_halts_at_the_first_instruction_of_hardfault(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_HARDFAULT, crash_handler);
    BOOT(m, crash);
    machine_debug(m);
    machine_poke(m, DEMCR, DEMCR_VC_HARDERR);
    assert_int_equal(core_run(m->core, 100), CORE_HALTED);
    assert_int_equal(get(m, 15), CODE + crash_handler);
    assert_int_equal(machine_peek(m, SCB_DFSR), DFSR_VCATCH);
}

static void test_blank_vectors_lock_up_and_the_debugger_clears_it(void **state)
{
    struct machine *m = *state;
    memset(m->flash, 0xff, MACHINE_MEM);
    core_reset(m->core, true);
    assert_int_equal(core_run(m->core, 100), CORE_LOCKUP);
    assert_true((machine_peek(m, DHCSR) & S_LOCKUP) != 0);
    machine_poke(m, DHCSR, HALT);
    assert_int_equal(core_state(m->core), CORE_HALTED);
    assert_int_equal(machine_peek(m, DHCSR) & (S_LOCKUP | S_HALT), S_HALT);
    /* a loader can be run from here, as OpenOCD does */
    memcpy(m->ram + 0x100, work, sizeof work);
    set(m, 16, 0x01000000);
    set(m, 13, STACK);
    set(m, 15, RAM + 0x100 + work_fourth);
    machine_poke(m, DHCSR, DBGKEY | DHCSR_C_DEBUGEN);
    assert_int_equal(core_run(m->core, 100), CORE_HALTED);
    assert_int_equal(get(m, 15), RAM + 0x100 + work_fourth + 2);
}

static void test_systick_stands_still_while_halted(void **state)
{
    struct machine *m = *state;
    BOOT(m, work);
    machine_poke(m, 0xe000e014, 0xffff);
    machine_poke(m, 0xe000e018, 0);
    machine_poke(m, 0xe000e010, 5);
    m->slept_ns += 10000; /* 160 cycles */
    machine_poke(m, DHCSR, HALT);
    assert_int_equal(machine_peek(m, 0xe000e018), 0x10000 - 160);
    m->slept_ns += 1000000;
    assert_int_equal(machine_peek(m, 0xe000e018), 0x10000 - 160);
    machine_poke(m, DHCSR, DBGKEY | DHCSR_C_DEBUGEN);
    m->slept_ns += 10000;
    assert_int_equal(machine_peek(m, 0xe000e018), 0x10000 - 320);
}

static void test_cyccnt_counts_core_cycles(void **state)
{
    struct machine *m = *state;
    BOOT(m, work);
    machine_poke(m, 0xe0001004, 100);
    m->slept_ns += 10000;
    assert_int_equal(machine_peek(m, 0xe0001004), 100);
    machine_poke(m, 0xe0001000, 1);
    m->slept_ns += 10000;
    assert_int_equal(machine_peek(m, 0xe0001004), 260);
}

static const uint16_t snooze[] = {
    /* .text: */
    0xbf30, /* wfi */
    0xbf00, /* nop */
    0xbf00, /* nop */
};

static void test_halting_wakes_a_sleeping_core_and_stepping_passes_wfi(void **state)
{
    struct machine *m = *state;
    BOOT(m, snooze);
    assert_int_equal(core_run(m->core, 10), CORE_SLEEPING);
    machine_poke(m, DHCSR, HALT);
    assert_int_equal(machine_peek(m, DHCSR) & (S_SLEEP | S_HALT), S_HALT);
    assert_int_equal(get(m, 15), CODE + 2);
    set(m, 15, CODE);
    machine_poke(m, DHCSR, STEP);
    machine_poke(m, DHCSR, STEP);
    assert_int_equal(get(m, 15), CODE + 4);
}

static void test_trace_blocks_keep_what_is_written_and_absent_ones_fault(void **state)
{
    struct machine *m = *state;
    uint32_t v;
    BOOT(m, work);
    machine_poke(m, 0xe0000e80, 0x1f);
    assert_int_equal(machine_peek(m, 0xe0000e80), 0x1f);
    machine_poke(m, 0xe0040304, 0x102);
    assert_int_equal(machine_peek(m, 0xe0040304), 0x102);
    machine_poke(m, 0xe0001020, RAM);
    assert_int_equal(machine_peek(m, 0xe0001020), RAM);
    assert_int_equal(core_ppb_read(m->core, BUS_DEBUG, 0xe0050000, 4, &v), BUS_FAULT);
    assert_int_equal(core_ppb_write(m->core, BUS_DEBUG, 0xe0050000, 4, 0), BUS_FAULT);
}

static void test_nvic_registers_keep_to_their_96_interrupts(void **state)
{
    struct machine *m = *state;
    uint32_t v = 0;
    BOOT(m, work);
    assert_int_equal(machine_peek(m, 0xe000e004), 2);
    for (unsigned w = 0; w < 8; w++) {
        machine_poke(m, 0xe000e100 + 4 * w, 0xffffffff);
        assert_int_equal(machine_peek(m, 0xe000e100 + 4 * w), w < 3 ? 0xffffffff : 0);
        machine_poke(m, 0xe000e180 + 4 * w, 0x0f0f0f0f);
        assert_int_equal(machine_peek(m, 0xe000e180 + 4 * w), w < 3 ? 0xf0f0f0f0 : 0);
        machine_poke(m, 0xe000e200 + 4 * w, 0xffffffff);
        machine_poke(m, 0xe000e280 + 4 * w, 0xffff0000);
        assert_int_equal(machine_peek(m, 0xe000e200 + 4 * w), w < 3 ? 0x0000ffff : 0);
    }
    for (unsigned i = 0; i < 240; i++) {
        assert_int_equal(core_ppb_write(m->core, BUS_DEBUG, 0xe000e400 + i, 1, 0xab), BUS_OK);
        assert_int_equal(core_ppb_read(m->core, BUS_DEBUG, 0xe000e400 + i, 1, &v), BUS_OK);
        assert_int_equal(v, i < 96 ? 0xa0 : 0);
    }
    machine_poke(m, 0xe000ef00, 20); /* STIR */
    assert_int_equal(machine_peek(m, 0xe000e200) >> 20 & 1, 1);
}

static void test_identity_registers_are_those_of_a_cortex_m4f(void **state)
{
    struct machine *m = *state;
    static const struct {
        uint32_t addr, value;
    } row[] = { { 0xe000ed00, 0x410fc241 }, { 0xe000ef40, 0x10110021 }, { 0xe000ef44, 0x11000011 },
                { 0xe00ff000, 0xfff0f003 }, { 0xe00ffff0, 0x0d },       { 0xe00ffff4, 0x10 },
                { 0xe00ffff8, 0x05 },       { 0xe00ffffc, 0xb1 },       { 0xe00fffe0, 0x15 },
                { 0xe00fffe4, 0x04 },       { 0xe00fffe8, 0x0a },       { 0xe000eff4, 0xe0 },
                { 0xe000efe0, 0x0c },       { 0xe000efe4, 0xb0 },       { 0xe000efe8, 0x0b },
                { 0xe000efd0, 0x04 },       { 0xe0002000, 0x260 },      { 0xe0001000, 0x40000000 } };
    BOOT(m, work);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        assert_int_equal(machine_peek(m, row[i].addr), row[i].value);
}

#define T(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_halt_and_resume),
        T(test_dhcsr_needs_its_key_and_code_cannot_enable_debugging),
        T(test_reset_and_retire_flags_clear_when_read),
        T(test_each_register_goes_round_through_dcrsr),
        T(test_dcrsr_does_nothing_while_the_core_runs),
        T(test_step_executes_one_instruction_and_steps_into_an_svc),
        T(test_step_with_interrupts_masked_stays_in_the_program),
        T(test_bkpt_halts_with_pc_at_it),
        T(test_hardware_breakpoint_in_either_half_of_a_word),
        T(test_breakpoints_outlive_a_system_reset_and_not_a_power_cycle),
        T(test_vector_catch_halts_at_the_reset_vector),
        T(test_a_system_reset_without_vector_catch_runs),
        T(test_vector_catch_halts_at_the_first_instruction_of_hardfault),
        T(test_blank_vectors_lock_up_and_the_debugger_clears_it),
        T(test_systick_stands_still_while_halted),
        T(test_cyccnt_counts_core_cycles),
        T(test_halting_wakes_a_sleeping_core_and_stepping_passes_wfi),
        T(test_trace_blocks_keep_what_is_written_and_absent_ones_fault),
        T(test_nvic_registers_keep_to_their_96_interrupts),
        T(test_identity_registers_are_those_of_a_cortex_m4f),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/flash/vchip/fault_test.c - what the Cortex-M4 does when firmware goes wrong, and its FPU.
 * Programs are Thumb opcodes with their assembly beside them. */
#include "tests/flash/vchip/core_machine.h"

static void assert_ram(struct machine *m, uint32_t off, uint32_t want)
{
    assert_int_equal(machine_ram(m, off), want);
}

static void boot(struct machine *m, const uint16_t *code, size_t bytes)
{
    machine_load(m, code, bytes);
    core_reset(m->core, true);
}

#define BOOT(m, code) boot(m, code, sizeof code)

static void run_until_bkpt(struct machine *m)
{
    machine_debug(m);
    for (unsigned i = 0; i < 1000 && core_state(m->core) != CORE_HALTED; i++)
        (void)core_run(m->core, 1000);
    assert_int_equal(core_state(m->core), CORE_HALTED);
}

static const uint16_t user_ppb[] = {
    /* handler-0x10: */
    0x2001,         /* movs r0, #1 */
    0xf380, 0x8814, /* msr CONTROL, r0 */
    0xf3bf, 0x8f6f, /* isb sy */
    0x4802,         /* ldr r0, [pc, #8] */
    0x6801,         /* ldr r1, [r0, #0] */
    0xbf00,         /* nop */
    /* handler: */
    0xbe00,         /* bkpt 0x0000 */
    0x0000,         /* .short 0x0000 */
    0xed00, 0xe000, /* .word 0xe000ed00 */
};
enum { user_ppb_handler = 0x10 }; /* byte offsets */

static void test_unprivileged_code_gets_a_bus_fault_from_system_registers(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_HARDFAULT, user_ppb_handler);
    BOOT(m, user_ppb);
    run_until_bkpt(m);
    assert_int_equal(machine_peek(m, SCB_CFSR), CFSR_PRECISERR | CFSR_BFARVALID);
    assert_int_equal(machine_peek(m, SCB_BFAR), 0xe000ed00);
}

static const uint16_t undefined[] = {
    /* bad-0x6: */
    0xf04f, 0x5400, /* mov.w r4, #536870912 */
    0x2005,         /* movs r0, #5 */
    /* bad: */
    0xde03, /* udf #3 */
    0x6020, /* str r0, [r4, #0] */
    0xbe00, /* bkpt 0x0000 */
    /* handler: */
    0xf3ef, 0x8105, /* mrs r1, IPSR */
    0x6061,         /* str r1, [r4, #4] */
    0x9a06,         /* ldr r2, [sp, #24] */
    0x60a2,         /* str r2, [r4, #8] */
    0x3202,         /* adds r2, #2 */
    0x9206,         /* str r2, [sp, #24] */
    0x4770,         /* bx lr */
};
enum { undefined_bad = 0x6, undefined_handler = 0xc }; /* byte offsets */

static void test_udf_is_a_hardfault_that_returns_to_the_stacked_pc(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_HARDFAULT, undefined_handler);
    BOOT(m, undefined);
    run_until_bkpt(m);
    assert_ram(m, 0, 5);
    assert_ram(m, 4, EXC_HARDFAULT);
    assert_ram(m, 8, CODE + undefined_bad);
    assert_int_equal(machine_peek(m, SCB_HFSR), 0x40000000);
    assert_int_equal(machine_peek(m, SCB_CFSR), CFSR_UNDEFINSTR);
    machine_poke(m, SCB_CFSR, 0xffffffff);
    machine_poke(m, SCB_HFSR, 0xffffffff);
    assert_int_equal(machine_peek(m, SCB_CFSR) | machine_peek(m, SCB_HFSR), 0);
}

static void test_udf_is_a_usagefault_when_that_is_enabled(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_USAGEFAULT, undefined_handler);
    BOOT(m, undefined);
    machine_poke(m, SCB_SHCSR, 1 << 18);
    run_until_bkpt(m);
    assert_ram(m, 0, 5);
    assert_ram(m, 4, EXC_USAGEFAULT);
    assert_int_equal(machine_peek(m, SCB_HFSR), 0);
}

static const uint16_t bus[] = {
    /* bad-0xa: */
    0xf04f, 0x5400, /* mov.w r4, #536870912 */
    0x4806,         /* ldr r0, [pc, #24] */
    0xf241, 0x2534, /* movw r5, #4660 */
    /* bad: */
    0x6805, /* ldr r5, [r0, #0] */
    0x6025, /* str r5, [r4, #0] */
    0xbe00, /* bkpt 0x0000 */
    /* handler: */
    0xf3ef, 0x8105, /* mrs r1, IPSR */
    0x6061,         /* str r1, [r4, #4] */
    0x9a06,         /* ldr r2, [sp, #24] */
    0x60a2,         /* str r2, [r4, #8] */
    0x3202,         /* adds r2, #2 */
    0x9206,         /* str r2, [sp, #24] */
    0x4770,         /* bx lr */
    0x0010, 0x6000, /* .word 0x60000010 */
};
enum { bus_bad = 0xa, bus_handler = 0x10 }; /* byte offsets */

static void test_bus_fault_is_precise_and_names_its_address(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_BUSFAULT, bus_handler);
    BOOT(m, bus);
    machine_poke(m, SCB_SHCSR, 1 << 17);
    run_until_bkpt(m);
    assert_ram(m, 0, 0x1234);
    assert_ram(m, 4, EXC_BUSFAULT);
    assert_ram(m, 8, CODE + bus_bad);
    assert_int_equal(machine_peek(m, SCB_CFSR), CFSR_PRECISERR | CFSR_BFARVALID);
    assert_int_equal(machine_peek(m, SCB_BFAR), 0x60000010);
}

static const uint16_t leap[] = {
    /* handler-0x2: */
    0x4700, /* bx r0 */
    /* handler: */
    0x9c06, /* ldr r4, [sp, #24] */
    0xbe00, /* bkpt 0x0000 */
};
enum { leap_handler = 0x2 }; /* byte offsets */

static void test_fetch_faults_are_told_apart_by_where_they_went(void **state)
{
    struct machine *m = *state;
    static const struct {
        uint32_t to, cfsr;
    } row[] = { { 0x60000001, CFSR_IBUSERR },
                { 0x40000001, CFSR_IACCVIOL },
                { 0xfffffff9, CFSR_IACCVIOL },
                { 0x20000100, CFSR_INVSTATE } };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        machine_vector(m, EXC_HARDFAULT, leap_handler);
        BOOT(m, leap);
        cpu_set(m->cpu, CPU_R0, row[i].to);
        run_until_bkpt(m);
        assert_int_equal(machine_peek(m, SCB_CFSR), row[i].cfsr);
        assert_int_equal(cpu_get(m->cpu, CPU_R0 + 4), row[i].to & ~1u);
        assert_int_equal(cpu_get(m->cpu, CPU_XPSR) & 0x1ff, EXC_HARDFAULT);
    }
}

static const uint16_t bad_return[] = {
    /* handler-0x4: */
    0xdf00, /* svc 0 */
    0xbf00, /* nop */
    /* handler: */
    0xf06f, 0x000e, /* mvn.w r0, #14 */
    0x4700,         /* bx r0 */
    /* hard: */
    0xbe00, /* bkpt 0x0000 */
};
enum { bad_return_handler = 0x4, bad_return_hard = 0xa }; /* byte offsets */

static void test_an_exception_return_to_nowhere_is_a_usage_fault(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_SVCALL, bad_return_handler);
    machine_vector(m, EXC_HARDFAULT, bad_return_hard);
    BOOT(m, bad_return);
    run_until_bkpt(m);
    assert_int_equal(machine_peek(m, SCB_CFSR), CFSR_INVPC);
}

static const uint16_t no_stack[] = {
    /* hard-0x8: */
    0x4802, /* ldr r0, [pc, #8] */
    0x4685, /* mov sp, r0 */
    0xdf00, /* svc 0 */
    0xbf00, /* nop */
    /* hard: */
    0xbe00,         /* bkpt 0x0000 */
    0x0000,         /* .short 0x0000 */
    0x0100, 0x6000, /* .word 0x60000100 */
};
enum { no_stack_hard = 0x8 }; /* byte offsets */

static void test_a_stack_that_cannot_be_written_is_a_stacking_fault(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_HARDFAULT, no_stack_hard);
    BOOT(m, no_stack);
    run_until_bkpt(m);
    assert_int_equal(machine_peek(m, SCB_CFSR), CFSR_STKERR);
    assert_int_equal(machine_peek(m, SCB_HFSR), 0x40000000);
}

static const uint16_t fpu[] = {
    /* handler-0x3e: */
    0xf04f, 0x5400, /* mov.w r4, #536870912 */
    0x4815,         /* ldr r0, [pc, #84] */
    0xf44f, 0x0170, /* mov.w r1, #15728640 */
    0x6001,         /* str r1, [r0, #0] */
    0xf3bf, 0x8f4f, /* dsb sy */
    0xf3bf, 0x8f6f, /* isb sy */
    0xeeb7, 0x0a08, /* vmov.f32 s0, #120 */
    0xeef0, 0x0a00, /* vmov.f32 s1, #0 */
    0xeef0, 0x7a08, /* vmov.f32 s15, #8 */
    0xeeb1, 0x8a00, /* vmov.f32 s16, #16 */
    0xdf00,         /* svc 0 */
    0xee20, 0x1a20, /* vmul.f32 s2, s0, s1 */
    0xee31, 0x1a27, /* vadd.f32 s2, s2, s15 */
    0xee31, 0x1a08, /* vadd.f32 s2, s2, s16 */
    0xed84, 0x1a00, /* vstr s2, [r4] */
    0xf3ef, 0x8014, /* mrs r0, CONTROL */
    0x6060,         /* str r0, [r4, #4] */
    0xbe00,         /* bkpt 0x0000 */
    /* handler: */
    0xf8c4, 0xe008, /* str.w lr, [r4, #8] */
    0xf3ef, 0x8014, /* mrs r0, CONTROL */
    0x60e0,         /* str r0, [r4, #12] */
    0x4668,         /* mov r0, sp */
    0x6120,         /* str r0, [r4, #16] */
    0xeeb1, 0x0a0c, /* vmov.f32 s0, #28 */
    0xeef2, 0x0a00, /* vmov.f32 s1, #32 */
    0xeef2, 0x7a02, /* vmov.f32 s15, #34 */
    0x4770,         /* bx lr */
    0x0000,         /* .short 0x0000 */
    0xed88, 0xe000, /* .word 0xe000ed88 */
};
enum { fpu_handler = 0x3e }; /* byte offsets */

static void test_fpu_registers_survive_an_exception_that_uses_the_fpu(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_SVCALL, fpu_handler);
    BOOT(m, fpu);
    run_until_bkpt(m);
    assert_ram(m, 0, 0x41200000); /* 1.5 * 2 + 3 + 4 = 10 */
    assert_ram(m, 4, 4);
    assert_ram(m, 8, 0xffffffe9);
    assert_ram(m, 12, 0);
    assert_ram(m, 16, STACK - 0x68);
}

static const uint16_t no_fpu[] = {
    /* bad: */
    0xeeb7, 0x0a08, /* vmov.f32 s0, #120 */
    0xbf00,         /* nop */
    /* handler: */
    0xbe00, /* bkpt 0x0000 */
};
enum { no_fpu_bad = 0x0, no_fpu_handler = 0x6 }; /* byte offsets */

static void test_floating_point_without_cpacr_is_a_nocp_usage_fault(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_HARDFAULT, no_fpu_handler);
    BOOT(m, no_fpu);
    run_until_bkpt(m);
    assert_int_equal(machine_peek(m, SCB_CFSR), CFSR_NOCP);
}

static const uint16_t breakpoint[] = {
    /* handler-0x4: */
    0xbe00, /* bkpt 0x0000 */
    0xbf00, /* nop */
    /* handler: */
    0xe7fe, /* b.n handler */
};
enum { breakpoint_handler = 0x4 }; /* byte offsets */

static void test_bkpt_without_a_debugger_is_a_hardfault(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_HARDFAULT, breakpoint_handler);
    BOOT(m, breakpoint);
    assert_int_equal(core_run(m->core, 10), CORE_RUNNING);
    assert_int_equal(cpu_get(m->cpu, CPU_PC), CODE + breakpoint_handler);
    assert_int_equal(machine_peek(m, SCB_HFSR), 0x80000000);
}

static const uint16_t double_fault[] = {
    /* handler-0x2: */
    0xde00, /* udf #0 */
    /* handler: */
    0xde01, /* udf #1 */
};
enum { double_fault_handler = 0x2 }; /* byte offsets */

static void test_a_fault_in_the_hardfault_handler_locks_up(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_HARDFAULT, double_fault_handler);
    BOOT(m, double_fault);
    assert_int_equal(core_run(m->core, 100), CORE_LOCKUP);
    assert_int_equal(core_run(m->core, 100), CORE_LOCKUP);
    assert_true((machine_peek(m, DHCSR) & S_LOCKUP) != 0);
    core_reset(m->core, false);
    assert_int_equal(core_state(m->core), CORE_RUNNING);
}

#define T(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_unprivileged_code_gets_a_bus_fault_from_system_registers),
        T(test_udf_is_a_hardfault_that_returns_to_the_stacked_pc),
        T(test_udf_is_a_usagefault_when_that_is_enabled),
        T(test_bus_fault_is_precise_and_names_its_address),
        T(test_fetch_faults_are_told_apart_by_where_they_went),
        T(test_an_exception_return_to_nowhere_is_a_usage_fault),
        T(test_a_stack_that_cannot_be_written_is_a_stacking_fault),
        T(test_fpu_registers_survive_an_exception_that_uses_the_fpu),
        T(test_floating_point_without_cpacr_is_a_nocp_usage_fault),
        T(test_bkpt_without_a_debugger_is_a_hardfault),
        T(test_a_fault_in_the_hardfault_handler_locks_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

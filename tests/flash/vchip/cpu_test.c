/* tests/flash/vchip/cpu_test.c - the executor alone: registers, stops, faults, speed.
 * Programs are Thumb opcodes with their assembly beside them. */
#include <stdio.h>
#include <time.h>

#include "tests/flash/vchip/cpu_machine.h"

static const uint16_t count_up[] = {
    /* main: */
    0x3001, /* adds r0, #1 */
    0x3102, /* adds r1, #2 */
    0xe7fc, /* b.n main */
};

static void test_run_executes_exactly_n_instructions(void **state)
{
    struct cpu_machine *m = *state;
    LOAD(m, FLASH, count_up);
    for (unsigned n = 1; n < 50; n++) {
        uint64_t before = cpu_instructions(m->cpu);
        assert_int_equal(cpu_run(m->cpu, n), CPU_QUOTA);
        assert_int_equal(cpu_instructions(m->cpu) - before, n);
    }
    assert_reg(m, CPU_R0, (49 * 50 / 2 + 2) / 3);
}

static void test_zero_instructions_change_nothing(void **state)
{
    struct cpu_machine *m = *state;
    LOAD(m, FLASH, count_up);
    assert_int_equal(cpu_run(m->cpu, 0), CPU_QUOTA);
    assert_reg(m, CPU_PC, FLASH);
    assert_reg(m, CPU_R0, 0);
}

static void test_each_register_reads_back_what_was_set(void **state)
{
    struct cpu_machine *m = *state;
    static const struct {
        enum cpu_reg r;
        uint32_t v;
    } reg[] = { { CPU_SP, 0x20001000 },  { CPU_LR, 0x12345678 },  { CPU_PC, RAM },          { CPU_XPSR, 0xf9000000 },
                { CPU_MSP, 0x20002000 }, { CPU_PSP, 0x20003000 }, { CPU_CONTROL, 4 },       { CPU_FAULTMASK, 1 },
                { CPU_BASEPRI, 0x50 },   { CPU_PRIMASK, 1 },      { CPU_FPSCR, 0xf0000000 } };
    for (size_t i = 0; i < sizeof reg / sizeof *reg; i++) {
        cpu_set(m->cpu, reg[i].r, reg[i].v);
        assert_reg(m, reg[i].r, reg[i].v);
    }
    for (unsigned i = 0; i < 13; i++)
        cpu_set(m->cpu, (enum cpu_reg)(CPU_R0 + i), 0x1000 + i);
    for (unsigned i = 0; i < 32; i++)
        cpu_set(m->cpu, (enum cpu_reg)(CPU_S0 + i), 0x2000 + i);
    for (unsigned i = 0; i < 13; i++)
        assert_reg(m, (enum cpu_reg)(CPU_R0 + i), 0x1000 + i);
    for (unsigned i = 0; i < 32; i++)
        assert_reg(m, (enum cpu_reg)(CPU_S0 + i), 0x2000 + i);
}

static void test_sp_is_the_bank_that_mode_and_spsel_name(void **state)
{
    struct cpu_machine *m = *state;
    cpu_set(m->cpu, CPU_MSP, 0x20001000);
    cpu_set(m->cpu, CPU_PSP, 0x20002000);
    assert_reg(m, CPU_SP, 0x20001000);
    cpu_set(m->cpu, CPU_CONTROL, 3); /* unprivileged, PSP */
    assert_reg(m, CPU_SP, 0x20002000);
    assert_reg(m, CPU_MSP, 0x20001000);
    cpu_set(m->cpu, CPU_PRIMASK, 1);
    assert_reg(m, CPU_PRIMASK, 1);
    cpu_set(m->cpu, CPU_XPSR, XPSR_T | HANDLER);
    assert_reg(m, CPU_SP, 0x20001000);
    assert_reg(m, CPU_PSP, 0x20002000);
    cpu_set(m->cpu, CPU_XPSR, XPSR_T);
    assert_reg(m, CPU_SP, 0x20002000);
    cpu_set(m->cpu, CPU_CONTROL, 0);
    assert_reg(m, CPU_SP, 0x20001000);
    assert_reg(m, CPU_PSP, 0x20002000);
}

static const uint16_t stops[] = {
    /* bkpt-0x2: */
    0xbf00, /* nop */
    /* bkpt: */
    0xbe00, /* bkpt 0x0000 */
    /* svc: */
    0xdf05, /* svc 5 */
    /* wfi: */
    0xbf30, /* wfi */
    /* wfiw: */
    0xf3af, 0x8003, /* wfi.w */
    /* udf: */
    0xde01, /* udf #1 */
    /* wfe: */
    0xbf20, /* wfe */
    0xbf40, /* sev */
    0xbf10, /* yield */
    0x2709, /* movs r7, #9 */
    /* exc: */
    0x4770, /* bx lr */
};
enum {
    stops_bkpt = 0x2,
    stops_svc = 0x4,
    stops_wfi = 0x6,
    stops_wfiw = 0x8,
    stops_udf = 0xc,
    stops_wfe = 0xe,
    stops_exc = 0x16
}; /* byte offsets */

static void test_stop_reasons_leave_pc_where_the_contract_says(void **state)
{
    struct cpu_machine *m = *state;
    static const struct {
        uint32_t at, pc;
        enum cpu_stop stop;
    } row[] = { { stops_bkpt, stops_bkpt, CPU_BKPT },
                { stops_svc, stops_svc + 2, CPU_SVC },
                { stops_wfi, stops_wfi + 2, CPU_WFI },
                { stops_wfiw, stops_wfiw + 4, CPU_WFI },
                { stops_udf, stops_udf, CPU_UNDEFINED } };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        LOAD(m, RAM, stops);
        cpu_set(m->cpu, CPU_PC, RAM + row[i].at);
        assert_int_equal(cpu_run(m->cpu, 10), row[i].stop);
        assert_reg(m, CPU_PC, RAM + row[i].pc);
    }
}

static void test_wfe_sev_and_yield_are_nops(void **state)
{
    struct cpu_machine *m = *state;
    LOAD(m, RAM, stops);
    cpu_set(m->cpu, CPU_PC, RAM + stops_wfe);
    assert_int_equal(cpu_run(m->cpu, 4), CPU_QUOTA);
    assert_reg(m, CPU_PC, RAM + stops_exc);
    assert_reg(m, CPU_R0 + 7, 9);
}

static void test_exc_return_is_one_in_handler_mode_only(void **state)
{
    struct cpu_machine *m = *state;
    static const uint32_t value[] = { 0xfffffff1, 0xfffffff9, 0xfffffffd, 0xffffffe1, 0xffffffe9, 0xffffffed };
    for (size_t i = 0; i < sizeof value / sizeof *value; i++) {
        LOAD(m, RAM, stops);
        cpu_set(m->cpu, CPU_XPSR, XPSR_T | HANDLER);
        cpu_set(m->cpu, CPU_LR, value[i]);
        cpu_set(m->cpu, CPU_PC, RAM + stops_exc);
        assert_int_equal(cpu_run(m->cpu, 10), CPU_EXC_RETURN);
        assert_reg(m, CPU_PC, value[i] & ~1u);
        cpu_set(m->cpu, CPU_XPSR, XPSR_T);
        cpu_set(m->cpu, CPU_PC, RAM + stops_exc);
        assert_int_equal(cpu_run(m->cpu, 10), CPU_FAULT_FETCH);
    }
}

static const uint16_t jump[] = {
    /* .text: */
    0x4700, /* bx r0 */
};

static void test_jumps_to_nowhere_and_to_arm_state_are_told_apart(void **state)
{
    struct cpu_machine *m = *state;
    static const struct {
        uint32_t to, pc;
        enum cpu_stop stop;
    } row[] = { { NOWHERE | 1, NOWHERE, CPU_FAULT_FETCH },
                { DEVICE | 1, DEVICE, CPU_FAULT_FETCH },
                { RAM, RAM, CPU_INVALID_STATE },
                { 0, 0, CPU_INVALID_STATE } };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        LOAD(m, RAM, jump);
        cpu_set(m->cpu, CPU_XPSR, XPSR_T);
        cpu_set(m->cpu, CPU_R0, row[i].to);
        assert_int_equal(cpu_run(m->cpu, 10), row[i].stop);
        assert_reg(m, CPU_PC, row[i].pc);
    }
}

static const uint16_t faults[] = {
    /* load: */
    0x6800, /* ldr r0, [r0, #0] */
    0xbf00, /* nop */
    /* store: */
    0xf840, 0x1b04, /* str.w r1, [r0], #4 */
    0xbf00,         /* nop */
    /* push: */
    0xb430, /* push {r4, r5} */
    0xbf00, /* nop */
    /* block: */
    0x4280, /* cmp r0, r0 */
    0xbf08, /* it eq */
    0x6800, /* ldreq r0, [r0, #0] */
    /* blocked: */
    0xbf00, /* nop */
    /* block4: */
    0x4280, /* cmp r0, r0 */
    0xbf0b, /* itete eq */
    0x2202, /* moveq r2, #2 */
    0x2203, /* movne r2, #3 */
    /* fault4: */
    0x6800, /* ldreq r0, [r0, #0] */
    0x2205, /* movne r2, #5 */
    0xbf00, /* nop */
};
enum {
    faults_load = 0x0,
    faults_store = 0x4,
    faults_push = 0xa,
    faults_block = 0xe,
    faults_blocked = 0x14,
    faults_block4 = 0x16,
    faults_fault4 = 0x1e
}; /* byte offsets */

static void test_a_data_fault_leaves_the_registers_as_before_the_instruction(void **state)
{
    struct cpu_machine *m = *state;
    static const struct {
        uint32_t at, pc, fault, it;
    } row[] = { { faults_load, faults_load, NOWHERE + 8, 0 },
                { faults_store, faults_store, NOWHERE + 8, 0 },
                { faults_push, faults_push, NOWHERE, 0 },
                { faults_block, faults_blocked - 2, NOWHERE + 8, 0x00000800 },
                { faults_block4, faults_fault4, NOWHERE + 8, 0x00000c00 } };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        LOAD(m, FLASH, faults);
        cpu_set(m->cpu, CPU_XPSR, XPSR_T);
        cpu_set(m->cpu, CPU_R0, NOWHERE + 8);
        cpu_set(m->cpu, CPU_SP, NOWHERE + 8);
        cpu_set(m->cpu, CPU_PC, FLASH + row[i].at);
        assert_int_equal(cpu_run(m->cpu, 20), CPU_FAULT_DATA);
        assert_int_equal(cpu_fault_address(m->cpu), row[i].fault);
        assert_reg(m, CPU_PC, FLASH + row[i].pc);
        assert_reg(m, CPU_R0, NOWHERE + 8);
        assert_reg(m, CPU_SP, NOWHERE + 8);
        assert_int_equal(cpu_get(m->cpu, CPU_XPSR) & 0x0600fc00, row[i].it);
    }
}

static const uint16_t unaligned[] = {
    /* .text: */
    0xe850, 0x1f00, /* ldrex r1, [r0] */
};

static void test_unaligned_exclusive_load_stops(void **state)
{
    struct cpu_machine *m = *state;
    LOAD(m, FLASH, unaligned);
    cpu_set(m->cpu, CPU_R0, RAM + 2);
    assert_int_equal(cpu_run(m->cpu, 1), CPU_UNALIGNED);
    assert_reg(m, CPU_PC, FLASH);
}

static const uint16_t device[] = {
    /* .text: */
    0x6001, /* str r1, [r0, #0] */
    0x6802, /* ldr r2, [r0, #0] */
    0x3201, /* adds r2, #1 */
    0xbf00, /* nop */
};

static void test_device_accesses_reach_the_bus_and_a_store_is_done_once(void **state)
{
    struct cpu_machine *m = *state;
    LOAD(m, FLASH, device);
    cpu_set(m->cpu, CPU_R0, DEVICE + 0x10);
    cpu_set(m->cpu, CPU_R0 + 1, 41);
    m->stop_on_write = true;
    assert_int_equal(cpu_run(m->cpu, 100), CPU_QUOTA);
    assert_reg(m, CPU_PC, FLASH + 2);
    assert_int_equal(m->reg, 41);
    assert_int_equal(cpu_run(m->cpu, 2), CPU_QUOTA);
    assert_reg(m, CPU_R0 + 2, 42);
}

static void test_stores_in_an_it_block_are_done_once_wherever_the_run_ends(void **state)
{
    struct cpu_machine *m = *state;
    static const uint16_t code[] = {
        0x2c00, /* cmp r4, #0 */
        0xbf01, /* itttt eq */
        0x6011, /* streq r1, [r2] */
        0x6051, /* streq r1, [r2, #4] */
        0x6091, /* streq r1, [r2, #8] */
        0x60d1, /* streq r1, [r2, #12] */
        0xe7fe, /* b . */
    };
    const uint32_t end = FLASH + 12;

    LOAD(m, FLASH, code);
    for (unsigned n = 1; n < 8; n++) {
        m->n_guarded = 0;
        cpu_set(m->cpu, CPU_PC, FLASH);
        cpu_set(m->cpu, CPU_R0 + 4, 0);
        cpu_set(m->cpu, CPU_R0 + 2, FLASH + 0x800);
        for (int i = 0; i < 10 && cpu_get(m->cpu, CPU_PC) != end; i++)
            assert_int_equal(cpu_run(m->cpu, n), CPU_QUOTA);
        assert_int_equal(m->n_guarded, 4);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(m->guarded[i].addr, FLASH + 0x800 + 4 * i);
    }
}

static void test_breakpoints_stop_before_the_instruction(void **state)
{
    struct cpu_machine *m = *state;
    const uint32_t at = FLASH + 2;
    LOAD(m, FLASH, count_up);
    (void)cpu_run(m->cpu, 30); /* translated before the breakpoint comes */
    cpu_set_breakpoints(m->cpu, &at, 1);
    cpu_set(m->cpu, CPU_PC, FLASH);
    assert_int_equal(cpu_run(m->cpu, 30), CPU_BREAKPOINT);
    assert_reg(m, CPU_PC, at);
    assert_int_equal(cpu_run(m->cpu, 30), CPU_BREAKPOINT);
    assert_reg(m, CPU_PC, at);
    cpu_set_breakpoints(m->cpu, NULL, 0);
    assert_int_equal(cpu_run(m->cpu, 30), CPU_QUOTA);
}

static const uint16_t float_add[] = {
    /* fp-0x2: */
    0xbf00, /* nop */
    /* fp: */
    0xee30, 0x0a20, /* vadd.f32 s0, s0, s1 */
    0xbf00,         /* nop */
};
enum { float_add_fp = 0x2 }; /* byte offsets */

static void test_floating_point_stops_until_it_is_switched_on(void **state)
{
    struct cpu_machine *m = *state;
    LOAD(m, FLASH, float_add);
    cpu_set(m->cpu, CPU_S0, 0x3fc00000);     /* 1.5 */
    cpu_set(m->cpu, CPU_S0 + 1, 0x40100000); /* 2.25 */
    assert_int_equal(cpu_run(m->cpu, 3), CPU_NO_FPU);
    assert_reg(m, CPU_PC, FLASH + float_add_fp);
    assert_reg(m, CPU_CONTROL, 0);
    cpu_set_fpu(m->cpu, true);
    assert_int_equal(cpu_run(m->cpu, 2), CPU_QUOTA);
    assert_reg(m, CPU_S0, 0x40700000); /* 3.75 */
    assert_reg(m, CPU_CONTROL, 4);     /* FPCA */
}

static const uint16_t unmask[] = {
    /* after-0x4: */
    0xbf00, /* nop */
    0xb662, /* cpsie i */
    /* after: */
    0xbf00, /* nop */
    0xbf00, /* nop */
};
enum { unmask_after = 0x4 }; /* byte offsets */

static void test_watching_the_masks_stops_right_behind_the_change(void **state)
{
    struct cpu_machine *m = *state;
    LOAD(m, FLASH, unmask);
    cpu_set(m->cpu, CPU_PRIMASK, 1);
    cpu_watch_masks(m->cpu, true);
    assert_int_equal(cpu_run(m->cpu, 10), CPU_QUOTA);
    assert_reg(m, CPU_PC, FLASH + unmask_after);
    assert_reg(m, CPU_PRIMASK, 0);
}

static const uint16_t mixed[] = {
    /* main: */
    0x6803, /* ldr r3, [r0, #0] */
    0x189b, /* adds r3, r3, r2 */
    0x6043, /* str r3, [r0, #4] */
    0x3201, /* adds r2, #1 */
    0x4053, /* eors r3, r2 */
    0x429a, /* cmp r2, r3 */
    0xe7f8, /* b.n main */
};

/* Plain code has to run at 30 MIPS for firmware to be bearable.  The bound allows for sanitizers and busy machines. */
static void test_plain_code_runs_fast_enough(void **state)
{
    struct cpu_machine *m = *state;
    struct timespec a, b;
    double s;
    LOAD(m, FLASH, mixed);
    cpu_set(m->cpu, CPU_R0, RAM + 0x100);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    assert_int_equal(cpu_run(m->cpu, 3000000), CPU_QUOTA);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
    print_message("%.1f MIPS\n", 3 / s);
    assert_true(s < 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, cpu_machine_setup, cpu_machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_run_executes_exactly_n_instructions),
        T(test_zero_instructions_change_nothing),
        T(test_each_register_reads_back_what_was_set),
        T(test_sp_is_the_bank_that_mode_and_spsel_name),
        T(test_stop_reasons_leave_pc_where_the_contract_says),
        T(test_wfe_sev_and_yield_are_nops),
        T(test_exc_return_is_one_in_handler_mode_only),
        T(test_jumps_to_nowhere_and_to_arm_state_are_told_apart),
        T(test_a_data_fault_leaves_the_registers_as_before_the_instruction),
        T(test_unaligned_exclusive_load_stops),
        T(test_device_accesses_reach_the_bus_and_a_store_is_done_once),
        T(test_stores_in_an_it_block_are_done_once_wherever_the_run_ends),
        T(test_breakpoints_stop_before_the_instruction),
        T(test_floating_point_stops_until_it_is_switched_on),
        T(test_watching_the_masks_stops_right_behind_the_change),
        T(test_plain_code_runs_fast_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

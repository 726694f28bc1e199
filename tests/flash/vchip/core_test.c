/* tests/flash/vchip/core_test.c - the Cortex-M4 as firmware sees it: exceptions, interrupts, masks, reset.
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

static const uint16_t svc_msp[] = {
    /* handler-0x14: */
    0x200b,         /* movs r0, #11 */
    0x2116,         /* movs r1, #22 */
    0xf04f, 0x5400, /* mov.w r4, #536870912 */
    0xdf07,         /* svc 7 */
    0x6060,         /* str r0, [r4, #4] */
    0xf3ef, 0x8205, /* mrs r2, IPSR */
    0x60a2,         /* str r2, [r4, #8] */
    0xbe00,         /* bkpt 0x0000 */
    /* handler: */
    0x9a06,         /* ldr r2, [sp, #24] */
    0xf832, 0x2c02, /* ldrh.w r2, [r2, #-2] */
    0x6022,         /* str r2, [r4, #0] */
    0xf3ef, 0x8305, /* mrs r3, IPSR */
    0x60e3,         /* str r3, [r4, #12] */
    0xf8c4, 0xe010, /* str.w lr, [r4, #16] */
    0x2321,         /* movs r3, #33 */
    0x9300,         /* str r3, [sp, #0] */
    0x4770,         /* bx lr */
};
enum { svc_msp_handler = 0x14 }; /* byte offsets */

static void test_svc_on_msp_sees_the_frame_and_returns(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_SVCALL, svc_msp_handler);
    BOOT(m, svc_msp);
    run_until_bkpt(m);
    assert_ram(m, 0, 0xdf07);
    assert_ram(m, 4, 33); /* the handler wrote the stacked r0 */
    assert_ram(m, 8, 0);
    assert_ram(m, 12, EXC_SVCALL);
    assert_ram(m, 16, 0xfffffff9);
    assert_int_equal(cpu_get(m->cpu, CPU_SP), STACK);
}

static const uint16_t svc_psp[] = {
    /* handler-0x1e: */
    0x480d,         /* ldr r0, [pc, #52] */
    0xf380, 0x8809, /* msr PSP, r0 */
    0x2003,         /* movs r0, #3 */
    0xf380, 0x8814, /* msr CONTROL, r0 */
    0xf3bf, 0x8f6f, /* isb sy */
    0xf04f, 0x5400, /* mov.w r4, #536870912 */
    0x202c,         /* movs r0, #44 */
    0xdf01,         /* svc 1 */
    0xf8c4, 0xd008, /* str.w sp, [r4, #8] */
    0xbe00,         /* bkpt 0x0000 */
    /* handler: */
    0xf3ef, 0x8209, /* mrs r2, PSP */
    0x6022,         /* str r2, [r4, #0] */
    0x6813,         /* ldr r3, [r2, #0] */
    0x6063,         /* str r3, [r4, #4] */
    0xf8c4, 0xe00c, /* str.w lr, [r4, #12] */
    0xf8c4, 0xd010, /* str.w sp, [r4, #16] */
    0x69d3,         /* ldr r3, [r2, #28] */
    0x6163,         /* str r3, [r4, #20] */
    0x4770,         /* bx lr */
    0x0000,         /* .short 0x0000 */
    0x2004, 0x2000, /* .word 0x20002004 */
};
enum { svc_psp_handler = 0x1e }; /* byte offsets */

static void test_svc_from_unprivileged_psp_aligns_the_frame_and_returns(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_SVCALL, svc_psp_handler);
    BOOT(m, svc_psp);
    run_until_bkpt(m);
    assert_ram(m, 0, 0x20002004 - 4 - 32);
    assert_ram(m, 4, 44);
    assert_ram(m, 8, 0x20002004);
    assert_ram(m, 12, 0xfffffffd);
    assert_ram(m, 16, STACK);
    assert_int_equal(machine_ram(m, 20) & (1 << 9), 1 << 9);
    assert_int_equal(cpu_get(m->cpu, CPU_CONTROL), 3);
}

static const uint16_t pendsv[] = {
    /* svc-0x12: */
    0xf04f, 0x5400, /* mov.w r4, #536870912 */
    0x2500,         /* movs r5, #0 */
    0x4809,         /* ldr r0, [pc, #36] */
    0xf44f, 0x0170, /* mov.w r1, #15728640 */
    0x6001,         /* str r1, [r0, #0] */
    0xdf00,         /* svc 0 */
    0xbe00,         /* bkpt 0x0000 */
    /* svc: */
    0x3501,         /* adds r5, #1 */
    0x6025,         /* str r5, [r4, #0] */
    0x4806,         /* ldr r0, [pc, #24] */
    0xf04f, 0x5180, /* mov.w r1, #268435456 */
    0x6001,         /* str r1, [r0, #0] */
    0xbf00,         /* nop */
    0x3501,         /* adds r5, #1 */
    0x6065,         /* str r5, [r4, #4] */
    0x4770,         /* bx lr */
    /* pend: */
    0x3501,         /* adds r5, #1 */
    0x60a5,         /* str r5, [r4, #8] */
    0x4770,         /* bx lr */
    0xed20, 0xe000, /* .word 0xe000ed20 */
    0xed04, 0xe000, /* .word 0xe000ed04 */
};
enum { pendsv_svc = 0x12, pendsv_pend = 0x26 }; /* byte offsets */

static void test_pendsv_of_low_priority_waits_for_the_svc_to_end(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_SVCALL, pendsv_svc);
    machine_vector(m, EXC_PENDSV, pendsv_pend);
    BOOT(m, pendsv);
    run_until_bkpt(m);
    assert_ram(m, 0, 1);
    assert_ram(m, 4, 2);
    assert_ram(m, 8, 3);
}

static const uint16_t nested[] = {
    /* irq5-0x1c: */
    0xf04f, 0x5400, /* mov.w r4, #536870912 */
    0x2500,         /* movs r5, #0 */
    0x480e,         /* ldr r0, [pc, #56] */
    0x2170,         /* movs r1, #112 */
    0x6001,         /* str r1, [r0, #0] */
    0x480d,         /* ldr r0, [pc, #52] */
    0x490e,         /* ldr r1, [pc, #56] */
    0x6001,         /* str r1, [r0, #0] */
    0x480e,         /* ldr r0, [pc, #56] */
    0x2120,         /* movs r1, #32 */
    0x6001,         /* str r1, [r0, #0] */
    0xbf00,         /* nop */
    0xbe00,         /* bkpt 0x0000 */
    /* irq5: */
    0x3501, /* adds r5, #1 */
    0x6025, /* str r5, [r4, #0] */
    0x480a, /* ldr r0, [pc, #40] */
    0x2150, /* movs r1, #80 */
    0x6001, /* str r1, [r0, #0] */
    0xbf00, /* nop */
    0x3501, /* adds r5, #1 */
    0x6065, /* str r5, [r4, #4] */
    0x4770, /* bx lr */
    /* irq6: */
    0x3501,         /* adds r5, #1 */
    0x60a5,         /* str r5, [r4, #8] */
    0xf8c4, 0xe00c, /* str.w lr, [r4, #12] */
    0x4770,         /* bx lr */
    /* irq4: */
    0x3501,         /* adds r5, #1 */
    0x6125,         /* str r5, [r4, #16] */
    0x4770,         /* bx lr */
    0x0000,         /* .short 0x0000 */
    0xe100, 0xe000, /* .word 0xe000e100 */
    0xe404, 0xe000, /* .word 0xe000e404 */
    0x4020, 0x0010, /* .word 0x00104020 */
    0xe200, 0xe000, /* .word 0xe000e200 */
};
enum { nested_irq5 = 0x1c, nested_irq6 = 0x2e, nested_irq4 = 0x38 }; /* byte offsets */

static void test_an_interrupt_of_higher_priority_preempts_and_of_lower_waits(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_IRQ0 + 4, nested_irq4); /* 0x20, in the middle is 5 with 0x40, 6 has 0x10 */
    machine_vector(m, EXC_IRQ0 + 5, nested_irq5);
    machine_vector(m, EXC_IRQ0 + 6, nested_irq6);
    BOOT(m, nested);
    run_until_bkpt(m);
    assert_ram(m, 0, 1);  /* 5 runs */
    assert_ram(m, 8, 2);  /* 6 and 4 were pended in it: 6 first */
    assert_ram(m, 16, 3); /* then 4 */
    assert_ram(m, 4, 4);  /* then the rest of 5 */
    assert_ram(m, 12, 0xfffffff1);
}

static void test_of_equal_priorities_the_lower_number_comes_first(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_IRQ0 + 6, nested_irq6);
    machine_vector(m, EXC_IRQ0 + 4, nested_irq4);
    BOOT(m, nested);
    cpu_set(m->cpu, CPU_R0 + 4, RAM);
    machine_poke(m, 0xe000e100, 0x50);
    machine_poke(m, 0xe000e200, 0x50);
    (void)core_run(m->core, 8);
    assert_ram(m, 16, 1);
    assert_ram(m, 8, 2);
}

static const uint16_t fault_mask[] = {
    /* handler-0x8: */
    0xb671, /* cpsid f */
    0xb672, /* cpsid i */
    0xdf00, /* svc 0 */
    0xbf00, /* nop */
    /* handler: */
    0xf3ef, 0x8513, /* mrs r5, FAULTMASK */
    0xb671,         /* cpsid f */
    0xf3ef, 0x8613, /* mrs r6, FAULTMASK */
    0x9906,         /* ldr r1, [sp, #24] */
    0x4770,         /* bx lr */
};
enum { fault_mask_handler = 0x8 }; /* byte offsets */

static void test_faultmask_escalates_an_svc_and_falls_when_the_handler_returns(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_SVCALL, fault_mask_handler);
    BOOT(m, fault_mask);
    cpu_set(m->cpu, CPU_PC, CODE + 4);
    (void)core_run(m->core, 6);
    assert_int_equal(cpu_get(m->cpu, CPU_R0 + 5), 0);
    assert_int_equal(cpu_get(m->cpu, CPU_R0 + 6), 1);
    assert_int_equal(cpu_get(m->cpu, CPU_PC), CODE + 6);
    assert_int_equal(cpu_get(m->cpu, CPU_FAULTMASK), 0);
    core_reset(m->core, true);
    assert_int_equal(core_run(m->core, 3), CORE_LOCKUP); /* SVC at priority -1 */
    assert_int_equal(machine_peek(m, SCB_HFSR), 0x40000000);
}

static const uint16_t masked[] = {
    /* irq-0x3a: */
    0xf04f, 0x5400, /* mov.w r4, #536870912 */
    0x480f,         /* ldr r0, [pc, #60] */
    0x2110,         /* movs r1, #16 */
    0x6001,         /* str r1, [r0, #0] */
    0x480f,         /* ldr r0, [pc, #60] */
    0x2180,         /* movs r1, #128 */
    0x6001,         /* str r1, [r0, #0] */
    0x2180,         /* movs r1, #128 */
    0xf381, 0x8811, /* msr BASEPRI, r1 */
    0x480d,         /* ldr r0, [pc, #52] */
    0x2110,         /* movs r1, #16 */
    0x6001,         /* str r1, [r0, #0] */
    0x2601,         /* movs r6, #1 */
    0x2602,         /* movs r6, #2 */
    0x2100,         /* movs r1, #0 */
    0xf381, 0x8811, /* msr BASEPRI, r1 */
    0x2603,         /* movs r6, #3 */
    0xb672,         /* cpsid i */
    0x6061,         /* str r1, [r4, #4] */
    0x4807,         /* ldr r0, [pc, #28] */
    0x2110,         /* movs r1, #16 */
    0x6001,         /* str r1, [r0, #0] */
    0x2604,         /* movs r6, #4 */
    0xb662,         /* cpsie i */
    0x2605,         /* movs r6, #5 */
    0xbe00,         /* bkpt 0x0000 */
    /* irq: */
    0x6822,         /* ldr r2, [r4, #0] */
    0x0212,         /* lsls r2, r2, #8 */
    0x4332,         /* orrs r2, r6 */
    0x6022,         /* str r2, [r4, #0] */
    0x4770,         /* bx lr */
    0xe100, 0xe000, /* .word 0xe000e100 */
    0xe404, 0xe000, /* .word 0xe000e404 */
    0xe200, 0xe000, /* .word 0xe000e200 */
};
enum { masked_irq = 0x3a }; /* byte offsets */

static void test_basepri_and_primask_hold_an_interrupt_back_to_the_very_instruction(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_IRQ0 + 4, masked_irq);
    BOOT(m, masked);
    run_until_bkpt(m);
    assert_ram(m, 0, 0x0204);
}

static const uint16_t level[] = {
    /* loop-0xc: */
    0xf04f, 0x5400, /* mov.w r4, #536870912 */
    0x4806,         /* ldr r0, [pc, #24] */
    0x2101,         /* movs r1, #1 */
    0x07c9,         /* lsls r1, r1, #31 */
    0x6081,         /* str r1, [r0, #8] */
    /* loop: */
    0xe7fe, /* b.n loop */
    /* irq: */
    0x6822, /* ldr r2, [r4, #0] */
    0x3201, /* adds r2, #1 */
    0x6022, /* str r2, [r4, #0] */
    0x2a03, /* cmp r2, #3 */
    0xd101, /* bne.n out */
    0x4802, /* ldr r0, [pc, #8] */
    0x6002, /* str r2, [r0, #0] */
    /* out: */
    0x4770,         /* bx lr */
    0x0000,         /* .short 0x0000 */
    0xe100, 0xe000, /* .word 0xe000e100 */
    0x0004, 0x4000, /* .word 0x40000004 */
};
enum { level_loop = 0xc, level_irq = 0xe, level_out = 0x1c }; /* byte offsets */

static void test_a_level_interrupt_comes_again_until_the_line_falls(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_IRQ0 + 95, level_irq);
    BOOT(m, level);
    (void)core_run(m->core, 100);
    assert_ram(m, 0, 0);
    core_irq(m->core, 95, true);
    (void)core_run(m->core, 1000);
    assert_ram(m, 0, 3); /* its third run wrote the device, which lowers the line */
}

static const uint16_t count_nmi[] = {
    /* handler-0x2: */
    0xe7fe, /* b.n handler-0x2 */
    /* handler: */
    0x6822, /* ldr r2, [r4, #0] */
    0x3201, /* adds r2, #1 */
    0x6022, /* str r2, [r4, #0] */
    0x4770, /* bx lr */
};
enum { count_nmi_handler = 0x2 }; /* byte offsets */

static void test_nmi_comes_through_every_mask(void **state)
{
    struct machine *m = *state;
    machine_vector(m, EXC_NMI, count_nmi_handler);
    BOOT(m, count_nmi);
    cpu_set(m->cpu, CPU_FAULTMASK, 1);
    cpu_set(m->cpu, CPU_R0 + 4, RAM);
    core_nmi(m->core);
    (void)core_run(m->core, 4);
    assert_ram(m, 0, 1);
}

static void test_vtor_moves_the_vectors(void **state)
{
    struct machine *m = *state;
    uint32_t at = CODE + svc_msp_handler + 1;
    BOOT(m, svc_msp);
    memcpy(m->ram + 0x400 + 4 * EXC_SVCALL, &at, sizeof at);
    machine_poke(m, 0xe000ed08, RAM + 0x400);
    run_until_bkpt(m);
    assert_ram(m, 0, 0xdf07);
}

static const uint16_t reboot[] = {
    /* .text: */
    0xf04f, 0x5400, /* mov.w r4, #536870912 */
    0x6822,         /* ldr r2, [r4, #0] */
    0x3201,         /* adds r2, #1 */
    0x6022,         /* str r2, [r4, #0] */
    0x4803,         /* ldr r0, [pc, #12] */
    0x4903,         /* ldr r1, [pc, #12] */
    0x6001,         /* str r1, [r0, #0] */
    0xbf00,         /* nop */
    0x2301,         /* movs r3, #1 */
    0x6063,         /* str r3, [r4, #4] */
    0xbe00,         /* bkpt 0x0000 */
    0xed0c, 0xe000, /* .word 0xe000ed0c */
    0x0004, 0x05fa, /* .word 0x05fa0004 */
};

static void test_sysresetreq_resets_before_the_next_instruction(void **state)
{
    struct machine *m = *state;
    BOOT(m, reboot);
    (void)core_run(m->core, 70);
    assert_ram(m, 0, 10); /* seven instructions a round */
    assert_ram(m, 4, 0);
    assert_int_equal(m->resets, 10);
}

static void test_sysresetreq_needs_its_key(void **state)
{
    struct machine *m = *state;
    BOOT(m, reboot);
    machine_poke(m, 0xe000ed0c, 0x12340004);
    assert_int_equal(m->resets, 0);
    assert_int_equal(machine_peek(m, 0xe000ed0c), 0xfa050000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_svc_on_msp_sees_the_frame_and_returns),
        T(test_svc_from_unprivileged_psp_aligns_the_frame_and_returns),
        T(test_pendsv_of_low_priority_waits_for_the_svc_to_end),
        T(test_an_interrupt_of_higher_priority_preempts_and_of_lower_waits),
        T(test_of_equal_priorities_the_lower_number_comes_first),
        T(test_faultmask_escalates_an_svc_and_falls_when_the_handler_returns),
        T(test_basepri_and_primask_hold_an_interrupt_back_to_the_very_instruction),
        T(test_a_level_interrupt_comes_again_until_the_line_falls),
        T(test_nmi_comes_through_every_mask),
        T(test_vtor_moves_the_vectors),
        T(test_sysresetreq_resets_before_the_next_instruction),
        T(test_sysresetreq_needs_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

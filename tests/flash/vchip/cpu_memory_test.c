/* tests/flash/vchip/cpu_memory_test.c - the executor alone: guarded memory, translated code that changes, maps.
 * Programs are Thumb opcodes with their assembly beside them. */
#include "tests/flash/vchip/cpu_machine.h"

static const uint16_t count_up[] = {
    /* main: */
    0x3001, /* adds r0, #1 */
    0x3102, /* adds r1, #2 */
    0xe7fc, /* b.n main */
};

static const uint16_t guarded[] = {
    /* strb: */
    0x7001, /* strb r1, [r0, #0] */
    /* strh: */
    0x8001, /* strh r1, [r0, #0] */
    /* str: */
    0x6001, /* str r1, [r0, #0] */
    /* strd: */
    0xe9c0, 0x1200, /* strd r1, r2, [r0] */
    /* stm: */
    0xe880, 0x000e, /* stmia.w r0, {r1, r2, r3} */
    /* vstr: */
    0xed80, 0x0b00, /* vstr d0, [r0] */
    /* cross: */
    0xf8c0, 0x1002, /* str.w r1, [r0, #2] */
};
enum {
    guarded_strb = 0x0,
    guarded_strh = 0x2,
    guarded_str = 0x4,
    guarded_strd = 0x6,
    guarded_stm = 0xa,
    guarded_vstr = 0xe,
    guarded_cross = 0x12
}; /* byte offsets */

static void test_stores_to_guarded_memory_are_reported_and_change_nothing(void **state)
{
    struct cpu_machine *m = *state;
    static const struct {
        uint32_t at;
        unsigned n, size;
        uint32_t value[4];
    } row[] = { { guarded_strb, 1, 1, { 0x44 } },
                { guarded_strh, 1, 2, { 0x3344 } },
                { guarded_str, 1, 4, { 0x11223344 } },
                { guarded_strd, 2, 4, { 0x11223344, 0x55667788 } },
                { guarded_stm, 3, 4, { 0x11223344, 0x55667788, 0x99aabbcc } },
                { guarded_vstr, 2, 4, { 0x01020304, 0x05060708 } },
                { guarded_cross, 4, 1, { 0x44, 0x33, 0x22, 0x11 } } };
    cpu_set_fpu(m->cpu, true);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        LOAD(m, RAM, guarded);
        memset(m->flash, 0xa5, SIZE);
        m->n_guarded = 0;
        cpu_set(m->cpu, CPU_R0, FLASH + 0x100);
        cpu_set(m->cpu, CPU_R0 + 1, 0x11223344);
        cpu_set(m->cpu, CPU_R0 + 2, 0x55667788);
        cpu_set(m->cpu, CPU_R0 + 3, 0x99aabbcc);
        cpu_set(m->cpu, CPU_S0, 0x01020304);
        cpu_set(m->cpu, CPU_S0 + 1, 0x05060708);
        cpu_set(m->cpu, CPU_PC, RAM + row[i].at);
        assert_int_equal(cpu_run(m->cpu, 1), CPU_QUOTA);
        assert_int_equal(m->n_guarded, row[i].n);
        for (unsigned k = 0; k < row[i].n; k++) {
            assert_int_equal(m->guarded[k].addr, FLASH + 0x100 + k * row[i].size + (row[i].at == guarded_cross ? 2 : 0));
            assert_int_equal(m->guarded[k].size, row[i].size);
            assert_int_equal(m->guarded[k].value, row[i].value[k]);
        }
        for (size_t k = 0; k < SIZE; k++)
            assert_int_equal(m->flash[k], 0xa5);
    }
}

static void test_a_refused_guarded_store_is_a_data_fault(void **state)
{
    struct cpu_machine *m = *state;
    LOAD(m, RAM, guarded);
    m->refuse = true;
    cpu_set(m->cpu, CPU_R0, FLASH + 0x100);
    cpu_set(m->cpu, CPU_PC, RAM + guarded_str);
    assert_int_equal(cpu_run(m->cpu, 5), CPU_FAULT_DATA);
    assert_int_equal(cpu_fault_address(m->cpu), FLASH + 0x100);
    assert_reg(m, CPU_PC, RAM + guarded_str);
    assert_int_equal(m->flash[0x100], 0xff);
}

static const uint16_t answer1[] = {
    /* .text: */
    0x2001, /* movs r0, #1 */
    0xe7fd, /* b.n .text */
};
static const uint16_t answer2[] = {
    /* .text: */
    0x2002, /* movs r0, #2 */
    0xe7fd, /* b.n .text */
};

static void test_code_changed_by_the_debugger_is_seen(void **state)
{
    struct cpu_machine *m = *state;
    static const uint32_t at[] = { FLASH, RAM };
    for (size_t i = 0; i < 2; i++)
        for (unsigned round = 0; round < 3; round++) {
            LOAD(m, at[i], answer1);
            (void)cpu_run(m->cpu, 9);
            assert_reg(m, CPU_R0, 1);
            LOAD(m, at[i], answer2);
            (void)cpu_run(m->cpu, 9);
            assert_reg(m, CPU_R0, 2);
        }
}

static void test_a_change_is_seen_at_every_address_of_the_memory(void **state)
{
    struct cpu_machine *m = *state;
    cpu_machine_load(m, FLASH + 0x100, answer1, sizeof answer1);
    cpu_set(m->cpu, CPU_PC, 0x100);
    (void)cpu_run(m->cpu, 9);
    assert_reg(m, CPU_R0, 1);
    cpu_machine_load(m, FLASH + 0x100, answer2, sizeof answer2);
    cpu_set(m->cpu, CPU_PC, 0x100);
    (void)cpu_run(m->cpu, 9);
    assert_reg(m, CPU_R0, 2);
}

static const uint16_t selfmod[] = {
    /* main: */
    0xa504,         /* add r5, pc, #16 */
    0xf000, 0xf807, /* bl there */
    0xf242, 0x0103, /* movw r1, #8195 */
    0x8029,         /* strh r1, [r5, #0] */
    0xf000, 0xf802, /* bl there */
    0xbe00,         /* bkpt 0x0000 */
    0xbf00,         /* nop */
    /* there: */
    0x2007,         /* movs r0, #7 */
    0x1824,         /* adds r4, r4, r0 */
    0xf242, 0x0105, /* movw r1, #8197 */
    0x81e9,         /* strh r1, [r5, #14] */
    0xf3bf, 0x8f6f, /* isb sy */
    0x2001,         /* movs r0, #1 */
    0x1824,         /* adds r4, r4, r0 */
    0x4770,         /* bx lr */
};
enum { selfmod_there = 0x14 }; /* byte offsets */

static void test_ram_code_that_changes_itself_runs_as_changed(void **state)
{
    struct cpu_machine *m = *state;
    LOAD(m, RAM, selfmod);
    cpu_set(m->cpu, CPU_R0 + 4, 0);
    assert_int_equal(cpu_run(m->cpu, 100), CPU_BKPT);
    assert_reg(m, CPU_R0 + 4, 7 + 5 + 3 + 5); /* `there` patches itself to 5, main patches it to 3 */
}

static const uint16_t loader[] = {
    /* .text: */
    0x4901,         /* ldr r1, [pc, #4] */
    0x6001,         /* str r1, [r0, #0] */
    0x1c42,         /* adds r2, r0, #1 */
    0x4710,         /* bx r2 */
    0x2005, 0xbe00, /* .word 0xbe002005 */
};

static void test_flash_programmed_by_running_code_is_run_as_programmed(void **state)
{
    struct cpu_machine *m = *state;
    m->programs = true;
    cpu_machine_load(m, FLASH + 0x200, answer1, sizeof answer1);
    (void)cpu_run(m->cpu, 5);
    LOAD(m, RAM, loader);
    cpu_set(m->cpu, CPU_R0, FLASH + 0x200);
    assert_int_equal(cpu_run(m->cpu, 3), CPU_QUOTA);
    assert_int_equal(cpu_run(m->cpu, 100), CPU_BKPT);
    assert_reg(m, CPU_R0, 5);
}

static const uint16_t load_word[] = {
    /* .text: */
    0x6800, /* ldr r0, [r0, #0] */
};

static void test_unmapped_flash_can_be_neither_fetched_nor_read_and_comes_back(void **state)
{
    struct cpu_machine *m = *state;
    LOAD(m, FLASH, count_up);
    (void)cpu_run(m->cpu, 9);
    cpu_unmap(m->cpu, FLASH, SIZE);
    cpu_set(m->cpu, CPU_PC, FLASH);
    assert_int_equal(cpu_run(m->cpu, 9), CPU_FAULT_FETCH);
    m->reg = 0x77;
    LOAD(m, RAM, load_word);
    cpu_set(m->cpu, CPU_R0, FLASH);
    assert_int_equal(cpu_run(m->cpu, 1), CPU_QUOTA); /* the bus answers instead */
    assert_reg(m, CPU_R0, 0x77);
    assert_true(cpu_map(m->cpu, FLASH, SIZE, m->flash, CPU_MAP_GUARDED));
    LOAD(m, FLASH, count_up);
    assert_int_equal(cpu_run(m->cpu, 9), CPU_QUOTA);
}

static void test_maps_that_overlap_or_are_no_pages_are_refused(void **state)
{
    struct cpu_machine *m = *state;
    assert_false(cpu_map(m->cpu, FLASH, SIZE, m->flash, CPU_MAP_RAM));
    assert_false(cpu_map(m->cpu, 0x30000010, 0x1000, m->ram, CPU_MAP_RAM));
    assert_false(cpu_map(m->cpu, 0x30000000, 0x100, m->ram, CPU_MAP_RAM));
}

#define T(name) cmocka_unit_test_setup_teardown(name, cpu_machine_setup, cpu_machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_stores_to_guarded_memory_are_reported_and_change_nothing),
        T(test_a_refused_guarded_store_is_a_data_fault),
        T(test_code_changed_by_the_debugger_is_seen),
        T(test_a_change_is_seen_at_every_address_of_the_memory),
        T(test_ram_code_that_changes_itself_runs_as_changed),
        T(test_flash_programmed_by_running_code_is_run_as_programmed),
        T(test_unmapped_flash_can_be_neither_fetched_nor_read_and_comes_back),
        T(test_maps_that_overlap_or_are_no_pages_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

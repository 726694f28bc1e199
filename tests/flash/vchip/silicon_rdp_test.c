/* Readout protection, for both controllers: what each level leaves to whom, and the ways between them. */
#include "tests/flash/vchip/part.h"

static uint32_t otp(const struct part *p)
{
    return p->desc->otp.base;
}

static uint64_t cell(struct part *p, uint32_t addr)
{
    return part_is_l4(p) ? part_read64(p, addr) : part_read(p, addr, 2);
}

static uint64_t blank(const struct part *p)
{
    return UINT64_MAX >> (64 - 8 * p->desc->otp.cell);
}

struct view {
    enum bus_master m;
    bool flash, otp; /* readable */
};

static void expect_views(struct part *p, const struct view *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(part_status(p, v[i].m, FLASH), v[i].flash ? BUS_OK : BUS_FAULT);
        assert_int_equal(part_status(p, v[i].m, otp(p)), v[i].otp ? BUS_OK : BUS_FAULT);
    }
}

static void test_level_0_is_open_to_all(void **state)
{
    static const struct view row[] = { { BUS_DEBUG, true, true },
                                       { BUS_CPU_FLASH, true, true },
                                       { BUS_CPU_RAM, true, true } };

    silicon_debug_attached(((struct part *)*state)->s);
    expect_views(*state, row, 3);
}

static void test_level_1_is_open_to_code_booted_from_flash_only(void **state)
{
    static const struct view row[] = { { BUS_DEBUG, false, false },
                                       { BUS_CPU_FLASH, true, true },
                                       { BUS_CPU_RAM, false, false } };
    struct part *p = *state;

    part_set_rdp(p, 0x00);
    part_power_cycle(p);
    assert_int_equal(silicon_rdp(p->s), 1);
    expect_views(p, row, 3);
    assert_true(silicon_flash_open(p->s));
}

static void test_level_1_stays_closed_after_a_debugger_until_power_goes(void **state)
{
    static const struct view closed[] = { { BUS_DEBUG, false, false }, { BUS_CPU_FLASH, false, false } };
    static const struct view open[] = { { BUS_CPU_FLASH, true, true } };
    struct part *p = *state;

    part_set_rdp(p, 0x55);
    part_power_cycle(p);
    silicon_debug_attached(p->s);
    expect_views(p, closed, 2);
    silicon_system_reset(p->s);
    expect_views(p, closed, 2);
    assert_false(silicon_flash_open(p->s));
    part_power_cycle(p);
    expect_views(p, open, 1);
}

static void test_level_1_refuses_the_debugger_programs_and_erases(void **state)
{
    struct part *p = *state;

    part_set_rdp(p, 0x00);
    assert_int_equal(part_cell(p, otp(p), 0), REFUSED_BY_BUS);
    assert_int_equal(part_cell(p, FLASH, 0), REFUSED_BY_BUS);
    assert_int_equal(part_erase(p, 1u << 1), WRPERR);
}

static void test_level_1_shows_uid_and_registers_to_the_debugger(void **state)
{
    struct part *p = *state;

    part_set_rdp(p, 0x00);
    silicon_debug_attached(p->s);
    assert_int_equal(part_read(p, p->desc->uid_addr, 1), silicon_uid(p->s)[0]);
    (void)part_get(p, PART_SR);
}

static void test_leaving_level_1_erases_the_flash_and_keeps_otp(void **state)
{
    struct part *p = *state;

    (void)part_cell(p, otp(p), 0x1234);
    (void)part_cell(p, FLASH + 0x80000, 0x1234);
    part_set_rdp(p, 0x00);
    part_power_cycle(p);
    part_set_rdp(p, 0xAA);
    assert_int_equal(silicon_rdp(p->s), 0);
    assert_int_equal(p->ram_erases, 1);
    assert_true(cell(p, FLASH + 0x80000) == blank(p));
    assert_true(cell(p, otp(p)) == 0x1234);
}

static void test_power_that_goes_while_leaving_level_1_opens_nothing(void **state)
{
    struct part *p = *state;

    (void)part_cell(p, FLASH, 0x1234);
    part_set_rdp(p, 0x00);
    part_power_cycle(p);
    part_unlock_options(p);
    if (part_is_l4(p)) {
        part_set(p, PART_OPTR, 0xFFEFF8AA);
        part_set(p, PART_CR, 1u << 17);
    } else {
        part_set(p, PART_OPTR, 0x0FFFAAEC | 2);
    }
    part_power_cycle(p);
    assert_int_equal(silicon_rdp(p->s), 1);
    part_set_rdp(p, 0xAA); /* and a second try ends it */
    assert_int_equal(silicon_rdp(p->s), 0);
    assert_true(cell(p, FLASH) == blank(p));
}

static void test_level_2_is_dead_to_the_debugger_and_open_to_the_core(void **state)
{
    static const struct view row[] = { { BUS_DEBUG, false, false }, { BUS_CPU_FLASH, true, true } };
    struct part *p = *state;

    part_set_rdp(p, 0xCC);
    expect_views(p, row, 2);
    assert_int_equal(part_status(p, BUS_DEBUG, p->desc->uid_addr), BUS_FAULT);
    assert_int_equal(part_status(p, BUS_DEBUG, p->desc->flash_regs), BUS_FAULT);
}

static void test_level_2_is_for_ever_even_for_the_core(void **state)
{
    struct part *p = *state;
    const enum bus_master m = BUS_CPU_FLASH;

    part_set_rdp(p, 0xCC);
    part_power_cycle(p);
    assert_int_equal(part_write(p, m, part_reg(p, PART_KEYR), 4, KEY1), BUS_OK);
    assert_int_equal(part_write(p, m, part_reg(p, PART_KEYR), 4, KEY2), BUS_OK);
    assert_int_equal(part_write(p, m, part_reg(p, PART_OPTKEYR), 4, OPTKEY1), BUS_OK);
    assert_int_equal(part_write(p, m, part_reg(p, PART_OPTKEYR), 4, OPTKEY2), BUS_OK);
    (void)part_write(p, m, part_reg(p, PART_OPTR), 4, part_is_l4(p) ? 0xFFEFF8AA : 0x0FFFAAEC);
    (void)part_write(p, m, part_is_l4(p) ? part_reg(p, PART_CR) : part_reg(p, PART_OPTR), 4,
                     part_is_l4(p) ? 1u << 17 : 0x0FFFAAEC | 2);
    assert_false(silicon_busy(p->s)); /* nothing was started that a cut could tear */
    if (part_is_l4(p))
        (void)part_write(p, m, part_reg(p, PART_CR), 4, 1u << 27);
    assert_int_equal(silicon_rdp(p->s), 2);
    part_power_cycle(p);
    assert_int_equal(silicon_rdp(p->s), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PART_BOTH(test_level_0_is_open_to_all),
        PART_BOTH(test_level_1_is_open_to_code_booted_from_flash_only),
        PART_BOTH(test_level_1_stays_closed_after_a_debugger_until_power_goes),
        PART_BOTH(test_level_1_refuses_the_debugger_programs_and_erases),
        PART_BOTH(test_level_1_shows_uid_and_registers_to_the_debugger),
        PART_BOTH(test_leaving_level_1_erases_the_flash_and_keeps_otp),
        PART_BOTH(test_power_that_goes_while_leaving_level_1_opens_nothing),
        PART_BOTH(test_level_2_is_dead_to_the_debugger_and_open_to_the_core),
        PART_BOTH(test_level_2_is_for_ever_even_for_the_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

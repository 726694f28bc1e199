/* The board as its masters see it: who reaches what at which readout protection level, and what power and reset leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "flash/vchip/board.h"

static const uint32_t nowhere = 0x60000000;

struct fixture {
    const struct chip_desc *desc;
    struct board *board;
    struct bus *bus;
};

static void open_board(struct fixture *f, const struct chip_desc *desc)
{
    struct err e;

    assert_int_equal(board_open(&f->board, desc, NULL, &e), ERR_OK);
    f->desc = desc;
    f->bus = board_bus(f->board);
    silicon_busy_scale(board_silicon(f->board), 0);
}

static enum bus_status rd(struct fixture *f, enum bus_master m, uint32_t addr)
{
    uint32_t v = 0;

    return bus_read(f->bus, m, addr, 4, &v);
}

static uint32_t get(struct fixture *f, uint32_t addr, unsigned size)
{
    uint32_t v = 0;

    assert_int_equal(bus_read(f->bus, BUS_CPU_FLASH, addr, size, &v), BUS_OK);
    return v;
}

static void put(struct fixture *f, uint32_t addr, unsigned size, uint32_t v)
{
    assert_int_equal(bus_write(f->bus, BUS_CPU_FLASH, addr, size, v), BUS_OK);
}

/* Option bytes to readout protection level 1, and into force. */
static void protect(struct fixture *f)
{
    uint32_t r = f->desc->flash_regs;

    if (f->desc->controller == FLASH_STM32L4) {
        put(f, r + 0x08, 4, 0x45670123);
        put(f, r + 0x08, 4, 0xCDEF89AB);
        put(f, r + 0x0C, 4, 0x08192A3B);
        put(f, r + 0x0C, 4, 0x4C5D6E7F);
        put(f, r + 0x20, 4, get(f, r + 0x20, 4) & ~0xFFu); /* OPTR.RDP */
        put(f, r + 0x14, 4, 1u << 17);                     /* CR.OPTSTRT */
    } else {
        put(f, r + 0x08, 4, 0x08192A3B);
        put(f, r + 0x08, 4, 0x4C5D6E7F);
        put(f, r + 0x14, 4, (get(f, r + 0x14, 4) & ~0xFF03u));
        put(f, r + 0x14, 4, (get(f, r + 0x14, 4) & ~0xFF03u) | 2);
    }
    board_power(f->board, false);
    board_power(f->board, true);
    assert_int_equal(silicon_rdp(board_silicon(f->board)), 1);
}

enum { OK = BUS_OK, NO = BUS_FAULT };

/* What each master may read: by debugger, core in flash, core in RAM. */
static void expect(struct fixture *f, const char *what, uint32_t addr, int debug, int in_flash, int in_ram)
{
    const int want[] = { [BUS_DEBUG] = debug, [BUS_CPU_FLASH] = in_flash, [BUS_CPU_RAM] = in_ram };

    for (enum bus_master m = BUS_DEBUG; m <= BUS_CPU_RAM; m++)
        if ((int)rd(f, m, addr) != want[m])
            fail_msg("%s: %s at 0x%08x: master %d gets %d, not %d", f->desc->name, what, addr, m, (int)rd(f, m, addr),
                     want[m]);
}

static void test_at_level_0_every_master_reads_everything(void **state)
{
    (void)state;
    for (size_t i = 0; i < chip_descs_n; i++) {
        struct fixture f;
        open_board(&f, chip_descs[i]);
        silicon_debug_attached(board_silicon(f.board));
        expect(&f, "flash", f.desc->flash.base, OK, OK, OK);
        expect(&f, "flash at 0", 0, OK, OK, OK);
        expect(&f, "OTP", f.desc->otp.base, OK, OK, OK);
        expect(&f, "UID", f.desc->uid_addr, OK, OK, OK);
        expect(&f, "RAM", f.desc->ram.base, OK, OK, OK);
        expect(&f, "RAM2", f.desc->ram2.base, OK, OK, OK);
        expect(&f, "DBGMCU", f.desc->dbgmcu.addr, OK, OK, OK);
        expect(&f, "CPUID", 0xE000ED00, OK, OK, OK);
        expect(&f, "nowhere", nowhere, NO, NO, NO);
        board_close(f.board);
    }
}

static void test_at_level_1_a_debugger_reads_no_secret_and_neither_does_the_core_once_it_is_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < chip_descs_n; i++) {
        struct fixture f;
        open_board(&f, chip_descs[i]);
        protect(&f);
        int ram2 = f.desc->controller == FLASH_STM32L4 ? NO : OK;
        assert_true(silicon_flash_open(board_silicon(f.board)));
        assert_int_equal(rd(&f, BUS_CPU_FLASH, f.desc->flash.base), BUS_OK);
        assert_int_equal(rd(&f, BUS_CPU_FLASH, f.desc->otp.base), BUS_OK);

        silicon_debug_attached(board_silicon(f.board));
        expect(&f, "flash", f.desc->flash.base, NO, NO, NO);
        expect(&f, "flash at 0", 0, NO, NO, NO);
        assert_int_equal(rd(&f, BUS_DEBUG, f.desc->otp.base), BUS_FAULT);
        assert_int_equal(rd(&f, BUS_CPU_RAM, f.desc->otp.base), BUS_FAULT);
        expect(&f, "UID", f.desc->uid_addr, OK, OK, OK);
        expect(&f, "RAM", f.desc->ram.base, OK, OK, OK);
        expect(&f, "RAM2", f.desc->ram2.base, ram2, ram2, ram2);

        board_reset(f.board);
        expect(&f, "flash after a reset", f.desc->flash.base, NO, NO, NO);
        board_power(f.board, false);
        board_power(f.board, true);
        assert_int_equal(rd(&f, BUS_CPU_FLASH, f.desc->flash.base), BUS_OK);
        board_close(f.board);
    }
}

static void test_ram_survives_a_reset_and_not_a_power_cycle(void **state)
{
    (void)state;
    for (size_t i = 0; i < chip_descs_n; i++) {
        struct fixture f;
        const uint8_t marker[] = "marker pattern";
        uint32_t first = 0;
        open_board(&f, chip_descs[i]);
        for (size_t k = 0; k < sizeof marker; k++)
            put(&f, f.desc->ram2.base + 100 + (uint32_t)k, 1, marker[k]);
        board_reset(f.board);
        assert_int_equal(board_find(f.board, marker, sizeof marker, &first), 1);
        assert_int_equal(first, f.desc->ram2.base + 100);
        board_power(f.board, false);
        board_power(f.board, true);
        assert_int_equal(board_find(f.board, marker, sizeof marker, &first), 0);
        assert_true(get(&f, f.desc->ram.base, 4) != 0);
        board_close(f.board);
    }
}

static void test_dbgmcu_survives_a_reset_and_not_a_power_cycle(void **state)
{
    (void)state;
    for (size_t i = 0; i < chip_descs_n; i++) {
        struct fixture f;
        open_board(&f, chip_descs[i]);
        assert_int_equal(get(&f, f.desc->dbgmcu.addr, 4), f.desc->dbgmcu.idcode);
        put(&f, f.desc->dbgmcu.addr, 4, 0);
        put(&f, f.desc->dbgmcu.addr + 4, 4, 7);
        assert_int_equal(get(&f, f.desc->dbgmcu.addr, 4), f.desc->dbgmcu.idcode);
        board_reset(f.board);
        assert_int_equal(get(&f, f.desc->dbgmcu.addr + 4, 4), 7);
        board_power(f.board, false);
        board_power(f.board, true);
        assert_int_equal(get(&f, f.desc->dbgmcu.addr + 4, 4), 0);
        board_close(f.board);
    }
}

static void test_a_peripheral_without_its_clock_reads_zero(void **state)
{
    (void)state;
    const uint32_t brr = 0x4000440C;
    struct fixture f;

    open_board(&f, chip_desc_find("stm32l476"));
    put(&f, brr, 4, 0x1234);
    put(&f, 0x40021058, 4, 1u << 17); /* APB1ENR1.USART2EN */
    assert_int_equal(get(&f, brr, 4), 0);
    put(&f, brr, 4, 0x1234);
    assert_int_equal(get(&f, brr, 4), 0x1234);
    assert_int_equal(get(&f, brr + 1, 1), 0x12);
    put(&f, 0x40021058, 4, 0);
    assert_int_equal(get(&f, brr, 4), 0);
    board_close(f.board);
}

static void test_the_rng_says_when_it_has_no_clock_no_seed_and_when_it_is_well(void **state)
{
    (void)state;
    enum { CR = 0x50060800, SR = 0x50060804, DR = 0x50060808 };
    struct fixture f;

    open_board(&f, chip_desc_find("stm32l476"));
    put(&f, 0x4002104C, 4, 1u << 18); /* AHB2ENR.RNGEN */
    put(&f, CR, 4, 1u << 2);
    assert_int_equal(get(&f, SR, 4), 1u << 1 | 1u << 5); /* CECS, CEIS: CLK48SEL is none */
    assert_int_equal(get(&f, DR, 4), 0);
    put(&f, 0x40021088, 4, 3u << 26); /* CCIPR.CLK48SEL: MSI */
    put(&f, SR, 4, 0);
    assert_int_equal(get(&f, SR, 4), 1); /* DRDY */
    assert_true(get(&f, DR, 4) != get(&f, DR, 4) || get(&f, DR, 4) != get(&f, DR, 4));
    rng_set_mode(periph_rng(board_periph(f.board)), RNG_STUCK);
    assert_int_equal(get(&f, DR, 4), get(&f, DR, 4));
    rng_set_mode(periph_rng(board_periph(f.board)), RNG_ERROR);
    assert_int_equal(get(&f, SR, 4), 1u << 2 | 1u << 6); /* SECS, SEIS */
    assert_int_equal(get(&f, DR, 4), 0);
    board_close(f.board);
}

static void test_without_power_or_contact_nothing_is_there(void **state)
{
    (void)state;
    struct fixture f;

    open_board(&f, chip_descs[0]);
    board_power(f.board, false);
    assert_int_equal(rd(&f, BUS_DEBUG, f.desc->flash.base), BUS_FAULT);
    assert_true(jtag_tdo(board_jtag(f.board)));
    board_insert(f.board, false);
    board_power(f.board, true);
    assert_int_equal(rd(&f, BUS_DEBUG, f.desc->flash.base), BUS_FAULT);
    board_insert(f.board, true);
    assert_int_equal(rd(&f, BUS_DEBUG, f.desc->flash.base), BUS_OK);
    board_close(f.board);
}

static void test_an_alarm_rings_after_exactly_so_many_clocks(void **state)
{
    (void)state;
    struct fixture f;
    struct board_stats s;

    open_board(&f, chip_descs[0]);
    board_alarm(f.board, ALARM_CUT, 3);
    for (int i = 1; i <= 3; i++) {
        board_stats_get(f.board, &s);
        assert_true(s.powered);
        jtag_pins(board_jtag(f.board), false, true, false);
        jtag_pins(board_jtag(f.board), true, true, false);
    }
    board_stats_get(f.board, &s);
    assert_false(s.powered);
    assert_true(s.inserted);
    assert_int_equal(s.tck, 3);
    board_close(f.board);
}

static void test_a_new_part_is_blank_and_has_the_uid_it_is_given(void **state)
{
    (void)state;
    const uint8_t uid[CHIP_UID_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    struct fixture f;
    uint8_t seen[CHIP_UID_LEN];

    open_board(&f, chip_descs[0]);
    assert_true(silicon_plant(board_silicon(f.board), f.desc->otp.base, uid, 8));
    board_power(f.board, false);
    board_new_part(f.board, uid);
    assert_int_equal(get(&f, f.desc->otp.base, 4), 0xFFFFFFFF);
    assert_true(board_peek(f.board, f.desc->uid_addr, seen, sizeof seen));
    assert_memory_equal(seen, uid, sizeof uid);
    assert_false(board_peek(f.board, nowhere, seen, sizeof seen));
    board_close(f.board);
}

/* ---- running ---- */

/* Vectors { SP, PC }, and at PC: b . */
static void plant_loop(struct fixture *f)
{
    static const uint8_t loop[] = { 0x00, 0x10, 0x00, 0x20, 0x09, 0x00, 0x00, 0x08, 0xFE, 0xE7 };

    assert_true(silicon_plant(board_silicon(f->board), f->desc->flash.base, loop, sizeof loop));
    board_power(f->board, false);
    board_power(f->board, true);
}

static uint64_t instructions(struct fixture *f)
{
    struct board_stats s;

    board_stats_get(f->board, &s);
    return s.instructions;
}

static void test_the_core_stalls_while_the_flash_it_runs_from_is_busy(void **state)
{
    (void)state;
    struct fixture f;

    open_board(&f, chip_desc_find("stm32l476"));
    plant_loop(&f);
    silicon_busy_scale(board_silicon(f.board), 50000);
    board_run(f.board, 1000);
    uint64_t before = instructions(&f);
    assert_true(before >= 1000);
    assert_int_equal(board_next_ns(f.board), 0);
    put(&f, 0x40022008, 4, 0x45670123);
    put(&f, 0x40022008, 4, 0xCDEF89AB);
    put(&f, 0x40022014, 4, 1u << 16 | 5u << 3 | 1u << 1); /* STRT, page 5, PER: takes 1.1 s */
    board_run(f.board, 1000);
    assert_int_equal(instructions(&f), before);
    assert_true(board_next_ns(f.board) > clock_mono_ns() - 1000000);
    for (int ms = 0; ms < 60000 && silicon_busy(board_silicon(f.board)); ms += 5)
        clock_sleep_ms(5);
    board_run(f.board, 1000);
    assert_true(instructions(&f) >= before + 1000);
    board_close(f.board);
}

static const uint32_t rcc_csr[] = { [FLASH_STM32L4] = 0x40021094, [FLASH_STM32F4] = 0x40023874 };

static void test_the_watchdog_bites_unless_the_core_is_halted_and_it_was_told_to_wait(void **state)
{
    (void)state;
    for (size_t i = 0; i < chip_descs_n; i++) {
        struct fixture f;
        open_board(&f, chip_descs[i]);
        plant_loop(&f);
        const uint32_t csr = rcc_csr[f.desc->controller];
        const uint32_t iwdgrstf = 1u << 29;
        put(&f, f.desc->dbgmcu.addr + 8, 4, 1u << 12);                                    /* DBG_IWDG_STOP */
        assert_int_equal(bus_write(f.bus, BUS_DEBUG, 0xE000EDF0, 4, 0xA05F0003), BUS_OK); /* DHCSR: halt */
        put(&f, 0x40003000, 4, 0x5555);
        put(&f, 0x40003008, 4, 40); /* RLR: 41 * 4 / 32 kHz = 5.1 ms */
        put(&f, 0x40003000, 4, 0xCCCC);
        clock_sleep_ms(10);
        board_run(f.board, 10);
        assert_int_equal(get(&f, csr, 4) & iwdgrstf, 0);

        assert_int_equal(bus_write(f.bus, BUS_DEBUG, 0xE000EDF0, 4, 0xA05F0001), BUS_OK);
        clock_sleep_ms(10);
        board_run(f.board, 10);
        assert_int_equal(get(&f, csr, 4) & iwdgrstf, iwdgrstf);
        assert_true(board_next_ns(f.board) == 0); /* it runs again, and the watchdog is off */
        board_close(f.board);
    }
}

static void test_rcc_tells_what_the_reset_was(void **state)
{
    (void)state;
    enum { PINRSTF = 1 << 26, SFTRSTF = 1 << 28 };
    for (size_t i = 0; i < chip_descs_n; i++) {
        struct fixture f;
        open_board(&f, chip_descs[i]);
        const uint32_t csr = rcc_csr[f.desc->controller];
        const uint32_t rmvf = f.desc->controller == FLASH_STM32L4 ? 1u << 23 : 1u << 24;
        put(&f, csr, 4, rmvf);
        assert_int_equal(get(&f, csr, 4) >> 25, 0);
        board_reset(f.board);
        assert_int_equal(get(&f, csr, 4) & (PINRSTF | SFTRSTF), PINRSTF);
        plant_loop(&f);
        put(&f, csr, 4, rmvf);
        put(&f, 0xE000ED0C, 4, 0x05FA0004); /* AIRCR.SYSRESETREQ */
        board_run(f.board, 10);
        assert_int_equal(get(&f, csr, 4) & SFTRSTF, SFTRSTF);
        board_close(f.board);
    }
}

static void test_clocks_are_ready_when_on_and_the_switch_follows(void **state)
{
    (void)state;
    struct fixture f;

    open_board(&f, chip_desc_find("stm32l476"));
    assert_int_equal(periph_hclk_hz(board_periph(f.board)), 4000000);
    put(&f, 0x40021000, 4, get(&f, 0x40021000, 4) | 1u << 8); /* HSION */
    assert_true((get(&f, 0x40021000, 4) & 1u << 10) != 0);    /* HSIRDY */
    put(&f, 0x40021008, 4, 1);                                /* SW: HSI16 */
    assert_int_equal(get(&f, 0x40021008, 4), 1u << 2 | 1);
    assert_int_equal(periph_hclk_hz(board_periph(f.board)), 16000000);
    board_close(f.board);
    open_board(&f, chip_desc_find("stm32f407"));
    assert_int_equal(periph_hclk_hz(board_periph(f.board)), 16000000);
    put(&f, 0x40023804, 4, 8u | 336u << 6 | 1u << 22 | 7u << 24); /* 8 MHz / 8 * 336 / 2 */
    put(&f, 0x40023800, 4, 0x01010083);
    put(&f, 0x40023808, 4, 2);
    assert_int_equal(periph_hclk_hz(board_periph(f.board)), 168000000);
    board_close(f.board);
}

/* ---- USART2 ---- */

static const struct {
    uint32_t gate, cr1, brr, status, rdr, tdr, ue;
} usart2[] = {
    [FLASH_STM32L4] = { 0x40021058, 0x40004400, 0x4000440C, 0x4000441C, 0x40004424, 0x40004428, 1u << 0 },
    [FLASH_STM32F4] = { 0x40023840, 0x4000440C, 0x40004408, 0x40004400, 0x40004404, 0x40004404, 1u << 13 },
};

static void test_usart2_sends_and_receives_when_it_is_set_up(void **state)
{
    (void)state;
    enum { RE = 1 << 2, TE = 1 << 3, RXNE = 1 << 5, TC = 1 << 6, TXE = 1 << 7 };
    for (size_t i = 0; i < chip_descs_n; i++) {
        struct fixture f;
        uint8_t sent[8];
        open_board(&f, chip_descs[i]);
        const uint32_t cr1 = usart2[f.desc->controller].cr1, sr = usart2[f.desc->controller].status;
        const uint32_t tdr = usart2[f.desc->controller].tdr, rdr = usart2[f.desc->controller].rdr;
        struct usart *u = periph_usart(board_periph(f.board));
        put(&f, usart2[f.desc->controller].gate, 4, 1u << 17);
        put(&f, cr1, 4, usart2[f.desc->controller].ue | TE | RE);
        put(&f, tdr, 4, 'x'); /* no baud rate yet */
        assert_int_equal(usart_take(u, sent, sizeof sent), 0);
        put(&f, usart2[f.desc->controller].brr, 4, 35);
        put(&f, tdr, 4, 'a');
        put(&f, tdr, 1, 'b');
        assert_int_equal(get(&f, sr, 4) & (RXNE | TC | TXE), TC | TXE);
        assert_int_equal(usart_take(u, sent, sizeof sent), 2);
        assert_memory_equal(sent, "ab", 2);

        assert_true(usart_wants(u));
        usart_give(u, 'q');
        assert_false(usart_wants(u));
        assert_int_equal(get(&f, sr, 4) & RXNE, RXNE);
        assert_int_equal(get(&f, rdr, 4), 'q');
        assert_int_equal(get(&f, sr, 4) & RXNE, 0);
        assert_true(usart_wants(u));
        put(&f, cr1, 4, 0);
        usart_give(u, 'r'); /* nobody is listening */
        assert_int_equal(get(&f, sr, 4) & RXNE, 0);
        board_close(f.board);
    }
}

static void test_leaving_level_1_erases_sram2_of_the_l4(void **state)
{
    (void)state;
    struct fixture f;
    uint8_t seen[4];

    open_board(&f, chip_desc_find("stm32l476"));
    protect(&f);
    put(&f, f.desc->ram2.base, 4, 0xC0FFEE01);
    put(&f, f.desc->ram.base, 4, 0xC0FFEE02);
    silicon_busy_scale(board_silicon(f.board), 0);
    put(&f, 0x40022008, 4, 0x45670123);
    put(&f, 0x40022008, 4, 0xCDEF89AB);
    put(&f, 0x4002200C, 4, 0x08192A3B);
    put(&f, 0x4002200C, 4, 0x4C5D6E7F);
    put(&f, 0x40022020, 4, (get(&f, 0x40022020, 4) & ~0xFFu) | 0xAA);
    put(&f, 0x40022014, 4, 1u << 17);
    assert_true(board_peek(f.board, f.desc->ram2.base, seen, 4));
    assert_memory_equal(seen, "\0\0\0\0", 4);
    assert_true(board_peek(f.board, f.desc->ram.base, seen, 4));
    assert_memory_equal(seen, "\x02\xEE\xFF\xC0", 4);
    board_close(f.board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_level_0_every_master_reads_everything),
        cmocka_unit_test(test_at_level_1_a_debugger_reads_no_secret_and_neither_does_the_core_once_it_is_there),
        cmocka_unit_test(test_ram_survives_a_reset_and_not_a_power_cycle),
        cmocka_unit_test(test_dbgmcu_survives_a_reset_and_not_a_power_cycle),
        cmocka_unit_test(test_a_peripheral_without_its_clock_reads_zero),
        cmocka_unit_test(test_the_rng_says_when_it_has_no_clock_no_seed_and_when_it_is_well),
        cmocka_unit_test(test_without_power_or_contact_nothing_is_there),
        cmocka_unit_test(test_an_alarm_rings_after_exactly_so_many_clocks),
        cmocka_unit_test(test_a_new_part_is_blank_and_has_the_uid_it_is_given),
        cmocka_unit_test(test_the_core_stalls_while_the_flash_it_runs_from_is_busy),
        cmocka_unit_test(test_the_watchdog_bites_unless_the_core_is_halted_and_it_was_told_to_wait),
        cmocka_unit_test(test_rcc_tells_what_the_reset_was),
        cmocka_unit_test(test_clocks_are_ready_when_on_and_the_switch_follows),
        cmocka_unit_test(test_usart2_sends_and_receives_when_it_is_set_up),
        cmocka_unit_test(test_leaving_level_1_erases_sram2_of_the_l4),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

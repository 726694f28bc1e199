/* A link that broke in the middle of a scan: the TAPs stand in Shift-DR with a piece of a write in them, the controller is
 * open, and whoever comes next resets the TAPs by way of Update-DR.  What was not sent whole must not be burned.
 * Bits are counted along the scan: the debug port's 35 (ADIv5.2 B3.2.2), then one for the boundary-scan TAP in BYPASS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flash/openocd/session.h"
#include "tests/e2e/vchip_process.h"

enum { DR_LEN = 36, IR_APACC = 0xB, IR_DPACC = 0xA, AP_CSW = 0, AP_TAR = 4, AP_DRW = 0xC };
enum { OPENOCD_MS = 60000 }; /* never waited for */

static struct vchip board;
static const struct chip_desc *desc;
static char adapter[128];
static int link_fd;

/* ---- our own end of the remote_bitbang link ---- */

static void pins(unsigned tck, unsigned tms, unsigned tdi)
{
    const char c = (char)('0' + 4 * tck + 2 * tms + tdi);

    if (write(link_fd, &c, 1) != 1)
        broken("link", strerror(errno));
}

static void clocks(const char *tms)
{
    for (; *tms != '\0'; tms++) {
        pins(0, *tms == '1', 1);
        pins(1, *tms == '1', 1);
    }
}

/* From Shift-xR: the first n of len bits; if those are all of them, on to Run-Test/Idle. */
static void shift(uint64_t bits, unsigned n, unsigned len)
{
    for (unsigned i = 0; i < n; i++) {
        const unsigned tms = i == len - 1;
        pins(0, tms, bits >> i & 1);
        pins(1, tms, bits >> i & 1);
    }
    if (n == len)
        clocks("100000000"); /* Update, then idle: the bus takes its time */
}

static void instruction(unsigned ir)
{
    clocks("1100");
    shift(ir | 0x1F0, 9, 9); /* BYPASS for the other TAP */
}

static void write_reg(unsigned reg, uint32_t value, unsigned n)
{
    clocks("100");
    shift((uint64_t)value << 3 | reg >> 1, n, DR_LEN);
}

static void poke(uint32_t addr, uint32_t value)
{
    write_reg(AP_TAR, addr, DR_LEN);
    write_reg(AP_DRW, value, DR_LEN);
}

/* ---- */

/* As a burn leaves it when the link goes: unlocked, programming of words enabled, the address set; on the double words of an
 * L4 the first word sent as well. */
static void open_controller(void)
{
    const bool l4 = desc->controller == FLASH_STM32L4;
    const uint32_t keyr = desc->flash_regs + (l4 ? 0x08 : 0x04), cr = desc->flash_regs + (l4 ? 0x14 : 0x10);

    clocks("111110");
    instruction(IR_DPACC);
    write_reg(4, 0x50000000, DR_LEN); /* CTRL/STAT: power */
    write_reg(8, 0, DR_LEN);          /* SELECT: AP 0 */
    instruction(IR_APACC);
    write_reg(AP_CSW, 0x23000012, DR_LEN); /* words, the address counts on */
    poke(keyr, 0x45670123);
    poke(keyr, 0xCDEF89AB);
    poke(cr, l4 ? 0x1 : 0x201); /* PG; F4: PSIZE of 32 bits */
    write_reg(AP_TAR, desc->otp.base, DR_LEN);
    if (l4)
        write_reg(AP_DRW, 0x12345678, DR_LEN);
}

static void probe(void)
{
    const struct openocd_slot slot = {
        .name = "a", .desc = desc, .adapter = adapter, .start_ms = OPENOCD_MS, .call_ms = OPENOCD_MS
    };
    struct chip_identity id;
    struct chip *chip;
    struct err e;

    if (openocd_open(&chip, &slot, &e) != ERR_OK || chip_probe(chip, &id, &e) != ERR_OK)
        fail_msg("%s: %s (%s)", e.op, e.fault->name, e.subject);
    chip_close(chip);
}

static void open_board(const char *name)
{
    char text[256];
    FILE *f;

    desc = chip_desc_find(name);
    vchip_start(&board, desc);
    vchip_do(&board, "busy 0");
    (void)snprintf(adapter, sizeof adapter, "%s/adapter.cfg", board.dir);
    (void)snprintf(text, sizeof text, "adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n",
                   board.jtag);
    f = fopen(adapter, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
    if ((link_fd = connect_unix(board.jtag)) < 0)
        broken("link", strerror(errno));
}

static void cut_after(const char *name, unsigned bits)
{
    open_board(name);
    open_controller();
    write_reg(AP_DRW, 0x9ABCDEF0, bits);
    close(link_fd);
    if (bits < DR_LEN)
        probe();
}

static void end_board(void)
{
    unlink(adapter);
    vchip_stop(&board);
}

static void test_a_write_that_was_cut_is_not_burned_by_the_next_session(void **state)
{
    static const struct {
        const char *chip;
        unsigned bits;
    } row[] = { { "stm32l476", 35 }, { "stm32f407", 35 }, { "stm32f407", 17 }, { "stm32l476", 1 } };

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        uint8_t cell[8];
        cut_after(row[i].chip, row[i].bits);
        assert_int_equal(vchip_stat(&board, "otp_pulses") + vchip_stat(&board, "otp_refused"), 0);
        vchip_peek(&board, desc->otp.base, cell, sizeof cell);
        for (size_t b = 0; b < sizeof cell; b++)
            assert_int_equal(cell[b], 0xFF);
        end_board();
    }
}

/* Or else the test above shows nothing. */
static void test_the_same_write_sent_whole_is_burned(void **state)
{
    static const char *const chips[] = { "stm32l476", "stm32f407" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        cut_after(chips[i], DR_LEN);
        for (int ms = 0; ms < 60000 && vchip_stat(&board, "otp_pulses") == 0; ms++)
            usleep(1000);
        assert_int_equal(vchip_stat(&board, "otp_pulses"), 1);
        end_board();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_write_sent_whole_is_burned),
        cmocka_unit_test(test_a_write_that_was_cut_is_not_burned_by_the_next_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

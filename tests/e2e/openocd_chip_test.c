/* The OpenOCD implementation of flash/chip.h, through real OpenOCD, on both simulated boards: what each call promises, and
 * every way in which the board, the link or OpenOCD itself can go away in the middle of a burn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flash/fault.h"
#include "flash/openocd/session.h"
#include "flash/otp.h"
#include "tests/e2e/vchip_process.h"

enum { LEN = 176, LATE = 5, OPENOCD_MS = 60000 /* never waited for */, HUNG_MS = 1000 /* waited for */ };

static const char *const chips[] = { "stm32l476", "stm32f407" };
static struct vchip board;
static char adapter[128];
static struct chip *chip;
static struct chip_identity id;
static struct err e;
static uint8_t image[CHIP_OTP_MAX];

static void must(enum err_code rc)
{
    if (rc != ERR_OK)
        fail_msg("%s: %s (%s)", e.op, e.fault->name, e.subject);
}

static void must_be(enum err_code rc, enum flash_fault_id want)
{
    if (rc == ERR_OK)
        fail_msg("succeeded, expected %s", flash_fault[want].name);
    if (e.fault != &flash_fault[want])
        fail_msg("%s: %s (%s), expected %s", e.op, e.fault->name, e.subject, flash_fault[want].name);
}

static void open_with(const char *cfg, const struct chip_desc *desc)
{
    const struct openocd_slot slot = {
        .name = "a", .desc = desc, .adapter = cfg, .start_ms = OPENOCD_MS, .call_ms = OPENOCD_MS
    };

    must(openocd_open(&chip, &slot, &e));
}

static void write_adapter(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void board_open(const char *name)
{
    char text[256];

    vchip_start(&board, chip_desc_find(name));
    vchip_do(&board, "busy 0");
    (void)snprintf(adapter, sizeof adapter, "%s/adapter.cfg", board.dir);
    (void)snprintf(text, sizeof text, "adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n",
                   board.jtag);
    write_adapter(adapter, text);
    open_with(adapter, chip_desc_find(name));
    must(chip_probe(chip, &id, &e));
    for (unsigned i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)(i * 7 + 1);
}

static void board_close(void)
{
    chip_close(chip);
    unlink(adapter);
    vchip_stop(&board);
}

static enum err_code burn(otp_progress *progress)
{
    static const struct otp_span span = { 0, LEN };
    const struct otp_job job = { image, &span, 1 };
    struct otp_plan plan;

    return otp_burn(chip, &job, id.uid, &plan, progress, NULL, &e);
}

static bool controller_locked(void)
{
    uint32_t cr = 0, at = chip->desc->flash_regs + (chip->desc->controller == FLASH_STM32L4 ? 0x14 : 0x10);

    must(chip_mem_read(chip, at, &cr, sizeof cr, &e));
    return (cr & 0x80000001) == 0x80000000; /* LOCK, not PG */
}

static void test_identity_is_the_boards_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t uid[CHIP_UID_LEN];
        board_open(chips[i]);
        vchip_peek(&board, chip->desc->otp.base, uid, 1); /* the control socket works */
        assert_int_equal(id.idcode, chip->desc->debug.jtag_idcode);
        assert_int_equal(id.dbgmcu, chip->desc->dbgmcu.idcode);
        assert_int_equal(id.flash_bytes, chip->desc->flash.size);
        assert_int_equal(id.rdp, 0);
        assert_int_equal(hex_decode(vchip_ctl(&board, "uid") + 3, uid, sizeof uid), CHIP_UID_LEN);
        assert_memory_equal(id.uid, uid, sizeof uid);
        board_close();
    }
}

static void test_burn_programs_each_cell_once_and_locks_the_controller(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t part[LEN];
        board_open(chips[i]);
        must(burn(NULL));
        vchip_peek(&board, chip->desc->otp.base, part, LEN);
        assert_memory_equal(part, image, LEN);
        assert_int_equal(vchip_stat(&board, "otp_pulses"), LEN / chip->desc->otp.cell);
        assert_true(controller_locked());
        must(burn(NULL));
        assert_int_equal(vchip_stat(&board, "otp_pulses"), LEN / chip->desc->otp.cell);
        must_be(chip_otp_program(chip, 3, image, &e), FLASH_OTP_CONFLICT); /* the last look, without a plan */
        assert_int_equal(vchip_stat(&board, "otp_refused"), 0);
        assert_true(controller_locked());
        board_close();
    }
}

static void test_a_lock_byte_is_set_once_and_its_block_refuses(void **state)
{
    uint32_t locked = 0;

    (void)state;
    board_open("stm32f407");
    must(chip_otp_locks(chip, &locked, &e));
    assert_int_equal(locked, 0);
    must(chip_otp_lock(chip, 6, &e));
    must(chip_otp_lock(chip, 6, &e));
    must(chip_otp_locks(chip, &locked, &e));
    assert_int_equal(locked, 1u << 6);
    assert_true(controller_locked());
    must_be(chip_otp_program(chip, 6 * 16, image, &e), FLASH_OTP_REFUSED);
    assert_true(controller_locked());
    must(chip_otp_program(chip, 7 * 16, image, &e)); /* its neighbour does not */
    board_close();
    board_open("stm32l476");
    must_be(chip_otp_lock(chip, 0, &e), FLASH_UNSUPPORTED);
    board_close();
}

static void test_a_torn_cell_is_told_from_its_neighbours(void **state)
{
    uint8_t bytes[8 * 8];
    enum otp_cell_state cell[8];

    (void)state;
    board_open("stm32l476");
    vchip_do(&board, "tear 0x%x", chip->desc->otp.base + 3 * 8);
    must(chip_otp_read(chip, 0, 8, bytes, cell, &e));
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(cell[i], i == 3 ? OTP_CELL_UNREADABLE : OTP_CELL_READ);
    must_be(burn(NULL), FLASH_OTP_UNREADABLE);
    assert_int_equal(vchip_stat(&board, "otp_pulses"), 0);
    board_close();
}

static const char *go_away; /* control command, or NULL: the signal */
static int go_signal;

static void at_the_fifth(void *io, uint32_t done, uint32_t total)
{
    struct openocd *o = (struct openocd *)chip;

    (void)io;
    (void)total;
    if (done != LATE)
        return;
    if (go_away != NULL)
        vchip_do(&board, "%s", go_away);
    else
        kill(o->rpc.proc.pid, go_signal);
    if (go_signal == SIGSTOP)
        o->slot.call_ms = HUNG_MS;
}

static void test_whatever_goes_away_in_a_burn_the_next_one_finishes(void **state)
{
    static const struct {
        const char *command;
        int signal;
    } row[] = {
        { "drop", 0 },     { "remove", 0 },   { "power off", 0 }, { "reset", 0 },
        { NULL, SIGKILL }, { NULL, SIGSTOP }, { NULL, SIGTERM },
    };

    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t r = 0; r < sizeof row / sizeof *row; r++) {
            uint8_t part[LEN];
            board_open(chips[i]);
            go_away = row[r].command;
            go_signal = row[r].signal;
            must_be(burn(at_the_fifth), FLASH_CONTACT_LOST);
            ((struct openocd *)chip)->slot.call_ms = OPENOCD_MS;
            vchip_do(&board, "power on");
            vchip_do(&board, "insert");
            must(chip_probe(chip, &id, &e));
            must(burn(NULL));
            vchip_peek(&board, chip->desc->otp.base, part, LEN);
            assert_memory_equal(part, image, LEN);
            assert_int_equal(vchip_stat(&board, "otp_pulses"), LEN / chip->desc->otp.cell);
            board_close();
        }
}

/* The answer of one read is lost with the debug port's power, which is back at once: OpenOCD tells zeros, fails once. */
static void bounce_at_read(uint32_t addr, unsigned nth)
{
    const struct chip_desc *desc = chip->desc;
    char text[768];

    (void)snprintf(text, sizeof text,
                   "adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n"
                   "set seen 0\nset bounced 0\nrename init part_init\n"
                   "proc init {} { part_init; rename read_memory part_read; rename bouncing_read read_memory }\n"
                   "proc bouncing_read {addr width n} {\n"
                   "if {$::bounced} { set ::bounced 0; error unpowered }\n"
                   "if {$addr == 0x%x && [incr ::seen] == %u} { set ::bounced 1; return [lrepeat $n 0] }\n"
                   "return [part_read $addr $width $n]\n}\n",
                   board.jtag, addr, nth);
    chip_close(chip);
    write_adapter(adapter, text);
    open_with(adapter, desc);
    must(chip_probe(chip, &id, &e));
}

static void test_what_a_bouncing_supply_leaves_of_a_read_is_not_believed(void **state)
{
    static const struct {
        unsigned cell, nth; /* nth read that begins at this cell */
        enum flash_fault_id want;
    } row[2][3] = {
        /* the plan's read; the last look at a cell; its read-back */
        { { 0, 1, FLASH_READ_FAILED }, { 5, 1, FLASH_CONTACT_LOST }, { 5, 2, FLASH_CONTACT_LOST } },
        /* the plan's read; two read-backs, which are the last look at the next cell as well */
        { { 0, 1, FLASH_READ_FAILED }, { 5, 1, FLASH_CONTACT_LOST }, { 87, 1, FLASH_CONTACT_LOST } },
    };

    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t r = 0; r < 3; r++) {
            board_open(chips[i]);
            bounce_at_read(chip->desc->otp.base + row[i][r].cell * chip->desc->otp.cell, row[i][r].nth);
            must_be(burn(NULL), row[i][r].want);
            bounce_at_read(0, 1); /* never */
            must(burn(NULL));
            assert_int_equal(vchip_stat(&board, "otp_pulses"), LEN / chip->desc->otp.cell);
            board_close();
        }
}

static void test_another_board_in_mid_burn_is_not_touched(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t part[LEN], blank[LEN];
        memset(blank, 0xFF, sizeof blank);
        board_open(chips[i]);
        go_away = "new";
        must_be(burn(at_the_fifth), FLASH_CONTACT_LOST);
        vchip_peek(&board, chip->desc->otp.base, part, LEN);
        assert_memory_equal(part, blank, LEN);
        must_be(burn(NULL), FLASH_CONTACT_LOST); /* not before a new probe */
        board_close();
    }
}

static void test_ram_is_wiped_to_the_last_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        static uint8_t marker[2048], ram[16384];
        static const uint8_t zeros[16384];
        board_open(chips[i]);
        const struct chip_desc *d = chip->desc;
        memset(marker, 0xA7, sizeof marker);
        must(chip_mem_write(chip, d->ram.base, marker, sizeof marker, &e));
        must(chip_mem_write(chip, d->ram.base + d->ram.size - (uint32_t)sizeof marker, marker, sizeof marker, &e));
        must(chip_mem_write(chip, d->ram2.base + d->ram2.size - (uint32_t)sizeof marker, marker, sizeof marker, &e));
        must_be(chip_mem_write(chip, d->ram.base + d->ram.size - 4, marker, 8, &e), FLASH_UNSUPPORTED);
        must_be(chip_mem_write(chip, d->flash.base, marker, 8, &e), FLASH_UNSUPPORTED);
        must(chip_wipe_ram(chip, &e));
        for (uint32_t at = 0; at < d->ram.size; at += sizeof ram) {
            vchip_peek(&board, d->ram.base + at, ram, sizeof ram);
            assert_memory_equal(ram, zeros, sizeof ram);
        }
        for (uint32_t at = 0; at < d->ram2.size; at += sizeof ram) {
            vchip_peek(&board, d->ram2.base + at, ram, sizeof ram);
            assert_memory_equal(ram, zeros, sizeof ram);
        }
        board_close();
    }
}

static void test_firmware_keeps_to_the_sectors_it_touches(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        static uint8_t code[20000], part[20000];
        board_open(chips[i]);
        const uint32_t base = chip->desc->flash.base;
        const struct fw_segment neighbour = { base + 0x20000, 512, image };
        const struct fw_segment seg[2] = { { base, 8192, code },
                                           { base + 8192 + 64, 1024, code + 8192 } }; /* one sector, twice */
        for (size_t k = 0; k < sizeof code; k++)
            code[k] = (uint8_t)(k * k >> 3);
        must(chip_flash_write(chip, &neighbour, 1, &e));
        for (int again = 0; again < 2; again++)
            must(chip_flash_write(chip, seg, 2, &e));
        vchip_peek(&board, base, part, 8192 + 64 + 1024);
        assert_memory_equal(part, code, 8192);
        assert_memory_equal(part + 8192 + 64, code + 8192, 1024);
        vchip_peek(&board, base + 0x20000, part, 512);
        assert_memory_equal(part, image, 512);
        const struct fw_segment odd = { base + 4, 8, code }, far_off = { base + chip->desc->flash.size, 8, code };
        must_be(chip_flash_write(chip, &odd, 1, &e), FLASH_UNSUPPORTED);
        must_be(chip_flash_write(chip, &far_off, 1, &e), FLASH_UNSUPPORTED);
        must(chip_run(chip, &e));
        board_close();
    }
}

static void test_firmware_that_does_not_stick_is_a_mismatch(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        static uint8_t code[1024];
        board_open(chips[i]);
        const struct fw_segment seg = { chip->desc->flash.base, sizeof code, code };
        memset(code, 0x5A, sizeof code);
        vchip_do(&board, "stick 0x%x 0 1", chip->desc->flash.base + 500);
        enum err_code rc = chip_flash_write(chip, &seg, 1, &e);
        assert_true(rc == ERR_DAMAGED || rc == ERR_RETRY); /* our check, or OpenOCD's driver already */
        board_close();
    }
}

static void test_readout_protection_goes_up_and_down_and_up_for_ever(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t uid[CHIP_UID_LEN], bytes[8], flash[8];
        enum otp_cell_state cell[4];
        static const uint8_t code[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
        board_open(chips[i]);
        const struct fw_segment seg = { chip->desc->flash.base, sizeof code, code };
        must(chip_flash_write(chip, &seg, 1, &e));
        must(burn(NULL));
        must(chip_rdp_set(chip, 0, &e));
        must(chip_rdp_set(chip, 1, &e));
        assert_string_equal(vchip_ctl(&board, "rdp"), "ok 1");
        must(chip_rdp_set(chip, 1, &e));
        must(chip_probe(chip, &id, &e));
        assert_int_equal(id.rdp, 1);
        must(chip_mem_read(chip, chip->desc->uid_addr, uid, sizeof uid, &e));
        assert_memory_equal(uid, id.uid, sizeof uid);
        must_be(chip_otp_read(chip, 0, 1, bytes, cell, &e), FLASH_READ_PROTECTED);
        must_be(chip_flash_write(chip, &seg, 1, &e), FLASH_READ_PROTECTED);
        must_be(burn(NULL), FLASH_READ_PROTECTED);
        must(chip_rdp_set(chip, 0, &e));
        vchip_peek(&board, chip->desc->flash.base, flash, sizeof flash);
        assert_int_equal(flash[0], 0xFF); /* erased on the way down */
        must(burn(NULL));                 /* OTP stayed */
        assert_int_equal(vchip_stat(&board, "otp_pulses"), LEN / chip->desc->otp.cell);
        must(chip_rdp_set(chip, 2, &e));
        assert_string_equal(vchip_ctl(&board, "rdp"), "ok 2");
        must_be(chip_probe(chip, &id, &e), FLASH_NO_CHIP);
        board_close();
    }
}

static void test_a_board_that_left_is_not_at_level_2(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        board_open(chips[i]);
        vchip_do(&board, "remove");
        must_be(chip_rdp_set(chip, 2, &e), FLASH_RDP_FAILED);
        board_close();
    }
}

static void test_the_wrong_board_is_refused_by_each_of_its_names(void **state)
{
    (void)state;
    board_open("stm32l476");
    vchip_do(&board, "idcode 0x2ba01477");
    must_be(chip_probe(chip, &id, &e), FLASH_WRONG_IDCODE);
    vchip_do(&board, "idcode off");
    vchip_do(&board, "remove");
    must_be(chip_probe(chip, &id, &e), FLASH_NO_CHIP);
    vchip_do(&board, "new uid=ffffffffffffffffffffffff");
    must_be(chip_probe(chip, &id, &e), FLASH_BAD_UID);
    vchip_do(&board, "new uid=000000000000000000000000");
    must_be(chip_probe(chip, &id, &e), FLASH_BAD_UID);
    chip_close(chip);
    open_with(adapter, chip_desc_find("stm32f407")); /* same IDCODE, another device id */
    must_be(chip_probe(chip, &id, &e), FLASH_WRONG_CHIP);
    board_close();
}

static void test_each_broken_adapter_file_is_its_own_fault(void **state)
{
    static const struct {
        const char *text;
        enum flash_fault_id fault;
        const char *said;
    } row[] = {
        { "", FLASH_OPENOCD_START, "Debug adapter" },
        { "adapterr driver x\n", FLASH_OPENOCD_START, "adapterr" },
        { "source [find interface/nope.cfg]\n", FLASH_OPENOCD_START, "Can't find interface/nope.cfg" },
        { "adapter driver remote_bitbang\nremote_bitbang host /nonexistent\n", FLASH_PROBE_MISSING, "errno==2" },
        { "adapter driver remote_bitbang\nremote_bitbang port 1\nremote_bitbang host localhost\n", FLASH_PROBE_MISSING, "" },
        { "adapter driver ftdi\nftdi vid_pid 0x0403 0x6014\nftdi layout_init 0x0008 0x000b\n", FLASH_PROBE_MISSING, "ftdi" },
        { "source [find interface/stlink-dap.cfg]\ntransport select dapdirect_swd\n", FLASH_PROBE_MISSING, "open failed" },
        { "source [find interface/cmsis-dap.cfg]\ntransport select swd\n", FLASH_PROBE_MISSING, "CMSIS-DAP" },
        { "source [find interface/stlink.cfg]\n", FLASH_UNSUPPORTED, "stlink-dap.cfg" },
    };
    char dir[] = "/tmp/adapter-test-XXXXXX", path[64];

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/a.cfg", dir);
    open_with(path, chip_desc_find("stm32l476"));
    must_be(chip_probe(chip, &id, &e), FLASH_OPENOCD_START);
    assert_non_null(strstr(e.subject, path));
    chip_close(chip);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        write_adapter(path, row[i].text);
        open_with(path, chip_desc_find("stm32l476"));
        must_be(chip_probe(chip, &id, &e), row[i].fault);
        if (strstr(e.subject, row[i].said) == NULL)
            fail_msg("'%s' not in '%s'", row[i].said, e.subject);
        chip_close(chip);
    }
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_is_the_boards_own),
        cmocka_unit_test(test_burn_programs_each_cell_once_and_locks_the_controller),
        cmocka_unit_test(test_a_lock_byte_is_set_once_and_its_block_refuses),
        cmocka_unit_test(test_a_torn_cell_is_told_from_its_neighbours),
        cmocka_unit_test(test_whatever_goes_away_in_a_burn_the_next_one_finishes),
        cmocka_unit_test(test_what_a_bouncing_supply_leaves_of_a_read_is_not_believed),
        cmocka_unit_test(test_another_board_in_mid_burn_is_not_touched),
        cmocka_unit_test(test_ram_is_wiped_to_the_last_word),
        cmocka_unit_test(test_firmware_keeps_to_the_sectors_it_touches),
        cmocka_unit_test(test_firmware_that_does_not_stick_is_a_mismatch),
        cmocka_unit_test(test_readout_protection_goes_up_and_down_and_up_for_ever),
        cmocka_unit_test(test_a_board_that_left_is_not_at_level_2),
        cmocka_unit_test(test_the_wrong_board_is_refused_by_each_of_its_names),
        cmocka_unit_test(test_each_broken_adapter_file_is_its_own_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/firmware-stub/dut.h - device under test: the built firmware on a simulated board in this process, and its server.
 * No wires: flash and OTP are planted, USART2 and the mailbox are read at the board.  Time is the host's. */
#ifndef TESTS_FIRMWARE_STUB_DUT_H
#define TESTS_FIRMWARE_STUB_DUT_H

#include "tests/protocol/device.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "flash/elf.h"
#include "flash/vchip/board.h"
#include "flash/vchip/rng.h"
#include "flash/vchip/usart.h"
#include "protocol/bytes.h"
#include "protocol/cobs.h"
#include "protocol/counter.h"
#include "protocol/local.h"
#include "protocol/mailbox.h"
#include "protocol/otp_cells.h"

enum { DUT_WAIT_MS = 120000, DUT_SILENCE_MS = 100, DUT_LINE = 2048, RECORD_SLOTS_MAX = 128 };

struct dut {
    struct rig rig; /* the server, and the image */
    const struct chip_desc *desc;
    struct board *board;
    struct fw_image *fw;
    const struct otp_cells *cells;
    uint32_t records[COUNTER_PAGES];
    unsigned slots;
    uint32_t mailbox;
    uint8_t line[DUT_LINE]; /* what came over USART2 and is not yet a record */
    size_t line_len;
};

static const char *const dut_chips[] = { "stm32l476", "stm32f407" };
enum { DUT_CHIPS = 2 };

static inline struct silicon *dut_silicon(struct dut *d)
{
    return board_silicon(d->board);
}

static inline void dut_rng(struct dut *d, enum rng_mode mode)
{
    rng_set_mode(periph_rng(board_periph(d->board)), mode);
}

/* A part with that firmware in flash and nothing in OTP; not yet powered.  It is in $FL_FIRMWARE or build/firmware. */
static inline void dut_open_plain(struct dut *d, const char *chip, const char *variant)
{
    const struct fw_segment *seg;
    char path[256];
    struct err e;
    memset(d, 0, sizeof *d);
    d->desc = chip_desc_find(chip);
    assert_int_equal(board_open(&d->board, d->desc, NULL, &e), ERR_OK);
    board_power(d->board, false);
    silicon_busy_scale(dut_silicon(d), 0);
    const char *dir = getenv("FL_FIRMWARE");
    snprintf(path, sizeof path, "%s/%s-%s.elf", dir != NULL ? dir : "build/firmware", variant, chip);
    if (fw_image_open(&d->fw, path, d->desc, &e) != ERR_OK)
        fail_msg("%s: not a firmware (built?)", path);
    size_t n = fw_image_segments(d->fw, &seg);
    for (size_t i = 0; i < n; i++)
        assert_true(silicon_plant(dut_silicon(d), seg[i].addr, seg[i].data, seg[i].len));
}

static inline void dut_close_plain(struct dut *d)
{
    board_close(d->board);
    fw_image_close(d->fw);
}

/* The same for a build of the stub: where its records, cells and mailbox are.  Nothing in OTP. */
static inline void dut_open_stub(struct dut *d, const char *chip, const char *variant)
{
    struct err e;
    dut_open_plain(d, chip, variant);
    bool l4 = d->desc->controller == FLASH_STM32L4;
    d->cells = l4 ? &otp_cells_l4 : &otp_cells_f407;
    d->slots = l4 ? 64 : 128;
    d->records[0] = l4 ? 0x0807F000 : 0x08008000;
    d->records[1] = l4 ? 0x0807F800 : 0x0800C000;
    assert_int_equal(fw_image_symbol(d->fw, MAILBOX_SYMBOL, &d->mailbox, &e), ERR_OK);
}

/* The part as the station leaves it, image in OTP.  variant: "sealed", "sealed-fast". */
static inline void dut_open(struct dut *d, const char *chip, const char *variant, bool psk, bool compact)
{
    dut_open_stub(d, chip, variant);
    rig_init(&d->rig, psk, compact, 2, 1);
    assert_true(silicon_plant(dut_silicon(d), d->desc->otp.base, d->rig.image, OTP_IMAGE_LEN));
}

static inline void dut_close(struct dut *d)
{
    dut_close_plain(d);
    rig_fini(&d->rig);
}

static inline bool dut_powered(struct dut *d)
{
    struct board_stats s;
    board_stats_get(d->board, &s);
    return s.powered;
}

/* Let the board live for one slice; take what it sends. */
static inline void dut_turn(struct dut *d)
{
    board_run(d->board, 50000);
    uint64_t next = board_next_ns(d->board);
    if (next != 0 && next > clock_mono_ns())
        clock_sleep_ms(1);
    d->line_len += usart_take(periph_usart(board_periph(d->board)), d->line + d->line_len, sizeof d->line - d->line_len);
}

/* The next record on the line; 0: none within ms, or the power went. */
static inline size_t dut_receive(struct dut *d, uint8_t *record, size_t max, uint64_t ms)
{
    const uint64_t until = clock_mono_ns() + ms * 1000000;
    for (;;) {
        uint8_t *end = memchr(d->line, 0, d->line_len);
        if (end != NULL) {
            size_t n = (size_t)(end - d->line);
            long len = cobs_decode(d->line, n, record, max);
            d->line_len -= n + 1;
            memmove(d->line, end + 1, d->line_len);
            if (n == 0) /* each record has a delimiter in front, too */
                continue;
            assert_true(len > 0); /* the device sends nothing malformed */
            return (size_t)len;
        }
        if (clock_mono_ns() > until || !dut_powered(d))
            return 0;
        dut_turn(d);
    }
}

/* Bytes to the device's console. */
static inline void dut_send(struct dut *d, const uint8_t *record, size_t len)
{
    uint8_t out[256];
    size_t n = cobs_encode(record, len, out, sizeof out);
    struct usart *u = periph_usart(board_periph(d->board));
    for (size_t i = 0; i < n; i++) {
        while (!usart_wants(u))
            board_run(d->board, 200);
        usart_give(u, out[i]);
    }
}

static inline void dut_start(struct dut *d)
{
    d->line_len = 0;
    board_power(d->board, false);
    board_power(d->board, true);
}

/* ---- mailbox, as the station does it: the board halted by nRST is not needed, RAM is kept ---- */

static inline uint8_t *dut_ram(struct dut *d, uint32_t addr, uint32_t len)
{
    return memory_at(board_bus(d->board)->memory, addr, len);
}

static inline void dut_ask(struct dut *d, enum mailbox_cmd cmd, const uint8_t *data, size_t len)
{
    uint8_t bytes[MAILBOX_LEN];
    size_t n = mailbox_put(bytes, cmd, data, len);
    memcpy(dut_ram(d, d->mailbox, MAILBOX_LEN), bytes, n);
    dut_ram(d, d->mailbox, MAILBOX_LEN)[MAILBOX_OFF_STATE] = MAILBOX_REQUEST;
}

static inline struct mailbox_view dut_answer(struct dut *d)
{
    const uint64_t until = clock_mono_ns() + (uint64_t)DUT_WAIT_MS * 1000000;
    struct mailbox_view v = { .state = MAILBOX_IDLE };
    do {
        dut_turn(d);
        if (mailbox_get(dut_ram(d, d->mailbox, MAILBOX_LEN), MAILBOX_LEN, &v) &&
            (v.state == MAILBOX_ANSWER || v.state == MAILBOX_ERROR))
            return v;
    } while (clock_mono_ns() < until && dut_powered(d));
    fail_msg("no answer in the mailbox");
    return v;
}

/* ---- what the part holds ---- */

static inline bool dut_read_slot(void *io, unsigned page, unsigned slot, uint8_t out[COUNTER_RECORD_LEN])
{
    struct dut *d = io;
    return silicon_peek(dut_silicon(d), d->records[page] + slot * COUNTER_RECORD_LEN, out, COUNTER_RECORD_LEN);
}

/* The newest record's boot number; 0: none. */
static inline uint32_t dut_boot(struct dut *d)
{
    const struct counter_flash f = { d->slots, dut_read_slot, d };
    struct counter_record r = { .boot = 0 };
    return counter_newest(&f, &r) ? r.boot : 0;
}

static inline uint32_t dut_cell(const struct dut *d, unsigned cell)
{
    return d->desc->otp.base + otp_cell_offset(d->cells, cell);
}

static inline bool dut_cell_blank(struct dut *d, unsigned cell)
{
    uint8_t b[8];
    assert_true(silicon_peek(dut_silicon(d), dut_cell(d, cell), b, d->cells->width));
    return bytes_all(b, d->cells->width, 0xFF);
}

/* Silence but for this code on the console. */
static inline void dut_expect_code(struct dut *d, uint8_t code)
{
    uint8_t record[FRAME_MAX];
    struct local l;
    size_t n = dut_receive(d, record, sizeof record, DUT_WAIT_MS);
    assert_true(n > 0 && local_parse(record, n, &l));
    assert_int_equal(l.type, LOCAL_ERROR);
    assert_string_equal(device_code_name(l.code), device_code_name(code));
    assert_int_equal(dut_receive(d, record, sizeof record, DUT_SILENCE_MS), 0);
}

/* The next record is an OPEN that the server opens; s: its session.  Returns the frame's length. */
static inline size_t dut_expect_open(struct dut *d, uint8_t frame[FRAME_MAX], struct peer_session *s)
{
    uint8_t data[FRAME_DATA_MAX];
    size_t len, n = dut_receive(d, frame, FRAME_MAX, DUT_WAIT_MS);
    assert_true(n > 0);
    assert_true(rig_receive_open(&d->rig, frame, n, s, data, &len));
    assert_int_equal(len, 16);
    return n;
}

/* Where these bytes are in the firmware; they are there once. */
static inline uint32_t dut_find(struct dut *d, const uint8_t *bytes, size_t len)
{
    static uint8_t flash[32 * 1024]; /* the longest */
    uint32_t at = 0;
    unsigned n = 0;
    assert_true(silicon_peek(dut_silicon(d), d->desc->flash.base, flash, sizeof flash));
    for (uint32_t i = 0; i + len <= sizeof flash; i++)
        if (memcmp(flash + i, bytes, len) == 0 && n++ == 0)
            at = d->desc->flash.base + i;
    assert_int_equal(n, 1);
    return at;
}

#endif

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "flash/openocd/session.h"

enum { ALIGN = 8, BLOCK = 64, RANDOM_BLOCKS = 8, ENDS = 2 };

static bool touches(const struct fw_segment *seg, size_t n, uint32_t base, uint32_t size)
{
    for (size_t i = 0; i < n; i++)
        if (seg[i].addr < base + size && base < seg[i].addr + seg[i].len)
            return true;
    return false;
}

static enum err_code check_segments(struct openocd *o, const struct fw_segment *seg, size_t n, struct err *e)
{
    const uint32_t base = o->chip.desc->flash.base, size = o->id.flash_bytes;

    for (size_t i = 0; i < n; i++) {
        uint32_t at = seg[i].addr - base;
        if (seg[i].addr < base || at >= size || seg[i].len > size - at || seg[i].len == 0 || at % ALIGN != 0 ||
            seg[i].len % ALIGN != 0 || touches(seg, i, seg[i].addr, seg[i].len))
            return session_fault(o, FLASH_UNSUPPORTED, "flash write", e,
                                 "segment 0x%08x + %u overlaps, is unaligned or does not fit %u KiB of flash", seg[i].addr,
                                 seg[i].len, size / 1024);
    }
    return ERR_OK;
}

static enum err_code erase(struct openocd *o, uint32_t first, uint32_t last, struct err *e)
{
    const struct ask ask = { "flash erase", o->slot.slow_ms, FLASH_WRITE_FAILED };
    uint32_t none;

    return session_ask(o, &ask, &none, 1, e, "fl_flash_erase %u %u", first, last);
}

/* Erase the sectors that the segments touch, neighbours in one go. */
static enum err_code erase_touched(struct openocd *o, const struct fw_segment *seg, size_t n, struct err *e)
{
    const struct chip_desc *d = o->chip.desc;
    uint32_t base = d->flash.base, sector = 0, first = 0;
    bool open = false; /* sectors first..sector-1 are to be erased */
    enum err_code rc = ERR_OK;

    for (size_t r = 0; r < CHIP_SECTORS_MAX && d->flash.run[r].size != 0; r++)
        for (uint32_t i = 0; i < d->flash.run[r].count && rc == ERR_OK; i++, sector++, base += d->flash.run[r].size) {
            bool now = touches(seg, n, base, d->flash.run[r].size);
            if (now && !open)
                first = sector;
            if (!now && open)
                rc = erase(o, first, sector - 1, e);
            open = now;
        }
    if (rc == ERR_OK && open)
        rc = erase(o, first, sector - 1, e);
    return rc;
}

/* The file that OpenOCD reads is a memfd it was born with: nobody else can change it between writing and checking. */
static enum err_code fill_image(struct openocd *o, const struct fw_segment *seg, struct err *e)
{
    size_t done = 0;

    if (ftruncate(o->image_fd, 0) != 0)
        return err_errno(e, &flash_fault[FLASH_WRITE_FAILED], "ftruncate", "slot '%s': memfd", o->slot.name);
    while (done < seg->len) {
        ssize_t n = pwrite(o->image_fd, seg->data + done, seg->len - done, (off_t)done);
        if (n < 0)
            return err_errno(e, &flash_fault[FLASH_WRITE_FAILED], "write", "slot '%s': memfd", o->slot.name);
        done += (size_t)n;
    }
    return ERR_OK;
}

static enum err_code write_segment(struct openocd *o, const struct fw_segment *seg, struct err *e)
{
    const struct ask ask = { "flash write", o->slot.slow_ms, FLASH_WRITE_FAILED };
    uint32_t none;
    enum err_code rc = fill_image(o, seg, e);

    return rc != ERR_OK ? rc : session_ask(o, &ask, &none, 1, e, "fl_flash_write %d %u", o->image_fd, seg->addr);
}

static enum err_code check_crc(struct openocd *o, const struct fw_segment *seg, struct err *e)
{
    const struct ask ask = { "flash crc", o->slot.slow_ms, FLASH_READ_FAILED };
    uint32_t same = 0;
    enum err_code rc = fill_image(o, seg, e);

    if (rc == ERR_OK)
        rc = session_ask(o, &ask, &same, 1, e, "fl_flash_crc %d %u", o->image_fd, seg->addr);
    if (rc == ERR_OK && same != 1)
        rc = session_fault(o, FLASH_FIRMWARE_MISMATCH, ask.op, e, "segment at 0x%08x", seg->addr);
    return rc;
}

static enum err_code check_block(struct openocd *o, const struct fw_segment *seg, uint32_t at, struct err *e)
{
    const struct ask ask = { "flash sample", o->slot.call_ms, FLASH_READ_FAILED };
    uint32_t len = seg->len - at < BLOCK ? seg->len - at : BLOCK, words[BLOCK / 4];
    enum err_code rc = openocd_read_words(o, &ask, seg->addr + at, words, len / 4, e);

    for (uint32_t i = 0; i < len && rc == ERR_OK; i++)
        if (seg->data[at + i] != (uint8_t)(words[i / 4] >> 8 * (i % 4)))
            rc = session_fault(o, FLASH_FIRMWARE_MISMATCH, ask.op, e, "0x%08x", seg->addr + at + i);
    return rc;
}

/* A programmer that only claims to compare does not know where we look. */
static enum err_code check_sample(struct openocd *o, const struct fw_segment *seg, struct err *e)
{
    uint32_t at[ENDS + RANDOM_BLOCKS];
    const uint32_t last = seg->len > BLOCK ? seg->len - BLOCK : 0;

    if (getrandom(at, sizeof at, 0) != (ssize_t)sizeof at)
        return err_errno(e, &flash_fault[FLASH_READ_FAILED], "getrandom", "slot '%s'", o->slot.name);
    at[0] = 0;
    at[1] = last;
    for (size_t i = 0; i < ENDS + RANDOM_BLOCKS; i++) {
        enum err_code rc = check_block(o, seg, i < ENDS ? at[i] : at[i] % (last + 1) & ~3u, e);
        if (rc != ERR_OK || last == 0)
            return rc;
    }
    return ERR_OK;
}

enum err_code openocd_flash_write(struct chip *c, const struct fw_segment *seg, size_t n, struct err *e)
{
    struct openocd *o = (struct openocd *)c;
    const struct ask halt = { "reset halt", o->slot.call_ms, FLASH_WRITE_FAILED };
    uint32_t none;
    enum err_code rc;

    if ((rc = session_ready(o, "flash write", e)) != ERR_OK || (rc = check_segments(o, seg, n, e)) != ERR_OK)
        return rc;
    /* Whatever runs now would run on into an erased flash, and OpenOCD's loader wants the core.  Once more after erasing: if
     * the vectors were torn, their ECC error has left an NMI pending, which the loader would fall into. */
    if ((rc = session_ask(o, &halt, &none, 1, e, "fl_reset 1")) != ERR_OK || (rc = erase_touched(o, seg, n, e)) != ERR_OK ||
        (rc = session_ask(o, &halt, &none, 1, e, "fl_reset 1")) != ERR_OK)
        return rc;
    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        rc = write_segment(o, &seg[i], e);
    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        if ((rc = check_crc(o, &seg[i], e)) == ERR_OK)
            rc = check_sample(o, &seg[i], e);
    return rc;
}

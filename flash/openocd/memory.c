#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "flash/openocd/session.h"

enum { WIPE_CODE_LEN = 16, WIPE_STEP = 16, SAMPLES = 8, SAMPLE_WORDS = 16, WIPE_MS = 4000 };

enum err_code openocd_read_words(struct openocd *o, const struct ask *a, uint32_t addr, uint32_t *words, size_t n,
                                 struct err *e)
{
    enum err_code rc = ERR_OK;

    for (size_t done = 0; done < n && rc == ERR_OK; done += RPC_WORDS_MAX) {
        size_t now = n - done < RPC_WORDS_MAX ? n - done : RPC_WORDS_MAX;
        rc = session_ask(o, a, words + done, now, e, "fl_mem_read %zu %zu", addr + done * 4, now);
    }
    return rc;
}

static bool inside(uint32_t addr, size_t len, uint32_t base, uint32_t size)
{
    return addr >= base && len <= size && addr - base <= size - len;
}

static enum err_code readable(struct openocd *o, uint32_t addr, size_t len, struct err *e)
{
    /* The UID answers at RDP level 1, too. */
    if (o->probed && inside(addr, len, o->chip.desc->uid_addr, CHIP_UID_LEN))
        return ERR_OK;
    return session_ready(o, "memory read", e);
}

enum err_code openocd_mem_read(struct chip *c, uint32_t addr, void *buf, size_t len, struct err *e)
{
    struct openocd *o = (struct openocd *)c;
    const struct ask ask = { "memory read", o->slot.call_ms, FLASH_READ_FAILED };
    enum err_code rc = readable(o, addr, len, e);

    if (rc != ERR_OK || len == 0)
        return rc;
    if (addr % 4 != 0 || len % 4 != 0)
        return session_fault(o, FLASH_UNSUPPORTED, ask.op, e, "0x%08x + %zu is not in whole words", addr, len);
    uint32_t *words = malloc(len);
    if (words == NULL)
        return err_errno(e, &flash_fault[FLASH_READ_FAILED], "malloc", "slot '%s'", o->slot.name);
    if ((rc = openocd_read_words(o, &ask, addr, words, len / 4, e)) == ERR_OK)
        for (size_t i = 0; i < len; i++)
            ((uint8_t *)buf)[i] = (uint8_t)(words[i / 4] >> 8 * (i % 4));
    explicit_bzero(words, len);
    free(words);
    return rc;
}

static enum err_code write_chunk(struct openocd *o, uint32_t addr, const uint8_t *p, size_t words, struct err *e)
{
    const struct ask ask = { "memory write", o->slot.call_ms, FLASH_WRITE_FAILED };
    char list[RPC_WORDS_MAX * 11 + 1];
    size_t at = 0;
    uint32_t written = 0;

    for (size_t i = 0; i < words; i++, p += 4) {
        uint32_t v = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        at += (size_t)snprintf(list + at, sizeof list - at, " %u", v);
    }
    enum err_code rc = session_ask(o, &ask, &written, 1, e, "fl_mem_write %u%s", addr, list);
    explicit_bzero(list, sizeof list);
    if (rc == ERR_OK && written != words)
        rc = session_fault(o, FLASH_OPENOCD_GARBAGE, ask.op, e, "%u of %zu words", written, words);
    return rc;
}

enum err_code openocd_mem_write(struct chip *c, uint32_t addr, const void *buf, size_t len, struct err *e)
{
    struct openocd *o = (struct openocd *)c;
    const struct chip_desc *d = c->desc;
    enum err_code rc = session_ready(o, "memory write", e);

    if (rc != ERR_OK)
        return rc;
    if (addr % 4 != 0 || len % 4 != 0 ||
        (!inside(addr, len, d->ram.base, d->ram.size) && !inside(addr, len, d->ram2.base, d->ram2.size)))
        return session_fault(o, FLASH_UNSUPPORTED, "memory write", e, "0x%08x + %zu is not whole words of RAM", addr, len);
    for (size_t done = 0; done < len && rc == ERR_OK; done += RPC_WORDS_MAX * 4) {
        size_t now = len - done < RPC_WORDS_MAX * 4 ? len - done : RPC_WORDS_MAX * 4;
        rc = write_chunk(o, addr + (uint32_t)done, (const uint8_t *)buf + done, now / 4, e);
    }
    return rc;
}

/* Ends and random places of one bank are zero. */
static enum err_code check_zero(struct openocd *o, uint32_t base, uint32_t size, struct err *e)
{
    const struct ask ask = { "wipe ram", o->slot.call_ms, FLASH_RAM_WIPE };
    uint32_t at[SAMPLES], words[SAMPLE_WORDS];

    if (getrandom(at, sizeof at, 0) != (ssize_t)sizeof at)
        return err_errno(e, &flash_fault[FLASH_RAM_WIPE], "getrandom", "slot '%s'", o->slot.name);
    at[0] = 0;
    at[1] = size - (uint32_t)sizeof words;
    for (size_t i = 0; i < SAMPLES; i++) {
        if (i > 1)
            at[i] = at[i] % (size - (uint32_t)sizeof words) & ~3u;
        enum err_code rc = openocd_read_words(o, &ask, base + at[i], words, SAMPLE_WORDS, e);
        for (size_t w = 0; w < SAMPLE_WORDS && rc == ERR_OK; w++)
            if (words[w] != 0)
                rc = session_fault(o, FLASH_RAM_WIPE, ask.op, e, "0x%08zx is not zero", base + at[i] + w * 4);
        explicit_bzero(words, sizeof words);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* Let the part zero base..end itself: a second over the debug port is a millisecond on the chip. */
static enum err_code wipe(struct openocd *o, uint32_t base, uint32_t end, uint32_t code, struct err *e)
{
    const struct ask ask = { "wipe ram", o->slot.call_ms, FLASH_RAM_WIPE };
    uint32_t v[2];
    enum err_code rc = session_ask(o, &ask, v, 2, e, "fl_wipe %u %u %u %d", base, end, code, WIPE_MS);

    if (rc == ERR_OK && (v[0] != code + WIPE_CODE_LEN - 2 || v[1] != end))
        rc = session_fault(o, FLASH_RAM_WIPE, ask.op, e, "stopped at pc 0x%08x, r0 0x%08x", v[0], v[1]);
    return rc;
}

enum err_code openocd_wipe_ram(struct chip *c, struct err *e)
{
    struct openocd *o = (struct openocd *)c;
    const struct chip_desc *d = c->desc;
    const struct ask halt = { "reset halt", o->slot.call_ms, FLASH_RAM_WIPE };
    const uint32_t code = d->ram.base + d->ram.size - WIPE_CODE_LEN;
    uint32_t none;
    enum err_code rc;

    /* A reset, not a mere halt: no DMA may write behind us, and no interrupt may be pending when the loop starts. */
    if ((rc = session_ready(o, "wipe ram", e)) != ERR_OK ||
        (rc = session_ask(o, &halt, &none, 1, e, "fl_reset 1")) != ERR_OK ||
        (rc = wipe(o, d->ram.base, code, code, e)) != ERR_OK)
        return rc;
    if (d->ram2.size != 0 && (rc = wipe(o, d->ram2.base, d->ram2.base + d->ram2.size, code, e)) != ERR_OK)
        return rc;
    if ((rc = check_zero(o, d->ram.base, d->ram.size, e)) == ERR_OK && d->ram2.size != 0)
        rc = check_zero(o, d->ram2.base, d->ram2.size, e);
    return rc;
}

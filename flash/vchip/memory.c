#include "flash/vchip/memory.h"

#include <string.h>
#include <sys/mman.h>

bool memory_map_ram(struct memory *m, size_t bank, bool open)
{
    struct memory_ram *r = &m->ram[bank];

    if (open == r->mapped || r->size == 0)
        return true;
    r->mapped = open;
    if (open)
        return cpu_map(m->cpu, r->base, r->size, r->host, CPU_MAP_RAM);
    cpu_unmap(m->cpu, r->base, r->size);
    return true;
}

static bool ram_init(struct memory *m, size_t i, uint32_t base, uint32_t size)
{
    if (size == 0)
        return true;
    void *host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* whole pages, for cpu_map */
    if (host == MAP_FAILED)
        return false;
    m->ram[i] = (struct memory_ram){ .base = base, .size = size, .host = host };
    return memory_map_ram(m, i, true);
}

bool memory_init(struct memory *m, const struct chip_desc *desc, struct cpu *cpu)
{
    *m = (struct memory){ .cpu = cpu, .desc = desc };
    return ram_init(m, 0, desc->ram.base, desc->ram.size) && ram_init(m, 1, desc->ram2.base, desc->ram2.size);
}

void memory_fini(struct memory *m)
{
    for (size_t i = 0; i < MEMORY_RAMS; i++)
        if (m->ram[i].host != NULL)
            munmap(m->ram[i].host, m->ram[i].size);
}

uint8_t *memory_at(const struct memory *m, uint32_t addr, uint32_t len)
{
    for (size_t i = 0; i < MEMORY_RAMS; i++) {
        const struct memory_ram *r = &m->ram[i];
        if (addr - r->base < r->size && len <= r->size - (addr - r->base))
            return r->host + (addr - r->base);
    }
    return NULL;
}

static void widen(struct memory_range *r, uint32_t addr, uint32_t len)
{
    if (r->lo == r->hi) {
        *r = (struct memory_range){ addr, addr + len };
        return;
    }
    r->lo = addr < r->lo ? addr : r->lo;
    r->hi = addr + len > r->hi ? addr + len : r->hi;
}

void memory_changed(struct memory *m, uint32_t addr, uint32_t len)
{
    if (addr - m->desc->flash.base < m->desc->flash.size)
        widen(&m->stale_flash, addr, len);
    for (size_t i = 0; i < MEMORY_RAMS; i++)
        if (addr - m->ram[i].base < m->ram[i].size)
            widen(&m->ram[i].stale, addr, len);
}

void memory_refresh(struct memory *m)
{
    struct memory_range *f = &m->stale_flash;

    if (f->lo != f->hi && m->flash_mapped)         /* else it is dropped with the mapping */
        cpu_changed(m->cpu, f->lo, f->hi - f->lo); /* at 0 too */
    *f = (struct memory_range){ 0, 0 };
    for (size_t i = 0; i < MEMORY_RAMS; i++) {
        struct memory_range *s = &m->ram[i].stale;
        if (s->lo != s->hi && m->ram[i].mapped)
            cpu_changed(m->cpu, s->lo, s->hi - s->lo);
        *s = (struct memory_range){ 0, 0 };
    }
}

void memory_map_flash(struct memory *m, uint8_t *array)
{
    const uint32_t at[] = { m->desc->flash.base, 0 };

    if ((array != NULL) == m->flash_mapped)
        return;
    m->flash_mapped = array != NULL;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        if (array == NULL)
            cpu_unmap(m->cpu, at[i], m->desc->flash.size);
        else if (!cpu_map(m->cpu, at[i], m->desc->flash.size, array, CPU_MAP_GUARDED))
            m->flash_mapped = false; /* no memory: the core fetches nothing and locks up, the debugger still sees all */
}

void memory_forget(struct memory *m)
{
    for (size_t i = 0; i < MEMORY_RAMS; i++) {
        struct memory_ram *r = &m->ram[i];
        uint32_t x = 0x2545F491 + (uint32_t)i; /* xorshift, Marsaglia 2003: never 0 */
        for (uint32_t at = 0; at < r->size; at += 4) {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            memcpy(r->host + at, &x, 4);
        }
        if (r->size > 0)
            widen(&r->stale, r->base, r->size);
    }
}

void memory_erase(struct memory *m, size_t bank)
{
    struct memory_ram *r = &m->ram[bank];

    if (r->size == 0)
        return;
    memset(r->host, 0, r->size);
    widen(&r->stale, r->base, r->size);
}

unsigned memory_find(const struct memory *m, const uint8_t *pattern, size_t len, uint32_t *first)
{
    unsigned n = 0;

    for (size_t i = 0; i < MEMORY_RAMS; i++) {
        const struct memory_ram *r = &m->ram[i];
        for (uint32_t at = 0; len > 0 && at + len <= r->size; at++)
            if (memcmp(r->host + at, pattern, len) == 0 && n++ == 0)
                *first = r->base + at;
    }
    return n;
}

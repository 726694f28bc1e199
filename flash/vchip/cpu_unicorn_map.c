/* flash/vchip/cpu_unicorn_map.c - what lies where: host memory, and everything else, which belongs to the bus. */
#include "flash/vchip/cpu_unicorn.h"

#include <stdlib.h>
#include <string.h>

/* Nearly always the region of the time before: it comes first. */
static struct region *region_at(struct cpu *c, uint32_t addr)
{
    const size_t n = c->n_region;
    size_t i = c->last_region < n ? c->last_region : 0;
    for (size_t k = 0; k < n; k++, i = i + 1 < n ? i + 1 : 0)
        if (addr - c->region[i].addr < c->region[i].len) {
            c->last_region = i;
            return &c->region[i];
        }
    return NULL;
}

/* The halfword at addr, if there is memory. */
bool cpu_peek16(struct cpu *c, uint32_t addr, uint16_t *v)
{
    const struct region *m = region_at(c, addr);
    if (m == NULL || m->len - (addr - m->addr) < 2)
        return false;
    memcpy(v, m->host + (addr - m->addr), sizeof *v);
    return true;
}

static uint64_t on_bus_read(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
    const struct window *w = user;
    struct cpu *c = w->cpu;
    uint32_t addr = w->addr + (uint32_t)offset, v = 0;
    (void)uc;
    if (c->stopping)
        return 0;
    if (!c->bus.read(c->bus.io, addr, size, &v))
        cpu_data_fault(c, addr);
    return v;
}

static void on_bus_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user)
{
    const struct window *w = user;
    struct cpu *c = w->cpu;
    uint32_t addr = w->addr + (uint32_t)offset;
    (void)uc;
    if (!c->stopping && !c->bus.write(c->bus.io, addr, size, (uint32_t)value))
        cpu_data_fault(c, addr);
}

static void narrow(struct window *w, uint32_t at, uint32_t addr, uint64_t end)
{
    if (end <= at && end > w->addr)
        w->addr = (uint32_t)end;
    if (addr > at && addr < w->end)
        w->end = addr;
}

/* Hand the free range around addr to the bus.  Not the whole space at once: taking a window away costs time by its size. */
static bool open_window(struct cpu *c, uint32_t addr)
{
    struct window *w;
    if (c->n_window == WINDOWS || (w = calloc(1, sizeof *w)) == NULL)
        return false;
    w->cpu = c;
    w->addr = addr & ~(uint32_t)(WINDOW - 1);
    w->end = (uint64_t)w->addr + WINDOW;
    for (size_t i = 0; i < c->n_region; i++)
        narrow(w, addr, c->region[i].addr, (uint64_t)c->region[i].addr + c->region[i].len);
    for (size_t i = 0; i < c->n_window; i++)
        narrow(w, addr, c->window[i]->addr, c->window[i]->end);
    if (uc_mmio_map(c->uc, w->addr, (size_t)(w->end - w->addr), on_bus_read, w, on_bus_write, w) != UC_ERR_OK) {
        free(w);
        return false;
    }
    c->window[c->n_window++] = w;
    return true;
}

static void close_windows(struct cpu *c, uint32_t addr, uint32_t len)
{
    for (size_t i = 0; i < c->n_window;) {
        struct window *w = c->window[i];
        if (w->addr < (uint64_t)addr + len && w->end > addr) {
            (void)uc_mem_unmap(c->uc, w->addr, (size_t)(w->end - w->addr));
            free(w);
            c->window[i] = c->window[--c->n_window];
        } else {
            i++;
        }
    }
}

static bool on_guarded(struct cpu *c, uint32_t addr, unsigned size, uint64_t value)
{
    if (c->stopping || (addr & (size - 1)) != 0) /* unaligned: the engine comes back with each byte */
        return true;
    for (unsigned done = 0; done < size; done += 4)
        if (!c->bus.guarded_write(c->bus.io, addr + done, size > 4 ? 4 : size, (uint32_t)(value >> (8 * done)))) {
            cpu_data_fault(c, addr + done);
            break;
        }
    return true;
}

/* true: the engine goes on with the access; a store into a guarded region is then dropped by it. */
bool cpu_on_invalid_access(uc_engine *uc, uc_mem_type type, uint64_t addr, int size, int64_t value, void *user)
{
    struct cpu *c = user;
    (void)uc;
    switch (type) {
    case UC_MEM_WRITE_PROT:
        return on_guarded(c, (uint32_t)addr, (unsigned)size, (uint64_t)value);
    case UC_MEM_READ_UNMAPPED:
    case UC_MEM_WRITE_UNMAPPED:
        if (open_window(c, (uint32_t)addr))
            return true;
        cpu_data_fault(c, (uint32_t)addr);
        return false;
    default: /* fetches: cpu_run sees the engine's error */
        return false;
    }
}

bool cpu_map(struct cpu *c, uint32_t addr, uint32_t len, void *host, enum cpu_map_kind kind)
{
    if (c->n_region == REGIONS || len == 0 || addr % PAGE != 0 || len % PAGE != 0)
        return false;
    close_windows(c, addr, len);
    if (uc_mem_map_ptr(c->uc, addr, len, UC_PROT_ALL, host) != UC_ERR_OK)
        return false;
    /* Only uc_mem_protect makes the engine check each store; permissions given to uc_mem_map_ptr do so only once a page. */
    if (kind == CPU_MAP_GUARDED && uc_mem_protect(c->uc, addr, len, UC_PROT_READ | UC_PROT_EXEC) != UC_ERR_OK) {
        (void)uc_mem_unmap(c->uc, addr, len);
        return false;
    }
    c->region[c->n_region++] = (struct region){ addr, len, host, kind };
    return true;
}

void cpu_unmap(struct cpu *c, uint32_t addr, uint32_t len)
{
    for (size_t i = 0; i < c->n_region; i++)
        if (c->region[i].addr == addr && c->region[i].len == len) {
            cpu_changed(c, addr, len);
            (void)uc_mem_unmap(c->uc, addr, len);
            c->region[i] = c->region[--c->n_region];
            c->region[c->n_region] = (struct region){ .len = 0 };
            c->last_region = 0;
            return;
        }
}

/* uc_ctl_flush_tlb would do it all at once, and wipe a 1 GiB code buffer each time. */
static void forget_host(struct cpu *c, const uint8_t *host, uint32_t len)
{
    for (size_t i = 0; i < c->n_region; i++) {
        const struct region *m = &c->region[i];
        const uint8_t *lo = host > m->host ? host : m->host;
        const uint8_t *hi = host + len < m->host + m->len ? host + len : m->host + m->len;
        if (lo < hi) {
            uint64_t at = m->addr + (uint64_t)(lo - m->host);
            (void)uc_ctl_remove_cache(c->uc, at, at + (uint64_t)(hi - lo));
        }
    }
}

void cpu_forget_range(struct cpu *c, uint64_t from, uint64_t to)
{
    for (size_t i = 0; i < c->n_region; i++) {
        const struct region *m = &c->region[i];
        uint64_t lo = from > m->addr ? from : m->addr;
        uint64_t hi = to < (uint64_t)m->addr + m->len ? to : (uint64_t)m->addr + m->len;
        if (lo < hi)
            forget_host(c, m->host + (lo - m->addr), (uint32_t)(hi - lo));
    }
}

void cpu_changed(struct cpu *c, uint32_t addr, uint32_t len)
{
    uint64_t end = (uint64_t)addr + len;
    if (!c->running) {
        cpu_forget_range(c, addr, end);
        return;
    }
    if (c->changed_hi == 0 || addr < c->changed_lo) /* not under the feet of the code that runs: at the end of the run */
        c->changed_lo = addr;
    if (end > c->changed_hi)
        c->changed_hi = end;
    c->left = 0;
}

/* Unicorn 2.0.1 collects the pages that a store touches in a tree, made and freed for each store, to lock them; its locks do
 * nothing, as it has no second thread.  Half of the time of a chip's code goes there.  Its library calls these two by name,
 * so ours come first; later versions have taken them out (pull request 1838 of unicorn-engine/unicorn) and ask for neither.
 */
void *page_collection_lock_arm(void *uc, unsigned long first, unsigned long last);
void page_collection_unlock_arm(void *pages);

void *page_collection_lock_arm(void *uc, unsigned long first, unsigned long last)
{
    (void)uc;
    (void)first;
    (void)last;
    return NULL;
}

void page_collection_unlock_arm(void *pages)
{
    (void)pages;
}

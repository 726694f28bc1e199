/* Every allocation of the command fails once: its own and those of its libraries, by where malloc is called from. */
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sweep/world.h"

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

enum { RANGES = 32 };

static struct range { /* code of one object file */
    uintptr_t from, to;
    bool dies;  /* a library that gives up without memory, by a crash: p11-kit's URI parser */
    bool token; /* SoftHSM2 and what it calls: the token's own memory */
} range[RANGES];
static size_t n_ranges;
static bool counts, token;

static int add_range(struct dl_phdr_info *info, size_t size, void *io)
{
    static const char *const theirs[] = { "libsofthsm2", "libcrypto", "libstdc++" };
    struct range r = { .from = UINTPTR_MAX };

    (void)size;
    (void)io;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
        const uintptr_t at = info->dlpi_addr + ph->p_vaddr;

        if (ph->p_type != PT_LOAD)
            continue;
        r.from = at < r.from ? at : r.from;
        r.to = at + ph->p_memsz > r.to ? at + ph->p_memsz : r.to;
    }
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
        r.token = r.token || strstr(info->dlpi_name, theirs[i]) != NULL;
    r.dies = strstr(info->dlpi_name, "libp11-kit") != NULL;
    if (n_ranges < RANGES)
        range[n_ranges++] = r;
    return 0;
}

/* Loaded later than we looked: the module. */
static const struct range *range_of(const void *caller)
{
    static const struct range module = { .token = true };

    for (size_t i = 0; i < n_ranges; i++)
        if ((uintptr_t)caller >= range[i].from && (uintptr_t)caller < range[i].to)
            return &range[i];
    return &module;
}

/* true: this one fails. */
static bool fails(const void *caller)
{
    struct world *w = world_now;

    if (!counts || w == NULL || w->outside || range_of(caller)->token != token || !world_due(w, w->c))
        return false;
    world_fired(w);
    w->shared->may_crash = range_of(caller)->dies || token; /* SoftHSM2 does not look at all it allocates */
    if (w->trace) {
        void *at[40];

        w->outside = true;
        backtrace_symbols_fd(at, backtrace(at, 40), 1023); /* the harness's own stderr */
        w->outside = false;
    }
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}

/* A board with a secret: its way makes every call that the others make. */
static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s", world_boards[variant + 1].name);
}

static void prepare_own(struct world *w, const struct sweep_case *c)
{
    world_use(w, &world_boards[c->variant + 1]);
}

static void arm(bool tokens)
{
    if (counts)
        return;
    n_ranges = 0;
    (void)dl_iterate_phdr(add_range, NULL);
    token = tokens;
    counts = true;
}

static void arm_own(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)w;
    (void)c;
    (void)t;
    (void)opened;
    arm(false);
}

static void arm_token(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)w;
    (void)c;
    (void)t;
    (void)opened;
    arm(true);
}

/* C++ without memory ends the process: as good as a kill. */
static void may_die(struct world *w, const struct sweep_case *c)
{
    prepare_own(w, c);
    w->may_die = true;
}

const struct sweep_kind memory_kinds[] = {
    { .name = "memory-own",
      .variants = 1,
      .describe = describe,
      .whole_stride = 5,
      .prepare = prepare_own,
      .arm = arm_own,
      /* a chip in the process is probed and written without an allocation */
      .steps = SWEEP_STEPS & ~(1u << STEP_PROBE | 1u << STEP_FIRMWARE) },
    { .name = "memory-token",
      .variants = 1,
      .stride = 2560,
      .describe = describe,
      .whole_stride = 96,
      .prepare = may_die,
      .arm = arm_token,
      .steps = 1u << STEP_KEY | 1u << STEP_INTENT | 1u << STEP_PROOF },
    { 0 },
};

#include "cli/interrupt.h"

#include <signal.h>
#include <stdlib.h>

#include "cli/fault.h"

struct guard {
    struct chip chip; /* first: see flash/chip.h */
    struct chip *inner;
    bool burned;
};

static volatile sig_atomic_t requested;

static void on_signal(int signal)
{
    (void)signal;
    requested = 1;
}

void interrupt_init(void)
{
    static const int stop[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    struct sigaction old;

    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < sizeof stop / sizeof *stop; i++)
        if (sigaction(stop[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) /* nohup stays nohup */
            sigaction(stop[i], &sa, NULL);                                    /* cannot fail for these signals */
    signal(SIGPIPE, SIG_IGN); /* a reader that is gone, or a file at its size limit: an error of writing, not a death */
    signal(SIGXFSZ, SIG_IGN);
}

bool interrupt_requested(void)
{
    return requested != 0;
}

static struct guard *guard(struct chip *c)
{
    return (struct guard *)c;
}

static enum err_code go_on(struct chip *c, const char *op, struct err *e)
{
    if (!interrupt_requested())
        return ERR_OK;
    return err_set(e, &cli_fault[guard(c)->burned ? CLI_INTERRUPTED_BURNED : CLI_INTERRUPTED], op, NULL, 0, "%s",
                   c->desc->title);
}

static enum err_code guard_probe(struct chip *c, struct chip_identity *id, struct err *e)
{
    enum err_code rc = go_on(c, "probe", e);

    return rc != ERR_OK ? rc : chip_probe(guard(c)->inner, id, e);
}

static enum err_code guard_otp_read(struct chip *c, uint32_t first, uint32_t n, uint8_t *bytes, enum otp_cell_state *state,
                                    struct err *e)
{
    enum err_code rc = go_on(c, "otp read", e);

    return rc != ERR_OK ? rc : chip_otp_read(guard(c)->inner, first, n, bytes, state, e);
}

static enum err_code guard_otp_locks(struct chip *c, uint32_t *locked, uint32_t *torn, struct err *e)
{
    enum err_code rc = go_on(c, "otp locks", e);

    return rc != ERR_OK ? rc : chip_otp_lock_bytes(guard(c)->inner, locked, torn, e);
}

static enum err_code guard_otp_program(struct chip *c, uint32_t cell, const uint8_t *bytes, struct err *e)
{
    enum err_code rc = go_on(c, "otp program", e);

    if (rc == ERR_OK)
        rc = chip_otp_program(guard(c)->inner, cell, bytes, e);
    if (rc == ERR_OK)
        guard(c)->burned = true;
    return rc;
}

static enum err_code guard_otp_lock(struct chip *c, uint32_t block, struct err *e)
{
    enum err_code rc = go_on(c, "otp lock", e);

    if (rc == ERR_OK)
        rc = chip_otp_lock(guard(c)->inner, block, e);
    if (rc == ERR_OK)
        guard(c)->burned = true;
    return rc;
}

static enum err_code guard_flash_write(struct chip *c, const struct fw_segment *seg, size_t n, struct err *e)
{
    enum err_code rc = go_on(c, "flash write", e);

    return rc != ERR_OK ? rc : chip_flash_write(guard(c)->inner, seg, n, e);
}

static enum err_code guard_mem_read(struct chip *c, uint32_t addr, void *buf, size_t len, struct err *e)
{
    enum err_code rc = go_on(c, "memory read", e);

    return rc != ERR_OK ? rc : chip_mem_read(guard(c)->inner, addr, buf, len, e);
}

static enum err_code guard_mem_write(struct chip *c, uint32_t addr, const void *buf, size_t len, struct err *e)
{
    enum err_code rc = go_on(c, "memory write", e);

    return rc != ERR_OK ? rc : chip_mem_write(guard(c)->inner, addr, buf, len, e);
}

/* Wiping goes on when all else stops: what was in RAM must not stay there. */
static enum err_code guard_wipe_ram(struct chip *c, struct err *e)
{
    return chip_wipe_ram(guard(c)->inner, e);
}

static enum err_code guard_run(struct chip *c, struct err *e)
{
    enum err_code rc = go_on(c, "run", e);

    return rc != ERR_OK ? rc : chip_run(guard(c)->inner, e);
}

static enum err_code guard_rdp_set(struct chip *c, unsigned level, struct err *e)
{
    enum err_code rc = go_on(c, "rdp set", e);

    if (rc == ERR_OK)
        rc = chip_rdp_set(guard(c)->inner, level, e);
    if (rc == ERR_OK)
        guard(c)->burned = true;
    return rc;
}

static void guard_release(struct chip *c)
{
    chip_release(guard(c)->inner);
}

static void guard_close(struct chip *c)
{
    chip_close(guard(c)->inner);
    free(c);
}

static const struct chip_ops guard_ops = {
    .probe = guard_probe,
    .otp_read = guard_otp_read,
    .otp_locks = guard_otp_locks,
    .otp_program = guard_otp_program,
    .otp_lock = guard_otp_lock,
    .flash_write = guard_flash_write,
    .mem_read = guard_mem_read,
    .mem_write = guard_mem_write,
    .wipe_ram = guard_wipe_ram,
    .run = guard_run,
    .rdp_set = guard_rdp_set,
    .close = guard_close,
    .release = guard_release,
};

enum err_code interrupt_guard(struct chip **out, struct chip *inner, struct err *e)
{
    struct guard *g = calloc(1, sizeof *g);

    if (g == NULL) {
        chip_close(inner);
        return err_set(e, &cli_fault[CLI_NO_MEMORY], "malloc", NULL, 0, "a slot");
    }
    *g = (struct guard){ .chip = { .ops = &guard_ops, .desc = inner->desc }, .inner = inner };
    *out = &g->chip;
    return ERR_OK;
}

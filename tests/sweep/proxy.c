#include "tests/sweep/proxy.h"

#include <stdlib.h>

struct proxy {
    struct chip chip; /* first: see flash/chip.h */
    struct chip *inner;
    struct world *w;
};

struct args { /* of the one call that is under way */
    struct chip_identity *id;
    uint32_t a, n;
    uint8_t *bytes;
    enum otp_cell_state *state;
    const void *in;
    void *out;
    uint32_t *torn;
    size_t len;
    const struct fw_segment *seg;
};

typedef enum err_code real_call(struct chip *c, void *io, struct err *e);

static enum err_code through(struct chip *c, struct chip_call call, real_call *really, struct args *a, struct err *e)
{
    struct proxy *p = (struct proxy *)c;
    enum err_code rc;

    if (p->w->at_seam != NULL)
        p->w->at_seam(p->w);
    rc = p->w->chip_hook != NULL ? p->w->chip_hook(p->w, &call, p->inner, really, a, e) : really(p->inner, a, e);
    if (p->w->at_seam != NULL)
        p->w->at_seam(p->w);
    return rc;
}

static enum err_code real_probe(struct chip *c, void *io, struct err *e)
{
    return chip_probe(c, ((struct args *)io)->id, e);
}

static enum err_code probe(struct chip *c, struct chip_identity *id, struct err *e)
{
    struct args a = { .id = id };

    return through(c, (struct chip_call){ .op = OP_PROBE, .out = id, .out_len = sizeof *id }, real_probe, &a, e);
}

static enum err_code real_otp_read(struct chip *c, void *io, struct err *e)
{
    struct args *a = io;

    return chip_otp_read(c, a->a, a->n, a->bytes, a->state, e);
}

static enum err_code otp_read(struct chip *c, uint32_t first, uint32_t n, uint8_t *bytes, enum otp_cell_state *state,
                              struct err *e)
{
    struct args a = { .a = first, .n = n, .bytes = bytes, .state = state };
    const struct chip_call call = { OP_OTP_READ, first, n, bytes, (size_t)n * c->desc->otp.cell, state };

    return through(c, call, real_otp_read, &a, e);
}

static enum err_code real_otp_locks(struct chip *c, void *io, struct err *e)
{
    struct args *a = io;

    return chip_otp_lock_bytes(c, a->out, a->torn, e);
}

static enum err_code otp_locks(struct chip *c, uint32_t *locked, uint32_t *torn, struct err *e)
{
    struct args a = { .out = locked, .torn = torn };

    *torn = 0; /* for a hook that does not really ask */
    return through(c, (struct chip_call){ .op = OP_OTP_LOCKS, .out = locked, .out_len = sizeof *locked }, real_otp_locks, &a,
                   e);
}

static enum err_code real_otp_program(struct chip *c, void *io, struct err *e)
{
    struct args *a = io;

    return chip_otp_program(c, a->a, a->in, e);
}

static enum err_code otp_program(struct chip *c, uint32_t cell, const uint8_t *bytes, struct err *e)
{
    struct args a = { .a = cell, .in = bytes };

    return through(c, (struct chip_call){ .op = OP_OTP_PROGRAM, .at = cell }, real_otp_program, &a, e);
}

static enum err_code real_otp_lock(struct chip *c, void *io, struct err *e)
{
    return chip_otp_lock(c, ((struct args *)io)->a, e);
}

static enum err_code otp_lock(struct chip *c, uint32_t block, struct err *e)
{
    struct args a = { .a = block };

    return through(c, (struct chip_call){ .op = OP_OTP_LOCK, .at = block }, real_otp_lock, &a, e);
}

static enum err_code real_flash_write(struct chip *c, void *io, struct err *e)
{
    struct args *a = io;

    return chip_flash_write(c, a->seg, a->len, e);
}

static enum err_code flash_write(struct chip *c, const struct fw_segment *seg, size_t n, struct err *e)
{
    struct args a = { .seg = seg, .len = n };

    return through(c, (struct chip_call){ .op = OP_FLASH_WRITE }, real_flash_write, &a, e);
}

static enum err_code real_mem_read(struct chip *c, void *io, struct err *e)
{
    struct args *a = io;

    return chip_mem_read(c, a->a, a->out, a->len, e);
}

static enum err_code mem_read(struct chip *c, uint32_t addr, void *buf, size_t len, struct err *e)
{
    struct args a = { .a = addr, .out = buf, .len = len };

    return through(c, (struct chip_call){ .op = OP_MEM_READ, .at = addr, .out = buf, .out_len = len }, real_mem_read, &a, e);
}

static enum err_code real_mem_write(struct chip *c, void *io, struct err *e)
{
    struct args *a = io;

    return chip_mem_write(c, a->a, a->in, a->len, e);
}

static enum err_code mem_write(struct chip *c, uint32_t addr, const void *buf, size_t len, struct err *e)
{
    struct args a = { .a = addr, .in = buf, .len = len };

    return through(c, (struct chip_call){ .op = OP_MEM_WRITE, .at = addr }, real_mem_write, &a, e);
}

static enum err_code real_wipe_ram(struct chip *c, void *io, struct err *e)
{
    (void)io;
    return chip_wipe_ram(c, e);
}

static enum err_code wipe_ram(struct chip *c, struct err *e)
{
    struct args a = { 0 };

    return through(c, (struct chip_call){ .op = OP_WIPE_RAM }, real_wipe_ram, &a, e);
}

static enum err_code real_run(struct chip *c, void *io, struct err *e)
{
    (void)io;
    return chip_run(c, e);
}

static enum err_code run(struct chip *c, struct err *e)
{
    struct args a = { 0 };

    return through(c, (struct chip_call){ .op = OP_RUN }, real_run, &a, e);
}

static enum err_code real_rdp_set(struct chip *c, void *io, struct err *e)
{
    return chip_rdp_set(c, ((struct args *)io)->a, e);
}

static enum err_code rdp_set(struct chip *c, unsigned level, struct err *e)
{
    struct args a = { .a = level };

    return through(c, (struct chip_call){ .op = OP_RDP_SET, .at = level }, real_rdp_set, &a, e);
}

static void proxy_release(struct chip *c)
{
    chip_release(((struct proxy *)c)->inner);
}

static void proxy_close(struct chip *c)
{
    chip_close(((struct proxy *)c)->inner);
    free(c);
}

static const struct chip_ops ops = {
    .probe = probe,
    .otp_read = otp_read,
    .otp_locks = otp_locks,
    .otp_program = otp_program,
    .otp_lock = otp_lock,
    .flash_write = flash_write,
    .mem_read = mem_read,
    .mem_write = mem_write,
    .wipe_ram = wipe_ram,
    .run = run,
    .rdp_set = rdp_set,
    .close = proxy_close,
    .release = proxy_release,
};

struct chip *proxy_new(struct world *w, struct chip *inner)
{
    struct proxy *p = calloc(1, sizeof *p);

    if (p == NULL)
        abort();
    *p = (struct proxy){ .chip = { .ops = &ops, .desc = inner->desc }, .inner = inner, .w = w };
    return &p->chip;
}

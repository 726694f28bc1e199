#include "flash/chip.h"

enum err_code chip_probe(struct chip *c, struct chip_identity *id, struct err *e)
{
    return c->ops->probe(c, id, e);
}

enum err_code chip_otp_read(struct chip *c, uint32_t first, uint32_t n, uint8_t *bytes, enum otp_cell_state *state,
                            struct err *e)
{
    return c->ops->otp_read(c, first, n, bytes, state, e);
}

enum err_code chip_otp_lock_bytes(struct chip *c, uint32_t *locked, uint32_t *torn, struct err *e)
{
    return c->ops->otp_locks(c, locked, torn, e);
}

enum err_code chip_otp_locks(struct chip *c, uint32_t *locked, struct err *e)
{
    uint32_t torn;

    return c->ops->otp_locks(c, locked, &torn, e);
}

enum err_code chip_otp_program(struct chip *c, uint32_t cell, const uint8_t *bytes, struct err *e)
{
    return c->ops->otp_program(c, cell, bytes, e);
}

enum err_code chip_otp_lock(struct chip *c, uint32_t block, struct err *e)
{
    return c->ops->otp_lock(c, block, e);
}

enum err_code chip_flash_write(struct chip *c, const struct fw_segment *seg, size_t n, struct err *e)
{
    return c->ops->flash_write(c, seg, n, e);
}

enum err_code chip_mem_read(struct chip *c, uint32_t addr, void *buf, size_t len, struct err *e)
{
    return c->ops->mem_read(c, addr, buf, len, e);
}

enum err_code chip_mem_write(struct chip *c, uint32_t addr, const void *buf, size_t len, struct err *e)
{
    return c->ops->mem_write(c, addr, buf, len, e);
}

enum err_code chip_wipe_ram(struct chip *c, struct err *e)
{
    return c->ops->wipe_ram(c, e);
}

enum err_code chip_run(struct chip *c, struct err *e)
{
    return c->ops->run(c, e);
}

enum err_code chip_rdp_set(struct chip *c, unsigned level, struct err *e)
{
    return c->ops->rdp_set(c, level, e);
}

void chip_release(struct chip *c)
{
    if (c->ops->release != NULL)
        c->ops->release(c);
}

void chip_close(struct chip *c)
{
    if (c != NULL)
        c->ops->close(c);
}

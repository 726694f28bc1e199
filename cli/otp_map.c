#include "cli/otp_map.h"

#include <string.h>

static void count(struct otp_map *m)
{
    uint32_t n = m->desc->otp.size / m->desc->otp.cell;

    for (uint32_t cell = 0; cell < n; cell++)
        if (m->state[cell] != OTP_CELL_READ)
            m->n_unreadable++;
        else if (otp_map_blank(m, cell))
            m->n_blank++;
        else
            m->n_programmed++;
    m->n_locked = (uint32_t)__builtin_popcount(m->locked);
}

enum err_code otp_map_read(struct chip *c, struct otp_map *m, struct err *e)
{
    *m = (struct otp_map){ .desc = c->desc };
    enum err_code rc = chip_otp_read(c, 0, c->desc->otp.size / c->desc->otp.cell, m->bytes, m->state, e);
    if (rc == ERR_OK)
        rc = chip_otp_lock_bytes(c, &m->locked, &m->lock_torn, e);
    if (rc == ERR_OK)
        count(m);
    return rc;
}

bool otp_map_blank(const struct otp_map *m, uint32_t cell)
{
    for (uint32_t i = 0; i < m->desc->otp.cell; i++)
        if (m->bytes[cell * m->desc->otp.cell + i] != 0xFF)
            return false;
    return true;
}

bool otp_map_locked(const struct otp_map *m, uint32_t offset)
{
    return m->desc->otp.block != 0 && (m->locked >> (offset / m->desc->otp.block) & 1) != 0;
}

bool otp_map_lock_torn(const struct otp_map *m, uint32_t offset)
{
    return m->desc->otp.block != 0 && (m->lock_torn >> (offset / m->desc->otp.block) & 1) != 0;
}

void otp_map_row(const struct otp_map *m, uint32_t offset, char text[static OTP_ROW + 1])
{
    uint32_t first = offset / m->desc->otp.cell, n = OTP_ROW / m->desc->otp.cell;

    for (uint32_t i = 0; i < n; i++)
        if (m->state[first + i] != OTP_CELL_READ)
            text[i] = '!';
        else
            text[i] = otp_map_blank(m, first + i) ? '.' : '#';
    text[n] = '\0';
}

#include "protocol/otp_cells.h"

const struct otp_cells otp_cells_l4 = { 0xB0, 8 };
const struct otp_cells otp_cells_f407 = { 0xC0, 1 };

uint16_t otp_cell_offset(const struct otp_cells *where, unsigned cell)
{
    return (uint16_t)(where->base + cell * where->width);
}

uint8_t otp_nvm_loss(bool (*burned)(void *io, unsigned cell), void *io)
{
    for (unsigned i = CELLS_NVM_LOSS; i > 0; i--)
        if (burned(io, CELL_NVM_LOSS + i - 1))
            return (uint8_t)i;
    return 0;
}

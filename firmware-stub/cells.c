#include "firmware-stub/cells.h"

#include "firmware-stub/chip.h"
#include "protocol/bytes.h"

enum { WIDTH_MAX = 8 };

static uint32_t address(unsigned cell)
{
    return chip_otp + otp_cell_offset(chip_cells, cell);
}

bool cell_burned(void *io, unsigned cell)
{
    uint8_t bytes[WIDTH_MAX];
    uint32_t at = address(cell), skip = at % WIDTH_MAX;
    (void)io;
    return !chip_read(at - skip, bytes, sizeof bytes) || !bytes_all(bytes + skip, chip_cells->width, 0xFF);
}

bool cell_burn(unsigned cell)
{
    static const uint8_t zeros[WIDTH_MAX];
    (void)chip_program(address(cell), zeros, chip_cells->width); /* what counts is what reads back */
    return cell_burned(NULL, cell);
}

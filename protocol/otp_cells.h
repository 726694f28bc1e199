/* protocol/otp_cells.h - OTP cells that the device burns in its life, outside the image: one-way switches.
 * A cell is burned when it is not blank or cannot be read (ECC); blank = all ones.  Burned value: all zeros.
 * Boundary: where cells lie, and what they mean; burning is the firmware's.  Source: docs/protocol.md, "OTP image". */
#ifndef PROTOCOL_OTP_CELLS_H
#define PROTOCOL_OTP_CELLS_H

#include <stdbool.h>
#include <stdint.h>

enum otp_cell {
    CELL_NVM_INITIALISED = 0, /* a boot number was taken once */
    CELL_RETIRED = 1,
    CELL_RA_REVOKED = 2,
    CELL_NVM_LOSS = 3, /* the first of CELLS_NVM_LOSS */
    CELLS_NVM_LOSS = 63,
    CELLS = 66
};

struct otp_cells {
    uint16_t base; /* OTP offset of cell 0, bytes */
    uint8_t width; /* bytes that one program pulse writes */
};
extern const struct otp_cells otp_cells_l4;   /* 64-bit cells from 0xB0; RM0351 3.3.7 */
extern const struct otp_cells otp_cells_f407; /* bytes from 0xC0, in blocks that stay unlocked; RM0090 3.6.5 */

/* OTP offset of cell index 0..CELLS-1. */
uint16_t otp_cell_offset(const struct otp_cells *where, unsigned cell);

/* nvm_loss = 1 + index of the highest burned loss cell, 0 if none: a weak cell below it changes nothing.
 *   burned(io, cell)  reads one cell, index CELL_NVM_LOSS .. CELLS-1 */
uint8_t otp_nvm_loss(bool (*burned)(void *io, unsigned cell), void *io);

#endif

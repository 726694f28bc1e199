/* firmware-stub/cells.h - the OTP cells that the device burns in its life (protocol/otp_cells.h).
 * Power: a cut in mid-pulse leaves a cell that is not blank, or that can't be read: burned. */
#ifndef FIRMWARE_STUB_CELLS_H
#define FIRMWARE_STUB_CELLS_H

#include <stdbool.h>

/* cell 0..CELLS-1.  Not blank, or unreadable. */
bool cell_burned(void *io, unsigned cell);

/* Irreversible.  False: it does not read back as burned. */
bool cell_burn(unsigned cell);

#endif

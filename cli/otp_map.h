/* cli/otp_map.h - the whole OTP area as it was read, for the commands that show it. */
#ifndef CLI_OTP_MAP_H
#define CLI_OTP_MAP_H

#include <stdbool.h>

#include "flash/chip.h"

struct otp_map {
    const struct chip_desc *desc;
    uint8_t bytes[CHIP_OTP_MAX];
    enum otp_cell_state state[CHIP_OTP_MAX];                /* by cell */
    uint32_t locked, lock_torn;                             /* by block: see chip_otp_lock_bytes */
    uint32_t n_blank, n_programmed, n_unreadable, n_locked; /* cells; blocks for the last */
};

enum { OTP_ROW = 32 /* bytes in a row of a map or dump */ };

/* Read every cell and lock byte of a probed chip at RDP level 0. */
enum err_code otp_map_read(struct chip *c, struct otp_map *m, struct err *e) __attribute__((warn_unused_result));

bool otp_map_blank(const struct otp_map *m, uint32_t cell);
bool otp_map_locked(const struct otp_map *m, uint32_t offset);
bool otp_map_lock_torn(const struct otp_map *m, uint32_t offset);

/* One character per cell of the row at offset, NUL-terminated: '.' blank, '#' programmed, '!' unreadable. */
void otp_map_row(const struct otp_map *m, uint32_t offset, char text[static OTP_ROW + 1]);

#endif

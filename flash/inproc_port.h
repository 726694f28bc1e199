/* flash/inproc_port.h - inside the in-process chip: what a debugger does with the bus and the FLASH registers.
 * Included by the inproc files only. */
#ifndef FLASH_INPROC_PORT_H
#define FLASH_INPROC_PORT_H

#include "flash/chips/chips.h"
#include "flash/vchip/silicon.h"

struct port {
    const struct chip_desc *desc;
    struct silicon *silicon;
    uint64_t now_ns; /* virtual clock */
};

enum step {
    STEP_OK,
    STEP_REFUSED, /* FLASH_SR says so; *sr has it */
    STEP_LOST     /* the bus does not answer */
};

/* One access; a busy part is waited for.  False: bus error. */
bool port_read(struct port *p, uint32_t addr, unsigned size, uint32_t *value);
bool port_write(struct port *p, uint32_t addr, unsigned size, uint32_t value);

/* Read one granule of flash or OTP, len 1..8 bytes; *ecc: FLASH_ECCR reports that it can't be read. */
bool port_read_cell(struct port *p, uint32_t addr, unsigned len, uint64_t *value, bool *ecc);

/* Unlock, one program of len bytes (F4: 1, 2, 4; L4: 8), wait, look at FLASH_SR, lock again. */
enum step port_program(struct port *p, uint32_t addr, unsigned len, uint64_t value, uint32_t *sr);
/* Unlock, erase the sector of that number, wait, look at FLASH_SR, lock again. */
enum step port_erase(struct port *p, uint32_t sector, uint32_t *sr);

/* RDP byte as the option register shows it. */
bool port_rdp_byte(struct port *p, uint8_t *byte);
/* Program it and have it loaded.  STEP_LOST is also how a part says that it reached level 2. */
enum step port_rdp_program(struct port *p, uint8_t byte, uint32_t *sr);

#endif

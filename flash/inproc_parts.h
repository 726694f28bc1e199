/* flash/inproc_parts.h - inside the in-process chip: what inproc.c and inproc_program.c share.  Included by nobody else. */
#ifndef FLASH_INPROC_PARTS_H
#define FLASH_INPROC_PARTS_H

#include "flash/fault.h"
#include "flash/inproc.h"
#include "flash/inproc_port.h"

struct inproc {
    struct chip chip;
    struct port port;
    bool powered;
    bool probed, burned; /* since inproc_open: contact is good; an irreversible step was begun */
    unsigned rdp;        /* as probed */
    uint8_t *ram, *ram2;
    void (*run)(void *io, struct chip *c);
    void *run_io;
};

static inline struct inproc *inproc_of(struct chip *c)
{
    return (struct inproc *)c;
}

/* Fill *e: nothing answers any more, and whoever goes on must probe anew.  Once something irreversible was begun, nobody can
 * promise that nothing happened: the fault becomes FLASH_CONTACT_LOST. */
enum err_code inproc_lost(struct inproc *p, enum flash_fault_id f, const char *op, uint32_t addr, struct err *e);
/* Probed, and at level 0 (or at level 1 too)? */
enum err_code inproc_ready(struct inproc *p, const char *op, bool level1_too, struct err *e);

enum err_code inproc_otp_read(struct chip *c, uint32_t first, uint32_t n, uint8_t *bytes, enum otp_cell_state *state,
                              struct err *e);
enum err_code inproc_otp_program(struct chip *c, uint32_t cell, const uint8_t *bytes, struct err *e);
enum err_code inproc_otp_locks(struct chip *c, uint32_t *locked, uint32_t *torn, struct err *e);
enum err_code inproc_otp_lock(struct chip *c, uint32_t block, struct err *e);
enum err_code inproc_flash_write(struct chip *c, const struct fw_segment *seg, size_t n, struct err *e);

#endif

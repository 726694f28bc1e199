/* flash/openocd/session.h - shared by the files of this room: the open slot, and asking it for numbers. */
#ifndef FLASH_OPENOCD_SESSION_H
#define FLASH_OPENOCD_SESSION_H

#include "flash/fault.h"
#include "flash/openocd/openocd.h"
#include "flash/openocd/rpc.h"

struct openocd {
    struct chip chip; /* first: see flash/chip.h */
    struct openocd_slot slot;
    struct rpc rpc;
    int image_fd; /* memfd for firmware, inherited by OpenOCD */
    struct chip_identity id;
    bool probed; /* the session answers and `id` is true */
    bool burned; /* something irreversible was ordered since the probe: losing contact is no longer harmless */
};

/* A fresh process, configured and attached to the debug port; *swd tells the transport.  The session before is ended. */
enum err_code session_start(struct openocd *o, bool *swd, struct err *e);
void session_end(struct openocd *o);

/* What a call to the part costs and what its failure means. */
struct ask {
    const char *op; /* literal, for struct err */
    unsigned limit_ms;
    enum flash_fault_id refused; /* when OpenOCD answers that the command failed */
};

/* Run one command (printf-like; literals of ours and numbers only) and parse its answer as exactly n numbers.
 * After any failure the session is over and wants a new probe: a part that was lost may be another one when it is back. */
enum err_code session_ask(struct openocd *o, const struct ask *a, uint32_t *out, size_t n, struct err *e, const char *fmt,
                          ...) __attribute__((format(printf, 6, 7)));

/* Fill *e; once something was burned, a fault that promises otherwise becomes FLASH_CONTACT_LOST. */
enum err_code session_fault(struct openocd *o, enum flash_fault_id id, const char *op, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* ERR_OK, or why this part cannot be worked on now: not probed, or at RDP level 1. */
enum err_code session_ready(struct openocd *o, const char *op, struct err *e);

/* ---- the operations, by file ---- */
enum err_code openocd_probe(struct chip *c, struct chip_identity *id, struct err *e);
enum err_code openocd_rdp_set(struct chip *c, unsigned level, struct err *e);
enum err_code openocd_otp_read(struct chip *c, uint32_t first, uint32_t n, uint8_t *bytes, enum otp_cell_state *state,
                               struct err *e);
enum err_code openocd_otp_locks(struct chip *c, uint32_t *locked, uint32_t *torn, struct err *e);
enum err_code openocd_otp_program(struct chip *c, uint32_t cell, const uint8_t *bytes, struct err *e);
enum err_code openocd_otp_lock(struct chip *c, uint32_t block, struct err *e);
enum err_code openocd_flash_write(struct chip *c, const struct fw_segment *seg, size_t n, struct err *e);
enum err_code openocd_mem_read(struct chip *c, uint32_t addr, void *buf, size_t len, struct err *e);
enum err_code openocd_mem_write(struct chip *c, uint32_t addr, const void *buf, size_t len, struct err *e);
enum err_code openocd_wipe_ram(struct chip *c, struct err *e);

/* Words of memory, without asking whether the part may be read. */
enum err_code openocd_read_words(struct openocd *o, const struct ask *a, uint32_t addr, uint32_t *words, size_t n,
                                 struct err *e);

#endif

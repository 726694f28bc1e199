/* flash/chip.h - one chip in one slot, as the line needs it.
 * Boundary: the station and the commands above; a programmer (flash/openocd) or an in-process part (flash/inproc) below.
 * Nothing above knows OpenOCD.  The calls move bytes and report what was read; which cell may be written is decided in
 * flash/otp.h. Memory: every buffer is the caller's.  Threads: one per chip; several chips at once are independent. Power:
 * any call may be cut anywhere.  Only chip_otp_program, chip_otp_lock and chip_rdp_set change what can't be undone; each is
 * one step of silicon, and after a cut the part must be probed and read anew before anyone believes anything about it.
 * Truth: a failed read is an error, never data; outputs are untouched on failure.  No exit status or message of the
 * programmer is believed: each call that writes has looked at the part's own status and contents before it returns ERR_OK.
 */
#ifndef FLASH_CHIP_H
#define FLASH_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "flash/chips/chips.h"

struct chip_identity {
    uint32_t idcode;           /* JTAG IDCODE, or SWD DPIDR, as scanned */
    uint32_t dbgmcu;           /* DBGMCU_IDCODE, whole word */
    uint8_t uid[CHIP_UID_LEN]; /* in address order */
    uint32_t flash_bytes;      /* as the part says */
    unsigned rdp;              /* readout protection level 0 or 1; a part at level 2 can't be probed */
};

enum otp_cell_state {
    OTP_CELL_READ,      /* its bytes are what the part holds */
    OTP_CELL_UNREADABLE /* ECC error: torn by a power cut, or worn; its bytes mean nothing */
};

struct fw_segment {
    uint32_t addr; /* in flash */
    uint32_t len;  /* bytes */
    const uint8_t *data;
};

struct chip; /* one slot, opened */

struct chip_ops {
    enum err_code (*probe)(struct chip *c, struct chip_identity *id, struct err *e);
    enum err_code (*otp_read)(struct chip *c, uint32_t first, uint32_t n, uint8_t *bytes, enum otp_cell_state *state,
                              struct err *e);
    enum err_code (*otp_locks)(struct chip *c, uint32_t *locked, uint32_t *torn, struct err *e);
    enum err_code (*otp_program)(struct chip *c, uint32_t cell, const uint8_t *bytes, struct err *e);
    enum err_code (*otp_lock)(struct chip *c, uint32_t block, struct err *e);
    enum err_code (*flash_write)(struct chip *c, const struct fw_segment *seg, size_t n, struct err *e);
    enum err_code (*mem_read)(struct chip *c, uint32_t addr, void *buf, size_t len, struct err *e);
    enum err_code (*mem_write)(struct chip *c, uint32_t addr, const void *buf, size_t len, struct err *e);
    enum err_code (*wipe_ram)(struct chip *c, struct err *e);
    enum err_code (*run)(struct chip *c, struct err *e);
    enum err_code (*rdp_set)(struct chip *c, unsigned level, struct err *e);
    void (*close)(struct chip *c);
    void (*release)(struct chip *c); /* NULL: there is nothing to let go */
};

struct chip { /* first member of each implementation's own struct */
    const struct chip_ops *ops;
    const struct chip_desc *desc;
};

/* Attach, reset and halt the part, read who it is, compare with desc.
 * ERR_OK           *id is filled; the core is halted at its reset vector
 * ERR_UNAVAILABLE  no programmer, or no chip answers (absent, unpowered, or at RDP level 2)
 * ERR_CONFLICT     another kind of chip, or a UID that no part has (all 00, all FF); nothing was written
 * At RDP level 1 everything but mem_read of the UID and rdp_set is refused afterwards with ERR_RIGHTS. */
enum err_code chip_probe(struct chip *c, struct chip_identity *id, struct err *e) __attribute__((warn_unused_result));

/* Read cells first..first+n-1 of desc->otp: bytes[n * desc->otp.cell], state[n]. */
enum err_code chip_otp_read(struct chip *c, uint32_t first, uint32_t n, uint8_t *bytes, enum otp_cell_state *state,
                            struct err *e) __attribute__((warn_unused_result));

/* Which OTP blocks are locked: bit i = block i; 0 on parts without lock bytes.
 * locked: the lock byte is 00.  torn: it is neither 00 nor FF, so its pulse was cut, or the byte is worn; RM0090 ch. 3 wants
 * 00 or FF there and promises nothing for other values.  The rule here: a torn block is neither locked, for nobody can rely
 * on it, nor may it be programmed; only chip_otp_lock mends it, since programming clears bits and 00 is all of them. */
enum err_code chip_otp_lock_bytes(struct chip *c, uint32_t *locked, uint32_t *torn, struct err *e)
    __attribute__((warn_unused_result));

/* The same, for who asks only what is locked for good. */
enum err_code chip_otp_locks(struct chip *c, uint32_t *locked, struct err *e) __attribute__((warn_unused_result));

/* IRREVERSIBLE.  Program one blank cell with bytes[desc->otp.cell]: read it once more, one program pulse, the controller's
 * status, read it back, all in one go so that nothing comes between.  What may be written is decided in flash/otp.h; this is
 * the last look. Never call it for a value of all ones.
 *
 * ERR_OK          the cell holds bytes
 * ERR_CONFLICT    the cell was not blank (anything but all ones): it was not touched
 * ERR_RETRY       contact was lost, or the work interrupted, before the pulse: it was not touched
 * ERR_DAMAGED     the controller refused it (spent cell, locked block), or it reads back otherwise
 * ERR_INCOMPLETE  contact was lost: the cell may hold anything */
enum err_code chip_otp_program(struct chip *c, uint32_t cell, const uint8_t *bytes, struct err *e)
    __attribute__((warn_unused_result));

/* IRREVERSIBLE.  Lock one block against further programming and read the lock byte back.  ERR_OK also when it was locked.
 * Cut in the pulse: the byte may be torn (chip_otp_lock_bytes); calling it again completes it. */
enum err_code chip_otp_lock(struct chip *c, uint32_t block, struct err *e) __attribute__((warn_unused_result));

/* Erase the sectors that the segments touch, write them, compare a CRC computed on the part, and read back a random sample
 * ourselves.  Segments are in flash, do not overlap, and start and end on 8-byte boundaries.  Interrupted: call it again.
 * ERR_DAMAGED  what the part holds is not what was written */
enum err_code chip_flash_write(struct chip *c, const struct fw_segment *seg, size_t n, struct err *e)
    __attribute__((warn_unused_result));

/* Read or write memory through the debug port, the core halted or running; any address that the debug port sees, writes in
 * RAM only. addr and len in whole 4-byte words. */
enum err_code chip_mem_read(struct chip *c, uint32_t addr, void *buf, size_t len, struct err *e)
    __attribute__((warn_unused_result));
enum err_code chip_mem_write(struct chip *c, uint32_t addr, const void *buf, size_t len, struct err *e)
    __attribute__((warn_unused_result));

/* Halt the core and fill ram and ram2 with zero, checked. */
enum err_code chip_wipe_ram(struct chip *c, struct err *e) __attribute__((warn_unused_result));

/* Reset and let the firmware run, debug port still attached. */
enum err_code chip_run(struct chip *c, struct err *e) __attribute__((warn_unused_result));

/* IRREVERSIBLE at level 2; level 1 goes back to 0 only by erasing the flash (OTP stays).  Sets the option bytes, has them
 * loaded, attaches anew and checks: at level 1 the UID answers and a flash read is refused, at level 2 nothing answers.
 * ERR_OK also when the part was at that level. */
enum err_code chip_rdp_set(struct chip *c, unsigned level, struct err *e) __attribute__((warn_unused_result));

/* Let go of the debug port, so that nothing touches the part until the next chip_probe: at RDP level 1 a look is enough to
 * keep its flash closed until the next power cycle. */
void chip_release(struct chip *c);

/* End the session; the part is left running or halted as it was.  NULL is fine. */
void chip_close(struct chip *c);

#endif

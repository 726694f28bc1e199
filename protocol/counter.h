/* protocol/counter.h - boot numbers that are never used twice, through power cuts and flash loss.
 * boot = nvm_loss (6 bits, from OTP cells) : flash_boot (18 bits, from flash records); it counts OPENs.
 * Boundary: pure; it says what to do, the firmware does it, in this order and never transmits or proves before its end:
 *     counter_plan -> burn loss_cell if any, look; not burned: counter_next_cell, again -> erase if asked -> write record,
 *     read back (differs: counter_plan again) -> burn CELL_NVM_INITIALISED if blank -> boot may be used.
 * Power: cut anywhere, start again with counter_plan: at worst numbers are skipped.
 * Source: docs/protocol.md, "Counters". */
#ifndef PROTOCOL_COUNTER_H
#define PROTOCOL_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    COUNTER_RECORD_LEN = 32,
    COUNTER_PAGES = 2,
    FLASH_BOOT_BITS = 18,
    FLASH_BOOT_MAX = (1 << FLASH_BOOT_BITS) - 1,
    NVM_LOSS_MAX = 63,
    NO_CELL = 0xFFFF
};

/* boot4 gen1 salt16 epoch1 v1 FFx5 CRC-32 over the 28 bytes before it. */
struct counter_record {
    uint32_t boot; /* 24 bits */
    uint8_t gen;
    uint8_t salt[16];
    uint8_t epoch, v;
};

void counter_encode(const struct counter_record *r, uint8_t out[COUNTER_RECORD_LEN]);
/* False: CRC, or a byte that must be 00 or FF is not.  *r untouched then. */
bool counter_decode(const uint8_t in[COUNTER_RECORD_LEN], struct counter_record *r);

/* boot <-> its two halves. */
uint32_t boot_number(uint8_t nvm_loss, uint32_t flash_boot);
uint8_t boot_nvm_loss(uint32_t boot);
uint32_t boot_flash(uint32_t boot);
void boot3(uint32_t boot, uint8_t out[3]); /* on the air */
void boot4(uint32_t boot, uint8_t out[4]); /* in KDFs and records: leading 00 */

/* The two pages of records, as a chip reads them. */
struct counter_flash {
    unsigned slots; /* records per page, at least 1 */
    /* One record.  False: unreadable (ECC).  page 0..1, slot 0..slots-1. */
    bool (*read)(void *io, unsigned page, unsigned slot, uint8_t out[COUNTER_RECORD_LEN]);
    void *io;
};

/* What the chip's OTP says: otp_nvm_loss(), and whether CELL_NVM_INITIALISED is burned. */
struct counter_otp {
    uint8_t nvm_loss; /* 0..63 */
    bool initialised;
};

struct counter_plan {
    struct counter_record record; /* to write; record.boot is the number being taken.  gen, salt, epoch, v are carried over,
                                     or `initial` after a loss; the caller may change them (ROTATE, REKEY) before writing */
    bool lost;                    /* no valid record was left although there had been one */
    uint16_t loss_cell;           /* OTP cell to burn first, or NO_CELL */
    bool erase;                   /* erase the page first */
    uint8_t page;
    uint16_t slot;
};

/* How to take the next boot number.  initial: gen, salt, epoch, v of a device without a record.
 * False: all numbers are used; send nothing, ever. */
bool counter_plan(const struct counter_flash *f, const struct counter_otp *otp, const struct counter_record *initial,
                  struct counter_plan *plan);

/* The loss cell did not read back as burned: take the next.  False: that was the last one. */
bool counter_next_cell(struct counter_plan *plan);

/* The newest valid record (highest boot); false if there is none. */
bool counter_newest(const struct counter_flash *f, struct counter_record *out);

#endif

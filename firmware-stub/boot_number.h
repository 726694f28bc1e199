/* firmware-stub/boot_number.h - take a boot number: protocol/counter.h's plan, carried out on this chip.
 * Cost: one flash record (1.3 ms on L4, 0.5 ms on F4), every chip_record_slots numbers an erase, once in a life a cell.
 * Power: cut anywhere, numbers may be skipped, none is given out twice. */
#ifndef FIRMWARE_STUB_BOOT_NUMBER_H
#define FIRMWARE_STUB_BOOT_NUMBER_H

#include "protocol/counter.h"
#include "protocol/local.h"

/* taken->boot is written down, read back, and never given out again; with it, in the one record, gen, salt, epoch and v: as
 * the newest record has them, or as `change` says (its boot does not count; NULL: no change).  So they switch together or
 * not at all.  When the records turn out lost at this very moment, `change` is lost with them: *taken tells.
 * DEVICE_BOOT_FULL, DEVICE_BOOT_WRITE, DEVICE_OTP_WRITE: nothing may be sent, and taken is untouched. */
enum device_code boot_number_take(const struct counter_record *change, struct counter_record *taken);

/* From now on a record's (v, epoch) is at least this: what a stored ROTATE says when the records are lost. */
void boot_number_floor(uint8_t v, uint8_t epoch);

/* What the newest record says; all zero where there is none: a new device, or one whose flash was lost. */
void boot_number_record(struct counter_record *now);

/* As OTP has it, whether or not a number was taken under it. */
uint8_t boot_number_nvm_loss(void);

#endif

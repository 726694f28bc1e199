/* firmware-stub/boot_number.h - take a boot number: protocol/counter.h's plan, carried out on this chip.
 * Cost: one flash record (1.3 ms on L4, 0.5 ms on F4), every chip_record_slots numbers an erase, once in a life a cell.
 * Power: cut anywhere, numbers may be skipped, none is given out twice. */
#ifndef FIRMWARE_STUB_BOOT_NUMBER_H
#define FIRMWARE_STUB_BOOT_NUMBER_H

#include <stdint.h>

#include "protocol/local.h"

/* *boot is written down, read back, and never given out again.  DEVICE_BOOT_FULL, DEVICE_BOOT_WRITE, DEVICE_OTP_WRITE:
 * nothing may be sent. */
enum device_code boot_number_take(uint32_t *boot);

#endif

/* firmware-stub/fault.h - how the firmware ends when it can't go on: it leaves a note in RAM and resets; the next start
 * reads the note, says the code instead of working, and takes requests only to refuse them. So a broken state never sends,
 * and never spins in silence.  Cleared by being read: one more reset starts afresh. */
#ifndef FIRMWARE_STUB_FAULT_H
#define FIRMWARE_STUB_FAULT_H

#include <stdint.h>

#include "protocol/local.h"

/* pc: where it happened, for the note. */
_Noreturn void fault_die(enum device_code code, uint32_t pc);

enum { FAULT_TEXT_LEN = 40 };

/* What the start before this one died of: DEVICE_OK, DEVICE_STACK or DEVICE_FAULT; text says where. */
enum device_code fault_last(char text[FAULT_TEXT_LEN]);

/* Ends the start if the lowest words of the stack are no longer as painted. */
void fault_check_stack(void);

#endif

/* firmware-stub/startup.h - what the linker script lays out, and the paint by which the stack's use is measured. */
#ifndef FIRMWARE_STUB_STARTUP_H
#define FIRMWARE_STUB_STARTUP_H

#include <stdint.h>

#define STACK_PAINT UINT32_C(0xC5C5C5C5)
extern uint32_t stack_limit[], stack_top[]; /* it grows from top down to limit; all else lies above it */

int main(void);

#endif

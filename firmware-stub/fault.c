#include "firmware-stub/fault.h"

#include <string.h>

#include "firmware-stub/stm32.h"
#include "firmware-stub/startup.h"

struct note {
    uint32_t magic, code, pc, cfsr;
};
static const uint32_t note_magic = 0x464C4446; /* "FLDF" */
enum { GUARD_WORDS = 8 };

static volatile struct note note __attribute__((section(".noinit")));

void fault_die(enum device_code code, uint32_t pc)
{
    note.code = code;
    note.pc = pc;
    note.cfsr = SCB_CFSR;
    note.magic = note_magic;
    stm32_barrier();
    SCB_AIRCR = UINT32_C(0x05FA0004); /* SYSRESETREQ */
    for (;;)                          /* a few cycles until it takes effect */
        stm32_barrier();
}

static char *put_hex(char *to, uint32_t v)
{
    for (unsigned i = 0; i < 8; i++)
        *to++ = "0123456789abcdef"[v >> (28 - 4 * i) & 15];
    return to;
}

enum device_code fault_last(char text[FAULT_TEXT_LEN])
{
    if (note.magic != note_magic)
        return DEVICE_OK;
    note.magic = 0;
    char *to = text;
    memcpy(to, "pc ", 3);
    to = put_hex(to + 3, note.pc);
    memcpy(to, " cfsr ", 6);
    to = put_hex(to + 6, note.cfsr);
    *to = '\0';
    return note.code == DEVICE_STACK ? DEVICE_STACK : DEVICE_FAULT;
}

void fault_check_stack(void)
{
    for (unsigned i = 0; i < GUARD_WORDS; i++)
        if (stack_limit[i] != STACK_PAINT)
            fault_die(DEVICE_STACK, 0);
}

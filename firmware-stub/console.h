/* firmware-stub/console.h - records on USART2: 115200 8N1, COBS, 00 before and behind (docs/protocol.md, "Serial line").
 * Sending waits for the line, receiving never does: bytes come by interrupt.  While flash is programmed or erased, and while
 * a long computation fills the ring, bytes are lost: the record they belong to comes out broken and is refused (its length,
 * a tag or a signature), the next delimiter starts afresh.  Whoever sent it sends it again. */
#ifndef FIRMWARE_STUB_CONSOLE_H
#define FIRMWARE_STUB_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

enum { CONSOLE_RECORD_MAX = 128 };

void console_start(void);

/* One record; a line that takes nothing loses it. */
void console_send(const uint8_t *record, size_t len);

/* The next record that came whole, at most CONSOLE_RECORD_MAX bytes; 0: none yet.  Longer ones, and what is not COBS, are
 * skipped up to the next delimiter. */
size_t console_receive(uint8_t record[CONSOLE_RECORD_MAX]);

#endif

#include "firmware-stub/console.h"

#include <stdbool.h>

#include "firmware-stub/chip.h"
#include "firmware-stub/stm32.h"
#include "protocol/cobs.h"

enum { RING = 256 /* a power of two: 22 ms at 115200 */, LINE_MAX = COBS_MAX(CONSOLE_RECORD_MAX) };

static struct {
    volatile uint32_t in, out; /* counts; the interrupt moves in, the main loop out */
    uint8_t byte[RING];
} ring;

static struct {
    uint8_t byte[LINE_MAX];
    size_t len; /* LINE_MAX: too long; skip to the next 00 */
} line;

void USART2_IRQHandler(void);
void USART2_IRQHandler(void)
{
    if ((*chip_usart.sr & USART_RXNE) == 0)
        return;
    uint8_t byte = (uint8_t)*chip_usart.rdr; /* clears RXNE */
    if (ring.in - ring.out < RING) {         /* full: the record comes out broken, and is refused by its length */
        ring.byte[ring.in % RING] = byte;
        ring.in++;
    }
}

void console_start(void)
{
    NVIC_ISER(USART2_IRQN / 32) = BIT(USART2_IRQN % 32);
}

void console_send(const uint8_t *record, size_t len)
{
    uint8_t out[COBS_MAX(CONSOLE_SEND_MAX)];
    size_t n = len <= CONSOLE_SEND_MAX ? cobs_encode(record, len, out, sizeof out) : 0;
    for (size_t i = 0; i < n; i++) {
        if (!stm32_wait(chip_usart.sr, USART_TXE, USART_TXE))
            return;
        *chip_usart.tdr = out[i];
    }
}

size_t console_receive(uint8_t record[CONSOLE_RECORD_MAX])
{
    while (ring.out != ring.in) {
        uint8_t byte = ring.byte[ring.out % RING];
        ring.out++;
        if (byte != 0) {
            if (line.len < LINE_MAX)
                line.byte[line.len++] = byte;
            continue;
        }
        long len = line.len < LINE_MAX ? cobs_decode(line.byte, line.len, record, CONSOLE_RECORD_MAX) : -1;
        line.len = 0;
        if (len > 0)
            return (size_t)len;
    }
    return 0;
}

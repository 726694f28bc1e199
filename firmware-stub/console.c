#include "firmware-stub/console.h"

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

static void send_bytes(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len && stm32_wait(chip_usart.sr, USART_TXE, USART_TXE); i++)
        *chip_usart.tdr = bytes[i];
}

/* COBS as in protocol/cobs.c, block by block: the longest record would need half a kilobyte of buffer. */
void console_send(const uint8_t *record, size_t len)
{
    enum { BLOCK = 254 };
    static const uint8_t delimiter;
    send_bytes(&delimiter, 1); /* ends what a power loss cut off: its reader would take this record for the rest of that */
    for (size_t i = 0, n; i <= len; i += n + (n < BLOCK)) { /* a short block stands for the 00 behind it, too */
        for (n = 0; n < BLOCK && i + n < len && record[i + n] != 0;)
            n++;
        const uint8_t code = (uint8_t)(n + 1);
        send_bytes(&code, 1);
        send_bytes(record + i, n);
        if (i + n == len)
            break;
    }
    send_bytes(&delimiter, 1);
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

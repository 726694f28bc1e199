#include "protocol/crc32.h"

/* Bit by bit: a table would cost 1 KB of the chip's flash for images of 176 bytes. */
uint32_t crc32_ieee(uint32_t crc, const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    crc = ~crc;
    while (len-- > 0) {
        crc ^= *b++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xEDB88320) : 0);
    }
    return ~crc;
}

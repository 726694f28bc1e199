/* protocol/crc32.h - CRC-32 as in IEEE 802.3 and zlib: reflected polynomial EDB88320, start and end complemented. */
#ifndef PROTOCOL_CRC32_H
#define PROTOCOL_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* crc of bytes that follow those that gave `crc`; start with 0. */
uint32_t crc32_ieee(uint32_t crc, const void *bytes, size_t len);

#endif

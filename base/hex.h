/* base/hex.h - bytes as hexadecimal digits, two per byte, first byte first.  For public data only: not constant time. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Write 2*len lower-case digits and a NUL; out has 2*len+1 bytes. */
void hex_encode(const uint8_t *in, size_t len, char *out);

/* Read exactly 2*n digits (either case, nothing else) into out[max].  Returns the number of bytes, or -1 when text has an
 * odd length, another character, or more than max bytes; out is then untouched. */
long hex_decode(const char *text, uint8_t *out, size_t max);

#endif

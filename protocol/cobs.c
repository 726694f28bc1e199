#include "protocol/cobs.h"

enum { BLOCK_MAX = 0xFF }; /* code byte of 254 bytes that no zero follows */

size_t cobs_encode(const uint8_t *in, size_t len, uint8_t *out, size_t max)
{
    if (max < COBS_MAX(len))
        return 0;
    size_t code = 0, n = 1; /* where the open block's code byte stands; bytes taken */
    for (size_t i = 0; i < len; i++) {
        if (n - code == BLOCK_MAX) { /* full, and more to come */
            out[code] = BLOCK_MAX;
            code = n++;
        }
        if (in[i] != 0) {
            out[n++] = in[i];
        } else {
            out[code] = (uint8_t)(n - code);
            code = n++;
        }
    }
    out[code] = (uint8_t)(n - code);
    out[n++] = 0;
    return n;
}

long cobs_decode(const uint8_t *in, size_t len, uint8_t *out, size_t max)
{
    size_t n = 0, i = 0;
    if (len == 0)
        return -1;
    while (i < len) {
        size_t block = in[i++]; /* its code: itself and the bytes that follow */
        if (block == 0 || block - 1 > len - i || block - 1 > max - n)
            return -1;
        for (size_t k = 1; k < block; k++) {
            if (in[i] == 0)
                return -1;
            out[n++] = in[i++];
        }
        if (block != BLOCK_MAX && i < len) {
            if (n == max)
                return -1;
            out[n++] = 0;
        }
    }
    return (long)n;
}

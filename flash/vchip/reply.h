/* flash/vchip/reply.h - one answer of the control socket, and the arguments that can go wrong on the way to it.
 * The argument readers answer the error themselves: on false the reply is complete. */
#ifndef VCHIP_REPLY_H
#define VCHIP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPLY_BYTES_MAX = 32768, REPLY_MAX = 2 * REPLY_BYTES_MAX + 128 };

struct reply {
    char text[REPLY_MAX]; /* one line, without its newline */
};

void reply_ok(struct reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_error(struct reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* 0..max, decimal or 0x... */
bool reply_number(struct reply *r, const char *what, const char *text, uint64_t max, uint64_t *out);
bool reply_number32(struct reply *r, const char *what, const char *text, uint32_t *out);
/* Which of the n words it is. */
bool reply_word(struct reply *r, const char *what, const char *text, const char *const words[], unsigned n, unsigned *out);
/* 1..max bytes as hexadecimal digits. */
bool reply_bytes(struct reply *r, const char *text, uint8_t *out, size_t max, size_t *len);

#endif

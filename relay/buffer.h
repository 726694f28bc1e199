/* relay/buffer.h - frames on disk, from the moment they are taken until their receipt, or for 30 days.
 * One file a frame, named ORDER-DIGEST.frame: 16 hexadecimal digits of its number, 64 of its SHA-256.  It arrived when the
 * file was last modified.  The folder is ours alone (0700, locked); other files in it are left alone.
 * Power: a frame is either kept whole or not there: it is written under another name, synced, then renamed, and the folder
 * synced (buffer_commit).  What a disk tore all the same doesn't fit its digest and is never sent.  A deletion that a cut
 * undoes means that a frame is sent again, which does no harm.
 * Memory: one object, and 64 bytes a frame.  Threads: one per object.  Time: seconds of the wall clock, milliseconds of
 * CLOCK_MONOTONIC. */
#ifndef RELAY_BUFFER_H
#define RELAY_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "protocol/frame.h"
#include "relay/digest.h"

enum {
    BUFFER_MAX = 1 << 20,            /* frames */
    BUFFER_PENDING = 128,            /* frames between put and commit: each holds a descriptor */
    BUFFER_SECONDS = 30 * 24 * 3600, /* how long a frame is kept: docs/protocol.md, "Replay" */
    BUFFER_CLOCK_UNSET = 1577836800  /* 2020-01-01: a clock before it was never set, and its times mean nothing */
};

struct buffered {
    uint64_t order; /* from 1, in the order of arrival */
    uint8_t digest[DIGEST_LEN];
    time_t arrived;
    uint64_t due_ms; /* not to be sent before */
    uint16_t tries;  /* answers "not opened", up to 65535; since we started */
    bool in_flight, gone;
};

struct buffer;

/* Make the folder if it is missing, lock it, remove what a cut left unfinished, find the frames.
 * ERR_CREATE  it can't be made or used    ERR_RETRY  another process has it */
enum err_code buffer_open(struct buffer **out, const char *dir, struct err *e) __attribute__((warn_unused_result));
void buffer_close(struct buffer *b); /* NULL is fine; the frames stay */

/* Write a frame, len 1..FRAME_MAX; it is kept once buffer_commit says so.
 * ERR_IO: not kept, and nothing is left of it; e->native is errno. */
enum err_code buffer_put(struct buffer *b, const uint8_t *frame, size_t len, struct err *e)
    __attribute__((warn_unused_result));
bool buffer_pends(const struct buffer *b, size_t n); /* at least n frames were put since the last commit */

/* All frames put are on disk.  ERR_IO: they are not, for sure; call again. */
enum err_code buffer_commit(struct buffer *b, struct err *e) __attribute__((warn_unused_result));

/* The first frame with an order above `after`; NULL: none.  Valid until the next put, commit or drop. */
struct buffered *buffer_next(struct buffer *b, uint64_t after);
struct buffered *buffer_find(struct buffer *b, uint64_t order); /* NULL: it is gone */
size_t buffer_count(const struct buffer *b);
size_t buffer_fresh(const struct buffer *b); /* of these, how many were never refused */

/* The server did not open it. */
void buffer_refused(struct buffer *b, struct buffered *f);

/* Read a frame back.  ERR_INPUT: it was torn, and is gone now.  ERR_IO */
enum err_code buffer_load(struct buffer *b, struct buffered *f, uint8_t frame[FRAME_MAX], size_t *len, struct err *e)
    __attribute__((warn_unused_result));

void buffer_drop(struct buffer *b, struct buffered *f);

/* Drop what is older than BUFFER_SECONDS and not in flight; returns how many. */
size_t buffer_expire(struct buffer *b, time_t now);

#endif

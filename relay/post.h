/* relay/post.h - up to POSTS_MAX HTTPS POSTs at a time to one server, on libcurl; one thread waits for them and for one more
 * descriptor.
 * Trust: the server's certificate is checked against the system's authorities, or those of one file, or its public key
 * against a digest.  Nothing is sent to a server that doesn't pass.  No redirection, no proxy, no cookies, TLS 1.2 or later.
 * Memory: one object; a batch handed over belongs to it until its result is taken.  Threads: one per object. */
#ifndef RELAY_POST_H
#define RELAY_POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "relay/batch.h"

enum { POSTS_MAX = 8, POST_URL_MAX = 1024 };

struct server {
    const char *url;    /* https://HOST[:PORT][/PREFIX] */
    long fleet;         /* -1: the server finds it */
    const char *cacert; /* a PEM file, or NULL: the system's authorities */
    const char *pin; /* 64 hexadecimal digits, SHA-256 of the SubjectPublicKeyInfo (DER), in place of authorities; or NULL */
    unsigned timeout_ms; /* for one POST, all told */
    unsigned posts;      /* at a time, 1..POSTS_MAX */
};

struct posts;

/* What became of one POST. */
struct posted {
    unsigned slot;
    enum err_code code;        /* ERR_OK: 200 came, with bytes; else err says why, and bytes mean nothing */
    struct err err;            /* relay-unreachable, relay-untrusted, relay-status, relay-reply */
    long status;               /* of HTTP; 0: none came */
    unsigned retry_after_s;    /* what the server asked for; 0: nothing */
    const struct batch *batch; /* until the slot's next start */
    const uint8_t *bytes;
    size_t len;
};

/* ERR_USAGE, ERR_NOINPUT: s is wrong, *e says where.  s is not kept. */
enum err_code posts_open(struct posts **out, const struct server *s, struct err *e) __attribute__((warn_unused_result));
void posts_close(struct posts *p); /* NULL is fine; what is under way is broken off */

/* The batch of an idle slot, empty, to be filled for posts_start; NULL: all are busy. */
struct batch *posts_idle(struct posts *p, unsigned *slot);
bool posts_start(struct posts *p, unsigned slot); /* false: no memory; it stays idle */

/* How many are under way. */
unsigned posts_busy(const struct posts *p);

/* Go on with all of them; true: *r is the result of one. */
bool posts_result(struct posts *p, struct posted *r);

/* Wait until there is something to do for a POST, or fd (-1: none) can be read, or written if `out`, or for ms; a signal
 * ends it. */
void posts_wait(struct posts *p, int fd, bool in, bool out, unsigned ms);

#endif

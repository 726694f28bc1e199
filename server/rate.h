/* server/rate.h - how much one address may ask: a token bucket for each, in memory that the workers share.
 * IPv4 addresses count whole, IPv6 by their /64.  Lock-free: two workers that race for a place may forget one address for a
 * moment, never block it.  Full of addresses: the one that is nearest to a full bucket makes room.
 * Source: generic cell rate algorithm (ITU-T I.371), which keeps one time a bucket. */
#ifndef SERVER_RATE_H
#define SERVER_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { RATE_PLACES = 8192, RATE_TRIES = 8, RATE_BURST_S = 2 /* a full bucket: so many seconds' worth */ };

struct rate {
    uint64_t seed;   /* drawn at the start: nobody may choose addresses that share a place */
    unsigned second; /* tokens a second; 0: no limit */
    struct {
        _Atomic uint64_t who;  /* 0: free */
        _Atomic uint64_t full; /* when the bucket will be full again, CLOCK_MONOTONIC ns */
    } place[RATE_PLACES];
};

/* Take cost tokens for this peer.  false: the bucket is empty, nothing was taken. */
bool rate_take(struct rate *r, const struct sockaddr *peer, unsigned cost, uint64_t now_ns);
/* Take them even if that is more than there are: a debt. */
void rate_charge(struct rate *r, const struct sockaddr *peer, unsigned cost, uint64_t now_ns);

#endif

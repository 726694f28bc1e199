#include "server/rate.h"

#include <netinet/in.h>
#include <string.h>

enum { NS_PER_S = 1000000000 };

/* The finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

static uint64_t who(const struct rate *r, const struct sockaddr *peer)
{
    uint64_t key = 0;

    if (peer->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, peer, sizeof v4);
        key = v4.sin_addr.s_addr;
    } else if (peer->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, peer, sizeof v6);
        const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
        memcpy(&key, v6.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 8);
    }
    const uint64_t h = mix(mix(key ^ r->seed) + r->seed);
    return h != 0 ? h : 1;
}

/* The peer's place, taken if it has none. */
static _Atomic uint64_t *place(struct rate *r, uint64_t id)
{
    size_t oldest = id % RATE_PLACES;

    for (size_t i = 0; i < RATE_TRIES; i++) {
        const size_t at = (id + i) % RATE_PLACES;
        if (atomic_load(&r->place[at].who) == id)
            return &r->place[at].full;
        if (atomic_load(&r->place[at].full) < atomic_load(&r->place[oldest].full))
            oldest = at;
    }
    atomic_store(&r->place[oldest].full, 0);
    atomic_store(&r->place[oldest].who, id);
    return &r->place[oldest].full;
}

static bool take(struct rate *r, const struct sockaddr *peer, unsigned cost, uint64_t now_ns, bool debt)
{
    if (r->second == 0 || peer == NULL)
        return true;
    _Atomic uint64_t *full = place(r, who(r, peer));
    const uint64_t step = (uint64_t)NS_PER_S / r->second * cost;
    uint64_t seen = atomic_load(full), next;
    do {
        next = (seen > now_ns ? seen : now_ns) + step;
        if (!debt && next > now_ns + (uint64_t)RATE_BURST_S * NS_PER_S)
            return false;
    } while (!atomic_compare_exchange_weak(full, &seen, next));
    return true;
}

bool rate_take(struct rate *r, const struct sockaddr *peer, unsigned cost, uint64_t now_ns)
{
    return take(r, peer, cost, now_ns, false);
}

void rate_charge(struct rate *r, const struct sockaddr *peer, unsigned cost, uint64_t now_ns)
{
    (void)take(r, peer, cost, now_ns, true);
}

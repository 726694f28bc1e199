#include <string.h>

#include "base/clock.h"
#include "protocol/bytes.h"
#include "verifier/cache.h"

struct live_session *session_of(struct verifier *v, const uint8_t x[P256_LEN])
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (v->session[i].used && memcmp(v->session[i].x, x, P256_LEN) == 0)
            return &v->session[i];
    return NULL;
}

void session_keep(struct verifier *v, const struct live_session *s)
{
    struct live_session *at = session_of(v, s->x);

    for (size_t i = 0; at == NULL && i < SESSIONS_MAX; i++)
        if (!v->session[i].used)
            at = &v->session[i];
    if (at == NULL) {
        at = &v->session[0];
        for (size_t i = 1; i < SESSIONS_MAX; i++)
            if (v->session[i].stamp < at->stamp)
                at = &v->session[i];
    }
    if (at != s)
        *at = *s;
    at->used = true;
    at->stamp = clock_mono_ns();
}

struct live_session *session_next(struct verifier *v, size_t *at, uint16_t fleet, const uint8_t *sid, size_t len)
{
    for (; *at < SESSIONS_MAX; ++*at) {
        struct live_session *s = &v->session[*at];
        if (s->used && !s->way->by_boot && (fleet == 0 || s->fleet == fleet) && memcmp(s->session.keys.sid, sid, len) == 0) {
            ++*at;
            return s;
        }
    }
    return NULL;
}

void sessions_wipe(struct verifier *v, uint64_t older_than_ns)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (v->session[i].used && v->session[i].stamp <= older_than_ns)
            bytes_wipe(&v->session[i], sizeof v->session[i]);
}

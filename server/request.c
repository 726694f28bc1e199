#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "protocol/bytes.h"
#include "server/http_impl.h"

enum { NS_PER_MS = 1000000, SWALLOW_MAX = 1024 * 1024 /* bytes of a refused body that are read before the answer */ };

/* ---- what is refused before its body ---- */

static const char *header(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* Of a body; UINT64_MAX: it does not say. */
static uint64_t declared(struct MHD_Connection *c)
{
    const char *text = header(c, MHD_HTTP_HEADER_CONTENT_LENGTH);
    char *end;

    if (text == NULL || header(c, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL)
        return UINT64_MAX;
    const unsigned long long n = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' ? n : UINT64_MAX;
}

static bool is_octets(const char *type)
{
    static const char octets[] = "application/octet-stream";
    const size_t len = sizeof octets - 1;

    return type != NULL && strncasecmp(type, octets, len) == 0 && (type[len] == '\0' || strchr("; \t", type[len]) != NULL);
}

static const struct sockaddr *address(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    return i != NULL ? i->client_addr : NULL;
}

/* 0: go on. */
static unsigned refuse_early(struct http *h, struct request *r, const char *method, const char *url, uint64_t length)
{
    const unsigned status = route_find(method, url, &r->match);

    if (r->match.route == ROUTE_METRICS) { /* of the other port alone */
        r->match.allow = NULL;
        return MHD_HTTP_NOT_FOUND;
    }
    if (r->match.route != ROUTE_HEALTH && !rate_take(h->p->rate, address(r->connection), 1, r->began_ns))
        return MHD_HTTP_TOO_MANY_REQUESTS;
    if (status != 0 || r->match.route != ROUTE_FRAMES)
        return status;
    if (length == UINT64_MAX)
        return MHD_HTTP_LENGTH_REQUIRED;
    if (length > BODY_MAX)
        return MHD_HTTP_CONTENT_TOO_LARGE;
    return is_octets(header(r->connection, MHD_HTTP_HEADER_CONTENT_TYPE)) ? 0 : MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
}

/* ---- the answer ---- */

static const struct {
    unsigned status;
    const char *text;
} texts[] = {
    { 200, "ok\n" },
    { 400, "a length in the body is wrong; nothing was opened\n" },
    { 404, "there is nothing here\n" },
    { 405, "this method is not for this path\n" },
    { 411, "say the length of the body\n" },
    { 413, "the body has more than 64 KiB\n" },
    { 415, "the body must be application/octet-stream\n" },
    { 429, "too many requests; try again later\n" },
    { 503, "nothing was recorded; keep the frames and try again later\n" },
};

static struct MHD_Response *make_response(const struct request *r)
{
    char text[80] = "";

    if (r->answer != NULL)
        return MHD_create_response_from_buffer(r->answer_len, r->answer, MHD_RESPMEM_MUST_COPY);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].status == r->status)
            (void)snprintf(text, sizeof text, "%s", texts[i].text);
    return MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
}

static bool set_headers(const struct http *h, const struct request *r, struct MHD_Response *a)
{
    const char *type = r->answer != NULL ? "application/octet-stream" : "text/plain; charset=utf-8";
    bool good = MHD_add_response_header(a, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES &&
                MHD_add_response_header(a, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES;

    if (good && r->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        good = MHD_add_response_header(a, MHD_HTTP_HEADER_ALLOW, r->match.allow) == MHD_YES;
    if (good && (r->status == MHD_HTTP_TOO_MANY_REQUESTS || r->status == MHD_HTTP_SERVICE_UNAVAILABLE))
        good = MHD_add_response_header(a, MHD_HTTP_HEADER_RETRY_AFTER, "2") == MHD_YES;
    if (good && (h->draining || h->lost))
        good = MHD_add_response_header(a, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
    return good;
}

static enum MHD_Result send_answer(struct http *h, struct request *r)
{
    struct MHD_Response *a = make_response(r);
    enum MHD_Result rc;

    if (a == NULL)
        return MHD_NO;
    rc = set_headers(h, r, a) ? MHD_queue_response(r->connection, r->status, a) : MHD_NO;
    MHD_destroy_response(a);
    r->sent = rc == MHD_YES;
    return rc;
}

/* ---- the work ---- */

/* The next whole 250 ms after the last byte: how long the frames took is rounded away too. */
static uint64_t fixed_time(uint64_t last_byte_ns)
{
    const uint64_t step = (uint64_t)HTTP_REFUSAL_MS * NS_PER_MS;

    return last_byte_ns + ((clock_mono_ns() - last_byte_ns) / step + 1) * step;
}

static unsigned keep_answer(struct http *h, struct request *r)
{
    r->answer = malloc(h->answer.len + 1);
    if (r->answer == NULL)
        return MHD_HTTP_SERVICE_UNAVAILABLE; /* recorded, but without receipts: duplicates next time */
    memcpy(r->answer, h->answer.bytes, h->answer.len);
    r->answer_len = h->answer.len;
    return MHD_HTTP_OK;
}

static void frames(struct http *h, struct request *r)
{
    const uint64_t last_byte_ns = clock_mono_ns();
    struct err e;

    switch (engine_request(h->p->engine, r->match.fleet, r->body, r->body_len, &h->answer, &e)) {
    case ENGINE_BAD_BODY:
        r->status = MHD_HTTP_BAD_REQUEST;
        return;
    case ENGINE_ANSWER:
        h->cannot_record = false;
        r->status = keep_answer(h, r);
        if (h->answer.refused == 0)
            return;
        rate_charge(h->p->rate, address(r->connection), h->answer.refused, last_byte_ns);
        break;
    case ENGINE_FAILED:
        h->cannot_record = true;
        r->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        if (!h->lost && engine_is_lost(&e)) {
            h->lost = true;
            h->why = e;
        }
        break;
    }
    r->due_ns = fixed_time(last_byte_ns);
}

static void work(struct http *h, struct request *r)
{
    if (h->lost || (r->match.route == ROUTE_HEALTH && (h->draining || h->cannot_record)))
        r->status = MHD_HTTP_SERVICE_UNAVAILABLE;
    else if (r->match.route == ROUTE_HEALTH)
        r->status = MHD_HTTP_OK;
    else
        frames(h, r);
}

/* ---- waiting ---- */

static struct peer *peer_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return i != NULL ? i->socket_context : NULL;
}

static void peer_waits(struct MHD_Connection *c, bool waits)
{
    struct peer *p = peer_of(c);

    if (p == NULL)
        return;
    p->waits = waits;
    p->since_ns = clock_mono_ns();
}

static enum MHD_Result wait_until_due(struct http *h, struct request *r)
{
    r->next = h->waiting;
    h->waiting = r;
    metrics_add(&h->p->metrics->waiting, 1);
    peer_waits(r->connection, true);
    MHD_suspend_connection(r->connection);
    return MHD_YES;
}

int requests_wake(struct http *h, bool all)
{
    const uint64_t now = clock_mono_ns();
    uint64_t next = UINT64_MAX, waiting = 0;

    for (struct request **at = &h->waiting; *at != NULL;) {
        struct request *r = *at;
        if (all || r->due_ns <= now) {
            *at = r->next;
            r->due_ns = 0;
            peer_waits(r->connection, false);
            MHD_resume_connection(r->connection);
        } else {
            next = r->due_ns < next ? r->due_ns : next;
            waiting++;
            at = &r->next;
        }
    }
    metrics_set(&h->p->metrics->waiting, waiting);
    return next == UINT64_MAX ? -1 : (int)((next - now) / NS_PER_MS + 1);
}

/* ---- libmicrohttpd's side ---- */

static enum MHD_Result begin(struct http *h, struct MHD_Connection *c, const char *method, const char *url, void **request)
{
    const uint64_t length = declared(c);
    struct request *r = calloc(1, sizeof *r);

    if (r == NULL)
        return MHD_NO;
    *request = r;
    h->requests++;
    metrics_set(&h->p->metrics->in_progress, h->requests);
    r->connection = c;
    r->began_ns = clock_mono_ns();
    peer_waits(c, false);
    r->status = refuse_early(h, r, method, url, length);
    if (r->status == 0 && r->match.route == ROUTE_FRAMES) {
        r->body_max = (size_t)length;
        r->body = malloc(r->body_max + 1);
        if (r->body == NULL)
            r->status = MHD_HTTP_SERVICE_UNAVAILABLE;
    }
    /* A short body is read to its end: closed with bytes unread, the connection would be reset before the answer is there.
     */
    const bool endless =
        header(c, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL || (length != UINT64_MAX && length > SWALLOW_MAX);
    return r->status != 0 && endless ? send_answer(h, r) : MHD_YES;
}

static void take(struct request *r, const char *data, size_t len)
{
    if (r->status != 0 || r->body == NULL)
        return;
    if (len > r->body_max - r->body_len) {
        r->status = MHD_HTTP_CONTENT_TOO_LARGE;
        return;
    }
    memcpy(r->body + r->body_len, data, len);
    r->body_len += len;
}

enum MHD_Result request_step(void *http, struct MHD_Connection *c, const char *url, const char *method, const char *version,
                             const char *data, size_t *len, void **request)
{
    struct http *h = http;
    struct request *r = *request;

    (void)version;
    if (r == NULL)
        return begin(h, c, method, url, request);
    if (r->sent)
        return MHD_YES;
    if (*len > 0) {
        take(r, data, *len);
        *len = 0;
        return MHD_YES;
    }
    if (r->status == 0)
        work(h, r);
    return r->due_ns > clock_mono_ns() ? wait_until_due(h, r) : send_answer(h, r);
}

void request_ended(void *http, struct MHD_Connection *c, void **request, enum MHD_RequestTerminationCode why)
{
    struct http *h = http;
    struct request *r = *request;

    (void)why;
    if (r == NULL)
        return;
    for (struct request **at = &h->waiting; *at != NULL; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            break;
        }
    if (r->sent)
        metrics_request(h->p->metrics, r->status, clock_mono_ns() - r->began_ns);
    h->requests--;
    metrics_set(&h->p->metrics->in_progress, h->requests);
    peer_waits(c, false);
    free(r->body);
    free(r->answer);
    free(r);
    *request = NULL;
}

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "db/check_impl.h"
#include "db/fault.h"
#include "db/registry_impl.h"

/* RFC 6962 s.2.1: a leaf's hash is SHA-256(00 | leaf). */
bool event_leaf(const char *canonical, size_t len, uint8_t out[32])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    static const uint8_t leaf = 0x00;
    bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(ctx, &leaf, 1) == 1 &&
              EVP_DigestUpdate(ctx, canonical, len) == 1 && EVP_DigestFinal_ex(ctx, out, NULL) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

/* jansson drops what it has no memory for, and says nothing: what was written is read back. */
static bool says(const char *text, const json_t *o)
{
    json_t *back = text != NULL ? json_loads(text, 0, NULL) : NULL;
    const bool same = back != NULL && json_equal(back, o) == 1;

    json_decref(back);
    return same;
}

/* The canonical bytes: one JSON object of strings, and of the number n, keys in byte order, no white space, ASCII:
 * docs/events.md. */
static char *canonical_bytes(uint64_t n, const char *at, const char *kind, const char *const *details)
{
    json_t *o = json_pack("{s:I, s:s, s:s}", "n", (json_int_t)n, "at", at, "event", kind);
    char *text = NULL;
    bool ok = o != NULL;

    for (; ok && details != NULL && details[0] != NULL; details += 2)
        ok = json_object_set_new(o, details[0], json_string(details[1])) == 0;
    if (ok)
        text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    if (!says(text, o)) {
        free(text);
        text = NULL;
    }
    json_decref(o);
    return text;
}

static enum err_code next_number(struct registry *r, uint64_t *n, struct err *e)
{
    struct sql_row *row = NULL;
    bool more;
    enum err_code rc = sql_query(r->sql, &row, e, "SELECT coalesce(max(n) + 1, 0) FROM event", "");

    if (rc == ERR_OK && (rc = sql_next(row, &more, e)) == ERR_OK)
        *n = (uint64_t)sql_int(row, 0);
    sql_done(row);
    return rc;
}

enum err_code event_append(struct registry *r, const char *kind, const char *const *details, struct err *e)
{
    uint64_t n = 0;
    uint8_t hash[32];
    char at[REG_TIME];
    enum err_code rc = next_number(r, &n, e);

    if (rc != ERR_OK)
        return rc;
    registry_now(r, at);
    char *text = canonical_bytes(n, at, kind, details);
    if (text == NULL || !event_leaf(text, strlen(text), hash))
        rc = err_set(e, &db_fault[DB_BUG], "canonical event", NULL, 0, "%s", kind);
    else
        rc = sql_run(r->sql, NULL, e, "INSERT INTO event (n, canonical, leaf_hash) VALUES (?, ?, ?)", "itb", (int64_t)n,
                     text, hash, sizeof hash);
    free(text);
    mark_event(r);
    return rc;
}

enum err_code registry_event(struct registry *r, const char *kind, const char *const *details, struct err *e)
{
    enum err_code rc = registry_begin(r, e);

    return rc != ERR_OK ? rc : registry_end(r, event_append(r, kind, details, e), e);
}

enum err_code registry_events(struct registry *r, uint64_t first, registry_event_each *each, void *io, struct err *e)
{
    struct sql_row *row = NULL;
    bool more = true;
    enum err_code rc =
        sql_query(r->sql, &row, e, "SELECT n, canonical, leaf_hash FROM event WHERE n >= ? ORDER BY n", "i", (int64_t)first);

    while (rc == ERR_OK && (rc = sql_next(row, &more, e)) == ERR_OK && more) {
        struct event_row ev = { .n = (uint64_t)sql_int(row, 0), .canonical = sql_text(row, 1) };
        size_t len;
        const void *hash = sql_blob(row, 2, &len);
        if (len != sizeof ev.leaf_hash)
            rc = err_set(e, &db_fault[DB_CORRUPT], "event", NULL, 0, "event %llu", (unsigned long long)ev.n);
        else {
            ev.len = strlen(ev.canonical);
            memcpy(ev.leaf_hash, hash, len);
            rc = each(io, &ev, e);
        }
    }
    sql_done(row);
    return rc;
}

#include "relay/post.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/version.h"
#include "relay/digest.h"
#include "relay/fault.h"

enum { CONNECT_MS = 10000 };

struct post {
    CURL *curl;
    bool busy, too_long;
    char why[CURL_ERROR_SIZE];
    struct batch batch;
    uint8_t reply[REPLY_MAX];
    size_t len;
};

struct posts {
    CURLM *multi;
    struct curl_slist *headers;
    char url[POST_URL_MAX];
    unsigned n;
    struct post post[]; /* [n] */
};

/* ---- what is asked of a server ---- */

/* A password in an argument is seen by all; a query or a fragment has no place in front of our path. */
static enum err_code take_url(struct posts *p, const struct server *s, struct err *e)
{
    size_t len = strlen(s->url);
    int n;

    while (len > 0 && s->url[len - 1] == '/')
        len--;
    bool fits = strncmp(s->url, "https://", 8) == 0 && len > 8 && s->url[8] != ':' && s->url[8] != '/' &&
                strpbrk(s->url, "@?# \\\"<>") == NULL;

    n = s->fleet < 0 ? snprintf(p->url, sizeof p->url, "%.*s/v1/frames", (int)len, s->url)
                     : snprintf(p->url, sizeof p->url, "%.*s/v1/frames/%ld", (int)len, s->url, s->fleet);
    if (!fits || len >= sizeof p->url || n >= (int)sizeof p->url)
        return err_set(e, &relay_fault[RELAY_URL], "parse", NULL, 0, "'%s'", strchr(s->url, '@') != NULL ? "..." : s->url);
    return ERR_OK;
}

/* libcurl's form: "sha256//" and base64, with its one '=' for 32 bytes. */
static enum err_code take_pin(const char *hex, char pin[8 + 44 + 1], struct err *e)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t b[DIGEST_LEN + 1] = { 0 };
    char *out = pin + 8;

    memcpy(pin, "sha256//", 8);
    if (hex_decode(hex, b, DIGEST_LEN) != DIGEST_LEN)
        return err_set(e, &relay_fault[RELAY_PIN], "parse", NULL, 0, "'%s'", hex);
    for (size_t i = 0; i < sizeof b; i += 3) {
        uint32_t v = (uint32_t)b[i] << 16 | (uint32_t)b[i + 1] << 8 | b[i + 2];

        for (unsigned shift = 18, k = 0; k < 4; k++, shift -= 6)
            *out++ = digit[v >> shift & 63];
    }
    out[-1] = '=';
    *out = '\0';
    return ERR_OK;
}

/* ---- libcurl ---- */

static size_t on_bytes(char *bytes, size_t one, size_t n, void *io)
{
    struct post *p = io;

    (void)one; /* 1, by libcurl's contract */
    if (n > sizeof p->reply - p->len) {
        p->too_long = true;
        return 0; /* ends the transfer */
    }
    memcpy(p->reply + p->len, bytes, n);
    p->len += n;
    return n;
}

/* Each option is needed: one that libcurl doesn't know must not pass in silence. */
static bool set_up(struct posts *ps, struct post *p, const struct server *s, const char *pin)
{
    CURL *c = p->curl = curl_easy_init();
    bool ok = c != NULL;

#define SET(option, value) (ok = ok && curl_easy_setopt(c, option, value) == CURLE_OK)
    SET(CURLOPT_URL, ps->url);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_USERAGENT, "fuseline-relay/" FUSELINE_VERSION);
    SET(CURLOPT_HTTPHEADER, ps->headers);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(s->timeout_ms < CONNECT_MS ? s->timeout_ms : CONNECT_MS));
    SET(CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
    SET(CURLOPT_WRITEFUNCTION, on_bytes);
    SET(CURLOPT_WRITEDATA, p);
    SET(CURLOPT_ERRORBUFFER, p->why);
    SET(CURLOPT_PRIVATE, (char *)p);
    if (s->cacert != NULL) { /* it alone */
        SET(CURLOPT_CAINFO, s->cacert);
        SET(CURLOPT_CAPATH, NULL);
    }
    if (pin != NULL) { /* the key itself is known: whoever signed its certificate, and for what name, adds nothing */
        SET(CURLOPT_PINNEDPUBLICKEY, pin);
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
#undef SET
    return ok;
}

static enum err_code check(struct posts *p, const struct server *s, char *pin, struct err *e)
{
    enum err_code rc = take_url(p, s, e);

    if (rc == ERR_OK && s->pin != NULL)
        rc = take_pin(s->pin, pin, e);
    if (rc == ERR_OK && s->cacert != NULL && access(s->cacert, R_OK) != 0)
        rc = err_errno(e, &relay_fault[RELAY_CA], "open", "%s", s->cacert);
    return rc;
}

enum err_code posts_open(struct posts **out, const struct server *s, struct err *e)
{
    struct posts *p = calloc(1, sizeof *p + s->posts * sizeof *p->post);
    char pin[64] = "";
    bool ok;

    if (p == NULL)
        return err_set(e, &relay_fault[RELAY_NO_MEMORY], "calloc", NULL, 0, "%u requests", s->posts);
    enum err_code rc = check(p, s, pin, e);
    if (rc == ERR_OK) {
        ok = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK && (p->multi = curl_multi_init()) != NULL &&
             (p->headers = curl_slist_append(NULL, "Content-Type: application/octet-stream")) != NULL &&
             curl_slist_append(p->headers, "Expect:") != NULL; /* no question before a body of 64 KiB */
        for (; ok && p->n < s->posts; p->n++)
            ok = set_up(p, &p->post[p->n], s, s->pin != NULL ? pin : NULL);
        if (!ok)
            rc = err_set(e, &relay_fault[RELAY_HTTP], "curl_easy_setopt", NULL, 0, "%s", curl_version());
    }
    if (rc != ERR_OK) {
        posts_close(p);
        return rc;
    }
    *out = p;
    return ERR_OK;
}

void posts_close(struct posts *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < p->n; i++) {
        if (p->post[i].busy)
            (void)curl_multi_remove_handle(p->multi, p->post[i].curl); /* ends it */
        curl_easy_cleanup(p->post[i].curl);
    }
    (void)curl_multi_cleanup(p->multi); /* NULL is fine, as above */
    curl_slist_free_all(p->headers);
    free(p);
}

/* ---- one POST ---- */

struct batch *posts_idle(struct posts *p, unsigned *slot)
{
    for (unsigned i = 0; i < p->n; i++)
        if (!p->post[i].busy) {
            *slot = i;
            batch_init(&p->post[i].batch);
            return &p->post[i].batch;
        }
    return NULL;
}

bool posts_start(struct posts *p, unsigned slot)
{
    struct post *o = &p->post[slot];

    o->len = 0;
    o->too_long = false;
    o->why[0] = '\0';
    (void)curl_easy_setopt(o->curl, CURLOPT_POSTFIELDS, (const char *)o->batch.body); /* these take any value */
    (void)curl_easy_setopt(o->curl, CURLOPT_POSTFIELDSIZE, (long)o->batch.len);
    o->busy = curl_multi_add_handle(p->multi, o->curl) == CURLM_OK;
    return o->busy;
}

unsigned posts_busy(const struct posts *p)
{
    unsigned n = 0;

    for (unsigned i = 0; i < p->n; i++)
        n += p->post[i].busy;
    return n;
}

static enum err_code judge(const struct posts *p, const struct post *o, CURLcode rc, long status, struct err *e)
{
    const char *why = o->why[0] != '\0' ? o->why : curl_easy_strerror(rc);

    if (o->too_long)
        return err_set(e, &relay_fault[RELAY_REPLY], "POST", "HTTP", status, "%s: over %d bytes", p->url, REPLY_MAX);
    if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_PINNEDPUBKEYNOTMATCH || rc == CURLE_SSL_CACERT_BADFILE ||
        rc == CURLE_SSL_ISSUER_ERROR)
        return err_set(e, &relay_fault[RELAY_UNTRUSTED], "POST", "curl", (long)rc, "%s: %s", p->url, why);
    if (rc != CURLE_OK)
        return err_set(e, &relay_fault[RELAY_UNREACHABLE], "POST", "curl", (long)rc, "%s: %s", p->url, why);
    if (status != 200)
        return err_set(e, &relay_fault[RELAY_STATUS], "POST", "HTTP", status, "%s", p->url);
    return ERR_OK;
}

bool posts_result(struct posts *p, struct posted *r)
{
    int running, queued;
    CURLMsg *m;
    char *private = NULL;
    curl_off_t after = 0;

    (void)curl_multi_perform(p->multi, &running); /* what fails shows in the transfer's own result */
    do
        m = curl_multi_info_read(p->multi, &queued);
    while (m != NULL && m->msg != CURLMSG_DONE);
    if (m == NULL)
        return false;
    CURLcode rc = m->data.result; /* m ends with the handle's removal */
    CURL *curl = m->easy_handle;
    *r = (struct posted){ 0 };
    (void)curl_easy_getinfo(curl, CURLINFO_PRIVATE, &private); /* these can't fail */
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &r->status);
    (void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &after);
    (void)curl_multi_remove_handle(p->multi, curl);

    struct post *o = (struct post *)private;
    o->busy = false;
    r->slot = (unsigned)(o - p->post);
    r->retry_after_s = after > 0 && after < 3600 ? (unsigned)after : after > 0 ? 3600 : 0;
    r->code = judge(p, o, rc, r->status, &r->err);
    r->batch = &o->batch;
    r->bytes = o->reply;
    r->len = o->len;
    return true;
}

void posts_wait(struct posts *p, int fd, bool in, bool out, unsigned ms)
{
    struct curl_waitfd w = { .fd = fd, .events = (short)((in ? CURL_WAIT_POLLIN : 0) | (out ? CURL_WAIT_POLLOUT : 0)) };

    (void)curl_multi_poll(p->multi, &w, fd >= 0 && w.events != 0 ? 1 : 0, (int)ms, NULL); /* what it can't do costs time */
}

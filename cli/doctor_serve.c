/* cli/doctor_serve.c - the check of [serve]: its certificate, how long that lasts, and the key of it. */
#include <stdio.h>
#include <time.h>

#include "cli/config.h"
#include "cli/doctor.h"
#include "cli/fault.h"
#include "cli/token.h"
#include "server/fault.h"
#include "server/tls.h"
#include "server/tls_token.h"

enum { DAY_S = 24 * 60 * 60, WARN_DAYS = 30 };

void doctor_look_for_key(const struct doctor *d, struct hsm *server, struct doctor_key *out)
{
    const struct serve *c = &d->app->config->serve;
    struct tls_pair pair = { .certificate = NULL };
    struct tls_token *token = NULL;
    struct hsm_key *key = NULL;
    struct err unreadable; /* of the certificate: told where that is looked at */

    if (c->key_label == NULL)
        return;
    out->looked = true;
    out->rc = token_serve_key(server, c->key_label, &key, &out->e);
    if (out->rc == ERR_OK && c->certificate != NULL && tls_load(&pair, c->certificate, NULL, &unreadable) == ERR_OK)
        out->rc = tls_token_open(&token, &pair, c->certificate, key, &out->e);
    tls_token_close(token);
    tls_free(&pair);
    hsm_key_free(key);
}

static void check_certificate(struct doctor *d, const struct tls_pair *pair)
{
    const char *path = d->app->config->serve.certificate;
    const int64_t now = (int64_t)time(NULL), left = (pair->ends - now) / DAY_S;
    const time_t ends = (time_t)pair->ends;
    const bool early = now < pair->starts, valid = !early && now < pair->ends;
    struct err e = { 0 };
    struct tm utc;
    char date[16] = "", detail[320];

    if (gmtime_r(&ends, &utc) != NULL)
        (void)strftime(date, sizeof date, "%Y-%m-%d", &utc);
    if (!valid)
        (void)err_set(&e, &server_fault[SERVER_TLS_DATE], "certificate", NULL, 0, "%s: %s %s", path,
                      early ? "begins later, ends" : "ended", date);
    (void)snprintf(detail, sizeof detail, "%s, SHA-256 %s, ends %s, days left: %lld", path, pair->fingerprint, date,
                   (long long)left);
    doctor_tell(d, NULL, "certificate", !valid ? CHECK_FAIL : left < WARN_DAYS ? CHECK_WARN : CHECK_OK, detail, &e);
}

static void tell(struct doctor *d, const char *what, enum err_code rc, const char *detail, const struct err *e)
{
    doctor_tell(d, NULL, what, rc == ERR_OK ? CHECK_OK : CHECK_FAIL, detail, e);
}

/* Of a file: with its certificate, for the pair is loaded as one. */
static void check_files(struct doctor *d)
{
    const struct serve *c = &d->app->config->serve;
    struct tls_pair pair;
    struct err e = { 0 };
    enum err_code rc = tls_load(&pair, c->certificate, NULL, &e);

    if (rc != ERR_OK) {
        tell(d, "certificate", rc, NULL, &e);
        return;
    }
    check_certificate(d, &pair);
    tls_free(&pair);
    if (c->key == NULL)
        return;
    rc = tls_load(&pair, c->certificate, c->key, &e);
    tls_free(&pair);
    tell(d, "certificate key", rc, c->key, &e);
}

void doctor_serve(struct doctor *d, const struct doctor_key *key)
{
    const struct config *c = d->app->config;
    const bool has_key = c->serve.key != NULL || c->serve.key_label != NULL;
    struct err e = { 0 };

    if (c->serve.certificate != NULL && has_key)
        check_files(d);
    else if (c->serve.certificate != NULL || has_key)
        tell(d, "certificate",
             err_set(&e, &cli_fault[CLI_SERVE_CERTIFICATE], "read", NULL, 0, "%s: [serve] has no '%s'", c->path,
                     has_key ? "certificate" : "key"),
             NULL, &e);
    if (key->looked)
        tell(d, "certificate key", key->rc, c->serve.key_label, &key->e);
}

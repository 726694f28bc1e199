#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"
#include "cli/fault.h"
#include "cli/interrupt.h"
#include "cli/opener.h"
#include "cli/prepare.h"
#include "cli/token.h"
#include "cli/ui/opened.h"
#include "cli/ui/report.h"
#include "server/http.h"
#include "server/workers.h"

struct serving {
    struct app *app;
    struct tls_pair tls;
    struct opener opener; /* of a worker, as the next two */
    struct hsm_key *key;  /* of the certificate, if it is in the token */
    struct tls_token *token;
    const struct worker *worker;
};

/* ---- a worker ---- */

static enum err_code make_verifier(void *io, struct verifier **out, struct err *e)
{
    struct serving *s = io;

    return verifier_open(out, s->opener.registry, s->opener.server, &s->opener.crypto, e);
}

/* A line is written at once: the lines of several workers never mix. */
static enum err_code show(void *io, const struct opened_frame *o, struct err *e)
{
    const struct serving *s = io;
    enum err_code rc = opened_show(o, s->app->json, e);

    return rc == ERR_OK ? report_flush(e) : rc;
}

static void ready(void *io)
{
    const struct serving *s = io;

    worker_ready(s->worker);
}

static enum err_code serve_http(struct serving *s, struct err *e)
{
    const struct serve *c = &s->app->config->serve;
    const struct engine_parts parts = { .registry = s->app->registry,
                                        .verifier = make_verifier,
                                        .show = show,
                                        .io = s,
                                        .down = &down_verifier,
                                        .metrics = s->worker->metrics };
    struct engine *engine = NULL;
    enum err_code rc = engine_open(&engine, &parts, e);

    if (rc == ERR_OK)
        rc = http_run(&(struct http_parts){ .listen_fd = s->worker->listen_fd,
                                            .tls = &s->tls,
                                            .token = s->token,
                                            .connections = c->connections,
                                            .peer_connections = c->rate == 0 ? 0 : (c->connections + 3) / 4,
                                            .timeout_s = c->timeout_s,
                                            .engine = engine,
                                            .metrics = s->worker->metrics,
                                            .rate = s->worker->rate,
                                            .stop = interrupt_requested,
                                            .ready = ready,
                                            .io = s },
                      e);
    engine_close(engine);
    return rc;
}

/* The certificate's key, where [serve] says that it is in the token. */
static enum err_code open_key(struct serving *s, struct err *e)
{
    const struct serve *c = &s->app->config->serve;
    enum err_code rc;

    if (c->key_label == NULL)
        return ERR_OK;
    rc = token_serve_key(s->opener.server, c->key_label, &s->key, e);
    return rc == ERR_OK ? tls_token_open(&s->token, &s->tls, c->certificate, s->key, e) : rc;
}

/* Registry and token are this process's own: neither may be carried across a fork. */
static enum err_code work(void *io, const struct worker *w, struct err *e)
{
    struct serving *s = io;
    enum err_code rc;

    s->worker = w;
    if ((rc = prepare_registry(s->app, e)) == ERR_OK && (rc = prepare_mark(s->app, NULL, NULL, e)) == ERR_OK &&
        (rc = opener_prepare(&s->opener, s->app, s->app->registry, e)) == ERR_OK && (rc = open_key(s, e)) == ERR_OK)
        rc = serve_http(s, e);
    tls_token_close(s->token);
    hsm_key_free(s->key);
    opener_close(&s->opener);
    registry_close(s->app->registry);
    tls_free(&s->tls);
    return rc;
}

/* ---- the parent ---- */

static void started(void *io, const struct workers_address *a)
{
    const struct serving *s = io;
    struct err e;
    char url[TCP_HOST_MAX + 32], metrics[64];

    (void)snprintf(url, sizeof url, "https://%s:%u", a->host, a->port);
    (void)snprintf(metrics, sizeof metrics, "http://127.0.0.1:%u/metrics", a->metrics_port);
    fprintf(stderr, "fuseline: serving %s, metrics %s, certificate SHA-256 %s\n", url, metrics, s->tls.fingerprint);
    if (s->app->json &&
        (report_object(json_pack("{s:s, s:s, s:i, s:s, s:i, s:i, s:s}", "serving", url, "host", a->host, "port",
                                 (int)a->port, "metrics", metrics, "metrics_port", (int)a->metrics_port, "workers",
                                 (int)s->app->config->serve.workers, "certificate_sha256", s->tls.fingerprint),
                       &e) != ERR_OK ||
         report_flush(&e) != ERR_OK))
        report_text(stderr, &e); /* main ends with it: stdout keeps its error */
}

static void ended(void *io, unsigned index, const struct err *e, unsigned again_ms)
{
    (void)io;
    fprintf(stderr, "fuseline: worker %u ended and is started again in %u ms: ", index, again_ms);
    report_line(stderr, e);
    fputc('\n', stderr);
}

static enum err_code self_signed(struct serving *s, char *certificate, char *key, struct err *e)
{
    bool made = false;
    enum err_code rc = tls_self_signed(certificate, key, &made, e);

    if (rc == ERR_OK && made)
        fprintf(stderr, "fuseline: made %s and its key: for tests and demonstrations\n", certificate);
    return rc == ERR_OK ? tls_load(&s->tls, certificate, key, e) : rc;
}

static enum err_code load_certificate(struct serving *s, struct err *e)
{
    const struct config *c = s->app->config;
    const bool own = s->app->opt[OPT_SELF_SIGNED] != NULL;
    const bool has_key = c->serve.key != NULL || c->serve.key_label != NULL;
    char *certificate = NULL, *key = NULL;
    enum err_code rc;

    if (own == (c->serve.certificate != NULL || has_key) || (c->serve.certificate == NULL) != !has_key)
        return err_set(e, &cli_fault[CLI_SERVE_CERTIFICATE], "read", NULL, 0, "%s: %s", c->path,
                       own                            ? "[serve] names one, and --self-signed is given"
                       : c->serve.certificate != NULL ? "[serve] has no 'key'"
                       : has_key                      ? "[serve] has no 'certificate'"
                                                      : "[serve] names none");
    if (!own)
        return tls_load(&s->tls, c->serve.certificate, c->serve.key, e);
    if (asprintf(&certificate, "%s/serve-cert.pem", c->dir) < 0)
        certificate = NULL;
    if (asprintf(&key, "%s/serve-key.pem", c->dir) < 0)
        key = NULL;
    if (certificate != NULL && key != NULL)
        rc = self_signed(s, certificate, key, e);
    else
        rc = err_set(e, &cli_fault[CLI_NO_MEMORY], "malloc", NULL, 0, "%s", c->dir);
    free(certificate);
    free(key);
    return rc;
}

static enum err_code run(struct app *app, struct err *e)
{
    const struct serve *c = &app->config->serve;
    struct serving s = { .app = app };
    char uri[TOKEN_URI_MAX];
    enum err_code rc = token_uri(app->config, ROLE_SERVER, NULL, uri, e);

    if (rc != ERR_OK)
        return rc;
    if (!token_pin_is_file(app, ROLE_SERVER))
        return err_set(e, &cli_fault[CLI_SERVE_PIN], "token", NULL, 0, "role '%s'", config_role_name(ROLE_SERVER));
    if ((rc = load_certificate(&s, e)) == ERR_OK)
        rc = workers_run(&(struct workers_parts){ .listen = c->listen,
                                                  .metrics_port = c->metrics,
                                                  .workers = c->workers,
                                                  .rate = c->rate,
                                                  .stop = interrupt_requested,
                                                  .work = work,
                                                  .started = started,
                                                  .ended = ended,
                                                  .io = &s },
                         e);
    tls_free(&s.tls);
    return rc;
}

static const struct cmd_opt options[] = {
    { "self-signed", NULL, OPT_SELF_SIGNED, 0, false, "use DIR/serve-cert.pem and serve-key.pem, made at the first time",
      false },
    { "pin-source", "SOURCE", OPT_PIN_SOURCE, 0, false, "the server token's PIN: file:PATH (mode 0400)", false },
    { 0 },
};

extern const struct cmd cmd_serve;
const struct cmd cmd_serve = {
    "serve",
    "[--self-signed] [--pin-source SOURCE]",
    "receive frames over HTTPS, open and record them, answer with receipts",
    "What a phone sends to POST /v1/frames is opened as `open` does it; a request is one transaction, and its answer has a\n"
    "receipt for each frame: what has one need not be kept by the phone.  One line per frame that opened, once it is\n"
    "recorded.  Address, certificate and limits: [serve] in fuseline.conf; /healthz there, metrics on 127.0.0.1 alone.\n"
    "SIGTERM: no new connections, the requests under way are answered, exit 0.\n",
    options,
    CMD_CONFIG,
    run,
};

/* cli/config_serve.c - the section [serve]. */
#include <stdlib.h>
#include <string.h>

#include "cli/config_impl.h"

bool config_is_tls_label(const char *label)
{
    static const char prefix[] = "tls/", letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const size_t len = strlen(label), n = strlen(prefix);

    return strncmp(label, prefix, n) == 0 && len > n && len <= TOKEN_LABEL_MAX && n + strspn(label + n, letters) == len;
}

bool serve_defaults(struct serve *s)
{
    *s = (struct serve){ .workers = 1, .metrics = 8444, .connections = 512, .rate = 100, .timeout_s = 10 };
    s->listen = strdup("127.0.0.1:8443");
    return s->listen != NULL;
}

static enum err_code set_listen(struct load *l, const struct ini_item *item, struct err *e)
{
    if (strchr(item->value, ':') == NULL)
        return config_bad_value(item, "HOST:PORT", e);
    free(l->c->serve.listen);
    l->c->serve.listen = strdup(item->value);
    return l->c->serve.listen != NULL ? ERR_OK : config_no_memory(item, e);
}

static enum err_code set_certificate(struct load *l, const struct ini_item *item, struct err *e)
{
    return config_set_path(l, item, &l->c->serve.certificate, e);
}

/* A file whose name begins with hsm: is ./hsm:.. */
static enum err_code set_key(struct load *l, const struct ini_item *item, struct err *e)
{
    if (strncmp(item->value, "hsm:", 4) != 0)
        return config_set_path(l, item, &l->c->serve.key, e);
    if (!config_is_tls_label(item->value + 4))
        return config_bad_value(item, "a file, or hsm:tls/NAME", e);
    free(l->c->serve.key_label);
    l->c->serve.key_label = strdup(item->value + 4);
    return l->c->serve.key_label != NULL ? ERR_OK : config_no_memory(item, e);
}

static enum err_code set_number(const struct ini_item *item, unsigned long min, unsigned long max, const char *wanted,
                                unsigned *out, struct err *e)
{
    unsigned long n;

    if (!config_number(item->value, min, max, &n))
        return config_bad_value(item, wanted, e);
    *out = (unsigned)n;
    return ERR_OK;
}

static enum err_code set_workers(struct load *l, const struct ini_item *item, struct err *e)
{
    return set_number(item, 1, 64, "a number in 1..64", &l->c->serve.workers, e);
}

static enum err_code set_metrics(struct load *l, const struct ini_item *item, struct err *e)
{
    return set_number(item, 0, 65535, "a port in 0..65535", &l->c->serve.metrics, e);
}

static enum err_code set_connections(struct load *l, const struct ini_item *item, struct err *e)
{
    return set_number(item, 1, 65535, "a number in 1..65535", &l->c->serve.connections, e);
}

static enum err_code set_rate(struct load *l, const struct ini_item *item, struct err *e)
{
    return set_number(item, 0, 100000, "a number in 0..100000", &l->c->serve.rate, e);
}

static enum err_code set_timeout(struct load *l, const struct ini_item *item, struct err *e)
{
    return set_number(item, 1, 300, "a number of seconds in 1..300", &l->c->serve.timeout_s, e);
}

const struct key serve_keys[SERVE_KEYS] = {
    { "listen", false, set_listen },   { "certificate", false, set_certificate }, { "key", false, set_key },
    { "workers", false, set_workers }, { "metrics", false, set_metrics },         { "connections", false, set_connections },
    { "rate", false, set_rate },       { "timeout", false, set_timeout },
};

/* tests/bench/bench.h - what the bench programs share: a clock, an embedded token in argv[1], and one way to give up. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "db/registry.h"
#include "hsm/hsm.h"

enum { ROUNDS = 9 };

static struct err e;

static inline void must(enum err_code rc)
{
    if (rc == ERR_OK)
        return;
    fprintf(stderr, "bench: %s: %s (%s %lx)\n", e.fault != NULL ? e.fault->name : "?", e.subject, e.op,
            (unsigned long)e.native);
    exit(1);
}

static inline double seconds(void)
{
    return (double)clock_mono_ns() / 1e9;
}

static inline int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Of n <= 64 figures; p from 0 to 1. */
static inline double quantile(const double *v, int n, double p)
{
    double sorted[64];

    memcpy(sorted, v, (size_t)n * sizeof *v);
    qsort(sorted, (size_t)n, sizeof *sorted, by_size);
    return sorted[(int)((n - 1) * p + 0.5)];
}

static inline double median(const double v[ROUNDS])
{
    return quantile(v, ROUNDS, 0.5);
}

/* The one token of this workspace, with its KEK. */
static inline struct hsm *bench_token(const char *workspace, struct hsm_key **kek)
{
    static const struct hsm_pin_source by_uri = { .kind = HSM_PIN_URI, .fd = -1 };
    char uri[1024];
    struct hsm *h = NULL;

    must(hsm_softhsm_init(workspace, "TEST-bench", uri, sizeof uri, NULL, &e));
    must(hsm_open(&h, uri, &by_uri, workspace, &e));
    must(hsm_key_ensure(h, HSM_KEK, "kek", kek, NULL, &e));
    return h;
}

static inline struct product bench_product(struct registry *r, const char *name)
{
    struct product p = { .chip = "stm32l476", .scheme = 1, .suite = 1, .policy = 0x0D, .sid_len = 2, .ctr_len = 1 };

    (void)snprintf(p.name, sizeof p.name, "%s", name);
    must(registry_product_add(r, &p, &e));
    return p;
}

/* A new pair, wrapped, as the registry keeps it. */
static inline void bench_key(struct hsm *h, struct hsm_key *kek, struct wrapped_key *k)
{
    uint8_t pkR[65];
    struct hsm_blob blob;

    must(hsm_device_key_new(h, kek, pkR, &blob, &e));
    memset(k, 0, sizeof *k);
    (void)snprintf(k->role, sizeof k->role, "server");
    (void)snprintf(k->kek, sizeof k->kek, "kek");
    (void)snprintf(k->profile, sizeof k->profile, "%s", blob.profile);
    memcpy(k->blob, blob.bytes, blob.len);
    k->blob_len = blob.len;
    k->mechanism = blob.mechanism;
    memcpy(k->public_x, pkR + 1, sizeof k->public_x);
    memcpy(k->digest, pkR + 1, sizeof k->digest); /* any 32 bytes that differ do */
    must(hsm_key_kcv(kek, k->kek_kcv, &e));
}

/* A device reserved and its key recorded: what the key step of the station does. */
static inline struct device bench_record(struct registry *r, const char *product, const struct wrapped_key *k)
{
    static uint32_t n;
    uint8_t uid[REG_UID] = "bench";
    struct device d;
    bool fresh;

    n++;
    memcpy(uid + 8, &n, sizeof n);
    must(registry_reserve(r, product, uid, 1, 2516, &d, &fresh, &e));
    must(registry_keyed(r, d.serial, k, 1, &e));
    return d;
}

#endif

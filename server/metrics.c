#include "server/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static const unsigned statuses[METRICS_STATUSES - 1] = { 200, 400, 404, 405, 408, 411, 413, 415, 429, 500, 503 };
static const char *const bounds[METRICS_BUCKETS - 1] = { "0.001", "0.005", "0.02", "0.1", "0.25", "0.5", "1", "5" };
static const uint64_t bounds_us[METRICS_BUCKETS - 1] = { 1000, 5000, 20000, 100000, 250000, 500000, 1000000, 5000000 };

void metrics_add(counter *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

void metrics_set(counter *c, uint64_t n)
{
    atomic_store_explicit(c, n, memory_order_relaxed);
}

static uint64_t value(const counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

void metrics_reason(struct metrics *m, const char *reason)
{
    unsigned n = atomic_load(&m->reasons), i = 0;

    while (i < n && strcmp(m->reason[i].name, reason) != 0)
        i++;
    if (i == METRICS_REASONS)
        i = METRICS_REASONS - 1; /* never: there are not so many */
    if (i == n) {
        (void)snprintf(m->reason[i].name, sizeof m->reason[i].name, "%s", reason);
        atomic_store(&m->reasons, n + 1);
    }
    metrics_add(&m->reason[i].n, 1);
}

void metrics_request(struct metrics *m, unsigned status, uint64_t duration_ns)
{
    size_t s = 0, b = 0;

    while (s < METRICS_STATUSES - 1 && statuses[s] != status)
        s++;
    while (b < METRICS_BUCKETS - 1 && duration_ns > bounds_us[b] * 1000)
        b++;
    metrics_add(&m->status[s], 1);
    metrics_add(&m->bucket[b], 1);
    metrics_add(&m->duration_ns, duration_ns);
}

/* ---- text ---- */

struct all {
    const struct metrics *const *block;
    size_t n;
};

static uint64_t sum(const struct all *a, size_t offset)
{
    uint64_t total = 0;

    for (size_t i = 0; i < a->n; i++)
        total += value((const counter *)((const char *)a->block[i] + offset));
    return total;
}

#define SUM(a, field) sum(a, offsetof(struct metrics, field))

static void head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP fuseline_%s %s\n# TYPE fuseline_%s %s\n", name, help, name, type);
}

static void single(FILE *out, const char *name, const char *type, const char *help, uint64_t v)
{
    head(out, name, type, help);
    fprintf(out, "fuseline_%s %" PRIu64 "\n", name, v);
}

static uint64_t of_reason(const struct all *a, const char *name)
{
    uint64_t total = 0;

    for (size_t i = 0; i < a->n; i++)
        for (unsigned r = 0; r < atomic_load(&a->block[i]->reasons); r++)
            if (strcmp(a->block[i]->reason[r].name, name) == 0)
                total += value(&a->block[i]->reason[r].n);
    return total;
}

/* Was it told for an earlier block? */
static bool told(const struct all *a, size_t block, const char *name)
{
    const struct all before = { a->block, block };

    return of_reason(&before, name) > 0;
}

static void frames(FILE *out, const struct all *a)
{
    head(out, "frames_total", "counter", "Frames, by what became of them.");
    fprintf(out, "fuseline_frames_total{result=\"opened\"} %" PRIu64 "\n", SUM(a, opened));
    fprintf(out, "fuseline_frames_total{result=\"duplicate\"} %" PRIu64 "\n", SUM(a, duplicate));
    head(out, "frames_refused_total", "counter", "Frames without data, by reason.");
    for (size_t i = 0; i < a->n; i++)
        for (unsigned r = 0; r < atomic_load(&a->block[i]->reasons); r++)
            if (!told(a, i, a->block[i]->reason[r].name))
                fprintf(out, "fuseline_frames_refused_total{reason=\"%s\"} %" PRIu64 "\n", a->block[i]->reason[r].name,
                        of_reason(a, a->block[i]->reason[r].name));
    single(out, "alarms_total", "counter", "Frames that failed authentication, or came a second time with other content.",
           of_reason(a, "replay") + of_reason(a, "clone") + of_reason(a, "key-conflict") + of_reason(a, "sealed-auth") +
               of_reason(a, "sealed-signature"));
    single(out, "down_frames_total", "counter", "Frames given out for devices.", SUM(a, down));
    single(out, "down_failed_total", "counter", "Answers that lack frames which should have gone down.",
           SUM(a, down_failed));
}

static void requests(FILE *out, const struct all *a)
{
    uint64_t seen = 0;

    head(out, "requests_total", "counter", "Requests, by HTTP status.");
    for (size_t s = 0; s < METRICS_STATUSES; s++) {
        const uint64_t n = sum(a, offsetof(struct metrics, status) + s * sizeof(counter));
        if (s < METRICS_STATUSES - 1)
            fprintf(out, "fuseline_requests_total{status=\"%u\"} %" PRIu64 "\n", statuses[s], n);
        else
            fprintf(out, "fuseline_requests_total{status=\"other\"} %" PRIu64 "\n", n);
    }
    head(out, "request_seconds", "histogram", "From the first header to the last byte of the answer.");
    for (size_t b = 0; b < METRICS_BUCKETS; b++) {
        seen += sum(a, offsetof(struct metrics, bucket) + b * sizeof(counter));
        fprintf(out, "fuseline_request_seconds_bucket{le=\"%s\"} %" PRIu64 "\n",
                b < METRICS_BUCKETS - 1 ? bounds[b] : "+Inf", seen);
    }
    fprintf(out, "fuseline_request_seconds_sum %.6f\n", (double)SUM(a, duration_ns) / 1e9);
    fprintf(out, "fuseline_request_seconds_count %" PRIu64 "\n", seen);
}

void metrics_print(FILE *out, const struct metrics *const *block, size_t n, unsigned workers, uint64_t restarts)
{
    const struct all a = { block, n };

    frames(out, &a);
    requests(out, &a);
    single(out, "show_failed_total", "counter", "Requests without receipts because the data could not be written.",
           SUM(&a, show_failed));
    single(out, "connections", "gauge", "Open connections.", SUM(&a, connections));
    single(out, "requests_in_progress", "gauge", "Requests whose answer was not sent yet.", SUM(&a, in_progress));
    single(out, "answers_waiting", "gauge", "Answers that wait for their fixed time.", SUM(&a, waiting));
    single(out, "workers", "gauge", "Worker processes that serve.", workers);
    single(out, "worker_restarts_total", "counter", "Workers that died and were started again.", restarts);
}

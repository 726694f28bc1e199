/* keys WORKSPACE REGISTRY - device keys per second: what the house does, against the bare PKCS#11 calls, in turn and in
 * short pieces, so that both sides see the same machine.  Prints one JSON object, and one with its goal.  Each pair is the
 * same work in the token on both sides: each key verified (unwrapped again and its ECDH compared), or none.  The goal is for
 * bulk with each key verified: that is what the house does unless told otherwise. */
#include "tests/bench/bench.h"
#include "tests/bench/raw.h"

enum { ROUNDS_KEYS = 15, BATCH = 256, SINGLE = 48 };

static struct hsm *h;
static struct hsm_key *kek;
static struct registry *registry;
static const char *product;

static void raw(bool verify)
{
    for (int i = 0; i < BATCH; i++)
        raw_new_key(h, kek, verify);
}

/* The pair and its wrapped blob. */
static void made(bool verify)
{
    uint8_t pkR[65];
    struct hsm_blob blob;

    hsm_verify_every(h, verify ? 1 : 0);
    for (int i = 0; i < BATCH; i++)
        must(hsm_device_key_new(h, kek, pkR, &blob, &e));
}

/* That, its serial reserved, and both recorded with their events, in one transaction, its commit included.  The keys first:
 * others may write to the registry meanwhile, and a key that a power cut takes was never given out. */
static void bulk(bool verify)
{
    static struct wrapped_key k[BATCH];

    hsm_verify_every(h, verify ? 1 : 0);
    for (int i = 0; i < BATCH; i++)
        bench_key(h, kek, &k[i]);
    must(registry_batch_begin(registry, &e));
    for (int i = 0; i < BATCH; i++)
        (void)bench_record(registry, product, &k[i]);
    must(registry_batch_commit(registry, &e));
}

/* Each step a transaction of its own, as the line does while a board waits. */
static void single(bool verify)
{
    struct wrapped_key k;

    hsm_verify_every(h, verify ? 1 : 0);
    for (int i = 0; i < SINGLE; i++) {
        bench_key(h, kek, &k);
        (void)bench_record(registry, product, &k);
    }
}

static const struct {
    const char *name;
    void (*run)(bool verify);
    int n;
} ways[] = { { "raw", raw, BATCH }, { "made", made, BATCH }, { "bulk", bulk, BATCH }, { "single", single, SINGLE } };
enum { WAYS = sizeof ways / sizeof *ways };

static double took[2][WAYS][ROUNDS_KEYS]; /* microseconds a device */

static void measure(void)
{
    for (int i = 0; i < ROUNDS_KEYS; i++)
        for (int verify = 0; verify < 2; verify++)
            for (int w = 0; w < WAYS; w++) {
                double start = seconds();
                ways[w].run(verify == 1);
                took[verify][w][i] = (seconds() - start) * 1e6 / ways[w].n;
            }
}

static void print(const char *name, double us[WAYS][ROUNDS_KEYS])
{
    double ratio[ROUNDS_KEYS];

    printf("\"%s\": {", name);
    for (int w = 0; w < WAYS; w++) {
        for (int i = 0; i < ROUNDS_KEYS; i++)
            ratio[i] = us[0][i] / us[w][i];
        printf("%s\"%s\": {\"us\": {\"p50\": %.1f, \"p95\": %.1f}", w > 0 ? ", " : "", ways[w].name,
               quantile(us[w], ROUNDS_KEYS, 0.5), quantile(us[w], ROUNDS_KEYS, 0.95));
        printf(", \"per_s\": %.0f", 1e6 / quantile(us[w], ROUNDS_KEYS, 0.5));
        if (w > 0)
            printf(", \"ratio\": {\"p5\": %.3f, \"p50\": %.3f, \"p95\": %.3f}", quantile(ratio, ROUNDS_KEYS, 0.05),
                   quantile(ratio, ROUNDS_KEYS, 0.5), quantile(ratio, ROUNDS_KEYS, 0.95));
        printf("}");
    }
    printf("}");
}

static void print_goal(void)
{
    const double goal = 0.9;
    double ratio[ROUNDS_KEYS];

    for (int i = 0; i < ROUNDS_KEYS; i++)
        ratio[i] = took[1][0][i] / took[1][2][i];
    double is = quantile(ratio, ROUNDS_KEYS, 0.5);
    printf("{\"name\": \"verified keys in bulk to the raw loop, at least\", \"goal\": %.1f, \"is\": %.3f, \"met\": %s}\n",
           goal, is, is >= goal ? "true" : "false");
}

int main(int argc, char *argv[])
{
    if (argc != 3)
        return 64;
    h = bench_token(argv[1], &kek);
    must(registry_open(&registry, argv[2], REGISTRY_CREATE, &e));
    struct product p = bench_product(registry, "keys");
    product = p.name;
    measure();
    printf("{\"bench\": \"keys\", \"batch\": %d, \"rounds\": %d, ", BATCH, ROUNDS_KEYS);
    print("verified", took[1]);
    printf(", ");
    print("unverified", took[0]);
    printf("}\n");
    print_goal();
    registry_close(registry);
    hsm_key_free(kek);
    hsm_close(h);
    return 0;
}

/* keys WORKSPACE REGISTRY - device keys per second: what the house does, against the bare PKCS#11 calls, in turn.
 * Prints one JSON object.  Two pairs are the same work on both sides: each key verified (unwrapped again and its ECDH
 * compared), and not.  `recorded` is a key with its serial reserved and both committed to the registry, one device at a
 * time. */
#include "tests/bench/bench.h"
#include "tests/bench/raw.h"

enum { VERIFIED = 500, BULK = 2500, RECORDED = 100 };

static struct hsm *h;
static struct hsm_key *kek;

static double rate_by_hand(bool verify, int n)
{
    double start = seconds();

    for (int i = 0; i < n; i++)
        raw_new_key(h, kek, verify);
    return n / (seconds() - start);
}

static double rate_of_house(bool verify, int n)
{
    uint8_t pkR[65];
    struct hsm_blob blob;
    double start = seconds();

    hsm_verify_every(h, verify ? 1 : 0);
    for (int i = 0; i < n; i++)
        must(hsm_device_key_new(h, kek, pkR, &blob, &e));
    return n / (seconds() - start);
}

static double rate_recorded(struct registry *r, const char *product, int n)
{
    struct wrapped_key k;
    double start = seconds();

    hsm_verify_every(h, 0);
    for (int i = 0; i < n; i++)
        (void)bench_keyed(r, product, h, kek, &k);
    return n / (seconds() - start);
}

int main(int argc, char *argv[])
{
    double own[2][ROUNDS], raw[2][ROUNDS], recorded[ROUNDS];
    struct registry *r = NULL;

    if (argc != 3)
        return 64;
    h = bench_token(argv[1], &kek);
    must(registry_open(&r, argv[2], REGISTRY_CREATE, &e));
    struct product p = bench_product(r, "keys");
    for (int i = 0; i < ROUNDS; i++) {
        for (int verify = 0; verify < 2; verify++) {
            own[verify][i] = rate_of_house(verify == 1, verify == 1 ? VERIFIED : BULK);
            raw[verify][i] = rate_by_hand(verify == 1, verify == 1 ? VERIFIED : BULK);
        }
        recorded[i] = rate_recorded(r, p.name, RECORDED);
    }
    printf("{\"bench\": \"keys\", \"verified_per_s\": %.0f, \"verified_raw_per_s\": %.0f, \"verified_ratio\": %.3f, "
           "\"bulk_per_s\": %.0f, \"bulk_raw_per_s\": %.0f, \"bulk_ratio\": %.3f, ",
           median(own[1]), median(raw[1]), median(own[1]) / median(raw[1]), median(own[0]), median(raw[0]),
           median(own[0]) / median(raw[0]));
    printf("\"recorded_per_s\": %.0f, \"recorded_ratio\": %.3f, \"goal\": 0.9}\n", median(recorded),
           median(recorded) / median(raw[0]));
    registry_close(r);
    hsm_key_free(kek);
    hsm_close(h);
    return 0;
}

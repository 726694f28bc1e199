/* frames WORKSPACE REGISTRY - frames opened per second, against the bare loops of the same primitives, in turn.  Prints one
 * JSON object, and one for each goal.  "first" is a device's first frame, of which the verifier has seen nothing: its raw
 * loop is unwrap and ECDH in the token.  "first_key_held" is the first of a later session, its key still unwrapped.
 * "session" is a frame of a live session: its raw loop is AES-128-CCM alone.  single: each frame committed before the next;
 * batch: one commit for all, as `open` does with what one read brought: 128 first frames, or 1000 frames of 4 live sessions
 * in turn. */
#include "hsm/hpke_host.h"
#include "protocol/device.h"
#include "tests/bench/bench.h"
#include "tests/bench/raw.h"
#include "verifier/verifier.h"

enum { DEVICES = 128, SENDING = 4, DATA = 250, FRAME_ROOM = 128 };

struct sender {
    struct wrapped_key key;
    struct device_side device; /* points to serial */
    uint8_t serial[OTP_SERIAL_LEN];
    struct device_session session;
};

static struct hsm *h;
static struct hsm_key *kek;
static struct registry *registry;
static struct crypto crypto;
static struct verifier *verifier;
static struct sender sender[DEVICES];
static uint32_t boot;

static void to_done(uint64_t serial)
{
    static const uint8_t image[REG_IMAGE], sha256[32];

    must(registry_intent(registry, serial, image, sha256, &e));
    for (enum device_state s = DEV_BURNING; s < DEV_DONE; s++)
        must(registry_advance(registry, serial, s, s + 1, NULL, &e));
}

static void make_sender(struct sender *s, const struct product *p)
{
    struct device d;

    bench_key(h, kek, &s->key);
    d = bench_record(registry, p->name, &s->key);
    to_done(d.serial);
    s->device.serial = s->serial;
    s->device.profile = (struct profile){
        .suite = p->suite, .scheme = p->scheme, .fleet = p->fleet, .sid_len = p->sid_len, .ctr_len = p->ctr_len
    };
    for (int i = 0; i < 8; i++)
        s->serial[i] = (uint8_t)(d.serial >> (56 - 8 * i));
    if (!crypto.p256_decompress(crypto.io, s->key.public_x, s->device.pkRm)) {
        fputs("frames: the key's x is no point\n", stderr);
        exit(1);
    }
}

static void offer(const uint8_t *frame, size_t len)
{
    static struct opened_frame out;

    must(verifier_frame(verifier, frame, len, &out, &e));
    if (out.status != FRAME_OPENED) {
        fprintf(stderr, "frames: %s %s\n", frame_status_name(out.status), out.reason);
        exit(1);
    }
}

static void offer_all(uint8_t frame[][FRAME_ROOM], const size_t len[], int n, bool batch)
{
    if (batch)
        must(registry_batch_begin(registry, &e));
    for (int i = 0; i < n; i++)
        offer(frame[i], len[i]);
    if (batch)
        must(registry_batch_commit(registry, &e));
}

/* Each device's first frame of a new session. */
static double rate_first(bool batch)
{
    static uint8_t frame[DEVICES][FRAME_ROOM];
    static const uint8_t data[16] = "sixteen bytes...";
    size_t len[DEVICES];

    boot++;
    for (int i = 0; i < DEVICES; i++)
        if (device_sealed.open(&crypto, &sender[i].device, boot, data, sizeof data, frame[i], FRAME_ROOM, &len[i],
                               &sender[i].session) != SEALED_OK)
            abort();
    double start = seconds();
    offer_all(frame, len, DEVICES, batch);
    return DEVICES / (seconds() - start);
}

static double rate_session(bool batch)
{
    static uint8_t frame[SENDING * DATA][FRAME_ROOM];
    static const uint8_t data[16] = "sixteen bytes...";
    size_t len[SENDING * DATA];
    const int sending = batch ? SENDING : 1, n = sending * DATA;

    for (int i = 0; i < n; i++) {
        struct sender *s = &sender[DEVICES - 1 - i % sending];
        if (device_sealed.data(&crypto, &s->device, &s->session, (uint32_t)(i / sending + 1), data, sizeof data, frame[i],
                               FRAME_ROOM, &len[i]) != SEALED_OK)
            abort();
    }
    double start = seconds();
    offer_all(frame, len, n, batch);
    return n / (seconds() - start);
}

static double rate_raw_first(void)
{
    double start = seconds();

    for (int i = 0; i < DEVICES; i++)
        raw_unwrap_ecdh(h, kek, sender[i].key.blob, sender[i].key.blob_len);
    return DEVICES / (seconds() - start);
}

static double rate_raw_session(void)
{
    static const uint8_t key[16], nonce[13], aad[16], plain[16];
    const struct crypto_part part = { aad, sizeof aad };
    const struct ccm m = { .key = key, .nonce = nonce, .tag_len = 8, .aad = &part, .n_aad = 1 };
    uint8_t sealed[24], out[16];

    if (!crypto.ccm_seal(crypto.io, &m, plain, sizeof plain, sealed))
        abort();
    double start = seconds();
    for (int i = 0; i < DATA; i++)
        if (!crypto.ccm_open(crypto.io, &m, sealed, sizeof plain, out))
            abort();
    return DATA / (seconds() - start);
}

static void new_verifier(void)
{
    verifier_close(verifier);
    must(verifier_open(&verifier, registry, h, &crypto, &e));
}

enum { FIRST, FIRST_HELD, SESSION, KINDS };

static double rate[KINDS][3][ROUNDS]; /* raw, single, batch */

static void measure(int round)
{
    rate[FIRST][0][round] = rate[FIRST_HELD][0][round] = rate_raw_first();
    rate[SESSION][0][round] = rate_raw_session();
    for (int batch = 0; batch < 2; batch++) {
        new_verifier();
        rate[FIRST][1 + batch][round] = rate_first(batch);
        rate[FIRST_HELD][1 + batch][round] = rate_first(batch);
        rate[SESSION][1 + batch][round] = rate_session(batch);
    }
}

static void print(void)
{
    static const char *const kinds[KINDS] = { "first", "first_key_held", "session" };
    static const char *const ways[3] = { "raw", "single", "batch" };

    for (int k = 0; k < KINDS; k++) {
        printf(", \"%s\": {", kinds[k]);
        for (int w = 0; w < 3; w++) {
            double ratio[ROUNDS];

            for (int i = 0; i < ROUNDS; i++)
                ratio[i] = rate[k][w][i] / rate[k][0][i];
            printf("%s\"%s\": {\"per_s\": {\"p5\": %.0f, \"p50\": %.0f, \"p95\": %.0f}", w > 0 ? ", " : "", ways[w],
                   quantile(rate[k][w], ROUNDS, 0.05), median(rate[k][w]), quantile(rate[k][w], ROUNDS, 0.95));
            if (w > 0)
                printf(", \"ratio\": {\"p5\": %.3f, \"p50\": %.3f, \"p95\": %.3f}", quantile(ratio, ROUNDS, 0.05),
                       median(ratio), quantile(ratio, ROUNDS, 0.95));
            printf("}");
        }
        printf("}");
    }
}

static void print_goal(const char *name, double goal, double is)
{
    printf("{\"name\": \"%s, at least\", \"goal\": %.1f, \"is\": %.3f, \"met\": %s}\n", name, goal, is,
           is >= goal ? "true" : "false");
}

static void print_goals(void)
{
    double ratio[ROUNDS];

    for (int i = 0; i < ROUNDS; i++)
        ratio[i] = rate[FIRST][2][i] / rate[FIRST][0][i];
    print_goal("first frames in batch to the raw loop", 0.9, median(ratio));
    print_goal("session frames in batch per second", 100000, median(rate[SESSION][2]));
}

int main(int argc, char *argv[])
{
    struct hpke_host *host;

    if (argc != 3)
        return 64;
    h = bench_token(argv[1], &kek);
    must(registry_open(&registry, argv[2], REGISTRY_CREATE, &e));
    if ((host = hpke_host_open(&crypto)) == NULL)
        return 1;
    struct product p = bench_product(registry, "frames");
    for (int i = 0; i < DEVICES; i++)
        make_sender(&sender[i], &p);
    for (int i = 0; i < ROUNDS; i++)
        measure(i);
    printf("{\"bench\": \"frames\", \"rounds\": %d", ROUNDS);
    print();
    printf("}\n");
    print_goals();
    verifier_close(verifier);
    hpke_host_close(host);
    registry_close(registry);
    hsm_key_free(kek);
    hsm_close(h);
    return 0;
}

/* frames WORKSPACE REGISTRY - frames opened per second: first frames (unwrap and ECDH in the token), frames of a live
 * session, and the bare unwrap + ECDH loop, in turn.  Prints one JSON object.  Each frame is committed to the registry
 * before it counts. */
#include "hsm/hpke_host.h"
#include "protocol/sealed.h"
#include "tests/bench/bench.h"
#include "tests/bench/raw.h"
#include "verifier/verifier.h"

enum { DEVICES = 40, DATA = 250, RAW = 200, FRAME_ROOM = 128 };

struct sender {
    struct wrapped_key key;
    struct sealed_device device;
    struct sealed_session session;
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
    struct device d = bench_keyed(registry, p->name, h, kek, &s->key);

    to_done(d.serial);
    s->device.profile = (struct profile){
        .suite = p->suite, .scheme = p->scheme, .fleet = p->fleet, .sid_len = p->sid_len, .ctr_len = p->ctr_len
    };
    for (int i = 0; i < 8; i++)
        s->device.serial[i] = (uint8_t)(d.serial >> (56 - 8 * i));
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

/* Each device's first frame; the verifier has never seen the device before (cold), or holds its key (warm). */
static double rate_first(void)
{
    static uint8_t frame[DEVICES][FRAME_ROOM];
    static const uint8_t data[16] = "sixteen bytes...";
    size_t len[DEVICES];

    boot++;
    for (int i = 0; i < DEVICES; i++)
        if (sealed_make_open(&crypto, &sender[i].device, boot, data, sizeof data, frame[i], FRAME_ROOM, &len[i],
                             &sender[i].session) != SEALED_OK)
            abort();
    double start = seconds();
    for (int i = 0; i < DEVICES; i++)
        offer(frame[i], len[i]);
    return DEVICES / (seconds() - start);
}

static double rate_session(void)
{
    static uint8_t frame[DATA][FRAME_ROOM];
    static const uint8_t data[16] = "sixteen bytes...";
    size_t len[DATA];

    for (uint32_t i = 0; i < DATA; i++)
        if (sealed_make_data(&crypto, &sender[DEVICES - 1].device.profile, &sender[DEVICES - 1].session, i + 1, data,
                             sizeof data, frame[i], FRAME_ROOM, &len[i]) != SEALED_OK)
            abort();
    double start = seconds();
    for (int i = 0; i < DATA; i++)
        offer(frame[i], len[i]);
    return DATA / (seconds() - start);
}

static double rate_raw(void)
{
    double start = seconds();

    for (int i = 0; i < RAW; i++)
        raw_unwrap_ecdh(h, kek, sender[i % DEVICES].key.blob, sender[i % DEVICES].key.blob_len);
    return RAW / (seconds() - start);
}

static void new_verifier(void)
{
    verifier_close(verifier);
    must(verifier_open(&verifier, registry, h, &crypto, &e));
}

int main(int argc, char *argv[])
{
    double cold[ROUNDS], warm[ROUNDS], session[ROUNDS], raw[ROUNDS];
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
    for (int i = 0; i < ROUNDS; i++) {
        new_verifier();
        cold[i] = rate_first();
        warm[i] = rate_first();
        session[i] = rate_session();
        raw[i] = rate_raw();
    }
    printf("{\"bench\": \"frames\", \"first_per_s\": %.0f, \"first_key_held_per_s\": %.0f, \"session_per_s\": %.0f, "
           "\"unwrap_ecdh_raw_per_s\": %.0f, \"first_ratio\": %.3f}\n",
           median(cold), median(warm), median(session), median(raw), median(cold) / median(raw));
    verifier_close(verifier);
    hpke_host_close(host);
    registry_close(registry);
    hsm_key_free(kek);
    hsm_close(h);
    return 0;
}

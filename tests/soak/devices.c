/* devices WORKSPACE N - N devices of each product in the registry of a folder that `fuseline init` made, DONE as the line
 * leaves them, without boards: the station's own steps make key, image and intent; where the chip makes its key, this
 * program is the chip.  Prints their whole OTP images in hexadecimal, one a line, behind that of an RSA fleet the key that
 * is in the firmware, n512 e4: TEST devices, whose secrets are no secrets.  Of an RSA fleet RSA_DEVICES at most: each first
 * frame costs the server a private operation.  For tests/soak/senders. */
#include "db/device_key.h"
#include "db/fleet.h"
#include "hsm/hpke_host.h"
#include "protocol/bytes.h"
#include "protocol/signing.h"
#include "station/task.h"
#include "tests/bench/bench.h"

#include "base/hex.h"

enum { RSA_DEVICES = 2 };

static struct crypto crypto;

/* ---- the chip ---- */

/* Its seed into its hole, and what follows from it; x is told to the station. */
static void make_chip_key(uint8_t image[OTP_IMAGE_LEN], uint8_t x[P256_LEN])
{
    const struct scheme *s = scheme_by_id(image[OTP_OFF_SCHEME]);
    const struct crypto_part part = { x, P256_LEN };
    uint8_t d[P256_LEN], *seed = image + OTP_OFF_SLOT + s->secret * SLOT_LEN;
    bool ok = crypto.random(crypto.io, seed, SLOT_LEN) && signing_key(&crypto, seed, d, x);

    for (unsigned i = 0; i < SLOTS; i++)
        if (ok && s->slot[i] == SLOT_CHIP_DIGEST)
            ok = crypto.sha256(crypto.io, &part, 1, image + OTP_OFF_SLOT + i * SLOT_LEN);
    if (!ok || !otp_image_finish(&crypto, image))
        abort();
}

/* ---- the line ---- */

static void to_done(const struct task *t, const uint8_t *pinned)
{
    const uint64_t serial = t->device.serial;

    for (enum device_state s = DEV_BURNING; s < DEV_LOCKED; s++)
        must(registry_advance(t->s->registry, serial, s, s + 1, NULL, &e));
    if (pinned != NULL)
        must(registry_done_pinned(t->s->registry, serial, pinned, NULL, &e));
    else
        must(registry_advance(t->s->registry, serial, DEV_LOCKED, DEV_DONE, NULL, &e));
}

/* What others may know of the image. */
static void told(const struct task *t, const uint8_t x[P256_LEN])
{
    const struct scheme *s = scheme_by_id(t->s->product->scheme);
    uint8_t image[OTP_IMAGE_LEN];

    memcpy(image, t->image, sizeof image);
    memset(image + OTP_OFF_SLOT + s->secret * SLOT_LEN, 0xFF, SLOT_LEN);
    must(registry_chip_made(t->s->registry, t->device.serial, x, image, &e));
}

static void print(const struct task *t)
{
    char image[2 * OTP_IMAGE_LEN + 1], n[2 * REG_RSA_N + 1], exponent[2 * REG_RSA_E + 1];
    struct fleet_key k;

    hex_encode(t->image, sizeof t->image, image);
    if (t->s->product->suite != SUITE_RSA) {
        puts(image);
        return;
    }
    must(registry_fleet_key_active(t->s->registry, t->s->product->fleet, &k, &e));
    hex_encode(k.rsa_n, sizeof k.rsa_n, n);
    hex_encode(k.rsa_e, sizeof k.rsa_e, exponent);
    printf("%s %s%s\n", image, n, exponent);
}

static void make_device(const struct station *s)
{
    static uint32_t n;
    struct provision_result r = { .has_identity = true };
    struct task t = { .s = s, .burn = true, .r = &r };
    const bool chip_makes_key = slots_chip_makes_key(s->product);
    uint8_t x[P256_LEN];

    memcpy(r.identity.uid, "TEST", 4);
    put32(r.identity.uid + 4, ++n);
    must(key_step(&t, &e));
    must(intent_step(&t, &e));
    if (chip_makes_key) {
        make_chip_key(t.image, x);
        told(&t, x);
    }
    if (otp_image_check(&crypto, t.image, false, NULL) != OTP_OK)
        abort();
    to_done(&t, chip_makes_key ? x : NULL);
    print(&t);
    image_wipe(&t);
}

/* ---- all of them ---- */

struct products {
    struct product p[2 * SCHEME_MAX]; /* a scheme has two forms at most */
    size_t n;
};

/* Nothing is written while the registry is read. */
static enum err_code remember(void *io, const struct product *p, struct err *why)
{
    struct products *all = io;

    (void)why;
    if (all->n < sizeof all->p / sizeof *all->p)
        all->p[all->n++] = *p;
    return ERR_OK;
}

int main(int argc, char *argv[])
{
    static const struct hsm_pin_source by_uri = { .kind = HSM_PIN_URI, .fd = -1 };
    struct products all = { .n = 0 };
    struct station s = { .id = 1, .crypto = &crypto };
    char uri[1024], path[4096];

    if (argc != 3)
        return 64;
    struct hpke_host *host = hpke_host_open(&crypto);
    if (host == NULL)
        return 1;
    must(hsm_softhsm_init(argv[1], "line", uri, sizeof uri, NULL, &e));
    must(hsm_open(&s.line, uri, &by_uri, argv[1], &e));
    (void)snprintf(path, sizeof path, "%s/registry.db", argv[1]);
    must(registry_open(&s.registry, path, REGISTRY_WRITE, &e));
    must(registry_products(s.registry, remember, &all, &e));
    for (unsigned long i = 0, n = strtoul(argv[2], NULL, 10); i < n; i++)
        for (size_t p = 0; p < all.n; p++) {
            s.product = &all.p[p];
            if (s.product->suite != SUITE_RSA || i < RSA_DEVICES)
                make_device(&s);
        }
    registry_close(s.registry);
    hsm_close(s.line);
    hpke_host_close(host);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* Any bytes as a frame to a server that waits for one device of each scheme: nothing opens but the two frames that the
 * device made.  The first byte names the scheme; 'O' or 'D' behind it: the rest is laid over the device's own OPEN or DATA.
 */
#include <string.h>

#include "hsm/hpke_host.h"
#include "protocol/derive.h"
#include "protocol/device.h"
#include "protocol/p256.h"
#include "protocol/peer.h"
#include "tests/fuzz/fuzz.h"

struct sent {
    uint8_t frame[FRAME_MAX];
    size_t len;
};

struct side {
    struct device_side device;
    struct peer_side peer;
    struct peer_session server; /* of the device's OPEN */
    struct sent open, data;
};

static const struct kind {
    const struct device_scheme *device;
    const struct peer_scheme *peer;
    uint16_t policy;
    uint8_t suite; /* 0: suite 1 */
} kinds[] = {
    { &device_sealed, &peer_sealed, 0, 0 },
    { &device_sealed, &peer_sealed, POLICY_TAG16 | POLICY_PSK, 0 },
    { &device_fleet, &peer_fleet, POLICY_TAG16, 0 },
    { &device_identity, &peer_identity, POLICY_TAG16 | POLICY_SIGN_ALL, 0 },
    { &device_identity, &peer_identity, 0, 0 },
    { &device_secret, &peer_secret, 0, 0 },
    { &device_derived, &peer_derived, 0, 0 },
    { &device_session, &peer_session_ecies, 0, 0 },
    { &device_signup, &peer_signup, POLICY_SIGN_ALL, 0 },
    { &device_fleet, &peer_fleet, POLICY_TAG16, SUITE_X25519_CCM },
    { &device_identity, &peer_identity, POLICY_TAG16 | POLICY_SIGN_ALL, SUITE_X25519_CCM },
    { &device_session, &peer_session_ecies, 0, SUITE_X25519_CCM },
    { &device_signup, &peer_signup, 0, SUITE_X25519_CCM },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static struct crypto crypto;
static uint8_t skR[P256_LEN], secret[SLOT_LEN], pkR[P256_PK_LEN], uR[X25519_LEN]; /* both of skR */

static bool ecdh(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    (void)io;
    return crypto.p256_ecdh(crypto.io, skR, enc, z);
}

static bool x25519(void *io, const uint8_t enc[P256_PK_LEN], uint8_t z[P256_LEN])
{
    (void)io;
    return crypto.x25519(crypto.io, skR, enc, z);
}

static bool mac(void *io, const uint8_t *in, size_t len, uint8_t out[SHA256_LEN])
{
    const struct crypto_part part = { in, len };
    return crypto.hmac_sha256(crypto.io, io, SLOT_LEN, &part, 1, out);
}

/* The device's secret, or in scheme 5 what it makes of it. */
static struct peer_token token_of(const struct kind *k)
{
    static uint8_t key[SLOT_LEN];
    static const uint8_t no_salt[DERIVE_SALT_LEN];
    memcpy(key, secret, sizeof key);
    if (k->device->id == 5)
        require(derive_gen(&crypto, secret, 0, no_salt, key));
    return (struct peer_token){ .ecdh = k->suite == SUITE_X25519_CCM ? x25519 : ecdh, .mac = mac, .io = key };
}

static void make_image(const struct kind *k, uint8_t image[OTP_IMAGE_LEN])
{
    const struct scheme *s = scheme_by_id(k->device->id);
    struct otp_image in = { .scheme = s->id,
                            .suite = k->suite ? k->suite : SUITE_P256_CCM,
                            .serial = "TEST0001",
                            .fleet = 1,
                            .epoch = s->epoch ? 1 : 0,
                            .policy = (uint16_t)(POLICY_NVM_REQUIRED | k->policy) };
    memset(in.slot, 0xFF, sizeof in.slot);
    for (unsigned i = 0; i < SLOTS; i++)
        if (s->slot[i] == SLOT_SEAL && k->suite == SUITE_X25519_CCM)
            memcpy(in.slot[i], uR, SLOT_LEN);
        else if (s->slot[i] == SLOT_POINT || s->slot[i] == SLOT_SEAL)
            memcpy(in.slot[i], pkR + 1, SLOT_LEN);
        else if (s->slot[i] != SLOT_UNUSED && (!s->optional[i] || (k->policy & POLICY_PSK) != 0))
            memcpy(in.slot[i], secret, SLOT_LEN);
    require(otp_image_encode(&crypto, &in, image) == OTP_OK);
}

/* How the server takes a first frame. */
static bool opens(const struct kind *k, const struct side *s, const struct frame *f, struct peer_session *server)
{
    const struct peer_token token = token_of(k);
    struct peer_text text;
    return k->peer->session(&crypto, &s->peer, &token, f, server) == SEALED_OK &&
           k->peer->open(&crypto, &s->peer, server, f, NULL, &text) == SEALED_OK &&
           (!k->peer->verify || k->peer->verify(&crypto, &s->peer, server, 0, NULL, &text, s->device.sign_x) == SEALED_OK);
}

/* ... and DATA of the session that it has. */
static bool reads(const struct kind *k, const struct side *s, const struct frame *f)
{
    struct peer_text text;
    return k->peer->data(&crypto, &s->peer, &s->server, f, &text) == SEALED_OK &&
           (!s->device.profile.sign_all ||
            k->peer->verify(&crypto, &s->peer, &s->server, f->counter, NULL, &text, s->device.sign_x) == SEALED_OK);
}

static void begin(const struct kind *k, struct side *s, uint8_t image[OTP_IMAGE_LEN])
{
    const struct device_scheme *d = k->device;
    struct device_session session;
    struct frame f;
    make_image(k, image);
    require(d->init(&crypto, image, 2, 1, &s->device) == SEALED_OK);
    s->peer = (struct peer_side){ .profile = s->device.profile, .epoch = s->device.epoch };
    memcpy(s->peer.serial, s->device.serial, sizeof s->peer.serial);
    if (k->suite == SUITE_X25519_CCM)
        memcpy(s->peer.pkRm, uR, sizeof uR);
    else
        memcpy(s->peer.pkRm, pkR, sizeof s->peer.pkRm);
    require(d->open(&crypto, &s->device, 1, (const uint8_t *)"one", 3, s->open.frame, FRAME_MAX, &s->open.len, &session) ==
            SEALED_OK);
    require(d->data(&crypto, &s->device, &session, 2, (const uint8_t *)"two", 3, s->data.frame, FRAME_MAX, &s->data.len) ==
            SEALED_OK);
    require(frame_parse(s->open.frame, s->open.len, &f) == FRAME_OK && opens(k, s, &f, &s->server));
    require(frame_parse(s->data.frame, s->data.len, &f) == FRAME_OK && reads(k, s, &f));
}

static bool same(const uint8_t *in, size_t len, const struct sent *sent)
{
    return len == sent->len && memcmp(in, sent->frame, len) == 0;
}

static void lay_over(struct sent *to, const struct sent *own, const uint8_t *in, size_t len)
{
    *to = *own;
    for (size_t i = 0; i < len && i < own->len; i++)
        to->frame[i] ^= in[i];
}

static void offer(const struct kind *k, const struct side *s, const uint8_t *in, size_t len)
{
    const bool open = same(in, len, &s->open), data = same(in, len, &s->data);
    struct peer_session server;
    struct frame f;
    if (frame_parse(in, len, &f) != FRAME_OK) {
        require(!open && !data);
        return;
    }
    const bool by_boot = !k->device->sid; /* there each frame is a first one, and both are of that boot */
    require(opens(k, s, &f, &server) == (open || (by_boot && data)));
    require(reads(k, s, &f) == (data || (by_boot && open)));
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    static struct side sides[KINDS];
    static uint8_t images[KINDS][OTP_IMAGE_LEN];
    static const uint8_t base[X25519_LEN] = { 9 };
    struct sent mixed;
    if (!crypto.io) {
        require(hpke_host_open(&crypto) != NULL);
        memset(skR, 1, sizeof skR);
        memset(secret, 2, sizeof secret);
        require(crypto.p256_public(crypto.io, skR, pkR));
        p256_even_y(pkR);
        require(crypto.x25519(crypto.io, skR, base, uR));
        for (size_t i = 0; i < KINDS; i++)
            begin(&kinds[i], &sides[i], images[i]);
    }
    if (len < 2)
        return 0;
    const struct kind *k = &kinds[in[0] % KINDS];
    const struct side *s = &sides[in[0] % KINDS];
    if (in[1] == 'O' || in[1] == 'D') {
        lay_over(&mixed, in[1] == 'O' ? &s->open : &s->data, in + 2, len - 2);
        offer(k, s, mixed.frame, mixed.len);
    } else
        offer(k, s, in + 1, len - 1);
    return 0;
}

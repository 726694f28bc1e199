/* Any bytes as ROTATE and REKEY to a device: nothing is taken but the two that its RA and its server made. */
#include <string.h>

#include "hsm/hpke_host.h"
#include "protocol/p256.h"
#include "protocol/rekey.h"
#include "protocol/rotate.h"
#include "tests/fuzz/fuzz.h"

struct side {
    struct crypto c;
    struct profile fleet, derived;
    uint8_t ra[P256_PK_LEN], root[DERIVE_KEY_LEN], rotate[ROTATE_LEN], rekey[REKEY_LEN];
};
static const uint8_t SERIAL[OTP_SERIAL_LEN] = "TEST001";

static void begin(struct side *s)
{
    uint8_t d[P256_LEN], digest[SHA256_LEN], sig[ECDSA_LEN], input[REKEY_INPUT_LEN], mac[SHA256_LEN];
    const struct crypto_part part = { input, sizeof input };
    const struct rotate_mark mark = { 0, 7 };
    const struct rekey k = { .gen = 2, .salt = { 9 } };
    require(hpke_host_open(&s->c) != NULL);
    s->fleet = (struct profile){ .suite = 1, .scheme = 2, .fleet = 3 };
    s->derived = (struct profile){ .suite = 1, .scheme = 5, .fleet = 3 };
    memset(d, 1, sizeof d);
    require(s->c.p256_public(s->c.io, d, s->ra));
    if (s->ra[P256_PK_LEN - 1] & 1)
        p256_negate(d);
    require(rotate_digest(&s->c, &s->fleet, mark, s->ra + 1, digest) == SEALED_OK);
    require(s->c.ecdsa_sign(s->c.io, d, digest, sig));
    rotate_put(mark, s->ra + 1, sig, s->rotate);
    rekey_head(SERIAL, &k, s->rekey);
    rekey_input(&s->derived, 0, s->rekey, input);
    require(s->c.hmac_sha256(s->c.io, s->root, sizeof s->root, &part, 1, mac));
    rekey_finish(mac, s->rekey);
}

/* The device's own frame with the input laid over it. */
static size_t mix(const uint8_t *in, size_t len, const uint8_t *frame, size_t frame_len, uint8_t *out)
{
    memcpy(out, frame, frame_len);
    for (size_t i = 0; i < len && i < frame_len; i++)
        out[i] ^= in[i];
    return frame_len;
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    static struct side s;
    struct rotate_mark mark;
    struct rekey k;
    uint8_t pk[P256_PK_LEN], mixed[ROTATE_LEN], other_s[ROTATE_LEN], cose[ROTATE_COSE_MAX];
    if (!s.c.io)
        begin(&s);
    if (len > 1 && (in[0] == 'O' || in[0] == 'K')) {
        bool rotate = in[0] == 'O';
        len = mix(in + 1, len - 1, rotate ? s.rotate : s.rekey, rotate ? ROTATE_LEN : REKEY_LEN, mixed);
        in = mixed;
    }
    memcpy(other_s, s.rotate, ROTATE_LEN);
    p256_negate(other_s + ROTATE_LEN - P256_LEN);
    bool taken = rotate_verify(&s.c, &s.fleet, s.ra + 1, in, len, &mark, pk) == SEALED_OK;
    require(taken == (len == ROTATE_LEN && (!memcmp(in, s.rotate, len) || !memcmp(in, other_s, len))));
    if (len == ROTATE_LEN)
        require(rotate_cose(SUITE_P256_CCM, in, cose) >= ROTATE_COSE_MAX - 1 &&
                rotate_cose(SUITE_X25519_CCM, in, cose) >= ROTATE_COSE_MAX - 3);
    taken = rekey_check(&s.c, &s.derived, SERIAL, s.root, 0, 1, in, len, &k) == SEALED_OK;
    require(taken == (len == REKEY_LEN && !memcmp(in, s.rekey, len)));
    return 0;
}

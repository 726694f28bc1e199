#include "protocol/otp_image.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/crc32.h"
#include "protocol/kem.h"

static const uint8_t MAGIC[4] = { 'F', 'L', '1', 'O' };

const char *otp_result_name(enum otp_result r)
{
    static const char *const name[OTP_RESULTS] = {
        "otp-ok",   "otp-blank",   "otp-magic", "otp-version", "otp-crc",    "otp-scheme", "otp-policy",
        "otp-slot", "otp-retired", "otp-mac",   "otp-point",   "otp-digest", "otp-crypto",
    };
    return (unsigned)r < OTP_RESULTS ? name[r] : "otp-unknown";
}

/* ---- fields against the scheme's row ---- */

static bool slot_used(const struct otp_image *in, unsigned i)
{
    return !bytes_all(in->slot[i], SLOT_LEN, 0xFF);
}

static bool slot_is_hole(const struct scheme *s, unsigned i)
{
    return s->slot[i] == SLOT_CHIP_MADE || s->slot[i] == SLOT_CHIP_DIGEST;
}

static bool policy_ok(const struct scheme *s, const struct otp_image *in)
{
    return (in->policy & ~(unsigned)s->policy) == 0 && (in->policy & POLICY_NVM_REQUIRED) && (in->epoch != 0) == s->epoch &&
           in->gen == 0;
}

/* Each slot is used exactly where the scheme's row says so.  draft: what the chip will fill is still empty. */
static bool slots_ok(const struct scheme *s, const struct otp_image *in, bool draft)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        bool used = slot_used(in, i);
        bool wanted = s->slot[i] != SLOT_UNUSED && !(draft && slot_is_hole(s, i));
        if (used != wanted && !(s->optional[i] && !used))
            return false;
    }
    /* in scheme 1 the optional slot is the PSK, and the policy says whether it is there */
    return !(s->policy & POLICY_PSK) || slot_used(in, s->secret) == ((in->policy & POLICY_PSK) != 0);
}

static enum otp_result fields_check(const struct otp_image *in, bool draft)
{
    if (!scheme_spoken(in->scheme, in->suite))
        return OTP_SCHEME;
    const struct scheme *s = scheme_by_id(in->scheme);
    if (!policy_ok(s, in))
        return OTP_POLICY;
    return slots_ok(s, in, draft) ? OTP_OK : OTP_SLOT;
}

static enum otp_result points_check(const struct crypto *c, const struct otp_image *in)
{
    const struct scheme *s = scheme_by_id(in->scheme);
    const struct kem *kem = kem_of(in->suite);
    uint8_t pk[P256_PK_LEN];
    for (unsigned i = 0; i < SLOTS; i++)
        if (slot_used(in, i) && ((s->slot[i] == SLOT_POINT && !c->p256_decompress(c->io, in->slot[i], pk)) ||
                                 (s->slot[i] == SLOT_SEAL && !(kem && kem->point(c, in->slot[i], pk)))))
            return OTP_POINT;
    return OTP_OK;
}

/* One past the highest slot that is, or will be, used. */
static uint8_t slots_count(const struct scheme *s, const struct otp_image *in)
{
    uint8_t n = SLOTS;
    while (n > 0 && !slot_used(in, n - 1u) && !slot_is_hole(s, n - 1u))
        n--;
    return n;
}

/* ---- CRC and mac ---- */

static uint32_t image_crc(const uint8_t image[OTP_IMAGE_LEN])
{
    uint32_t crc = crc32_ieee(0, image, OTP_OFF_CRC);
    return crc32_ieee(crc, image + OTP_OFF_SLOT, SLOTS * SLOT_LEN);
}

static bool image_mac(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], uint8_t mac[SHA256_LEN])
{
    const struct crypto_part all = { image, OTP_OFF_MAC }, label = { "fl1 otp", 7 };
    const uint8_t *secret = otp_image_secret(image);
    if (!secret)
        return c->sha256(c->io, &all, 1, mac);

    uint8_t k_otp[SHA256_LEN];
    bool ok = c->hmac_sha256(c->io, secret, SLOT_LEN, &label, 1, k_otp) &&
              c->hmac_sha256(c->io, k_otp, sizeof k_otp, &all, 1, mac);
    bytes_wipe(k_otp, sizeof k_otp);
    return ok;
}

const uint8_t *otp_image_secret(const uint8_t image[OTP_IMAGE_LEN])
{
    const struct scheme *s = scheme_by_id(image[OTP_OFF_SCHEME]);
    if (!s || s->secret == SECRET_NONE)
        return NULL;
    const uint8_t *slot = image + OTP_OFF_SLOT + s->secret * SLOT_LEN;
    return bytes_all(slot, SLOT_LEN, 0xFF) ? NULL : slot;
}

bool otp_image_finish(const struct crypto *c, uint8_t image[OTP_IMAGE_LEN])
{
    uint8_t mac[SHA256_LEN];
    put32(image + OTP_OFF_CRC, image_crc(image));
    bool ok = image_mac(c, image, mac);
    if (ok)
        memcpy(image + OTP_OFF_MAC, mac, OTP_MAC_LEN);
    return ok;
}

/* ---- encode ---- */

static void put_fields(const struct scheme *s, const struct otp_image *in, uint8_t image[OTP_IMAGE_LEN])
{
    memset(image, 0xFF, OTP_IMAGE_LEN);
    memcpy(image + OTP_OFF_MAGIC, MAGIC, sizeof MAGIC);
    image[OTP_OFF_VERSION] = OTP_IMAGE_VERSION;
    image[OTP_OFF_SCHEME] = in->scheme;
    image[OTP_OFF_SUITE] = in->suite;
    image[OTP_OFF_USED] = slots_count(s, in);
    memcpy(image + OTP_OFF_SERIAL, in->serial, OTP_SERIAL_LEN);
    put16(image + OTP_OFF_FLEET, in->fleet);
    put16(image + OTP_OFF_MODEL, in->model);
    put16(image + OTP_OFF_POLICY, in->policy);
    image[OTP_OFF_EPOCH] = in->epoch;
    image[OTP_OFF_GEN] = in->gen;
    put16(image + OTP_OFF_DAY, in->day);
    put16(image + OTP_OFF_STATION, in->station);
    memcpy(image + OTP_OFF_SLOT, in->slot, sizeof in->slot);
}

static enum otp_result encode(const struct crypto *c, const struct otp_image *in, bool draft, uint8_t image[OTP_IMAGE_LEN])
{
    enum otp_result r = fields_check(in, draft);
    if (r == OTP_OK)
        r = points_check(c, in);
    if (r != OTP_OK)
        return r;

    uint8_t made[OTP_IMAGE_LEN];
    put_fields(scheme_by_id(in->scheme), in, made);
    if (!draft && !otp_image_finish(c, made))
        r = OTP_CRYPTO;
    else
        memcpy(image, made, sizeof made);
    bytes_wipe(made, sizeof made);
    return r;
}

enum otp_result otp_image_encode(const struct crypto *c, const struct otp_image *in, uint8_t image[OTP_IMAGE_LEN])
{
    return encode(c, in, false, image);
}

enum otp_result otp_image_draft(const struct crypto *c, const struct otp_image *in, uint8_t image[OTP_IMAGE_LEN],
                                struct otp_image_span hole[OTP_HOLES_MAX], size_t *n)
{
    struct otp_image_span found[OTP_HOLES_MAX];
    size_t holes = 0;
    const struct scheme *s = scheme_by_id(in->scheme);
    for (unsigned i = 0; s && i < SLOTS; i++)
        if (slot_is_hole(s, i))
            found[holes++] = (struct otp_image_span){ (uint16_t)(OTP_OFF_SLOT + i * SLOT_LEN), SLOT_LEN };

    enum otp_result r = encode(c, in, holes > 0, image);
    if (r != OTP_OK)
        return r;
    if (holes > 0) {
        found[holes++] = (struct otp_image_span){ OTP_OFF_CRC, 4 };
        found[holes++] = (struct otp_image_span){ OTP_OFF_MAC, OTP_MAC_LEN };
    }
    memcpy(hole, found, holes * sizeof *hole);
    *n = holes;
    return OTP_OK;
}

/* ---- decode and check ---- */

static enum otp_result envelope_check(const uint8_t image[OTP_IMAGE_LEN])
{
    if (bytes_all(image, OTP_IMAGE_LEN, 0xFF))
        return OTP_BLANK;
    if (memcmp(image, MAGIC, sizeof MAGIC) != 0)
        return OTP_MAGIC;
    if (image[OTP_OFF_VERSION] != OTP_IMAGE_VERSION)
        return OTP_VERSION;
    return get32(image + OTP_OFF_CRC) == image_crc(image) ? OTP_OK : OTP_CRC;
}

static void get_fields(const uint8_t image[OTP_IMAGE_LEN], struct otp_image *out)
{
    out->scheme = image[OTP_OFF_SCHEME];
    out->suite = image[OTP_OFF_SUITE];
    memcpy(out->serial, image + OTP_OFF_SERIAL, OTP_SERIAL_LEN);
    out->fleet = get16(image + OTP_OFF_FLEET);
    out->model = get16(image + OTP_OFF_MODEL);
    out->policy = get16(image + OTP_OFF_POLICY);
    out->epoch = image[OTP_OFF_EPOCH];
    out->gen = image[OTP_OFF_GEN];
    out->day = get16(image + OTP_OFF_DAY);
    out->station = get16(image + OTP_OFF_STATION);
    memcpy(out->slot, image + OTP_OFF_SLOT, sizeof out->slot);
}

enum otp_result otp_image_decode(const uint8_t image[OTP_IMAGE_LEN], struct otp_image *out)
{
    enum otp_result r = envelope_check(image);
    if (r == OTP_OK)
        get_fields(image, out);
    return r;
}

static enum otp_result mac_check(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN])
{
    uint8_t mac[SHA256_LEN];
    if (!image_mac(c, image, mac))
        return OTP_CRYPTO;
    return bytes_equal(mac, image + OTP_OFF_MAC, OTP_MAC_LEN) ? OTP_OK : OTP_MAC;
}

enum otp_result otp_image_check(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], bool retired,
                                struct otp_image *out)
{
    struct otp_image in;
    enum otp_result r = otp_image_decode(image, &in);
    if (r != OTP_OK)
        return r;
    r = fields_check(&in, false);
    if (r == OTP_OK && image[OTP_OFF_USED] != slots_count(scheme_by_id(in.scheme), &in))
        r = OTP_SLOT;
    if (r == OTP_OK && retired)
        r = OTP_RETIRED;
    if (r == OTP_OK)
        r = mac_check(c, image);
    if (r == OTP_OK)
        r = points_check(c, &in);
    if (r == OTP_OK && out)
        *out = in;
    bytes_wipe(&in, sizeof in);
    return r;
}

/* ---- burning and proving ---- */

/* Blank in the image: the station never had it.  An injected seed is burned as any other slot. */
static bool slot_is_the_chips(const struct scheme *s, unsigned i, const uint8_t image[OTP_IMAGE_LEN])
{
    return s->slot[i] == SLOT_CHIP_MADE && bytes_all(image + OTP_OFF_SLOT + i * SLOT_LEN, SLOT_LEN, 0xFF);
}

size_t otp_image_spans(const uint8_t image[OTP_IMAGE_LEN], struct otp_image_span span[OTP_SPANS_MAX])
{
    static const struct otp_image_span after_slots[] = {
        { OTP_OFF_SERIAL, 8 },         { OTP_OFF_FLEET, 8 }, { OTP_OFF_MAC, OTP_UNIT },
        { OTP_OFF_MAC + OTP_UNIT, 8 }, { OTP_OFF_DAY, 8 },   { OTP_OFF_MAGIC, 8 },
    };
    const struct scheme *s = scheme_by_id(image[OTP_OFF_SCHEME]);
    if (!s)
        return 0;

    size_t n = 0;
    bool extend = false; /* the slot before this one is the end of span[n - 1] */
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slot_is_the_chips(s, i, image)) {
            extend = false;
            continue;
        }
        if (!extend)
            span[n++] = (struct otp_image_span){ (uint16_t)(OTP_OFF_SLOT + i * SLOT_LEN), 0 };
        span[n - 1].len = (uint16_t)(span[n - 1].len + SLOT_LEN);
        extend = true;
    }
    memcpy(span + n, after_slots, sizeof after_slots);
    return n + sizeof after_slots / sizeof *after_slots;
}

bool otp_image_digest(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], uint8_t digest[SHA256_LEN])
{
    uint8_t blank[SLOT_LEN];
    memset(blank, 0xFF, sizeof blank);

    struct crypto_part part[2 + SLOTS] = { { image, OTP_OFF_SLOT } };
    const struct scheme *s = scheme_by_id(image[OTP_OFF_SCHEME]);
    for (unsigned i = 0; i < SLOTS; i++) {
        bool hidden = s && s->slot[i] == SLOT_CHIP_MADE;
        part[1 + i] = (struct crypto_part){ hidden ? blank : image + OTP_OFF_SLOT + i * SLOT_LEN, SLOT_LEN };
    }
    part[1 + SLOTS] = (struct crypto_part){ image + OTP_OFF_MAC, OTP_MAC_LEN };
    return c->sha256(c->io, part, 2 + SLOTS, digest);
}

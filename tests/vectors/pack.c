#include "tests/vectors/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/hex.h"
#include "protocol/bytes.h"
#include "protocol/p256.h"
#include "tests/protocol/rsa_key.h"
#include "tests/vectors/walk.h"

enum { FIELD_MAX = 9000 };

/* ---- writing records ---- */

static void add(struct pack *p, const void *bytes, size_t len)
{
    if (p->len + len > p->max) {
        p->max = (p->len + len) * 2;
        p->bytes = realloc(p->bytes, p->max); /* public vectors: nothing to wipe */
        if (!p->bytes)
            abort();
    }
    if (len)
        memcpy(p->bytes + p->len, bytes, len);
    p->len += len;
}

static void add_record(struct pack *p, enum vector_type type, bool refused, long long id, uint8_t fields)
{
    uint8_t head[5] = { (uint8_t)type, refused ? VECTOR_REFUSED : 0, 0, 0, fields };
    put16(head + 2, (uint16_t)id);
    add(p, head, sizeof head);
}

static void add_field(struct pack *p, const void *bytes, size_t len)
{
    uint8_t n[2];
    put16(n, (uint16_t)len);
    add(p, n, sizeof n);
    add(p, bytes, len);
}

static void add_hex(struct pack *p, const char *hex)
{
    uint8_t bytes[FIELD_MAX];
    long len = hex_decode(hex ? hex : "", bytes, sizeof bytes);
    if (len < 0)
        abort(); /* our own file is broken */
    add_field(p, bytes, (size_t)len);
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static long long number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? atoll(json_string_value(v)) : json_integer_value(v);
}

static bool refused(const json_t *test)
{
    return strcmp(text(test, "result"), "invalid") == 0;
}

/* ---- Wycheproof ---- */

static void pack_hmac(struct pack *p, const json_t *group, const json_t *t)
{
    (void)group;
    add_record(p, VECTOR_HMAC, refused(t), number(t, "tcId"), 3);
    add_hex(p, text(t, "key"));
    add_hex(p, text(t, "msg"));
    add_hex(p, text(t, "tag"));
}

static void pack_hkdf(struct pack *p, const json_t *group, const json_t *t)
{
    uint8_t size[4];
    (void)group;
    put32(size, (uint32_t)number(t, "size"));
    add_record(p, VECTOR_HKDF, refused(t), number(t, "tcId"), 5);
    add_hex(p, text(t, "ikm"));
    add_hex(p, text(t, "salt"));
    add_hex(p, text(t, "info"));
    add_field(p, NULL, 0);
    if (refused(t)) /* the only reason in this file: a size above HKDF_LEN_MAX */
        add_field(p, size, sizeof size);
    else
        add_hex(p, text(t, "okm"));
}

static void pack_ccm(struct pack *p, const json_t *group, const json_t *t)
{
    long long tag = number(group, "tagSize") / 8;
    uint8_t tag_len = (uint8_t)tag;
    char sealed[2 * FIELD_MAX];
    if (number(group, "keySize") != 128 || number(group, "ivSize") != 8 * CCM_NONCE_LEN ||
        (tag != CCM_TAG_SHORT && tag != CCM_TAG_LONG)) {
        p->left_out++;
        return;
    }
    snprintf(sealed, sizeof sealed, "%s%s", text(t, "ct"), text(t, "tag"));
    add_record(p, VECTOR_CCM, refused(t), number(t, "tcId"), 6);
    add_hex(p, text(t, "key"));
    add_hex(p, text(t, "iv"));
    add_hex(p, text(t, "aad"));
    add_hex(p, text(t, "msg"));
    add_hex(p, sealed);
    add_field(p, &tag_len, 1);
}

/* x alone names the point with even y. */
static void pack_point(struct pack *p, const uint8_t *pk, long long id)
{
    uint8_t even[P256_PK_LEN];
    memcpy(even, pk, sizeof even);
    p256_even_y(even);
    add_record(p, VECTOR_POINT, false, id, 2);
    add_field(p, pk + 1, P256_LEN);
    add_field(p, even, sizeof even);
}

static void pack_ecdh(struct pack *p, const json_t *group, const json_t *t)
{
    (void)group;
    uint8_t pk[P256_PK_LEN], d[P256_LEN + 1] = { 0 };
    const char *d_hex = text(t, "private"), *pk_hex = text(t, "public");
    size_t d_len = strlen(d_hex) / 2;
    long pk_len = hex_decode(pk_hex, pk, sizeof pk);
    if (d_len > sizeof d || hex_decode(d_hex, d + sizeof d - d_len, d_len) < 0)
        abort();
    if (pk_len == P256_PK_LEN && d[0] == 0) { /* numbers are ASN.1-like there: leading 00 added or stripped */
        add_record(p, VECTOR_ECDH, refused(t), number(t, "tcId"), 3);
        add_field(p, d + 1, P256_LEN);
        add_field(p, pk, sizeof pk);
        add_hex(p, text(t, "shared"));
        if (!refused(t) &&
            strcmp(json_string_value(json_array_get(json_object_get(t, "flags"), 0)), "EdgeCaseDoubling") != 0)
            pack_point(p, pk, number(t, "tcId"));
    } else if (pk_len == 1 + P256_LEN && refused(t)) { /* compressed: only x reaches us */
        add_record(p, VECTOR_POINT, true, number(t, "tcId"), 2);
        add_field(p, pk + 1, P256_LEN);
        add_field(p, NULL, 0);
    } else {
        p->left_out++;
    }
}

/* A z of all zeros is what "acceptable" leaves open: we refuse it. */
static void pack_x25519(struct pack *p, const json_t *group, const json_t *t)
{
    const char *z = text(t, "shared");
    bool zero = z[strspn(z, "0")] == '\0';
    (void)group;
    if (p->few && number(t, "tcId") % (zero ? 4 : 64) != 0) { /* a chip takes a while for each */
        p->left_out++;
        return;
    }
    add_record(p, VECTOR_X25519, zero, number(t, "tcId"), 3);
    add_hex(p, text(t, "private"));
    add_hex(p, text(t, "public"));
    add_hex(p, z);
}

typedef void pack_test(struct pack *p, const json_t *group, const json_t *test);

static void each_test(struct pack *p, const json_t *root, pack_test *one)
{
    size_t g, i;
    json_t *group, *test;
    json_array_foreach(json_object_get(root, "testGroups"), g, group)
        json_array_foreach(json_object_get(group, "tests"), i, test) one(p, group, test);
}

/* What is wrong in our few lines around BearSSL's point arithmetic shows here: infinity, the same point twice, 0, n, n + r.
 */
static bool tricky(const json_t *t)
{
    static const char *const flags[] = { "PointDuplication", "EdgeCaseShamirMultiplication", "IntegerOverflow",
                                         "RangeCheck" };
    size_t i;
    json_t *flag;
    json_array_foreach(json_object_get(t, "flags"), i,
                       flag) for (size_t k = 0; k < sizeof flags / sizeof *flags;
                                  k++) if (strcmp(json_string_value(flag), flags[k]) == 0) return true;
    return false;
}

static void pack_ecdsa(struct pack *p, const json_t *group, const json_t *t)
{
    if (strlen(text(t, "sig")) != 2 * ECDSA_LEN /* the frame fixes the length */ || (p->few && !tricky(t))) {
        p->left_out++;
        return;
    }
    add_record(p, VECTOR_VERIFY, refused(t), number(t, "tcId"), 3);
    add_hex(p, text(json_object_get(group, "publicKey"), "uncompressed"));
    add_hex(p, text(t, "msg"));
    add_hex(p, text(t, "sig"));
}

static void pack_wycheproof_ecdsa(struct pack *p, const json_t *root)
{
    each_test(p, root, pack_ecdsa);
}

static void pack_wycheproof_x25519(struct pack *p, const json_t *root)
{
    each_test(p, root, pack_x25519);
}

static void pack_wycheproof_hmac(struct pack *p, const json_t *root)
{
    each_test(p, root, pack_hmac);
}

static void pack_wycheproof_hkdf(struct pack *p, const json_t *root)
{
    each_test(p, root, pack_hkdf);
}

static void pack_wycheproof_ccm(struct pack *p, const json_t *root)
{
    each_test(p, root, pack_ccm);
}

static void pack_wycheproof_ecdh(struct pack *p, const json_t *root)
{
    each_test(p, root, pack_ecdh);
}

/* The private operation, which no crypto table has, is done here. */
static void pack_oaep(struct pack *p, const json_t *group, const json_t *t)
{
    uint8_t key[RSA_LEN + 4], block[RSA_LEN], em[RSA_LEN];
    if (hex_decode(text(t, "ct"), block, sizeof block) != RSA_LEN || strlen(text(t, "ct")) != 2 * sizeof block ||
        !rsa_key_private(block, em)) {
        p->left_out++;
        return;
    }
    (void)group;
    rsa_key_public(key);
    add_record(p, VECTOR_OAEP, refused(t), number(t, "tcId"), 5);
    add_field(p, key, sizeof key);
    add_hex(p, text(t, "label"));
    add_field(p, em, sizeof em);
    add_hex(p, refused(t) ? "" : text(t, "msg"));
    add_field(p, block, number(t, "tcId") % 8 == 1 ? sizeof block : 0); /* a chip takes a second for the power */
}

static void pack_wycheproof_oaep(struct pack *p, const json_t *root)
{
    each_test(p, root, pack_oaep);
}

/* ---- SP 800-108 ---- */

/* Counter mode with 32 bits in front of the fixed input, one block: what protocol/derive.h is. */
static void pack_sp800_108(struct pack *p, const json_t *root)
{
    char input[300];
    size_t i;
    json_t *t;
    json_array_foreach(root, i, t)
    {
        if (strcmp(text(t, "PRF"), "HMAC_SHA256") != 0 || strcmp(text(t, "CTRLOCATION"), "BEFORE_FIXED") != 0 ||
            strcmp(text(t, "RLEN"), "32_BITS") != 0 || number(t, "L") > 8 * SHA256_LEN) {
            p->left_out++;
            continue;
        }
        snprintf(input, sizeof input, "00000001%s", text(t, "FixedInputData"));
        add_record(p, VECTOR_HMAC, false, (long long)i, 3);
        add_hex(p, text(t, "KI"));
        add_hex(p, input);
        add_hex(p, text(t, "KO"));
    }
}

/* ---- RFC 5869, RFC 9180, COSE, our own ---- */

static void pack_rfc6979(struct pack *p, const json_t *root)
{
    char sig[2 * ECDSA_LEN + 1];
    size_t i;
    json_t *t;
    json_array_foreach(root, i, t)
    {
        snprintf(sig, sizeof sig, "%s%s", text(t, "r"), text(t, "s"));
        add_record(p, VECTOR_SIGN, false, number(t, "id"), 3);
        add_hex(p, text(t, "x"));
        add_field(p, text(t, "message"), strlen(text(t, "message")));
        add_hex(p, sig);
    }
}

static void pack_rfc5869(struct pack *p, const json_t *root)
{
    static const char *const field[] = { "IKM", "salt", "info", "PRK", "OKM" };
    size_t i;
    json_t *t;
    json_array_foreach(root, i, t)
    {
        add_record(p, VECTOR_HKDF, false, number(t, "COUNT"), 5);
        for (size_t k = 0; k < 5; k++)
            add_hex(p, text(t, field[k]));
    }
}

static void pack_rfc9180(struct pack *p, const json_t *root)
{
    static const char *const field[] = { "skEm",   "skRm",          "pkRm",           "enc", "info", "psk",
                                         "psk_id", "shared_secret", "exporter_secret" };
    size_t i, k, n = 0;
    json_t *t, *x;
    json_array_foreach(root, i, t)
    {
        if (number(t, "aead_id") != 0xFFFF || number(t, "mode") > 1) {
            p->left_out++;
            continue;
        }
        json_array_foreach(json_object_get(t, "exports"), k, x)
        {
            add_record(p, VECTOR_HPKE, false, (long long)++n, 11);
            for (size_t f = 0; f < sizeof field / sizeof *field; f++)
                add_hex(p, text(t, field[f]));
            add_hex(p, text(x, "exporter_context"));
            add_hex(p, text(x, "exported_value"));
        }
    }
}

/* The third h'..' of the example's diagnostic notation is its ciphertext. */
static void third_hex(const char *diag, char *out, size_t max)
{
    for (int i = 0; diag && i < 3; i++) {
        diag = strstr(diag, "h'");
        diag = diag ? diag + 2 : NULL;
    }
    size_t len = diag ? strcspn(diag, "'") : 0;
    snprintf(out, max, "%.*s", (int)len, diag ? diag : "");
}

static void pack_cose(struct pack *p, const json_t *root)
{
    const char *path;
    json_t *t;
    long long id = 0;
    json_object_foreach((json_t *)(uintptr_t)root, path, t)
    {
        const json_t *mid = json_object_get(t, "intermediates"), *in = json_object_get(t, "input");
        const char *aad = text(mid, "AAD_hex"), *plain = text(in, "plaintext"), *key = text(mid, "CEK_hex");
        const char *nonce = json_string_value(json_array_get(json_object_get(in, "rng_stream"), 0));
        char sealed[200];
        id++;
        third_hex(text(json_object_get(t, "output"), "cbor_diag"), sealed, sizeof sealed);
        uint8_t tag_len = (uint8_t)(strlen(sealed) / 2 - strlen(plain));
        if (strlen(key) != 2 * CCM_KEY_LEN || !nonce || strlen(nonce) != 2 * CCM_NONCE_LEN) {
            p->left_out++;
            continue;
        }
        bool encrypt0 = json_object_get(in, "encrypted") != NULL; /* else Encrypt, whose structure is not ours: CCM alone */
        add_record(p, encrypt0 ? VECTOR_COSE : VECTOR_CCM, false, id, 6);
        add_hex(p, key);
        add_hex(p, nonce);
        if (encrypt0)
            add_field(p, NULL, 0); /* external_aad */
        add_hex(p, aad);
        add_field(p, plain, strlen(plain));
        add_hex(p, sealed);
        if (!encrypt0)
            add_field(p, &tag_len, 1);
    }
}

static void pack_sealed(struct pack *p, const json_t *root)
{
    static const char *const field[SEALED_FIELDS] = {
        [F_IMAGE] = "image",
        [F_SKR] = "skR",
        [F_RNG] = "rng",
        [F_DATA] = "data",
        [F_OPEN] = "open",
        [F_SESSION] = "session",
        [F_OPEN_COSE] = "open_cose",
        [F_LATER] = "later",
        [F_DATA_FRAME] = "data_frame",
        [F_DATA_COSE] = "data_cose",
        [F_CHALLENGE] = "challenge",
        [F_PROOF_RNG] = "proof_rng",
        [F_PROOF] = "proof",
    };
    size_t i;
    json_t *t;
    json_array_foreach(json_object_get(root, "cases"), i, t)
    {
        uint8_t lengths[2] = { (uint8_t)number(t, "sid_len"), (uint8_t)number(t, "ctr_len") }, boot[4], counter[4];
        put32(boot, (uint32_t)number(t, "boot"));
        put32(counter, (uint32_t)number(t, "counter"));
        add_record(p, VECTOR_SEALED, false, number(t, "id"), SEALED_FIELDS);
        for (size_t f = 0; f < SEALED_FIELDS; f++) {
            if (f == F_LENGTHS)
                add_field(p, lengths, sizeof lengths);
            else if (f == F_BOOT || f == F_COUNTER)
                add_field(p, f == F_BOOT ? boot : counter, 4);
            else
                add_hex(p, text(t, field[f]));
        }
    }
}

/* Has a test of its own on the host (tests/protocol/second_test.c): nothing in it that the chip's back end has not shown. */
static void pack_nothing(struct pack *p, const json_t *root)
{
    (void)p;
    (void)root;
}

/* ---- files ---- */

static const struct {
    const char *name; /* how the path ends */
    void (*pack)(struct pack *p, const json_t *root);
} files[] = {
    { "/hmac_sha256_test.json", pack_wycheproof_hmac },
    { "/hkdf_sha256_test.json", pack_wycheproof_hkdf },
    { "/aes_ccm_test.json", pack_wycheproof_ccm },
    { "/ecdh_secp256r1_ecpoint_test.json", pack_wycheproof_ecdh },
    { "/x25519_test.json", pack_wycheproof_x25519 },
    { "/rsa_oaep_4096_sha256_mgf1sha256_test.json", pack_wycheproof_oaep },
    { "/kbkdf-ctr.json", pack_sp800_108 },
    { "/ecdsa_secp256r1_sha256_p1363_test.json", pack_wycheproof_ecdsa },
    { "/rfc6979-p256.json", pack_rfc6979 },
    { "/rfc5869-hkdf-sha256.json", pack_rfc5869 },
    { "/rfc9180-p256-x25519-hkdfsha256.json", pack_rfc9180 },
    { "/aes-ccm-examples.json", pack_cose },
    { "/sealed.json", pack_sealed },
    { "/keyed.json", pack_nothing },
};

bool pack_file(struct pack *p, const char *path, char why[200])
{
    json_error_t e;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (!root) {
        snprintf(why, 200, "%s: %s", path, e.text);
        return false;
    }
    bool known = false;
    if (p->len == 0)
        add(p, "FLV1", 4);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t n = strlen(files[i].name);
        if (strlen(path) < n || strcmp(path + strlen(path) - n, files[i].name) != 0)
            continue;
        files[i].pack(p, root);
        known = true;
    }
    json_decref(root);
    if (!known)
        snprintf(why, 200, "%s: no such vectors", path);
    return known;
}

void pack_free(struct pack *p)
{
    free(p->bytes);
    memset(p, 0, sizeof *p);
}

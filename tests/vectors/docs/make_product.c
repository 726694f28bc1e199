/* A product's inputs: everything that its device and its server start from. */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "protocol/derive.h"
#include "protocol/signing.h"
#include "tests/protocol/rsa_key.h"
#include "tests/vectors/docs/make.h"

static const uint8_t SERIAL[OTP_SERIAL_LEN] = { 'T', 'E', 'S', 'T', 0x00, 0x00, 0x12, 0x34 };
enum { FLEET = 0x0102 };

/* K_root as CKM_AES_ECB_ENCRYPT_DATA gives it. */
static void derive_root(const uint8_t master[32], uint8_t root[DERIVE_KEY_LEN])
{
    uint8_t input[DERIVE_ROOT_INPUT_LEN];
    int n = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    derive_root_input(SERIAL, input);
    MUST(ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_ecb(), NULL, master, NULL) == 1 &&
         EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 && EVP_EncryptUpdate(ctx, root, &n, input, sizeof input) == 1 &&
         n == DERIVE_KEY_LEN);
    EVP_CIPHER_CTX_free(ctx);
}

static void put_root(const struct make_row *row, json_t *o, uint8_t slot[SLOT_LEN])
{
    uint8_t master[32], salt[32] = { 0 }, input[DERIVE_ROOT_INPUT_LEN], gen_input[DERIVE_GEN_INPUT_LEN], K_gen[32];
    make_bytes("master", 0, master);
    derive_root_input(SERIAL, input);
    derive_root(master, slot);
    if (row->gen)
        make_bytes("salt", row->gen, salt);
    derive_gen_input(row->gen, salt, gen_input);
    MUST(derive_gen(&make_c, slot, row->gen, salt, K_gen));
    docs_set(o, "master32", master, sizeof master);
    docs_set(o, "K_root_input", input, sizeof input);
    docs_set(o, "K_root", slot, SLOT_LEN);
    json_object_set_new(o, "gen", json_integer(row->gen));
    docs_set(o, "salt16", salt, DERIVE_SALT_LEN);
    docs_set(o, "K_gen_input", gen_input, sizeof gen_input);
    docs_set(o, "K_gen", K_gen, sizeof K_gen);
}

/* The key to seal to stands in the first slot that holds a point; the others are those of the RA and the backup RA. */
static void put_point(const struct make_row *row, json_t *o, unsigned nth, uint8_t slot[SLOT_LEN])
{
    static const char *const name[] = { "skR", "ra_d", "backup_ra_d" };
    uint8_t d[P256_LEN], pk[P256_PK_LEN];
    if (nth == 0 && row->suite == SUITE_X25519_CCM) {
        make_x25519(row->name, d, slot);
        docs_set(o, "skR", d, sizeof d);
        docs_set(o, "pkRm", slot, X25519_LEN);
        return;
    }
    if (nth == 0)
        make_key_pair(row->name, row->odd_key, d, pk);
    else
        make_even_key(name[nth], d, pk);
    docs_set(o, name[nth], d, sizeof d);
    if (nth == 0) {
        json_object_set_new(o, "skR_y", json_string(row->odd_key ? "odd" : "even"));
        docs_set(o, "pkRm", pk, sizeof pk);
    }
    memcpy(slot, pk + 1, SLOT_LEN);
}

static void put_rsa(json_t *o, uint8_t slot[SLOT_LEN])
{
    uint8_t key[SESSION_RSA_KEY_LEN], d[RSA_LEN];
    const struct crypto_part part = { key, sizeof key };
    BIGNUM *number = rsa_key_number("privateExponent");
    rsa_key_public(key);
    MUST(number && BN_bn2binpad(number, d, sizeof d) == sizeof d);
    BN_free(number);
    MUST(make_c.sha256(make_c.io, &part, 1, slot));
    docs_set(o, "rsa_n", key, RSA_LEN);
    docs_set(o, "rsa_e4", key + RSA_LEN, 4);
    docs_set(o, "rsa_d", d, sizeof d);
}

/* A secret slot; its name in docs/protocol.md is that of the slot, but in scheme 5. */
static void put_secret(const struct make_row *row, json_t *o, unsigned i, uint8_t slot[SLOT_LEN])
{
    const char name[] = { 'S', (char)('0' + i), '\0' };
    if (row->scheme == 5) {
        put_root(row, o, slot);
        return;
    }
    make_bytes(row->name, (uint8_t)(0x80 + i), slot);
    docs_set(o, name, slot, SLOT_LEN);
}

static void put_device_key(const struct scheme *s, json_t *o, struct otp_image *in)
{
    uint8_t d[P256_LEN], x[P256_LEN];
    const struct crypto_part part = { x, sizeof x };
    MUST(signing_key(&make_c, in->slot[s->secret], d, x));
    docs_set(o, "device_d", d, sizeof d);
    docs_set(o, "device_x32", x, sizeof x);
    for (unsigned i = 0; i < SLOTS; i++)
        if (s->slot[i] == SLOT_CHIP_DIGEST)
            MUST(make_c.sha256(make_c.io, &part, 1, in->slot[i]));
}

static void put_slots(const struct make_row *row, const struct scheme *s, json_t *o, struct otp_image *in)
{
    bool rsa = row->suite == SUITE_RSA;
    unsigned points = rsa ? 1 : 0; /* an RSA product has nothing to seal to but RSA */
    memset(in->slot, 0xFF, sizeof in->slot);
    for (unsigned i = 0; i < SLOTS; i++) {
        if (s->slot[i] == SLOT_DIGEST && rsa)
            put_rsa(o, in->slot[i]);
        else if ((s->slot[i] == SLOT_POINT || s->slot[i] == SLOT_SEAL) && !(rsa && i == 1))
            put_point(row, o, points++, in->slot[i]);
        else if (i == s->secret && (row->secret || !s->optional[i]))
            put_secret(row, o, i, in->slot[i]);
    }
    if (s->policy & POLICY_SIGN_ALL)
        put_device_key(s, o, in);
}

json_t *make_product(const struct make_row *row)
{
    const struct scheme *s = scheme_by_id(row->scheme);
    uint8_t image[OTP_IMAGE_LEN], digest[SHA256_LEN];
    json_t *o = json_object();
    struct otp_image in = { .scheme = row->scheme,
                            .suite = row->suite,
                            .fleet = FLEET,
                            .model = 0x0304,
                            .policy = (uint16_t)(row->policy | POLICY_NVM_REQUIRED),
                            .epoch = row->epoch,
                            .day = 2516,
                            .station = 3 };
    memcpy(in.serial, SERIAL, sizeof in.serial);
    json_object_set_new(o, "name", json_string(row->name));
    json_object_set_new(o, "scheme", json_integer(row->scheme));
    json_object_set_new(o, "suite", json_integer(row->suite));
    json_object_set_new(o, "fleet", json_integer(FLEET));
    docs_set(o, "serial8", SERIAL, sizeof SERIAL);
    json_object_set_new(o, "policy", json_integer(in.policy));
    json_object_set_new(o, "epoch", json_integer(row->epoch));
    json_object_set_new(o, "sid_len", json_integer(row->sid_len));
    json_object_set_new(o, "ctr_len", json_integer(row->ctr_len));
    put_slots(row, s, o, &in);
    MUST(otp_image_encode(&make_c, &in, image) == OTP_OK);
    MUST(otp_image_check(&make_c, image, false, NULL) == OTP_OK);
    MUST(otp_image_digest(&make_c, image, digest));
    docs_set(o, "image", image, sizeof image);
    docs_set(o, "image_digest32", digest, sizeof digest);
    return o;
}

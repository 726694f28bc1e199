#include "tests/bench/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/point.h"
#include "hsm/token.h"

static void check(CK_RV rv, const char *call)
{
    if (rv == CKR_OK)
        return;
    fprintf(stderr, "bench: %s: 0x%lx\n", call, rv);
    exit(1);
}

static CK_OBJECT_HANDLE unwrap(struct hsm *h, struct hsm_key *kek, const uint8_t *blob, size_t len)
{
    CK_MECHANISM wrap = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };
    CK_OBJECT_HANDLE key = 0;
    struct template t;
    uint8_t bytes[HSM_BLOB_MAX];

    memcpy(bytes, blob, len);
    template_unwrapped(&t, HSM_USE_ECDH);
    check(h->f->C_UnwrapKey(h->work, &wrap, kek->handle, bytes, len, t.at, t.n, &key), "C_UnwrapKey");
    return key;
}

void raw_new_key(struct hsm *h, struct hsm_key *kek, bool verify)
{
    CK_MECHANISM pair = { CKM_EC_KEY_PAIR_GEN, NULL, 0 }, wrap = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };
    CK_OBJECT_HANDLE pub, prv, back;
    struct template t_pub, t_prv;
    uint8_t pk[65], blob[HSM_BLOB_MAX], z[32];
    CK_ULONG len = sizeof blob;

    template_device_public(&t_pub);
    template_device_private(&t_prv);
    check(h->f->C_GenerateKeyPair(h->work, &pair, t_pub.at, t_pub.n, t_prv.at, t_prv.n, &pub, &prv), "C_GenerateKeyPair");
    check(point_read(h->f, h->work, pub, pk), "C_GetAttributeValue");
    check(h->f->C_WrapKey(h->work, &wrap, kek->handle, prv, blob, &len), "C_WrapKey");
    if (verify) {
        back = unwrap(h, kek, blob, len);
        check(point_ecdh(h->f, h->work, back, point_generator, z), "C_DeriveKey");
        check(memcmp(z, pk + 1, sizeof z) == 0 ? CKR_OK : CKR_DATA_INVALID, "compare");
        check(h->f->C_DestroyObject(h->work, back), "C_DestroyObject");
    }
    check(h->f->C_DestroyObject(h->work, pub), "C_DestroyObject");
    check(h->f->C_DestroyObject(h->work, prv), "C_DestroyObject");
}

void raw_unwrap_ecdh(struct hsm *h, struct hsm_key *kek, const uint8_t *blob, size_t len)
{
    CK_OBJECT_HANDLE key = unwrap(h, kek, blob, len);
    uint8_t z[32];

    check(point_ecdh(h->f, h->work, key, point_generator, z), "C_DeriveKey");
    check(h->f->C_DestroyObject(h->work, key), "C_DestroyObject");
}

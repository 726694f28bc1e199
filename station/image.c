/* The one image of a device: made once, and afterwards only made again. */
#include <string.h>

#include "protocol/bytes.h"
#include "station/task.h"

static const struct wrapped_key *of_role(const struct wrapped_key *key, size_t n, const char *role)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(key[i].role, role) == 0)
            return &key[i];
    return NULL;
}

static enum err_code get_keys(struct task *t, struct wrapped_key key[REG_KEYS_MAX], const struct wrapped_key **pair,
                              const struct wrapped_key **secret, struct err *e)
{
    size_t n = 0;
    enum err_code rc = registry_keys(t->s->registry, t->device.serial, key, &n, e);

    if (rc != ERR_OK)
        return rc;
    *pair = of_role(key, n, "server");
    *secret = of_role(key, n, "psk");
    if (*pair == NULL || (*secret != NULL) != task_has_secret(t))
        return err_set(e, &station_fault[STATION_KEY_ROWS], "image", NULL, 0, "device %016llx, %zu keys",
                       (unsigned long long)t->device.serial, n);
    return ERR_OK;
}

static enum err_code get_secret(struct task *t, const struct wrapped_key *k, uint8_t out[SLOT_LEN], struct err *e)
{
    struct hsm_blob blob = { .len = k->blob_len, .mechanism = k->mechanism };
    struct hsm_key *kek = NULL;
    uint8_t kcv[3];
    enum err_code rc;

    memcpy(blob.bytes, k->blob, sizeof k->blob);
    memcpy(blob.profile, k->profile, sizeof blob.profile);
    if ((rc = hsm_key_find(t->s->line, HSM_KEK_SECRET, k->kek, &kek, e)) == ERR_OK &&
        (rc = hsm_key_kcv(kek, kcv, e)) == ERR_OK) {
        if (memcmp(kcv, k->kek_kcv, sizeof kcv) != 0)
            rc = err_set(e, &station_fault[STATION_OTHER_KEK], "image", NULL, 0, "key '%s' of device %016llx", k->kek,
                         (unsigned long long)t->device.serial);
        else
            rc = hsm_device_secret_get(t->s->line, kek, &blob, out, e);
    }
    hsm_key_free(kek);
    return rc;
}

/* Before the intent: from the row, the product and the keys. */
static enum err_code encode(struct task *t, const struct wrapped_key *pair, const uint8_t secret[SLOT_LEN], struct err *e)
{
    const struct product *p = t->s->product;
    struct otp_image in = { .scheme = p->scheme,
                            .suite = p->suite,
                            .fleet = p->fleet,
                            .model = p->model,
                            .policy = p->policy,
                            .day = t->device.day,
                            .station = t->device.station };
    enum otp_result r;

    put32(in.serial, (uint32_t)(t->device.serial >> 32));
    put32(in.serial + 4, (uint32_t)t->device.serial);
    memset(in.slot, 0xFF, sizeof in.slot);
    memcpy(in.slot[0], pair->public_x, SLOT_LEN);
    if (task_has_secret(t))
        memcpy(in.slot[scheme_by_id(p->scheme)->secret], secret, SLOT_LEN);
    r = otp_image_encode(t->s->crypto, &in, t->image);
    bytes_wipe(&in, sizeof in);
    if (r != OTP_OK)
        return err_set(e, &station_fault[STATION_IMAGE], "image", NULL, 0, "%s", otp_result_name(r));
    return ERR_OK;
}

/* After it: the journal's bytes and the secret; nothing is computed anew. */
static enum err_code restore(struct task *t, const uint8_t secret[SLOT_LEN], struct err *e)
{
    uint8_t now[SHA256_LEN];

    memcpy(t->image, t->device.image, sizeof t->image);
    if (task_has_secret(t))
        memcpy(t->image + OTP_OFF_SLOT + scheme_by_id(t->s->product->scheme)->secret * SLOT_LEN, secret, SLOT_LEN);
    if (!otp_image_digest(t->s->crypto, t->image, now))
        return err_set(e, &station_fault[STATION_CRYPTO], "SHA-256", NULL, 0, "image");
    if (!bytes_equal(now, t->device.image_sha256, sizeof now) ||
        otp_image_check(t->s->crypto, t->image, false, NULL) != OTP_OK)
        return err_set(e, &station_fault[STATION_IMAGE_DIFFERS], "image", NULL, 0, "device %016llx",
                       (unsigned long long)t->device.serial);
    return ERR_OK;
}

enum err_code image_make(struct task *t, struct err *e)
{
    struct wrapped_key key[REG_KEYS_MAX];
    const struct wrapped_key *pair = NULL, *psk = NULL;
    uint8_t secret[SLOT_LEN];
    enum err_code rc;

    if (t->has_image)
        return ERR_OK;
    if ((rc = get_keys(t, key, &pair, &psk, e)) != ERR_OK || (psk != NULL && (rc = get_secret(t, psk, secret, e)) != ERR_OK))
        goto out;
    rc = t->device.has_image ? restore(t, secret, e) : encode(t, pair, secret, e);
    t->has_image = rc == ERR_OK;
out:
    bytes_wipe(secret, sizeof secret);
    return rc;
}

void image_wipe(struct task *t)
{
    bytes_wipe(t->image, sizeof t->image);
    t->has_image = false;
}

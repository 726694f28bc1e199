#include <stdio.h>
#include <string.h>
#include <time.h>

#include "db/fault.h"
#include "protocol/bytes.h"
#include "protocol/seed.h"
#include "protocol/signing.h"
#include "station/task.h"

enum { DAY_MS = 86400000, DAYS_TO_2020 = 18262 }; /* 1970-01-01 to 2020-01-01 */

/* ---- the serial ---- */

static uint64_t now_ms(const struct station *s)
{
    struct timespec now;

    if (s->now_ms != NULL)
        return s->now_ms(s->now_io);
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static enum err_code today(const struct station *s, uint16_t *day, struct err *e)
{
    const uint64_t days = now_ms(s) / DAY_MS;

    if (days < DAYS_TO_2020 || days - DAYS_TO_2020 >= UINT16_MAX)
        return err_set(e, &station_fault[STATION_CLOCK], "key", NULL, 0, "day %llu since 1970", (unsigned long long)days);
    *day = (uint16_t)(days - DAYS_TO_2020);
    return ERR_OK;
}

static enum err_code reserve(struct task *t, struct err *e)
{
    const struct station *s = t->s;
    struct device d;
    uint16_t day = 0;
    bool fresh = false;
    enum err_code rc;

    if ((rc = today(s, &day, e)) != ERR_OK ||
        (rc = registry_reserve(s->registry, s->product->name, t->r->identity.uid, s->id, day, &d, &fresh, e)) != ERR_OK)
        return rc;
    /* Examined was another row than this: someone else has the same chip in hand. */
    if (fresh == t->r->has_device || (!fresh && d.state != t->device.state))
        return err_set(e, &db_fault[DB_STATE_CHANGED], "key", NULL, 0, "device %016llx", (unsigned long long)d.serial);
    task_has(t, &d);
    return ERR_OK;
}

/* ---- its keys ---- */

bool task_has_secret(const struct task *t)
{
    return slots_line_has_secret(t->s->product);
}

static enum err_code fill(struct wrapped_key *k, const char *role, const struct hsm_blob *blob, const char *kek_label,
                          struct hsm_key *kek, struct err *e)
{
    memcpy(k->blob, blob->bytes, blob->len);
    k->blob_len = blob->len;
    k->mechanism = blob->mechanism;
    (void)snprintf(k->role, sizeof k->role, "%s", role);
    (void)snprintf(k->profile, sizeof k->profile, "%s", blob->profile);
    (void)snprintf(k->kek, sizeof k->kek, "%s", kek_label);
    return hsm_key_kcv(kek, k->kek_kcv, e);
}

enum err_code key_digest(const struct task *t, const char *label, const uint8_t key[32], uint8_t out[32], struct err *e)
{
    const struct crypto *c = t->s->crypto;
    const struct crypto_part part[] = { { label, strlen(label) }, { key, 32 } };

    if (!c->sha256(c->io, part, 2, out))
        return err_set(e, &station_fault[STATION_CRYPTO], "SHA-256", NULL, 0, "key digest");
    return ERR_OK;
}

static enum err_code new_pair(struct task *t, const char *role, struct wrapped_key *k, struct err *e)
{
    struct hsm_key *kek = NULL;
    struct hsm_blob blob;
    uint8_t pkR[65];
    enum err_code rc;

    if ((rc = hsm_key_find(t->s->line, HSM_KEK, "kek", &kek, e)) == ERR_OK &&
        (rc = hsm_device_key_new(t->s->line, kek, pkR, &blob, e)) == ERR_OK &&
        (rc = fill(k, role, &blob, "kek", kek, e)) == ERR_OK) {
        memcpy(k->public_x, pkR + 1, sizeof k->public_x);
        rc = key_digest(t, KEY_DIGEST_PUBLIC, k->public_x, k->digest, e);
    }
    hsm_key_free(kek);
    return rc;
}

/* Its value is fetched again for the image: what is burned is then what the wrapped form gives back. */
static enum err_code new_secret(struct task *t, const char *role, struct wrapped_key *k, struct err *e)
{
    struct hsm_key *kek = NULL;
    struct hsm_blob blob;
    uint8_t secret[32];
    enum err_code rc;

    if ((rc = hsm_key_find(t->s->line, HSM_KEK_SECRET, "kek-secret", &kek, e)) == ERR_OK &&
        (rc = hsm_device_secret_new(t->s->line, kek, secret, &blob, e)) == ERR_OK &&
        (rc = fill(k, role, &blob, "kek-secret", kek, e)) == ERR_OK)
        rc = key_digest(t, KEY_DIGEST_SECRET, secret, k->digest, e);
    bytes_wipe(secret, sizeof secret);
    hsm_key_free(kek);
    return rc;
}

enum err_code key_seed(const struct task *t, const uint8_t drawn[32], uint8_t seed[SLOT_LEN], uint8_t x[P256_LEN],
                       struct err *e)
{
    const struct crypto *c = t->s->crypto;
    uint8_t serial[OTP_SERIAL_LEN], d[P256_LEN];
    const struct crypto_part salt = { serial, sizeof serial };

    put32(serial, (uint32_t)(t->device.serial >> 32));
    put32(serial + 4, (uint32_t)t->device.serial);
    const bool ok = seed_make(c, drawn, &salt, 1, seed) && signing_key(c, seed, d, x);
    bytes_wipe(d, sizeof d);
    if (!ok)
        bytes_wipe(seed, SLOT_LEN);
    return ok ? ERR_OK : err_set(e, &station_fault[STATION_CRYPTO], "P-256", NULL, 0, "device key");
}

/* Its seed is made again for the image, as a secret is; what others may know of it is recorded with it. */
static enum err_code new_seed(struct task *t, const char *role, struct wrapped_key *k, struct err *e)
{
    struct hsm_key *kek = NULL;
    struct hsm_blob blob;
    uint8_t drawn[32], seed[SLOT_LEN];
    enum err_code rc;

    if ((rc = hsm_key_find(t->s->line, HSM_KEK_SECRET, "kek-secret", &kek, e)) == ERR_OK &&
        (rc = hsm_device_secret_new(t->s->line, kek, drawn, &blob, e)) == ERR_OK &&
        (rc = fill(k, role, &blob, "kek-secret", kek, e)) == ERR_OK &&
        (rc = key_digest(t, KEY_DIGEST_SECRET, drawn, k->digest, e)) == ERR_OK)
        rc = key_seed(t, drawn, seed, k->public_x, e);
    bytes_wipe(drawn, sizeof drawn);
    bytes_wipe(seed, sizeof seed);
    hsm_key_free(kek);
    return rc;
}

typedef enum err_code draw(struct task *t, const char *role, struct wrapped_key *k, struct err *e);
static draw *const draws[] = { [FROM_PAIR] = new_pair, [FROM_SECRET] = new_secret, [FROM_SEED] = new_seed };

/* What a slot's row names a role for is drawn here; derived and shared keys are there already. */
static enum err_code new_key(struct task *t, struct slot_rule rule, struct wrapped_key *key, size_t *n, struct err *e)
{
    enum err_code rc;

    if (rule.role == NULL)
        return ERR_OK;
    rc = draws[rule.from](t, rule.role, &key[*n], e);
    *n += rc == ERR_OK;
    return rc;
}

enum err_code key_make(struct task *t, struct err *e)
{
    struct wrapped_key key[REG_KEYS_MAX];
    size_t n = 0;
    enum err_code rc = ERR_OK;

    memset(key, 0, sizeof key);
    for (unsigned i = 0; i < SLOTS && rc == ERR_OK; i++)
        rc = new_key(t, slot_rule(t->s->product, i), key, &n, e);
    if (rc != ERR_OK || (rc = registry_keyed(t->s->registry, t->device.serial, key, n, e)) != ERR_OK)
        return rc;
    t->device.state = t->r->state = DEV_KEYED;
    return ERR_OK;
}

enum err_code key_step(struct task *t, struct err *e)
{
    enum err_code rc = reserve(t, e);

    return rc == ERR_OK && t->device.state == DEV_RESERVED ? key_make(t, e) : rc;
}

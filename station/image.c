/* The one image of a device: made once, and afterwards only made again. */
#include <string.h>

#include "db/fleet.h"
#include "protocol/bytes.h"
#include "protocol/derive.h"
#include "station/task.h"

struct source { /* what the slots of one image are filled from */
    struct task *t;
    struct wrapped_key key[REG_KEYS_MAX];
    size_t n;
    struct fleet_key fleet; /* ACTIVE, where the product needs one */
};

/* Once for an image: x and epoch are of one key, also while somebody rotates the fleet.  A new device starts with the newest
 * key, for the ones before it may end while it is still on its way. */
static enum err_code get_fleet(struct source *s, struct err *e)
{
    const struct station *st = s->t->s;

    return slots_need(st->product, FROM_FLEET) ? registry_fleet_key_active(st->registry, st->product->fleet, &s->fleet, e)
                                               : ERR_OK;
}

static enum err_code of_role(const struct source *s, const char *role, const struct wrapped_key **k, struct err *e)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->key[i].role, role) == 0) {
            *k = &s->key[i];
            return ERR_OK;
        }
    return err_set(e, &station_fault[STATION_KEY_ROWS], "image", NULL, 0, "device %016llx has no key '%s'",
                   (unsigned long long)s->t->device.serial, role);
}

/* The keys are those of the scheme, neither more nor less: also where only one of them is needed again. */
static enum err_code get_keys(struct source *s, struct err *e)
{
    const struct station *st = s->t->s;
    const struct wrapped_key *k;
    size_t wanted = 0;
    enum err_code rc = registry_keys(st->registry, s->t->device.serial, s->key, &s->n, e);

    for (unsigned i = 0; i < SLOTS && rc == ERR_OK; i++) {
        const char *role = slot_rule(st->product, i).role;
        if (role != NULL && (rc = of_role(s, role, &k, e)) == ERR_OK)
            wanted++;
    }
    if (rc == ERR_OK && s->n != wanted)
        rc = err_set(e, &station_fault[STATION_KEY_ROWS], "image", NULL, 0, "device %016llx, %zu keys",
                     (unsigned long long)s->t->device.serial, s->n);
    return rc;
}

/* ---- one slot from its source ---- */

/* A row's digest is in no other row: whoever copies a key from one row into another is found here, before it is burned. */
static enum err_code is_its_own(const struct source *s, const struct wrapped_key *k, const char *label,
                                uint8_t key[SLOT_LEN], struct err *e)
{
    uint8_t now[SHA256_LEN];
    enum err_code rc = key_digest(s->t, label, key, now, e);

    if (rc == ERR_OK && !bytes_equal(now, k->digest, sizeof now))
        rc = err_set(e, &station_fault[STATION_KEY_ROWS], "image", NULL, 0, "device %016llx, key '%s' is not its own",
                     (unsigned long long)s->t->device.serial, k->role);
    if (rc != ERR_OK)
        bytes_wipe(key, SLOT_LEN);
    return rc;
}

static enum err_code from_pair(const struct source *s, struct slot_rule rule, uint8_t out[SLOT_LEN], struct err *e)
{
    const struct wrapped_key *k = NULL;
    enum err_code rc = of_role(s, rule.role, &k, e);

    if (rc != ERR_OK)
        return rc;
    memcpy(out, k->public_x, SLOT_LEN);
    return is_its_own(s, k, KEY_DIGEST_PUBLIC, out, e);
}

static enum err_code from_secret(const struct source *s, struct slot_rule rule, uint8_t out[SLOT_LEN], struct err *e)
{
    const struct task *t = s->t;
    const struct wrapped_key *k = NULL;
    struct hsm_blob blob = { .len = 0 };
    struct hsm_key *kek = NULL;
    uint8_t kcv[3];
    enum err_code rc = of_role(s, rule.role, &k, e);

    if (rc != ERR_OK)
        return rc;
    blob.len = k->blob_len;
    blob.mechanism = k->mechanism;
    memcpy(blob.bytes, k->blob, sizeof k->blob);
    memcpy(blob.profile, k->profile, sizeof blob.profile);
    if ((rc = hsm_key_find(t->s->line, HSM_KEK_SECRET, k->kek, &kek, e)) == ERR_OK &&
        (rc = hsm_key_kcv(kek, kcv, e)) == ERR_OK) {
        if (memcmp(kcv, k->kek_kcv, sizeof kcv) != 0)
            rc = err_set(e, &station_fault[STATION_OTHER_KEK], "image", NULL, 0, "key '%s' of device %016llx", k->kek,
                         (unsigned long long)t->device.serial);
        else if ((rc = hsm_device_secret_get(t->s->line, kek, &blob, out, e)) == ERR_OK)
            rc = is_its_own(s, k, KEY_DIGEST_SECRET, out, e);
    }
    hsm_key_free(kek);
    return rc;
}

/* Its x was recorded with it: what is burned is the key that the registry has. */
static enum err_code from_seed(const struct source *s, struct slot_rule rule, uint8_t out[SLOT_LEN], struct err *e)
{
    const struct wrapped_key *k = NULL;
    uint8_t drawn[SLOT_LEN], x[P256_LEN];
    enum err_code rc = of_role(s, rule.role, &k, e);

    if (rc == ERR_OK && (rc = from_secret(s, rule, drawn, e)) == ERR_OK)
        rc = key_seed(s->t, drawn, out, x, e);
    if (rc == ERR_OK && !bytes_equal(x, k->public_x, sizeof x))
        rc = err_set(e, &station_fault[STATION_KEY_ROWS], "image", NULL, 0, "device %016llx, key '%s' is not its own",
                     (unsigned long long)s->t->device.serial, k->role);
    bytes_wipe(drawn, sizeof drawn);
    if (rc != ERR_OK)
        bytes_wipe(out, SLOT_LEN);
    return rc;
}

static enum err_code from_seed_x(const struct source *s, struct slot_rule rule, uint8_t out[SLOT_LEN], struct err *e)
{
    const struct wrapped_key *k = NULL;
    enum err_code rc = of_role(s, REG_SIGN_SEED, &k, e);

    (void)rule;
    return rc == ERR_OK ? key_digest(s->t, KEY_DIGEST_PUBLIC, k->public_x, out, e) : rc;
}

static enum err_code from_master(const struct source *s, struct slot_rule rule, uint8_t out[SLOT_LEN], struct err *e)
{
    const struct task *t = s->t;
    const struct master_label label = slots_master(t->s->product);
    uint8_t serial[OTP_SERIAL_LEN], input[DERIVE_ROOT_INPUT_LEN];
    struct hsm_key *master = NULL;
    enum err_code rc = hsm_key_find(t->s->line, HSM_MASTER, label.text, &master, e);

    (void)rule;
    put32(serial, (uint32_t)(t->device.serial >> 32));
    put32(serial + 4, (uint32_t)t->device.serial);
    derive_root_input(serial, input);
    if (rc == ERR_OK)
        rc = hsm_derive(master, input, out, e);
    hsm_key_free(master);
    return rc;
}

static enum err_code from_fleet(const struct source *s, struct slot_rule rule, uint8_t out[SLOT_LEN], struct err *e)
{
    (void)rule;
    (void)e;
    memcpy(out, s->fleet.x, SLOT_LEN);
    return ERR_OK;
}

static enum err_code authority(const struct source *s, bool has, const uint8_t x[32], uint8_t out[SLOT_LEN], struct err *e)
{
    if (!has)
        return err_set(e, &station_fault[STATION_IMAGE], "image", NULL, 0, "product '%s' has no rotation authority",
                       s->t->s->product->name);
    memcpy(out, x, SLOT_LEN);
    return ERR_OK;
}

static enum err_code from_ra(const struct source *s, struct slot_rule rule, uint8_t out[SLOT_LEN], struct err *e)
{
    (void)rule;
    return authority(s, s->t->s->product->has_ra, s->t->s->product->ra_x, out, e);
}

static enum err_code from_backup_ra(const struct source *s, struct slot_rule rule, uint8_t out[SLOT_LEN], struct err *e)
{
    (void)rule;
    return authority(s, s->t->s->product->has_backup_ra, s->t->s->product->backup_ra_x, out, e);
}

typedef enum err_code from(const struct source *s, struct slot_rule rule, uint8_t out[SLOT_LEN], struct err *e);
static from *const fetch[] = {
    [FROM_PAIR] = from_pair, [FROM_SECRET] = from_secret,       [FROM_MASTER] = from_master, [FROM_FLEET] = from_fleet,
    [FROM_RA] = from_ra,     [FROM_BACKUP_RA] = from_backup_ra, [FROM_SEED] = from_seed,     [FROM_SEED_X] = from_seed_x,
};

static enum err_code fill(const struct source *s, unsigned slot, uint8_t out[SLOT_LEN], struct err *e)
{
    const struct slot_rule rule = slot_rule(s->t->s->product, slot);

    memset(out, 0xFF, SLOT_LEN);
    return rule.from == FROM_NOTHING || rule.from == FROM_CHIP ? ERR_OK : fetch[rule.from](s, rule, out, e);
}

/* Shared by all devices of the product; of a master only that the token holds it. */
static enum err_code is_there(const struct source *s, struct slot_rule rule, unsigned slot, struct err *e)
{
    struct hsm_key *master = NULL;
    uint8_t x[SLOT_LEN];
    enum err_code rc = ERR_OK;

    if (rule.from == FROM_FLEET || rule.from == FROM_RA || rule.from == FROM_BACKUP_RA)
        rc = fill(s, slot, x, e);
    else if (rule.from == FROM_MASTER && s->t->s->line != NULL)
        rc = hsm_key_find(s->t->s->line, HSM_MASTER, slots_master(s->t->s->product).text, &master, e);
    hsm_key_free(master);
    return rc;
}

enum err_code image_sources(struct task *t, struct err *e)
{
    struct source s = { .t = t };
    enum err_code rc = get_fleet(&s, e);

    for (unsigned i = 0; i < SLOTS && rc == ERR_OK; i++)
        rc = is_there(&s, slot_rule(t->s->product, i), i, e);
    if (rc != ERR_NOINPUT && rc != ERR_UNAVAILABLE)
        return rc;
    const struct err was = *e;
    return err_set(e, &station_fault[STATION_PRODUCT_KEYS], was.op, was.source, was.native, "product '%s': %s",
                   t->s->product->name, was.subject);
}

/* ---- the image ---- */

/* Before the intent: from the row, the product and the keys.  What the chip makes stays a hole. */
static enum err_code encode(const struct source *s, struct err *e)
{
    struct task *t = s->t;
    const struct product *p = t->s->product;
    struct otp_image in = { .scheme = p->scheme,
                            .suite = p->suite,
                            .fleet = p->fleet,
                            .model = p->model,
                            .policy = p->policy,
                            .epoch = slots_need(p, FROM_FLEET) ? s->fleet.epoch : p->epoch,
                            .day = t->device.day,
                            .station = t->device.station };
    struct otp_image_span hole[OTP_HOLES_MAX];
    size_t holes;
    enum otp_result r = OTP_OK;
    enum err_code rc = ERR_OK;

    put32(in.serial, (uint32_t)(t->device.serial >> 32));
    put32(in.serial + 4, (uint32_t)t->device.serial);
    for (unsigned i = 0; i < SLOTS && rc == ERR_OK; i++)
        rc = fill(s, i, in.slot[i], e);
    if (rc == ERR_OK && (r = slots_chip_makes_key(p) ? otp_image_draft(t->s->crypto, &in, t->image, hole, &holes)
                                                     : otp_image_encode(t->s->crypto, &in, t->image)) != OTP_OK)
        rc = err_set(e, &station_fault[STATION_IMAGE], "image", NULL, 0, "%s", otp_result_name(r));
    bytes_wipe(&in, sizeof in);
    return rc;
}

/* After it: the journal's bytes and the secret; nothing else is computed anew. */
static enum err_code restore(const struct source *s, struct err *e)
{
    struct task *t = s->t;
    uint8_t now[SHA256_LEN];
    enum err_code rc;

    memcpy(t->image, t->device.image, sizeof t->image);
    if (slots_chip_makes_key(t->s->product)) /* only the chip can make more of it */
        return ERR_OK;
    if (task_has_secret(t)) {
        const unsigned secret = scheme_by_id(t->s->product->scheme)->secret;
        if ((rc = fill(s, secret, t->image + OTP_OFF_SLOT + secret * SLOT_LEN, e)) != ERR_OK)
            return rc;
    }
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
    struct source s = { .t = t };
    enum err_code rc;

    if (t->has_image)
        return ERR_OK;
    if ((rc = get_keys(&s, e)) == ERR_OK && !t->device.has_image)
        rc = get_fleet(&s, e);
    if (rc == ERR_OK)
        rc = t->device.has_image ? restore(&s, e) : encode(&s, e);
    t->has_image = rc == ERR_OK;
    if (rc != ERR_OK)
        image_wipe(t);
    return rc;
}

void image_wipe(struct task *t)
{
    bytes_wipe(t->image, sizeof t->image);
    t->has_image = false;
}

/* The firmware: fitted to the product, written, compared. */
#include <stdlib.h>
#include <string.h>

#include "db/fleet.h"
#include "flash/elf.h"
#include "flash/fault.h"
#include "protocol/bytes.h"
#include "protocol/scheme.h"
#include "protocol/session_rsa.h"
#include "station/task.h"

/* ---- the RSA key that it holds ---- */

static const char key_symbol[] = "fl_rsa_key"; /* firmware-stub/product.h */

static enum err_code other_firmware(const struct task *t, const char *why, struct err *e)
{
    return err_set(e, &station_fault[STATION_OTHER_FIRMWARE], "exam", NULL, 0, "product '%s': %s symbol %s",
                   t->s->product->name, why, key_symbol);
}

/* As the registry has it, if that is what S0 digests: such a fleet has one key, for ever. */
static enum err_code fleet_rsa(struct task *t, uint8_t key[SESSION_RSA_KEY_LEN], struct err *e)
{
    const struct station *s = t->s;
    const struct crypto_part part = { key, SESSION_RSA_KEY_LEN };
    uint8_t digest[SHA256_LEN];
    struct fleet_key k;
    enum err_code rc = registry_fleet_key_get(s->registry, s->product->fleet, s->product->epoch, &k, e);

    if (rc != ERR_OK)
        return rc;
    memcpy(key, k.rsa_n, REG_RSA_N);
    memcpy(key + REG_RSA_N, k.rsa_e, REG_RSA_E);
    if (!s->crypto->sha256(s->crypto->io, &part, 1, digest))
        return err_set(e, &station_fault[STATION_CRYPTO], "SHA-256", NULL, 0, "RSA key");
    return k.has_rsa && bytes_equal(digest, k.x, sizeof digest)
               ? ERR_OK
               : err_set(e, &station_fault[STATION_PRODUCT_KEYS], "exam", NULL, 0,
                         "product '%s': modulus and exponent are not those of key '%s'", s->product->name, k.label);
}

enum err_code firmware_fit(struct task *t, struct err *e)
{
    uint8_t key[SESSION_RSA_KEY_LEN];
    uint32_t addr;
    struct err none;
    const bool has_place = fw_image_symbol(t->s->firmware, key_symbol, &addr, &none) == ERR_OK;
    enum err_code rc;

    if (t->s->product->suite != SUITE_RSA)
        return has_place ? other_firmware(t, "needless", e) : ERR_OK;
    if (!has_place)
        return other_firmware(t, "no", e);
    rc = fleet_rsa(t, key, e);
    return rc == ERR_OK ? fw_image_fill(t->s->firmware, key_symbol, key, sizeof key, e) : rc;
}

/* ---- in the part's flash ---- */

enum err_code firmware_step(struct task *t, struct err *e)
{
    const struct fw_segment *seg;
    const size_t n = fw_image_segments(t->s->firmware, &seg);
    enum err_code rc;

    if (t->flashed) /* for the chip's key */
        return ERR_OK;
    rc = chip_flash_write(t->s->chip, seg, n, e);
    t->flashed = rc == ERR_OK;
    return rc;
}

static enum err_code compare(struct chip *c, const struct fw_segment *seg, bool *same, struct err *e)
{
    uint8_t *now = malloc(seg->len);
    enum err_code rc;

    if (now == NULL)
        return err_set(e, &flash_fault[FLASH_READ_FAILED], "malloc", NULL, 0, "%u bytes", (unsigned)seg->len);
    if ((rc = chip_mem_read(c, seg->addr, now, seg->len, e)) == ERR_OK)
        *same = memcmp(now, seg->data, seg->len) == 0;
    free(now);
    return rc;
}

enum err_code firmware_is_there(struct task *t, bool *same, struct err *e)
{
    const struct fw_segment *seg;
    const size_t n = fw_image_segments(t->s->firmware, &seg);
    enum err_code rc = ERR_OK;

    *same = true;
    for (size_t i = 0; i < n && *same && rc == ERR_OK; i++)
        rc = compare(t->s->chip, &seg[i], same, e);
    return rc;
}

/* What the registry keeps of a device in some schemes alone: its own key, its generations, its epoch; against the log. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "db/check_impl.h"
#include "db/device_key.h"
#include "db/fleet.h"
#include "db/generation.h"

static enum err_code same_bytes(struct check *c, enum difference_kind kind, uint64_t serial, const uint8_t *is,
                                const uint8_t *should, size_t len, struct err *e)
{
    char is_text[65], should_text[65];

    if (memcmp(is, should, len) == 0)
        return ERR_OK;
    hex_encode(is, len, is_text);
    hex_encode(should, len, should_text);
    return check_differs(c, kind, &serial, is_text, should_text, e);
}

static enum err_code same_text(struct check *c, enum difference_kind kind, uint64_t serial, const char *is,
                               const char *should, struct err *e)
{
    return strcmp(is, should) == 0 ? ERR_OK : check_differs(c, kind, &serial, is, should, e);
}

static enum err_code check_key(struct check *c, const struct told *t, struct err *e)
{
    static const char *const names[] = {
        [DEVICE_KEY_NONE] = "no key", [DEVICE_KEY_MADE] = "made", [DEVICE_KEY_PINNED] = "pinned"
    };
    enum device_key_state state;
    uint8_t x[32];
    enum err_code rc = registry_device_key(c->r, t->serial, x, &state, e);

    if (rc == ERR_OK)
        rc = same_text(c, DIFF_DEVICE_KEY, t->serial, names[state],
                       names[t->is_pinned ? DEVICE_KEY_PINNED
                             : t->is_made ? DEVICE_KEY_MADE
                                          : DEVICE_KEY_NONE],
                       e);
    return rc == ERR_OK ? same_bytes(c, DIFF_DEVICE_KEY, t->serial, x, t->x, sizeof x, e) : rc;
}

static enum err_code check_generations(struct check *c, const struct told *t, struct err *e)
{
    struct generations g;
    char is[48], should[48];
    enum err_code rc = registry_gen(c->r, t->serial, &g, e);

    if (rc != ERR_OK)
        return rc;
    (void)snprintf(is, sizeof is, "generation %u%s", g.gen, g.has_pending ? ", one pending" : "");
    (void)snprintf(should, sizeof should, "generation %u%s", t->gen, t->is_pending ? ", one pending" : "");
    rc = same_text(c, DIFF_GENERATION, t->serial, is, should, e);
    if (rc == ERR_OK)
        rc = same_bytes(c, DIFF_GENERATION, t->serial, g.salt, t->salt, sizeof g.salt, e);
    return rc == ERR_OK ? same_bytes(c, DIFF_GENERATION, t->serial, g.pending_salt, t->pending_salt, sizeof g.salt, e) : rc;
}

static enum err_code check_epoch(struct check *c, const struct told *t, struct err *e)
{
    struct device_seen s;
    char is[16], should[16];
    enum err_code rc = registry_seen(c->r, t->serial, &s, e);

    if (rc != ERR_OK)
        return rc;
    (void)snprintf(is, sizeof is, "epoch %u", s.epoch);
    (void)snprintf(should, sizeof should, "epoch %u", t->epoch);
    return same_text(c, DIFF_EPOCH, t->serial, is, should, e);
}

enum err_code check_scheme_rows(struct check *c, const struct told *t, uint8_t scheme, struct err *e)
{
    static const struct {
        unsigned schemes; /* bits 1 << scheme */
        enum err_code (*check)(struct check *c, const struct told *t, struct err *e);
    } rows[] = {
        { 1u << 3 | 1u << 7 | 1u << 8, check_key },
        { 1u << 5, check_generations },
        { 1u << 2 | 1u << 3 | 1u << 6 | 1u << 7 | 1u << 8, check_epoch },
    };
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < sizeof rows / sizeof *rows && rc == ERR_OK; i++)
        if ((rows[i].schemes >> scheme & 1) != 0)
            rc = rows[i].check(c, t, e);
    return rc;
}

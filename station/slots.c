#include "station/slots.h"

#include <stdio.h>

static const struct slot_rule rules[SCHEME_MAX][SLOTS] = {
    [0] = { { FROM_PAIR, "server" }, { FROM_SECRET, "psk" } },
    [1] = { { FROM_FLEET, NULL }, { FROM_RA, NULL }, { FROM_BACKUP_RA, NULL } }, /* without a seed: nothing secret in it */
    [2] = { { FROM_FLEET, NULL }, { FROM_CHIP, NULL }, { FROM_RA, NULL }, { FROM_CHIP, NULL } },
    [3] = { { FROM_SECRET, "secret" } },
    [4] = { { FROM_MASTER, NULL } },
    [5] = { { FROM_NOTHING, NULL }, { FROM_FLEET, NULL }, { FROM_RA, NULL }, { FROM_SECRET, "seed" } }, /* the ECIES form */
    [7] = { { FROM_FLEET, NULL }, { FROM_CHIP, NULL }, { FROM_RA, NULL } },
};

/* Scheme 6 in its RSA form: the key lies in the firmware (station/firmware.c), S0 has its digest. */
static const struct slot_rule session_rsa[SLOTS] = {
    { FROM_FLEET, NULL }, { FROM_NOTHING, NULL }, { FROM_RA, NULL }, { FROM_SECRET, "seed" }
};

/* Where the line draws what otherwise the chip makes. */
static const struct slot_rule injected[SCHEME_MAX][SLOTS] = {
    [2] = { { FROM_FLEET, NULL }, { FROM_SEED, REG_SIGN_SEED }, { FROM_RA, NULL }, { FROM_SEED_X, NULL } },
};

struct slot_rule slot_rule(const struct product *p, unsigned slot)
{
    static const struct slot_rule none = { FROM_NOTHING, NULL };
    const struct scheme *s = scheme_by_id(p->scheme);

    if (s == NULL || slot >= SLOTS || ((s->policy & POLICY_PSK) != 0 && slot == s->secret && (p->policy & POLICY_PSK) == 0))
        return none;
    if (p->suite == SUITE_RSA)
        return session_rsa[slot];
    return p->injected ? injected[p->scheme - 1][slot] : rules[p->scheme - 1][slot];
}

bool slots_line_has_secret(const struct product *p)
{
    return slots_need(p, FROM_SECRET) || slots_need(p, FROM_MASTER) || slots_need(p, FROM_SEED);
}

bool slots_may_inject(uint8_t scheme)
{
    const struct product p = { .scheme = scheme, .injected = true };

    return slots_need(&p, FROM_SEED);
}

bool slots_device_signs(const struct product *p)
{
    return slots_need(p, FROM_CHIP) || slots_need(p, FROM_SEED);
}

bool slots_chip_makes_key(const struct product *p)
{
    return slots_need(p, FROM_CHIP);
}

bool slots_need(const struct product *p, enum slot_source from)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (slot_rule(p, i).from == from)
            return true;
    return false;
}

struct master_label slots_master(const struct product *p)
{
    struct master_label l;

    (void)snprintf(l.text, sizeof l.text, "master/%s", p->master);
    return l;
}

/* cli/doctor_line.c - the checks of what a bench has not: registry, tokens, firmware. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/config.h"
#include "cli/doctor.h"
#include "cli/fault.h"
#include "cli/firmware.h"
#include "cli/interrupt.h"
#include "cli/kek.h"
#include "cli/token.h"
#include "db/registry.h"
#include "hsm/fault.h"
#include "hsm/hsm.h"
#include "protocol/scheme.h"

struct seen { /* a key that no scheme of today needs: its absence is no failure */
    enum err_code rc;
    struct err e;
    uint8_t kcv[3];
};

struct keys { /* of one role's token */
    bool has;
    uint8_t kcv[KEKS][3];
    struct seen master;
    bool open; /* the two below were looked for */
    struct seen signer;
    bool wants_x25519; /* a product of suite 2 is there */
    uint8_t pk[32];
    struct doctor_key tls, fleet;
    unsigned fleets;
};

/* ---- registry ---- */

static enum err_code count_device(void *io, const struct device *d, struct err *e)
{
    (void)e;
    unsigned long *n = io;

    n[0]++;
    n[1] += d->state == DEV_DONE;
    return ERR_OK;
}

static enum err_code note_scheme(void *io, const struct product *p, struct err *e)
{
    unsigned *schemes = io;

    (void)e;
    schemes[p->scheme] |= 1u << p->suite;
    return ERR_OK;
}

/* Opened for writing, as a burn will; nothing is written.  schemes: by scheme the bits 1 << suite of its products. */
static void check_registry(struct doctor *d, unsigned schemes[SCHEME_MAX + 1])
{
    const char *path = d->app->config->registry;
    struct registry *r = NULL;
    struct err e = { 0 };
    unsigned long n[2] = { 0, 0 };
    char detail[320];
    enum err_code rc = registry_open(&r, path, REGISTRY_WRITE, &e);

    if (rc == ERR_OK)
        rc = registry_devices(r, NULL, DEV_STATES, count_device, n, &e);
    if (rc == ERR_OK)
        rc = registry_products(r, note_scheme, schemes, &e);
    registry_close(r);
    (void)snprintf(detail, sizeof detail, "%s, devices: %lu, done: %lu", path, n[0], n[1]);
    doctor_tell(d, NULL, "registry", rc == ERR_OK ? CHECK_OK : CHECK_FAIL, detail, &e);
}

/* ---- tokens ---- */

/* Is it what an `init` of an earlier version did not make? */
static bool is_absent(const struct seen *s)
{
    return s->rc != ERR_OK && s->e.fault == &hsm_fault[HSM_KEY_MISSING];
}

static void look_for_keys(struct doctor *d, enum role role, struct hsm *h, struct keys *keys)
{
    struct master m = master_of(d->app->config->station);

    if (role == ROLE_LINE || role == ROLE_SERVER)
        keys->master.rc = master_find(h, &m, keys->master.kcv, &keys->master.e);
    if (role == ROLE_LOG)
        keys->signer.rc = signer_find(h, keys->signer.kcv, keys->pk, &keys->signer.e);
    if (role == ROLE_SERVER) {
        doctor_look_for_key(d, h, &keys->tls);
        doctor_look_for_fleets(d, h, &keys->fleet, &keys->fleets);
    }
    keys->open = true;
}

static void check_token(struct doctor *d, enum role role, struct keys *keys)
{
    bool keks_here = role == ROLE_LINE || role == ROLE_SERVER;
    char what[32], detail[200];
    struct hsm *h = NULL;
    struct err e = { 0 };

    (void)snprintf(what, sizeof what, "token %s", config_role_name(role));
    if (d->app->config->token[role].line == 0) {
        (void)err_set(&e, &cli_fault[CLI_NO_TOKEN], "token", NULL, 0, "%s: role '%s'", d->app->config->path,
                      config_role_name(role));
        doctor_tell(d, NULL, what, keks_here ? CHECK_FAIL : CHECK_NONE, NULL, &e);
        return;
    }
    enum err_code rc = token_open(d->app, role, false, &h, &e);
    if (rc == ERR_OK && keks_here)
        keys->has = (rc = keks_find(h, keys->kcv, &e)) == ERR_OK;
    if (rc == ERR_OK && keys->wants_x25519)
        rc = hsm_can(h, HSM_FLEET_X25519, &e);
    if (rc == ERR_OK) {
        const char *ignored = hsm_not_enforced(h);

        (void)snprintf(detail, sizeof detail, "'%s', logged in, mechanisms of %s%s%s%s%s", hsm_token_label(h),
                       hsm_profile(h), keys->wants_x25519 ? ", with X25519" : "", keks_here ? ", KEKs are right" : "",
                       ignored != NULL ? ", not enforced by the module: " : "", ignored != NULL ? ignored : "");
    }
    if (rc == ERR_OK)
        look_for_keys(d, role, h, keys);
    hsm_close(h);
    doctor_tell(d, NULL, what, rc == ERR_OK ? CHECK_OK : CHECK_FAIL, detail, &e);
}

/* What the line wraps the server must unwrap. */
static void compare_keks(struct doctor *d, struct keys *line, struct keys *server)
{
    struct err e = { 0 };
    char detail[64];
    enum err_code rc = keks_compare(line->kcv, server->kcv, &e);

    (void)snprintf(detail, sizeof detail, "kek %02x%02x%02x and kek-secret %02x%02x%02x, in line and server",
                   line->kcv[0][0], line->kcv[0][1], line->kcv[0][2], line->kcv[1][0], line->kcv[1][1], line->kcv[1][2]);
    doctor_tell(d, NULL, "keks", rc == ERR_OK ? CHECK_OK : CHECK_FAIL, detail, &e);
}

static void tell_key(struct doctor *d, const char *what, struct seen *s, const char *detail)
{
    struct err *e = &s->e;

    if (is_absent(s)) {
        char subject[sizeof e->subject];

        (void)snprintf(subject, sizeof subject, "%s", e->subject);
        (void)err_set(e, e->fault, e->op, NULL, 0, "%s; `fuseline init` makes it", subject);
    }
    doctor_tell(d, NULL, what, s->rc == ERR_OK ? CHECK_OK : is_absent(s) ? CHECK_NONE : CHECK_FAIL, detail, e);
}

/* Absent in the line: there is none.  Absent in the server only: what the line derives nobody could read. */
static void check_master(struct doctor *d, struct seen *line, const struct seen *server)
{
    struct master m = master_of(d->app->config->station);
    struct seen s = *line;
    char detail[96];

    if (s.rc == ERR_OK && server->rc != ERR_OK) {
        doctor_tell(d, NULL, "master", CHECK_FAIL, NULL, &server->e);
        return;
    }
    if (s.rc == ERR_OK)
        s.rc = master_compare(&m, line->kcv, server->kcv, &s.e);
    (void)snprintf(detail, sizeof detail, "%s %02x%02x%02x, in line and server", m.label, s.kcv[0], s.kcv[1], s.kcv[2]);
    tell_key(d, "master", &s, detail);
}

static void check_signer(struct doctor *d, struct keys *log)
{
    char detail[128], pk[65];

    hex_encode(log->pk, sizeof log->pk, pk);
    (void)snprintf(detail, sizeof detail, "%s, Ed25519 %s", log_signer.label, pk);
    tell_key(d, "log signer", &log->signer, detail);
}

/* ---- firmware ---- */

static void check_firmware(struct doctor *d, uint8_t scheme, uint8_t suite, const struct chip_desc *chip)
{
    const struct config *c = d->app->config;
    char path[FIRMWARE_PATH_MAX], what[96];
    struct fw_image *fw = NULL;
    struct err e = { 0 };
    uint32_t addr;
    const char *form = scheme_form(scheme, suite);
    enum err_code rc = firmware_path(c, form, chip->name, path, &e);

    if (rc == ERR_OK)
        rc = fw_image_open(&fw, path, chip, &e);
    if (rc == ERR_OK)
        rc = fw_image_symbol(fw, "fl_mailbox", &addr, &e);
    if (rc == ERR_OK && suite == SUITE_RSA)
        rc = fw_image_symbol(fw, "fl_rsa_key", &addr, &e);
    fw_image_close(fw);
    (void)snprintf(what, sizeof what, "firmware %s-%s", form, chip->name);
    doctor_tell(d, NULL, what, rc == ERR_OK ? CHECK_OK : CHECK_FAIL, path, &e);
}

/* For each kind of chip that a slot has, once. */
static void check_chips(struct doctor *d, uint8_t scheme, uint8_t suite)
{
    const struct config *c = d->app->config;

    for (size_t i = 0; i < c->n_slots; i++) {
        bool seen = false;

        for (size_t before = 0; before < i; before++)
            seen = seen || c->slot[before].chip == c->slot[i].chip;
        if (!seen)
            check_firmware(d, scheme, suite, c->slot[i].chip);
    }
}

/* Of the schemes and suites that the products have. */
static void check_firmwares(struct doctor *d, const unsigned schemes[SCHEME_MAX + 1])
{
    for (uint8_t scheme = 1; scheme <= SCHEME_MAX; scheme++)
        for (uint8_t suite = 0; schemes[scheme] >> suite != 0; suite++)
            if ((schemes[scheme] >> suite & 1) != 0)
                check_chips(d, scheme, suite);
}

/* ---- all of it ---- */

/* A folder that was never set up to provision is a bench: nothing of it is missing. */
static bool is_bench(const struct config *c)
{
    for (enum role r = 0; r < ROLES; r++)
        if (c->token[r].line != 0)
            return false;
    return access(c->registry, F_OK) != 0;
}

void doctor_line(struct doctor *d)
{
    struct keys keys[ROLES];
    unsigned schemes[SCHEME_MAX + 1] = { [1] = 1u << SUITE_P256_CCM }; /* sealed: what a first product will be */

    memset(keys, 0, sizeof keys);
    if (is_bench(d->app->config)) {
        doctor_serve(d, &keys[ROLE_SERVER].tls);
        return;
    }
    check_registry(d, schemes);
    for (uint8_t scheme = 1; scheme <= SCHEME_MAX; scheme++)
        keys[ROLE_SERVER].wants_x25519 |= (schemes[scheme] >> SUITE_X25519_CCM & 1) != 0;
    for (enum role r = 0; r < ROLES && !interrupt_requested(); r++)
        check_token(d, r, &keys[r]);
    if (keys[ROLE_LINE].has && keys[ROLE_SERVER].has)
        compare_keks(d, &keys[ROLE_LINE], &keys[ROLE_SERVER]);
    if (keys[ROLE_LINE].open && keys[ROLE_SERVER].open)
        check_master(d, &keys[ROLE_LINE].master, &keys[ROLE_SERVER].master);
    if (keys[ROLE_LOG].open)
        check_signer(d, &keys[ROLE_LOG]);
    doctor_fleets(d, &keys[ROLE_SERVER].fleet, keys[ROLE_SERVER].fleets);
    doctor_serve(d, &keys[ROLE_SERVER].tls);
    check_firmwares(d, schemes);
}

#include "cli/epoch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/otp_image.h"

enum { DAY_S = 24 * 60 * 60 };

bool epoch_of_label(const char *label, uint16_t *fleet, uint8_t *epoch)
{
    const char *numbers = strchr(label, '/');
    unsigned long f, n;
    char *end;

    if (numbers == NULL || (strncmp(label, "fleet/", 6) != 0 && strncmp(label, "rsa/", 4) != 0))
        return false;
    f = strtoul(numbers + 1, &end, 10);
    if (*end != '/' || f < 1 || f > UINT16_MAX)
        return false;
    n = strtoul(end + 1, &end, 10);
    if (*end != '\0' || n < 1 || n > UINT8_MAX)
        return false;
    *fleet = (uint16_t)f;
    *epoch = (uint8_t)n;
    return true;
}

bool epoch_is_signed(uint8_t scheme)
{
    return scheme == 3 || scheme == 7 || scheme == 8;
}

static void time_text(time_t at, char out[REG_TIME])
{
    struct tm utc = { 0 };

    (void)gmtime_r(&at, &utc);
    if (strftime(out, REG_TIME, "%Y-%m-%dT%H:%M:%S.000Z", &utc) == 0)
        out[0] = '\0';
}

void epoch_deadline(unsigned long days, char out[REG_TIME])
{
    time_text(time(NULL) + (time_t)days * DAY_S, out);
}

bool epoch_is_past(const char *deadline)
{
    char now[REG_TIME];

    time_text(time(NULL), now);
    return deadline[0] != '\0' && strcmp(deadline, now) <= 0; /* one form, one length: text order is time's */
}

/* ---- who has no later key ---- */

struct walk {
    const struct app *app;
    bool is_signed;
    uint8_t epoch;
    unsigned long behind;
    bool past; /* a later key's deadline has passed */
};

/* An image is recorded from the intent on: such a device has its initial epoch, whatever became of the burn. */
static enum err_code count(void *io, const struct device *d, struct err *e)
{
    struct walk *w = io;
    struct device_seen seen = { .epoch = 0 };
    enum err_code rc = ERR_OK;

    if (!d->has_image || d->state == DEV_QUARANTINED || d->state == DEV_VOID)
        return ERR_OK;
    if (w->is_signed)
        rc = registry_seen(w->app->registry, d->serial, &seen, e);
    if (seen.epoch < d->image[OTP_OFF_EPOCH])
        seen.epoch = d->image[OTP_OFF_EPOCH];
    if (rc == ERR_OK && seen.epoch <= w->epoch)
        w->behind++;
    return rc;
}

static enum err_code later(void *io, const struct fleet_key *k, struct err *e)
{
    struct walk *w = io;

    (void)e;
    w->past = w->past || (k->epoch > w->epoch && epoch_is_past(k->deadline));
    return ERR_OK;
}

static void conclude(const struct walk *w, struct epoch_facts *f)
{
    const char *plural = w->behind == 1 ? "" : "s";

    if (w->behind == 0)
        (void)snprintf(f->why, sizeof f->why, "no device has it as its last");
    else if (w->is_signed)
        (void)snprintf(f->why, sizeof f->why, "%lu device%s ha%s not acknowledged a later one", w->behind, plural,
                       w->behind == 1 ? "s" : "ve");
    else
        (void)snprintf(f->why, sizeof f->why, "of %lu device%s nobody can know the epoch", w->behind, plural);
    f->need = w->past || w->behind == 0 ? EPOCH_UNNEEDED : EPOCH_NEEDED;
}

static enum err_code find_out(const struct app *app, struct epoch_facts *f, struct err *e)
{
    struct walk w = { .app = app, .epoch = f->key.epoch };
    struct product p;
    enum err_code rc;

    if (f->key.state == FLEET_KEY_DESTROYED) {
        f->need = EPOCH_UNNEEDED;
        return ERR_OK;
    }
    if (f->key.state == FLEET_KEY_ACTIVE) {
        f->need = EPOCH_NEEDED;
        (void)snprintf(f->why, sizeof f->why, "it is the fleet's ACTIVE key");
        return ERR_OK;
    }
    if ((rc = registry_product_by_fleet(app->registry, f->key.fleet, &p, e)) != ERR_OK)
        return rc;
    w.is_signed = epoch_is_signed(p.scheme);
    if ((rc = registry_fleet_key_list(app->registry, p.fleet, later, &w, e)) == ERR_OK &&
        (rc = registry_devices(app->registry, p.name, DEV_STATES, count, &w, e)) == ERR_OK)
        conclude(&w, f);
    return rc;
}

enum err_code epoch_facts(const struct app *app, const char *label, struct epoch_facts *out, struct err *e)
{
    struct epoch_facts f = { .need = EPOCH_UNKNOWN, .why = "the registry can't tell who needs it" };
    uint16_t fleet;
    uint8_t epoch;
    enum err_code rc = ERR_OK;

    if (epoch_of_label(label, &fleet, &epoch)) {
        rc = registry_fleet_key_get(app->registry, fleet, epoch, &f.key, e);
        f.is_recorded = rc == ERR_OK && strcmp(f.key.label, label) == 0;
        rc = rc == ERR_NOINPUT ? ERR_OK : rc;
    }
    if (rc == ERR_OK && f.is_recorded)
        rc = find_out(app, &f, e);
    if (rc == ERR_OK)
        *out = f;
    return rc;
}

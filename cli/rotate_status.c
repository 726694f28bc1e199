/* cli/rotate_status.c - how far a fleet has come with its newest key, as far as anybody can know. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/epoch.h"
#include "cli/fault.h"
#include "cli/options.h"
#include "cli/ui/report.h"
#include "protocol/scheme.h"

struct view {
    struct product p;
    struct fleet_key active;
    struct rotation_progress progress;
    json_t *epochs; /* an object of every key that the fleet has had */
};

static enum err_code take_fleet(const struct app *app, uint16_t *fleet, struct err *e)
{
    unsigned long n = 0;
    enum err_code rc = options_number(app, OPT_FLEET, UINT16_MAX, &n, e);

    if (rc == ERR_OK && n == 0)
        rc = err_set(e, &cli_fault[CLI_BAD_NUMBER], "parse", NULL, 0, "--fleet '%s': 1 to %u", app->opt[OPT_FLEET],
                     UINT16_MAX);
    *fleet = (uint16_t)n;
    return rc;
}

static enum err_code no_memory(struct err *e)
{
    return err_set(e, &cli_fault[CLI_NO_MEMORY], "json", NULL, 0, "epochs");
}

static enum err_code add_epoch(void *io, const struct fleet_key *k, struct err *e)
{
    struct view *v = io;
    json_t *o =
        json_pack("{s:i, s:s, s:s?, s:s?, s:s, s:I}", "epoch", k->epoch, "state", fleet_key_state_name(k->state), "signer",
                  !k->has_rotate   ? NULL
                  : k->signer != 0 ? "ra-backup"
                                   : "ra",
                  "deadline", k->deadline[0] != '\0' ? k->deadline : NULL, "created", k->created, "devices",
                  (json_int_t)v->progress.at[k->epoch]);

    return o != NULL && json_array_append_new(v->epochs, o) == 0 ? ERR_OK : no_memory(e);
}

static enum err_code look(const struct app *app, struct view *v, struct err *e)
{
    uint16_t fleet = 0;
    enum err_code rc = take_fleet(app, &fleet, e);

    if (rc != ERR_OK || (rc = registry_product_by_fleet(app->registry, fleet, &v->p, e)) != ERR_OK ||
        (rc = registry_fleet_key_active(app->registry, fleet, &v->active, e)) != ERR_OK ||
        (rc = registry_rotation_progress(app->registry, fleet, &v->progress, e)) != ERR_OK)
        return rc;
    v->progress.is_known = epoch_is_signed(v->p.scheme);
    v->epochs = json_array();
    return v->epochs == NULL ? no_memory(e) : registry_fleet_key_list(app->registry, fleet, add_epoch, v, e);
}

/* In 6 nobody says whose an OPEN is: not even a claim to count. */
static bool has_claims(const struct view *v)
{
    return v->p.scheme != 6;
}

static enum err_code show_json(const struct view *v, struct err *e)
{
    const struct rotation_progress *p = &v->progress;
    const uint64_t answered = p->at[v->active.epoch];
    json_t *o = json_pack("{s:i, s:s, s:s, s:i, s:s?, s:b, s:b, s:I, s:O}", "fleet", v->p.fleet, "product", v->p.name,
                          "scheme", scheme_form(v->p.scheme, v->p.suite), "epoch", v->active.epoch, "deadline",
                          v->active.deadline[0] != '\0' ? v->active.deadline : NULL, "deadline_passed",
                          epoch_is_past(v->active.deadline), "known", p->is_known, "devices", (json_int_t)p->devices,
                          "epochs", v->epochs);
    json_t *counts = p->is_known ? json_pack("{s:I, s:I, s:I, s:n}", "answered", (json_int_t)answered, "behind",
                                             (json_int_t)(p->devices - answered), "silent", (json_int_t)p->silent, "claimed")
                     : has_claims(v)
                         ? json_pack("{s:n, s:n, s:n, s:I}", "answered", "behind", "silent", "claimed", (json_int_t)answered)
                         : json_pack("{s:n, s:n, s:n, s:n}", "answered", "behind", "silent", "claimed");

    if (o == NULL || counts == NULL || json_object_update(o, counts) != 0) {
        json_decref(o);
        o = NULL;
    }
    json_decref(counts);
    return report_object(o, e);
}

static void show_epochs(const struct view *v)
{
    size_t i;
    json_t *o;

    json_array_foreach(v->epochs, i, o)
    {
        const char *deadline = json_string_value(json_object_get(o, "deadline"));
        const char *signer = json_string_value(json_object_get(o, "signer"));

        printf("  epoch %3" JSON_INTEGER_FORMAT "  %-9s  %s  %-9s", json_integer_value(json_object_get(o, "epoch")),
               json_string_value(json_object_get(o, "state")), json_string_value(json_object_get(o, "created")),
               signer != NULL ? signer : "first");
        if (has_claims(v))
            printf("  %" JSON_INTEGER_FORMAT " device(s)%s", json_integer_value(json_object_get(o, "devices")),
                   v->progress.is_known ? "" : ", as claimed");
        printf("%s%s\n", deadline != NULL ? "  deadline " : "", deadline != NULL ? deadline : "");
    }
}

static void show_text(const struct view *v)
{
    const struct rotation_progress *p = &v->progress;
    const uint64_t answered = p->at[v->active.epoch];

    printf("fleet %u (%s, %s): epoch %u is ACTIVE\n", v->p.fleet, v->p.name, scheme_form(v->p.scheme, v->p.suite),
           v->active.epoch);
    if (p->is_known)
        printf("  %" PRIu64 " of %" PRIu64 " devices have answered with it; %" PRIu64 " were never heard\n", answered,
               p->devices, p->silent);
    else if (has_claims(v))
        printf("  who has moved can't be known: %" PRIu64 " of %" PRIu64 " serials were claimed with it, by anybody\n",
               answered, p->devices);
    else if (v->p.suite == SUITE_RSA)
        printf("  nothing to rotate: the key is in the firmware, its digest in OTP; %" PRIu64 " devices were made\n",
               p->devices);
    else
        printf("  who has moved can't be known: no frame says whose it is; %" PRIu64 " devices were made\n", p->devices);
    show_epochs(v);
    if (v->active.deadline[0] != '\0')
        printf("  the keys before it may go from %s on%s\n", v->active.deadline,
               epoch_is_past(v->active.deadline) ? ", which has passed" : "");
    else if (!p->is_known && v->active.has_rotate)
        puts("  there is no deadline: the keys before it end by force alone");
}

static enum err_code run(struct app *app, struct err *e)
{
    struct view v = { .epochs = NULL };
    enum err_code rc = look(app, &v, e);

    if (rc == ERR_OK && app->json)
        rc = show_json(&v, e);
    else if (rc == ERR_OK)
        show_text(&v);
    json_decref(v.epochs);
    return rc;
}

static const struct cmd_opt options[] = {
    { "fleet", "F", OPT_FLEET, 0, true, "the fleet, 1..65535", false },
    { 0 },
};

extern const struct cmd cmd_rotate_status;
const struct cmd cmd_rotate_status = {
    "rotate status",
    "--fleet F",
    "say how far a fleet has come with its newest key",
    "Who has answered with it is known where first frames are signed: identity, certificate and signup.  In sealed-fleet\n"
    "anybody can claim a serial, so that only claims are counted; in session no frame says whose it is.  There only the\n"
    "deadline ends an older key.\n",
    options,
    CMD_READS,
    run,
};

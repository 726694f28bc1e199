#include "cli/lifetime.h"

#include <stdio.h>

#include "cli/epoch.h"
#include "protocol/scheme.h"

enum { DERIVED = 5, SESSION = 6 };

enum err_code lifetime_of(const struct app *app, const struct device *d, struct lifetime *l, struct err *e)
{
    struct product p;
    enum err_code rc = registry_product_get(app->registry, d->product, &p, e);

    *l = (struct lifetime){ .has_gen = false };
    if (rc != ERR_OK)
        return rc;
    l->has_gen = p.scheme == DERIVED;
    l->has_epoch = scheme_by_id(p.scheme)->epoch && p.scheme != SESSION;
    l->is_signed = epoch_is_signed(p.scheme);
    if (l->has_gen)
        rc = registry_gen(app->registry, d->serial, &l->gen, e);
    if (rc == ERR_OK && l->has_epoch)
        rc = registry_seen(app->registry, d->serial, &l->seen, e);
    return rc;
}

static json_t *number(bool is_there, int n)
{
    return is_there ? json_integer(n) : json_null();
}

json_t *lifetime_json(json_t *o, const struct lifetime *l)
{
    const bool heard = l->has_epoch && l->seen.epoch != 0;
    json_t *more = json_pack("{s:o, s:o, s:o, s:s?, s:s?}", "generation", number(l->has_gen, l->gen.gen), "pending",
                             number(l->has_gen && l->gen.has_pending, l->gen.gen + 1), "epoch", number(heard, l->seen.epoch),
                             "epoch_is",
                             !heard         ? NULL
                             : l->is_signed ? "acknowledged"
                                            : "claimed",
                             "heard", heard && l->seen.heard[0] != '\0' ? l->seen.heard : NULL);

    if (o == NULL || more == NULL || json_object_update(o, more) != 0) {
        json_decref(o);
        o = NULL;
    }
    json_decref(more);
    return o;
}

void lifetime_text(const struct lifetime *l, char *out, size_t max)
{
    out[0] = '\0';
    if (l->has_gen && l->gen.has_pending)
        (void)snprintf(out, max, "generation %d, %d pending", l->gen.gen, l->gen.gen + 1);
    else if (l->has_gen)
        (void)snprintf(out, max, "generation %u", l->gen.gen);
    else if (l->has_epoch && l->seen.epoch == 0)
        (void)snprintf(out, max, "no epoch heard yet");
    else if (l->has_epoch)
        (void)snprintf(out, max, "epoch %u %s", l->seen.epoch, l->is_signed ? "acknowledged" : "claimed");
}

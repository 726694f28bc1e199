/* cli/lifetime.h - how a device's keys have moved since it was made: generations (scheme 5), epochs of its fleet. */
#ifndef CLI_LIFETIME_H
#define CLI_LIFETIME_H

#include <jansson.h>

#include "cli/cmd.h"
#include "db/fleet.h"
#include "db/generation.h"

struct lifetime {
    bool has_gen; /* scheme 5 */
    struct generations gen;
    bool has_epoch; /* a scheme whose devices follow their fleet's keys, and say who they are */
    bool is_signed; /* the epoch is acknowledged; else it is only claimed for this serial */
    struct device_seen seen;
};

enum err_code lifetime_of(const struct app *app, const struct device *d, struct lifetime *l, struct err *e)
    __attribute__((warn_unused_result));

/* Add "generation", "pending", "epoch", "epoch_is" (acknowledged, claimed), "heard", each null where there is none.  Takes o
 * over; NULL: no memory. */
json_t *lifetime_json(json_t *o, const struct lifetime *l);

/* "generation 1, 2 pending", "epoch 2 acknowledged"; "" if nothing is to be said. */
void lifetime_text(const struct lifetime *l, char *out, size_t max);

#endif

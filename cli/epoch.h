/* cli/epoch.h - fleets' keys by epoch: what the registry knows of a token's key, and whether anything still needs it.
 * Boundary: reads the registry alone.  Labels are "fleet/F/N" and "rsa/F/N" (hsm/hsm.h). */
#ifndef CLI_EPOCH_H
#define CLI_EPOCH_H

#include "cli/cmd.h"
#include "db/fleet.h"

/* False: the label is no fleet key's. */
bool epoch_of_label(const char *label, uint16_t *fleet, uint8_t *epoch);

/* Do devices of this scheme sign their OPENs, so that nobody else can say which epoch they have (3, 7, 8)? */
bool epoch_is_signed(uint8_t scheme);

/* Has a deadline of this form (REG_TIME) passed?  "" never does. */
bool epoch_is_past(const char *deadline);

/* That many days from now. */
void epoch_deadline(unsigned long days, char out[REG_TIME]);

enum epoch_need { EPOCH_UNKNOWN, EPOCH_NEEDED, EPOCH_UNNEEDED };

struct epoch_facts {
    bool is_recorded; /* key is filled in; else the registry has no such key, and need is EPOCH_UNKNOWN */
    struct fleet_key key;
    enum epoch_need need;
    char why[64]; /* "2 devices have no later key" */
};

/* May the key of that label go?  Needed: it is ACTIVE; or devices have no later one: where OPENs are signed those that have
 * not acknowledged one, elsewhere all, for nobody can know.  Once the deadline of a later key has passed it may go anyway:
 * `why` then says how many are left behind. */
enum err_code epoch_facts(const struct app *app, const char *label, struct epoch_facts *out, struct err *e)
    __attribute__((warn_unused_result));

#endif

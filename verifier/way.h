/* verifier/way.h - inside the verifier: what is particular to a scheme here, as one table: one row a scheme.
 * Included by this room alone.  Bytes and keys of a session are protocol/peer.h's. */
#ifndef VERIFIER_WAY_H
#define VERIFIER_WAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "db/fleet.h"

struct verifier;
struct peer;

struct way {
    uint8_t scheme;
    bool of_fleet;  /* its key is the fleet's in one epoch; else the device's own */
    bool by_boot;   /* every frame is a first frame, and a boot number names its session */
    bool is_nobody; /* no frame says whose it is */
    bool signs;     /* first frames are signed: whose they are is known once that is checked */

    /* Fill in the keys and side.pkRm of a peer that is set otherwise.  k: of_fleet; else NULL. */
    enum err_code (*load)(struct verifier *v, struct peer *p, const struct product *product, const struct fleet_key *k,
                          struct err *e);
};

/* NULL: frames of that scheme are not opened here. */
const struct way *way_of(uint8_t scheme);

/* keys_device.c, keys_derived.c, keys_fleet.c */
enum err_code load_sealed(struct verifier *v, struct peer *p, const struct product *product, const struct fleet_key *k,
                          struct err *e);
enum err_code load_secret(struct verifier *v, struct peer *p, const struct product *product, const struct fleet_key *k,
                          struct err *e);
enum err_code load_derived(struct verifier *v, struct peer *p, const struct product *product, const struct fleet_key *k,
                           struct err *e);
enum err_code load_fleet(struct verifier *v, struct peer *p, const struct product *product, const struct fleet_key *k,
                         struct err *e);

#endif

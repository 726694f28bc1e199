/* station/slots.h - where the 32 bytes of each slot of an OTP image come from, for every scheme: one table.
 * What a slot is to the device (point, digest, secret) stands in protocol/scheme.h; this is the line's view of it.
 * Boundary: rows only; key.c makes, image.c fetches what a row names.  Source: docs/protocol.md, "OTP image". */
#ifndef STATION_SLOTS_H
#define STATION_SLOTS_H

#include "db/registry.h"
#include "protocol/scheme.h"

enum slot_source {
    FROM_NOTHING,   /* FF: unused, or an optional slot that this line leaves out */
    FROM_PAIR,      /* x of a key pair of this device alone; its private half is wrapped as `role` */
    FROM_SECRET,    /* drawn for this device, wrapped as `role`, burned; fetched again for a repeat */
    FROM_MASTER,    /* K_root: derived from the product's master and the serial; stored nowhere */
    FROM_FLEET,     /* x of the fleet's ACTIVE key, whose epoch the image names; of RSA its digest */
    FROM_RA,        /* x of the product's rotation authority */
    FROM_BACKUP_RA, /* ... and of its backup */
    FROM_CHIP,      /* a hole: the chip makes it (its seed), or tells it (a digest) */
    FROM_SEED,      /* injected: made of what was drawn for this device, wrapped as `role` until it is burned */
    FROM_SEED_X     /* ... digest of its public key */
};

struct slot_rule {
    enum slot_source from;
    const char *role; /* of the wrapped key; NULL: none */
};

/* The row of slot 0..SLOTS-1 for that product. */
struct slot_rule slot_rule(const struct product *p, unsigned slot);

/* The line itself knows what stands in the secret slot: it is secret in the journal, and made again for a repeat.  False:
 * there is none, or the chip made it. */
bool slots_line_has_secret(const struct product *p);

/* A product of that scheme may have its devices' keys injected. */
bool slots_may_inject(uint8_t scheme);

/* Its devices have a key of their own to sign with, whoever made it. */
bool slots_device_signs(const struct product *p);

/* The chip makes its key: the image has holes until then. */
bool slots_chip_makes_key(const struct product *p);

/* Some slot of the product is of that source. */
bool slots_need(const struct product *p, enum slot_source from);

/* Label of the product's master in a token. */
struct master_label {
    char text[REG_NAME + 8]; /* "master/1" */
};
struct master_label slots_master(const struct product *p);

#endif

/* cli/rotation.h - a fleet's next key and its ROTATE frame, from two tokens into the registry.
 * Order: look (which epoch, which authority) -> key in the server token, and its kept copy -> signature by the vault's
 * authority, verified under the x that the devices have -> key, frame and events in one transaction.
 * Power: cut anywhere, the same call takes up the key that was made and not recorded; an epoch never has two keys.
 * Source: docs/protocol.md, "ROTATE"; docs/keys.md. */
#ifndef CLI_ROTATION_H
#define CLI_ROTATION_H

#include "cli/cmd.h"
#include "db/fleet.h"
#include "hsm/hsm.h"

struct rotation {
    struct product product;
    struct fleet_key from; /* ACTIVE before */
    uint8_t epoch;         /* of the new key */
    char label[HSM_LABEL];
    bool backup;         /* signed by the backup authority, v = 1 */
    bool is_there;       /* its key was made by a call that was cut, or ahead of time */
    bool is_done;        /* `only` is the fleet's ACTIVE key already, by this authority: nothing is left to do */
    struct fleet_key to; /* once it is made, or is_done */
};

/* Fill r for the fleet.  server: open.  only: the epoch that it must be; 0: the next one.
 * ERR_CONFLICT no-rotation, no-backup-ra, or epoch-not-next. */
enum err_code rotation_look(struct rotation *r, const struct app *app, uint16_t fleet, bool backup, uint8_t only,
                            struct hsm *server, struct err *e) __attribute__((warn_unused_result));

/* The authority in the vault, if it is the one that the fleet's devices have burned; hsm_key_free.
 * ERR_UNAVAILABLE there is none; ERR_CONFLICT ra-other. */
enum err_code rotation_authority(const struct rotation *r, struct hsm *vault, struct hsm_key **ra, struct err *e)
    __attribute__((warn_unused_result));

/* Make, sign, record.  deadline: REG_TIME, or "". */
enum err_code rotation_make(struct rotation *r, const struct app *app, struct hsm *server, struct hsm_key *ra,
                            const char *deadline, struct err *e) __attribute__((warn_unused_result));

#endif

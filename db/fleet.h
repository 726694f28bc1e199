/* db/fleet.h - the keys of a fleet by epoch, and how far a rotation has come (schemes 2, 3, 6, 7, 8).
 * Boundary: as db/registry.h, whose calls and transactions these are.  The private key is in the server's token under
 * `label`: what is done there is the caller's, in this order: make the key, then registry_fleet_key_add; state DESTROYED,
 * then destroy it.  A cut between leaves a key without a row, or a row whose key is still there: both are safe to repeat.
 * An older copy of the registry that was accepted (db/mark.h) has forgotten the epochs used since: whoever picks an epoch
 * looks at the token's labels too.  Source: docs/protocol.md, rotation. */
#ifndef DB_FLEET_H
#define DB_FLEET_H

#include "db/registry.h"

enum { REG_RSA_N = 512, REG_RSA_E = 4, REG_ROTATE = 98 };

enum fleet_key_state {                      /* fleet_key_state_name() */
                       FLEET_KEY_ACTIVE,    /* the newest; one in each fleet */
                       FLEET_KEY_PREVIOUS,  /* still opens what comes late */
                       FLEET_KEY_RETIRED,   /* opens nothing any more; can come back */
                       FLEET_KEY_DESTROYED, /* no copy is left; the row stays for ever */
                       FLEET_KEY_STATES
};
const char *fleet_key_state_name(enum fleet_key_state s); /* "ACTIVE" */

struct fleet_key {
    uint16_t fleet;
    uint8_t epoch; /* 1..255: used once in its fleet, whoever signs */
    uint8_t suite; /* protocol/scheme.h */
    enum fleet_key_state state;
    uint8_t x[32]; /* public: P-256 x of the point with even y, or X25519; RSA: SHA-256(n512 | e4).  UNIQUE in all fleets */
    bool has_rsa;
    uint8_t rsa_n[REG_RSA_N], rsa_e[REG_RSA_E]; /* big-endian */
    char label[REG_NAME];                       /* in the server's token */
    bool has_rotate;                            /* false: the fleet's first key, which devices hold since they were made */
    uint8_t rotate[REG_ROTATE];                 /* the frame as it is sent */
    uint8_t signer;                             /* v of that frame: 0 the RA, 1 the backup RA */
    char deadline[REG_TIME]; /* of the rotation to this key: from then on the keys before it may go; "" none */
    char created[REG_TIME];
};

/* Add k as the fleet's ACTIVE key; the one before becomes PREVIOUS.  epoch 0: the next one, which is set.
 * ERR_CONFLICT the epoch is not above all that the fleet has used, the key is known (in whatever fleet), or the backup RA
 * has signed before and this is the RA's: devices would refuse it.  ERR_NO 255 are used up.  ERR_NOINPUT no such fleet. */
enum err_code registry_fleet_key_add(struct registry *r, struct fleet_key *k, struct err *e);

/* Absent: ERR_NOINPUT. */
enum err_code registry_fleet_key_get(struct registry *r, uint16_t fleet, uint8_t epoch, struct fleet_key *k, struct err *e);
enum err_code registry_fleet_key_active(struct registry *r, uint16_t fleet, struct fleet_key *k, struct err *e);

/* The next epoch of that fleet.  ERR_NO: used up. */
enum err_code registry_fleet_epoch_next(struct registry *r, uint16_t fleet, uint8_t *epoch, struct err *e);

/* What answers an OPEN of an old epoch: the newest ROTATE of the fleet, that of its ACTIVE key. */
enum err_code registry_fleet_rotate(struct registry *r, uint16_t fleet, struct fleet_key *k, bool *found, struct err *e);

typedef enum err_code registry_fleet_key_each(void *io, const struct fleet_key *k, struct err *e); /* not ERR_OK: stop */
/* By fleet and epoch; fleet 0: all. */
enum err_code registry_fleet_key_list(struct registry *r, uint16_t fleet, registry_fleet_key_each *each, void *io,
                                      struct err *e);
/* Those that may open a frame which names no fleet: ACTIVE and PREVIOUS ones of that epoch and suite; 0: of any. */
enum err_code registry_fleet_key_usable(struct registry *r, uint8_t epoch, uint8_t suite, registry_fleet_key_each *each,
                                        void *io, struct err *e);

/* from -> to, with a reason for the log.  The steps: ACTIVE -> RETIRED (the fleet's end), PREVIOUS -> RETIRED,
 * RETIRED -> PREVIOUS, RETIRED -> DESTROYED.  Whether it is time is the caller's to know (deadline, progress).
 * ERR_CONFLICT it is not in `from`, or that is no step. */
enum err_code registry_fleet_key_state(struct registry *r, uint16_t fleet, uint8_t epoch, enum fleet_key_state from,
                                       enum fleet_key_state to, const char *reason, struct err *e);

/* ---- devices on their way ---- */

struct device_seen {      /* what a device's own frames have shown: registry_frame_record */
    uint8_t epoch;        /* acknowledged: the highest of its OPENs; 0 none */
    uint8_t nvm_loss;     /* highest, 0..63 */
    uint8_t lost;         /* highest told by registry_flash_lost */
    char heard[REG_TIME]; /* its last OPEN that names epoch or boot; "" none */
};
/* All zeros if nothing was heard of it. */
enum err_code registry_seen(struct registry *r, uint64_t serial, struct device_seen *s, struct err *e);

struct rotation_progress {
    bool is_known; /* schemes 3, 7, 8, whose OPENs are signed.  2: anyone can claim a serial; 6: nobody says whose it is */
    uint64_t devices; /* DONE ones of the fleet */
    uint64_t silent;  /* of them, no OPEN came yet */
    uint64_t at[256]; /* of them, by acknowledged epoch; at[0] is 0 */
};
enum err_code registry_rotation_progress(struct registry *r, uint16_t fleet, struct rotation_progress *p, struct err *e);

/* The DONE devices of a fleet that have not acknowledged `epoch`, by serial. */
typedef enum err_code registry_seen_each(void *io, uint64_t serial, const struct device_seen *s, struct err *e);
enum err_code registry_rotation_behind(struct registry *r, uint16_t fleet, uint8_t epoch, registry_seen_each *each, void *io,
                                       struct err *e);

#endif

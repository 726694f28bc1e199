/* db/registry.h - the registry: products, devices and their state, wrapped keys, frames as received, and the event log.
 * Boundary: station, verifier and cli above; SQLite below (db/sql.h), PostgreSQL later: the SQL is portable, the schema has
 * twins. Each call, but inside a batch, is one committed transaction (rollback journal, synchronous=EXTRA: SQLite manual,
 * PRAGMA synchronous): when it returns ERR_OK the row and its event are on disk, and otherwise nothing happened.  Uniqueness
 * rests on UNIQUE constraints. Memory: strings and blobs are copied into the caller's structs.  Threads and forks: one
 * struct registry per process. Secrets: none.  Keys are stored wrapped; an image is stored with its secret slots blank.
 * Times: UTC, RFC 3339, from registry_clock. */
#ifndef DB_REGISTRY_H
#define DB_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    REG_NAME = 33,        /* product, key label: 1..32 characters and NUL */
    REG_TIME = 25,        /* 2026-11-21T08:00:00.000Z and NUL */
    REG_UID = 12,         /* bytes */
    REG_IMAGE = 176,      /* bytes: protocol/otp_image.h */
    REG_BLOB_MAX = 256,   /* bytes of a wrapped key */
    REG_FRAME_MAX = 1024, /* bytes: protocol/frame.h */
    REG_KEYS_MAX = 2      /* wrapped keys of one device */
};

struct registry;

/* ---- opening ---- */

enum registry_mode { REGISTRY_READ, REGISTRY_WRITE, REGISTRY_CREATE /* write; make it if absent */ };

/* Open the registry file and bring its schema up to date (WRITE, CREATE).
 * ERR_UNAVAILABLE absent; ERR_RIGHTS read-only; ERR_CONFIG made by a newer fuseline, or no registry; nothing is changed
 * then. */
enum err_code registry_open(struct registry **out, const char *path, enum registry_mode mode, struct err *e);
void registry_close(struct registry *r);

/* Where `now` comes from: milliseconds since 1970.  NULL: CLOCK_REALTIME. */
void registry_clock(struct registry *r, uint64_t (*now_ms)(void *io), void *io);

/* Many calls as one transaction, for work in bulk: nothing of it is on disk, nor may be given out, before
 * registry_batch_commit returns ERR_OK; after a failed commit, a drop or a power cut, nothing of it happened.  Each call
 * inside is still whole or not at all.  Others can't write meanwhile.  No batch within a batch. */
enum err_code registry_batch_begin(struct registry *r, struct err *e);
enum err_code registry_batch_commit(struct registry *r, struct err *e);
void registry_batch_drop(struct registry *r);
bool registry_batch_is_open(const struct registry *r);

/* ---- products ---- */

struct product {
    char name[REG_NAME];
    char chip[REG_NAME];                /* flash/chips name */
    uint8_t scheme, suite;              /* protocol/scheme.h */
    uint16_t fleet, model, policy;      /* as in the OTP image */
    uint8_t sid_len, ctr_len;           /* constants of its firmware's build */
    uint8_t lock;                       /* RDP level after the proof: 0, 1, 2 */
    uint32_t serial_first, serial_last; /* low 4 bytes of its serials */
    uint8_t epoch;                      /* initial; 0 where the scheme has none */
    char master[REG_NAME];              /* scheme 5: the line whose `master/<line>` derives its keys; else "" */
    bool has_ra, has_backup_ra;         /* rotation authorities: public keys, x of the point with even y */
    uint8_t ra_x[32], backup_ra_x[32];
    bool injected; /* scheme 3: the line draws its devices' keys; else each chip its own */
    char created[REG_TIME];
};

/* ERR_CONFLICT when the name, the fleet id or part of the serial range is taken.  fleet 0: the next free one is chosen and
 * set.  Nothing else is looked into: what a scheme needs is the caller's to know.  A fleet's first key is a row of its own
 * (db/fleet.h); in one batch with its product there is never one without the other. */
enum err_code registry_product_add(struct registry *r, struct product *p, struct err *e);
enum err_code registry_product_get(struct registry *r, const char *name, struct product *p,
                                   struct err *e); /* absent: ERR_NOINPUT */
enum err_code registry_product_by_fleet(struct registry *r, uint16_t fleet, struct product *p, struct err *e);
typedef enum err_code registry_product_each(void *io, const struct product *p, struct err *e); /* not ERR_OK: stop */
enum err_code registry_products(struct registry *r, registry_product_each *each, void *io, struct err *e);

/* ---- devices ---- */

enum device_state { /* docs/architecture.md; the names in the database are device_state_name() */
                    DEV_RESERVED,
                    DEV_KEYED,
                    DEV_BURNING,
                    DEV_VERIFIED,
                    DEV_PROVED,
                    DEV_LOCKED,
                    DEV_DONE,
                    DEV_QUARANTINED,
                    DEV_VOID, /* the serial alone: reserved, never burned, never to be used again */
                    DEV_STATES
};
const char *device_state_name(enum device_state s); /* "RESERVED" */

struct wrapped_key {
    char role[REG_NAME];        /* "server": per-device key pair; "psk": scheme 1's secret S1; REG_SIGN_SEED */
    uint8_t blob[REG_BLOB_MAX]; /* under the KEK, by `mechanism` */
    uint16_t blob_len;
    uint32_t mechanism; /* CKM_ number that made it, of module `profile` */
    char profile[REG_NAME];
    char kek[REG_NAME]; /* label; kek_kcv tells which key of that name */
    uint8_t kek_kcv[3];
    uint8_t digest[32];   /* SHA-256 of the public key's x, or of "fl1 key" | secret: UNIQUE in the registry */
    uint8_t public_x[32]; /* even-y point; zeros for a secret; of REG_SIGN_SEED that of the key which comes of it */
};
/* Role of what an injected key is made of.  Its row is there from KEYED until the burn is read back, or the device ends on
 * the way: then it is destroyed, and an event tells. */
#define REG_SIGN_SEED "sign-seed"

struct device {
    uint64_t serial;
    uint8_t uid[REG_UID];
    char product[REG_NAME];
    enum device_state state;
    uint16_t station;
    uint16_t day;             /* factory day since 2020-01-01, frozen at reservation */
    uint8_t image[REG_IMAGE]; /* from BURNING on; secret and chip-made slots blank */
    uint8_t image_sha256[32]; /* of the whole image as burned, where the line knows it all; else zeros */
    bool has_image;
    char reason[REG_NAME * 2]; /* fault name of a quarantine */
    char created[REG_TIME], updated[REG_TIME];
};

/* The device of this chip: the one reserved before (same UID, same serial, whatever its state), or a new row with the
 * product's next serial, RESERVED.  *fresh tells which. ERR_CONFLICT the UID belongs to a device of another product; ERR_NO
 * the product's serials are used up. */
enum err_code registry_reserve(struct registry *r, const char *product, const uint8_t uid[REG_UID], uint16_t station,
                               uint16_t day, struct device *d, bool *fresh, struct err *e);

/* The serial that registry_reserve would give to a new chip now.  ERR_NO: used up. */
enum err_code registry_next_serial(struct registry *r, const struct product *p, uint64_t *serial, struct err *e);

/* RESERVED -> KEYED with its n wrapped keys; with a REG_SIGN_SEED its public_x is this device's key, MADE (db/device_key.h),
 * from then on.  ERR_CONFLICT: a key's digest is known already (the same secret in two devices). */
enum err_code registry_keyed(struct registry *r, uint64_t serial, const struct wrapped_key *key, size_t n, struct err *e);

/* KEYED -> BURNING: the intent.  First, in a transaction of its own, the disk space is set aside that the records up to DONE
 * will need, their journal's included, so that a full disk is noticed here (ERR_RETRY; the device is still KEYED) and not
 * after the burn. A cut between the two leaves set-aside pages that the next intent of this device takes over. */
enum err_code registry_intent(struct registry *r, uint64_t serial, const uint8_t image[REG_IMAGE],
                              const uint8_t image_sha256[32], struct err *e);

/* Advance from `from` to `to`; detail (may be NULL) goes into the event.  ERR_CONFLICT when the row is not in `from`
 * (another station was there) or the step is not one of the transaction's. */
enum err_code registry_advance(struct registry *r, uint64_t serial, enum device_state from, enum device_state to,
                               const char *detail, struct err *e);

/* from -> QUARANTINED, with the fault's name.  Frees nothing: serial and UID stay taken.  ERR_CONFLICT when the row is not
 * in `from`: what the caller saw is of yesterday, and another station may have finished the board. */
enum err_code registry_quarantine(struct registry *r, uint64_t serial, enum device_state from, const char *reason,
                                  struct err *e);

/* Absent: ERR_NOINPUT. */
enum err_code registry_device(struct registry *r, uint64_t serial, struct device *d, struct err *e);
enum err_code registry_device_by_uid(struct registry *r, const uint8_t uid[REG_UID], struct device *d, struct err *e);
enum err_code registry_device_by_short(struct registry *r, uint32_t serial4, struct device *d, struct err *e);
enum err_code registry_keys(struct registry *r, uint64_t serial, struct wrapped_key key[REG_KEYS_MAX], size_t *n,
                            struct err *e);
typedef enum err_code registry_device_each(void *io, const struct device *d, struct err *e);
/* product NULL: all; state DEV_STATES: all; in order of serial. */
enum err_code registry_devices(struct registry *r, const char *product, enum device_state state, registry_device_each *each,
                               void *io, struct err *e);

/* ---- frames ---- */

struct frame_row {
    uint64_t serial;     /* 0: nobody says whose it is (scheme 6); `fleet` is then required */
    uint16_t fleet;      /* 0: that of the serial */
    uint8_t scheme;      /* the profile's, 1..8 */
    uint8_t epoch;       /* of an OPEN that names one; else 0 */
    uint8_t gen;         /* schemes 4 (always 0), 5 */
    uint32_t boot;       /* nvm_loss : flash_boot, 24 bits: in 3, 7, 8 of an OPEN, in 4, 5 of every frame; else 0 */
    uint8_t session[32]; /* x32 of the session's OPEN; RSA: SHA-256("fl1 id" | ID); in 4, 5 the registry fills it in:
                          * serial8 | gen1 | boot3, then zeros.  docs/protocol.md, replay */
    uint8_t sid[8];      /* of an OPEN; else zeros */
    uint64_t ctr;        /* 0 for an OPEN */
    uint8_t frame[REG_FRAME_MAX];
    uint16_t frame_len;      /* as received */
    char received[REG_TIME]; /* first receipt; the registry's to say */
};

enum frame_record {
    FRAME_NEW,
    FRAME_DUPLICATE, /* the same bytes are stored, whatever has ended since */
    FRAME_REPLAY,    /* other bytes at that session and ctr */
    FRAME_CLONE,     /* 3, 7, 8: another OPEN at that boot of the device: two chips have one identity */
    FRAME_ENDED      /* 5: of a generation that a later one has ended; no alarm */
};

/* Record a frame that opened (AEAD and signature are the caller's); of a new one and of a duplicate, f->received is set.
 * With a new one, in the same transaction: the device's
 * acknowledged epoch and highest nvm_loss rise (db/fleet.h), and the first frame of a pending generation ends the one before
 * (db/generation.h).  FRAME_REPLAY stores nothing but an alarm event.  FRAME_CLONE: an alarm event, and the frame as
 * evidence, whose session is not live; at most EVIDENCE_MAX of a device, after which nothing more is stored, and nothing for
 * bytes that are evidence already.  To quarantine is the caller's decision. */
enum { EVIDENCE_MAX = 16 };
enum err_code registry_frame_record(struct registry *r, struct frame_row *f, enum frame_record *what, struct err *e);
/* The name of a session in schemes 4 and 5, as in struct frame_row. */
void registry_boot_session(uint64_t serial, uint8_t gen, uint32_t boot, uint8_t session[32]);
/* Is exactly this frame stored?  Fills *f if so; sid of an OPEN alone, boot in 3, 4, 5, 7, 8. */
enum err_code registry_frame_find(struct registry *r, const uint8_t *frame, size_t len, struct frame_row *f, bool *found,
                                  struct err *e);
/* OPEN rows whose sid starts with these 2 or 4 bytes, newest first, at most 16. */
typedef enum err_code registry_frame_each(void *io, const struct frame_row *f, struct err *e);
enum err_code registry_sessions(struct registry *r, const uint8_t *sid, size_t sid_len, registry_frame_each *each, void *io,
                                struct err *e);
/* The same of one fleet alone. */
enum err_code registry_fleet_sessions(struct registry *r, uint16_t fleet, const uint8_t *sid, size_t sid_len,
                                      registry_frame_each *each, void *io, struct err *e);

/* The first frame of f's session, by counter: its OPEN, where it has one. */
enum err_code registry_session_first(struct registry *r, const struct frame_row *f, struct frame_row *first, bool *found,
                                     struct err *e);

/* What was refused and kept of this device, oldest first. */
struct evidence {
    const char *kind; /* "clone"; until the call returns, like frame */
    const uint8_t *frame;
    size_t frame_len;
    char received[REG_TIME];
};
typedef enum err_code registry_evidence_each(void *io, const struct evidence *v, struct err *e);
enum err_code registry_evidence(struct registry *r, uint64_t serial, registry_evidence_each *each, void *io, struct err *e);

/* ---- events ---- */

struct event_row {
    uint64_t n;            /* 0, 1, 2, .. without gaps: the leaf index */
    const char *canonical; /* the event's canonical bytes: JSON, keys sorted, no white space (docs/events.md) */
    size_t len;
    uint8_t leaf_hash[32]; /* SHA-256(00 | canonical), RFC 6962 s.2.1 */
};
typedef enum err_code registry_event_each(void *io, const struct event_row *ev, struct err *e);
/* In order, from n = first. */
enum err_code registry_events(struct registry *r, uint64_t first, registry_event_each *each, void *io, struct err *e);
/* Append an event that belongs to no device's step; kind as "station.started", details as sorted "key", "value" pairs, NULL
 * ends. */
enum err_code registry_event(struct registry *r, const char *kind, const char *const *details, struct err *e);

#endif

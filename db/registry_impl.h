/* db/registry_impl.h - what the files of this room share.  Nobody outside db/ includes it. */
#ifndef DB_REGISTRY_IMPL_H
#define DB_REGISTRY_IMPL_H

#include "db/registry.h"
#include "db/sql.h"

struct mark {     /* db/mark.c */
    int fd;       /* 0: never opened */
    bool is_kept; /* written with each commit */
    bool broken;  /* could not be written: left behind, and made good at the next open */
    bool changed; /* since the transaction began: an event, */
    bool many;    /* serials of several fleets, */
    uint16_t fleet;
    uint32_t last; /* or this one of this fleet */
};

struct registry {
    struct sql *sql;
    uint64_t (*now_ms)(void *io);
    void *now_io;
    bool batch; /* calls are savepoints of one transaction */
    struct mark mark;
};

void registry_now(struct registry *r, char out[REG_TIME]);
void registry_ago(struct registry *r, unsigned ago_s, char out[REG_TIME]); /* times compare as text */

/* Append an event inside the open transaction.  details: "key", "value" pairs, NULL at the end; may be NULL. */
enum err_code event_append(struct registry *r, const char *kind, const char *const *details, struct err *e);

/* Begin a call's transaction; inside a batch, a savepoint of the batch's. */
enum err_code registry_begin(struct registry *r, struct err *e);

/* End what registry_begin began: commit when rc is ERR_OK, else roll back and pass rc on. */
enum err_code registry_end(struct registry *r, enum err_code rc, struct err *e);

/* What the transaction did, for the mark; forgotten by mark_ended.  mark_commit is sql_commit, and then the mark. */
void mark_event(struct registry *r);
void mark_serial(struct registry *r, uint16_t fleet, uint32_t last);
enum err_code mark_commit(struct registry *r, struct err *e);
void mark_ended(struct registry *r);
void mark_close(struct registry *r);

void serial_text(uint64_t serial, char out[17]);

/* Inside the open transaction, all of these: db/step.c.  move is a step's UPDATE alone; quarantine and advance are whole. */
enum err_code step_advance(struct registry *r, const char *serial, enum device_state from, enum device_state to,
                           const char *detail, struct err *e);
enum err_code step_quarantine(struct registry *r, const char *serial, enum device_state from, const char *reason,
                              struct err *e);
/* Of the line's making, inside the open transaction: MADE, and an event.  ERR_CONFLICT: x is another device's. */
enum err_code device_key_injected(struct registry *r, const char *serial, const uint8_t x[32], struct err *e);
/* Room that the intent set aside is given back: one share, or all. */
enum err_code ballast_give(struct registry *r, const char *serial, bool all, struct err *e);

/* How a frame's session is named in the registry; returns its length: 32, or BOOT_SESSION in schemes 4 and 5. */
enum { BOOT_SESSION = 12 };
size_t frame_session(const struct frame_row *f, uint8_t session[32]);

/* A new frame raises what was seen of its device: db/seen.c. */
enum err_code seen_frame(struct registry *r, const struct frame_row *f, struct err *e);

/* A frame of that generation opened: a pending one is confirmed; *ended: a later one rules.  db/generation.c. */
enum err_code generation_heard(struct registry *r, uint64_t serial, uint8_t gen, bool *ended, struct err *e);

#endif

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

#endif

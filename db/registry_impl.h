/* db/registry_impl.h - what the files of this room share.  Nobody outside db/ includes it. */
#ifndef DB_REGISTRY_IMPL_H
#define DB_REGISTRY_IMPL_H

#include "db/registry.h"
#include "db/sql.h"

struct registry {
    struct sql *sql;
    uint64_t (*now_ms)(void *io);
    void *now_io;
    bool batch; /* calls are savepoints of one transaction */
};

void registry_now(struct registry *r, char out[REG_TIME]);

/* Append an event inside the open transaction.  details: "key", "value" pairs, NULL at the end; may be NULL. */
enum err_code event_append(struct registry *r, const char *kind, const char *const *details, struct err *e);

/* Begin a call's transaction; inside a batch, a savepoint of the batch's. */
enum err_code registry_begin(struct registry *r, struct err *e);

/* End what registry_begin began: commit when rc is ERR_OK, else roll back and pass rc on. */
enum err_code registry_end(struct registry *r, enum err_code rc, struct err *e);

void serial_text(uint64_t serial, char out[17]);

#endif

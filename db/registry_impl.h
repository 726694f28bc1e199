/* db/registry_impl.h - what the files of this room share.  Nobody outside db/ includes it. */
#ifndef DB_REGISTRY_IMPL_H
#define DB_REGISTRY_IMPL_H

#include "db/registry.h"
#include "db/sql.h"

struct registry {
    struct sql *sql;
    uint64_t (*now_ms)(void *io);
    void *now_io;
};

void registry_now(struct registry *r, char out[REG_TIME]);

/* Append an event inside the open transaction.  details: "key", "value" pairs, NULL at the end; may be NULL. */
enum err_code event_append(struct registry *r, const char *kind, const char *const *details, struct err *e);

/* End the open transaction: commit when rc is ERR_OK, else roll back and pass rc on. */
enum err_code registry_end(struct registry *r, enum err_code rc, struct err *e);

void serial_text(uint64_t serial, char out[17]);

#endif

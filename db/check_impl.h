/* db/check_impl.h - what the files of the check share.  Inside db/ alone. */
#ifndef DB_CHECK_IMPL_H
#define DB_CHECK_IMPL_H

#include <jansson.h>

#include "db/check.h"
#include "db/registry_impl.h"

struct told { /* one device as the log tells it */
    uint64_t serial;
    enum device_state state;
    uint8_t uid[REG_UID];
    uint8_t key_sha256[32], image_sha256[32];
    char product[REG_NAME], reason[REG_NAME * 2];
    uint8_t x[32], salt[16], pending_salt[16]; /* its own key; its generations */
    uint8_t epoch, gen;
    bool is_made, is_pinned, is_pending, is_injected, seed_gone;
    bool is_row, is_told, was_done, has_frames;
};

struct leaf { /* an event, taken apart */
    json_t *o;
    const char *event;
    uint64_t serial;
    bool has_serial;
};
const char *leaf_text(const struct leaf *l, const char *key);     /* "" if absent */
unsigned long leaf_number(const struct leaf *l, const char *key); /* 0 if absent */

struct check {
    struct registry *r;
    registry_difference_each *each;
    void *io;
    struct check_count *count;
    struct told *told; /* by serial, those with a row first */
    size_t n, room, rows;
    uint64_t next_event;
    struct told_key *key; /* of fleets: check_fleets.c */
    size_t keys;
};

/* Tell a difference; serial NULL: of no device. */
enum err_code check_differs(struct check *c, enum difference_kind kind, const uint64_t *serial, const char *is,
                            const char *should, struct err *e);

/* The device of that serial; added if the log tells of one that has no row.  NULL: no memory. */
struct told *check_told(struct check *c, uint64_t serial);

enum err_code check_events(struct check *c, struct err *e); /* the log: numbers, hashes, steps; fills c->told */
enum err_code check_rows(struct check *c, struct err *e);   /* each row against what was told */
enum err_code check_frames(struct check *c, struct err *e);
enum err_code check_scheme_rows(struct check *c, const struct told *t, uint8_t scheme, struct err *e);
enum err_code check_fleet_event(struct check *c, const struct leaf *l, struct err *e); /* takes any event */
enum err_code check_fleets(struct check *c, struct err *e);

/* SHA-256(00 | canonical): db/event.c. */
bool event_leaf(const char *canonical, size_t len, uint8_t out[32]);

#endif

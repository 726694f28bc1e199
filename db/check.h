/* db/check.h - does the registry agree with itself?  Every difference, by serial; nothing is ever changed.
 * Boundary: cli above.  Keys are compared with their token, and rows with a chip, by others (cli/reconcile.c): this room
 * knows neither.  Reads under one transaction, so a station can't commit meanwhile.  Memory: about 200 bytes a device. */
#ifndef DB_CHECK_H
#define DB_CHECK_H

#include "db/registry.h"

enum difference_kind {                   /* names and actions: difference_name, difference_action */
                       DIFF_FILE,        /* SQLite's own check */
                       DIFF_EVENT_GAP,   /* the log's numbers */
                       DIFF_EVENT_BYTES, /* not canonical, or without what its kind needs */
                       DIFF_EVENT_HASH,  /* the leaf hash is not that of the bytes */
                       DIFF_EVENT_STEP,  /* a step that does not follow the one before */
                       DIFF_NO_ROW,      /* events of a device that has no row */
                       DIFF_NO_EVENTS,   /* a row that no event tells of */
                       DIFF_STATE,       /* row and events; and so on: */
                       DIFF_UID,
                       DIFF_PRODUCT,
                       DIFF_REASON,
                       DIFF_IMAGE_DIGEST,
                       DIFF_KEY_DIGEST,
                       DIFF_KEYS,          /* how many there are */
                       DIFF_IMAGE,         /* there, or not, against the state */
                       DIFF_IMAGE_FIELD,   /* a field of the image and the row's */
                       DIFF_IMAGE_CONTENT, /* the image and its own digest, where the journal holds all of it */
                       DIFF_SERIAL,        /* outside of its product's range, or its short form is another one */
                       DIFF_FRAME_HASH,
                       DIFF_FRAME_DEVICE, /* frames of a device that never was DONE */
                       DIFF_DEVICE_KEY,   /* 3, 7, 8: the device's own key */
                       DIFF_GENERATION,   /* 5 */
                       DIFF_EPOCH,        /* acknowledged */
                       DIFF_FLEET_KEY,    /* a fleet's key, or a rotation authority's */
                       DIFF_KINDS
};
const char *difference_name(enum difference_kind k);   /* "row-state"; stable */
const char *difference_action(enum difference_kind k); /* the one next thing to do */

struct difference {
    enum difference_kind kind;
    bool has_serial;
    uint64_t serial;
    const char *is, *should; /* until the call returns */
};
typedef enum err_code registry_difference_each(void *io, const struct difference *d, struct err *e); /* not ERR_OK: stop */

struct check_count {
    uint64_t devices, events, frames, differences;
};

/* All of it: the file, the log, the rows as the log tells them, images, keys' digests, frames and evidence. */
enum err_code registry_check(struct registry *r, registry_difference_each *each, void *io, struct check_count *count,
                             struct err *e);

/* The file alone: SQLite's quick_check.  ERR_IO: damaged. */
enum err_code registry_quick_check(struct registry *r, struct err *e);

/* Was the last writer of this registry file cut off, or is one at work?  Before registry_open, which rolls back. */
bool registry_was_cut(const char *path);

/* The events of one device, in order; looks through all of them. */
enum err_code registry_events_of(struct registry *r, uint64_t serial, registry_event_each *each, void *io, struct err *e);

#endif

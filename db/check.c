#include "db/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/check_impl.h"
#include "db/fault.h"

#define RESTORE "restore the newest copy of the registry whose `fuseline reconcile` tells no difference"

static const struct {
    const char *name, *action;
} kinds[DIFF_KINDS] = {
    [DIFF_FILE] = { "file-damaged", RESTORE },
    [DIFF_EVENT_GAP] = { "event-gap", RESTORE },
    [DIFF_EVENT_BYTES] = { "event-bytes", RESTORE },
    [DIFF_EVENT_HASH] = { "event-hash", RESTORE },
    [DIFF_EVENT_STEP] = { "event-step", RESTORE },
    [DIFF_NO_ROW] = { "row-missing", RESTORE },
    [DIFF_NO_EVENTS] = { "row-untold", RESTORE },
    [DIFF_STATE] = { "row-state", RESTORE },
    [DIFF_UID] = { "row-uid", RESTORE },
    [DIFF_PRODUCT] = { "row-product", RESTORE },
    [DIFF_REASON] = { "row-reason", RESTORE },
    [DIFF_IMAGE_DIGEST] = { "image-digest", RESTORE },
    [DIFF_KEY_DIGEST] = { "key-digest", RESTORE },
    [DIFF_KEYS] = { "key-count", RESTORE },
    [DIFF_IMAGE] = { "image-presence", RESTORE },
    [DIFF_IMAGE_FIELD] = { "image-field", RESTORE },
    [DIFF_IMAGE_CONTENT] = { "image-content", RESTORE },
    [DIFF_SERIAL] = { "row-serial", RESTORE },
    [DIFF_FRAME_HASH] = { "frame-hash", RESTORE },
    [DIFF_FRAME_DEVICE] = { "frame-device",
                            "trust none of this device's frames until an officer knows where they come from" },
    [DIFF_DEVICE_KEY] = { "device-key", RESTORE },
    [DIFF_GENERATION] = { "generation", RESTORE },
    [DIFF_EPOCH] = { "device-epoch", RESTORE },
    [DIFF_FLEET_KEY] = { "fleet-key", RESTORE },
};

const char *difference_name(enum difference_kind k)
{
    return kinds[k].name;
}

const char *difference_action(enum difference_kind k)
{
    return kinds[k].action;
}

enum err_code check_differs(struct check *c, enum difference_kind kind, const uint64_t *serial, const char *is,
                            const char *should, struct err *e)
{
    const struct difference d = {
        .kind = kind, .has_serial = serial != NULL, .serial = serial != NULL ? *serial : 0, .is = is, .should = should
    };

    c->count->differences++;
    return c->each(c->io, &d, e);
}

/* ---- devices by serial ---- */

static struct told *find(struct check *c, uint64_t serial)
{
    size_t low = 0, high = c->rows;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (c->told[mid].serial < serial)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < c->rows && c->told[low].serial == serial)
        return &c->told[low];
    for (size_t i = c->rows; i < c->n; i++)
        if (c->told[i].serial == serial)
            return &c->told[i];
    return NULL;
}

static struct told *add(struct check *c, uint64_t serial)
{
    if (c->n == c->room) {
        const size_t room = c->room == 0 ? 64 : 2 * c->room;
        struct told *more = reallocarray(c->told, room, sizeof *more);
        if (more == NULL)
            return NULL;
        c->told = more;
        c->room = room;
    }
    c->told[c->n] = (struct told){ .serial = serial, .state = DEV_STATES };
    return &c->told[c->n++];
}

struct told *check_told(struct check *c, uint64_t serial)
{
    struct told *t = find(c, serial);

    return t != NULL ? t : add(c, serial);
}

static enum err_code add_row(void *io, const struct device *d, struct err *e)
{
    struct check *c = io;
    struct told *t = add(c, d->serial);

    if (t == NULL)
        return err_errno(e, &db_fault[DB_IO], "realloc", "%zu devices", c->n);
    t->is_row = true;
    c->rows = c->n;
    return ERR_OK;
}

/* ---- the whole ---- */

static enum err_code check_file(struct check *c, struct err *e)
{
    struct sql_row *row = NULL;
    bool more = true;
    enum err_code rc = sql_query(c->r->sql, &row, e, "PRAGMA quick_check(20)", "");

    while (rc == ERR_OK && (rc = sql_next(row, &more, e)) == ERR_OK && more)
        if (strcmp(sql_text(row, 0), "ok") != 0)
            rc = check_differs(c, DIFF_FILE, NULL, sql_text(row, 0), "ok", e);
    sql_done(row);
    return rc;
}

static enum err_code check(struct check *c, struct err *e)
{
    enum err_code rc;

    if ((rc = check_file(c, e)) != ERR_OK || (rc = registry_devices(c->r, NULL, DEV_STATES, add_row, c, e)) != ERR_OK ||
        (rc = check_events(c, e)) != ERR_OK || (rc = check_rows(c, e)) != ERR_OK || (rc = check_fleets(c, e)) != ERR_OK)
        return rc;
    return check_frames(c, e);
}

enum err_code registry_check(struct registry *r, registry_difference_each *each, void *io, struct check_count *count,
                             struct err *e)
{
    struct check c = { .r = r, .each = each, .io = io, .count = count };
    enum err_code rc = sql_begin(r->sql, false, e);

    *count = (struct check_count){ .devices = 0 };
    if (rc != ERR_OK)
        return rc;
    rc = check(&c, e);
    sql_rollback(r->sql); /* nothing was written */
    count->devices = c.rows;
    free(c.told);
    free(c.key);
    return rc;
}

static enum err_code first_line(void *io, const struct difference *d, struct err *e)
{
    (void)io;
    return err_set(e, &db_fault[DB_CORRUPT], "quick_check", NULL, 0, "%s", d->is);
}

enum err_code registry_quick_check(struct registry *r, struct err *e)
{
    struct check_count count = { .devices = 0 };
    struct check c = { .r = r, .each = first_line, .count = &count };

    return check_file(&c, e);
}

bool registry_was_cut(const char *path)
{
    static const unsigned char magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 }; /* sqlite.org/fileformat2: 3 */
    unsigned char head[8];
    char journal[4096 + 16];

    (void)snprintf(journal, sizeof journal, "%s-journal", path);
    const int fd = open(journal, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool is_hot = pread(fd, head, sizeof head, 0) == sizeof head && memcmp(head, magic, sizeof magic) == 0;
    (void)close(fd);
    return is_hot;
}

struct picked {
    char key[32];
    registry_event_each *each;
    void *io;
};

static enum err_code pick(void *io, const struct event_row *ev, struct err *e)
{
    const struct picked *p = io;

    return strstr(ev->canonical, p->key) != NULL ? p->each(p->io, ev, e) : ERR_OK;
}

enum err_code registry_events_of(struct registry *r, uint64_t serial, registry_event_each *each, void *io, struct err *e)
{
    struct picked p = { .each = each, .io = io };

    (void)snprintf(p.key, sizeof p.key, "\"serial\":\"%016llx\"", (unsigned long long)serial);
    return registry_events(r, 0, pick, &p, e);
}

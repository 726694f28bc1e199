#include "relay/buffer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "relay/fault.h"

enum { ORDER_DIGITS = 16, NAME_LEN = ORDER_DIGITS + 1 + 2 * DIGEST_LEN + 6 /* ".frame" */ };

struct pending { /* written, under its unfinished name */
    struct buffered frame;
    int fd;
};

struct buffer {
    char *path; /* for messages */
    int dir;
    struct buffered *frame;        /* by order */
    size_t n, size, gone, refused; /* gone: of n; refused: of those that are not gone */
    uint64_t last;                 /* the highest order given out */
    struct pending pending[BUFFER_PENDING];
    size_t n_pending;
    bool unsynced; /* the folder: names were given since its last fsync */
};

/* ---- names ---- */

static void name_of(const struct buffered *f, char name[NAME_LEN + 1])
{
    char digest[2 * DIGEST_LEN + 1];

    hex_encode(f->digest, DIGEST_LEN, digest);
    (void)snprintf(name, NAME_LEN + 1, "%016" PRIx64 "-%s.frame", f->order, digest);
}

/* A name that no frame has, and that buffer_open knows for unfinished. */
static void unfinished(const struct buffered *f, char name[NAME_LEN + 1])
{
    (void)snprintf(name, NAME_LEN + 1, ".new-%016" PRIx64, f->order);
}

static bool parse_name(const char *name, struct buffered *f)
{
    char again[NAME_LEN + 1], digest[2 * DIGEST_LEN + 1] = "";
    struct buffered b = { 0 };

    if (strlen(name) != NAME_LEN)
        return false;
    memcpy(digest, name + ORDER_DIGITS + 1, 2 * DIGEST_LEN);
    b.order = strtoull(name, NULL, 16);
    if (hex_decode(digest, b.digest, DIGEST_LEN) != DIGEST_LEN || b.order == 0)
        return false;
    name_of(&b, again);
    if (strcmp(name, again) != 0)
        return false;
    *f = b;
    return true;
}

/* ---- the list, sorted by order: what comes has the highest ---- */

static bool grow(struct buffer *b)
{
    size_t size = b->size > 0 ? 2 * b->size : 256;
    struct buffered *frame = reallocarray(b->frame, size, sizeof *frame);

    if (frame == NULL)
        return false;
    b->frame = frame;
    b->size = size;
    return true;
}

static bool list(struct buffer *b, const struct buffered *f)
{
    if (b->n == b->size && !grow(b))
        return false;
    b->frame[b->n++] = *f;
    return true;
}

static void compact(struct buffer *b)
{
    size_t n = 0;

    if (b->gone < 256 || b->gone < b->n / 2)
        return;
    for (size_t i = 0; i < b->n; i++)
        if (!b->frame[i].gone)
            b->frame[n++] = b->frame[i];
    b->n = n;
    b->gone = 0;
}

/* The index of the first with an order above `after`. */
static size_t above(const struct buffer *b, uint64_t after)
{
    size_t low = 0, high = b->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (b->frame[mid].order > after)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

struct buffered *buffer_next(struct buffer *b, uint64_t after)
{
    for (size_t i = above(b, after); i < b->n; i++)
        if (!b->frame[i].gone)
            return &b->frame[i];
    return NULL;
}

struct buffered *buffer_find(struct buffer *b, uint64_t order)
{
    struct buffered *f = order > 0 ? buffer_next(b, order - 1) : NULL;

    return f != NULL && f->order == order ? f : NULL;
}

size_t buffer_count(const struct buffer *b)
{
    return b->n - b->gone + b->n_pending;
}

size_t buffer_fresh(const struct buffer *b)
{
    return buffer_count(b) - b->refused;
}

void buffer_refused(struct buffer *b, struct buffered *f)
{
    if (f->tries == 0)
        b->refused++;
    if (f->tries < UINT16_MAX)
        f->tries++;
}

/* ---- opening ---- */

static int by_order(const void *a, const void *b)
{
    const struct buffered *x = a, *y = b;

    return (x->order > y->order) - (x->order < y->order);
}

/* A time from before the clock was set would make the frame decades old as soon as it is: then it arrives now. */
static time_t arrival(struct buffer *b, const char *name, const struct stat *st)
{
    if (st->st_mtime >= BUFFER_CLOCK_UNSET)
        return st->st_mtime;
    (void)utimensat(b->dir, name, NULL, 0); /* not done: then at the next start */
    return time(NULL);
}

/* A frame, a leftover, or a file that isn't ours. */
static bool look_at(struct buffer *b, const char *name)
{
    struct buffered f;
    struct stat st;

    if (strncmp(name, ".new-", 5) == 0)
        return unlinkat(b->dir, name, 0) == 0;
    if (!parse_name(name, &f) || fstatat(b->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return true;
    f.arrived = arrival(b, name, &st);
    if (f.order > b->last)
        b->last = f.order;
    return list(b, &f);
}

static bool scan(struct buffer *b)
{
    int fd = openat(b->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    bool ok = d != NULL;

    while (ok && (errno = 0, entry = readdir(d)) != NULL)
        ok = look_at(b, entry->d_name);
    ok = ok && errno == 0;
    if (d != NULL) {
        int why = errno;

        (void)closedir(d);
        errno = why;
    } else if (fd >= 0)
        (void)close(fd);
    if (ok && b->n > 0)
        qsort(b->frame, b->n, sizeof *b->frame, by_order);
    return ok;
}

enum err_code buffer_open(struct buffer **out, const char *dir, struct err *e)
{
    struct buffer *b = calloc(1, sizeof *b);
    enum err_code rc = ERR_OK;

    if (b == NULL || (b->path = strdup(dir)) == NULL) {
        free(b);
        return err_set(e, &relay_fault[RELAY_NO_MEMORY], "calloc", NULL, 0, "%s", dir);
    }
    b->dir = -1;
    if ((mkdir(dir, 0700) != 0 && errno != EEXIST) || (b->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        rc = err_errno(e, &relay_fault[RELAY_BUFFER_OPEN], "open", "%s", dir);
    else if (flock(b->dir, LOCK_EX | LOCK_NB) != 0)
        rc = err_errno(e, &relay_fault[errno == EWOULDBLOCK ? RELAY_BUFFER_BUSY : RELAY_BUFFER_OPEN], "flock", "%s", dir);
    else if (!scan(b))
        rc = err_errno(e, &relay_fault[RELAY_BUFFER_OPEN], "readdir", "%s", dir);
    if (rc != ERR_OK) {
        buffer_close(b);
        return rc;
    }
    *out = b;
    return ERR_OK;
}

void buffer_close(struct buffer *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->n_pending; i++)
        (void)close(b->pending[i].fd); /* never committed; buffer_open removes it */
    if (b->dir >= 0)
        (void)close(b->dir);
    free(b->frame);
    free(b->path);
    free(b);
}

/* ---- in ---- */

static enum err_code not_kept(struct buffer *b, const char *op, struct err *e)
{
    return err_errno(e, &relay_fault[RELAY_BUFFER_WRITE], op, "%s", b->path);
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

enum err_code buffer_put(struct buffer *b, const uint8_t *frame, size_t len, struct err *e)
{
    struct pending *p = &b->pending[b->n_pending];
    char name[NAME_LEN + 1];

    if (b->n_pending == BUFFER_PENDING || buffer_count(b) >= BUFFER_MAX) {
        errno = ENOSPC;
        return err_errno(e, &relay_fault[RELAY_BUFFER_FULL], "put", "%s: %zu frames", b->path, buffer_count(b));
    }
    *p = (struct pending){ .frame = { .order = ++b->last, .arrived = time(NULL) } }; /* never again, also if this fails */
    digest_of(frame, len, p->frame.digest);
    unfinished(&p->frame, name);
    p->fd = openat(b->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (p->fd < 0)
        return not_kept(b, "open", e);
    if (!write_all(p->fd, frame, len)) {
        enum err_code rc = not_kept(b, "write", e);

        (void)close(p->fd);
        (void)unlinkat(b->dir, name, 0);
        return rc;
    }
    b->n_pending++;
    return ERR_OK;
}

bool buffer_pends(const struct buffer *b, size_t n)
{
    return b->n_pending >= n;
}

/* First all are started on their way to the disk, then each is waited for: a journalling file system commits them as one. */
static bool sync_pending(struct buffer *b)
{
    for (size_t i = 0; i < b->n_pending; i++)
        (void)sync_file_range(b->pending[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* a hint: fsync is what counts */
    for (size_t i = 0; i < b->n_pending; i++)
        if (fsync(b->pending[i].fd) != 0)
            return false;
    return true;
}

/* The first `done` of them have their names now. */
static void forget_pending(struct buffer *b, size_t done)
{
    for (size_t i = 0; i < done; i++)
        (void)close(b->pending[i].fd); /* synced before */
    b->n_pending -= done;
    memmove(b->pending, b->pending + done, b->n_pending * sizeof *b->pending);
}

enum err_code buffer_commit(struct buffer *b, struct err *e)
{
    char from[NAME_LEN + 1], to[NAME_LEN + 1];
    enum err_code rc = ERR_OK;
    size_t done = 0;

    if (!sync_pending(b))
        return not_kept(b, "fsync", e);
    for (; done < b->n_pending && rc == ERR_OK; done += rc == ERR_OK) {
        const struct buffered *f = &b->pending[done].frame;

        unfinished(f, from);
        name_of(f, to);
        if (b->n == b->size && !grow(b))
            rc = err_set(e, &relay_fault[RELAY_NO_MEMORY], "realloc", NULL, 0, "%s", b->path);
        else if (renameat(b->dir, from, b->dir, to) != 0)
            rc = not_kept(b, "rename", e);
        else
            b->unsynced = list(b, f); /* there is room */
    }
    forget_pending(b, done);
    if (rc == ERR_OK && b->unsynced && fsync(b->dir) != 0)
        rc = not_kept(b, "fsync", e);
    b->unsynced = b->unsynced && rc != ERR_OK;
    return rc;
}

/* ---- out ---- */

static enum err_code torn(struct buffer *b, struct buffered *f, const char *name, struct err *e)
{
    buffer_drop(b, f);
    return err_set(e, &relay_fault[RELAY_BUFFER_TORN], "sha256", NULL, 0, "%s/%s", b->path, name);
}

enum err_code buffer_load(struct buffer *b, struct buffered *f, uint8_t frame[FRAME_MAX], size_t *len, struct err *e)
{
    uint8_t bytes[FRAME_MAX + 1], digest[DIGEST_LEN];
    char name[NAME_LEN + 1];
    size_t n = 0;
    ssize_t got = -1;

    name_of(f, name);
    int fd = openat(b->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? torn(b, f, name, e)
                               : err_errno(e, &relay_fault[RELAY_BUFFER_READ], "open", "%s/%s", b->path, name);
    while (n < sizeof bytes && (got = read(fd, bytes + n, sizeof bytes - n)) > 0)
        n += (size_t)got;
    if (got < 0) {
        (void)err_errno(e, &relay_fault[RELAY_BUFFER_READ], "read", "%s/%s", b->path, name);
        (void)close(fd);
        return e->code;
    }
    (void)close(fd); /* only read */
    digest_of(bytes, n, digest);
    if (n == 0 || n > FRAME_MAX || memcmp(digest, f->digest, DIGEST_LEN) != 0)
        return torn(b, f, name, e);
    memcpy(frame, bytes, n);
    *len = n;
    return ERR_OK;
}

void buffer_drop(struct buffer *b, struct buffered *f)
{
    char name[NAME_LEN + 1];

    name_of(f, name);
    (void)unlinkat(b->dir, name, 0); /* a file that stays is sent again after the next start, and dropped then */
    f->gone = true;
    b->gone++;
    if (f->tries > 0)
        b->refused--;
    compact(b);
}

size_t buffer_expire(struct buffer *b, time_t now)
{
    size_t n = 0;

    for (struct buffered *f = buffer_next(b, 0); f != NULL;) {
        uint64_t order = f->order;

        if (f->arrived < BUFFER_CLOCK_UNSET) /* taken before the clock was set */
            f->arrived = now;
        if (!f->in_flight && now - f->arrived > BUFFER_SECONDS) {
            buffer_drop(b, f);
            n++;
        }
        f = buffer_next(b, order);
    }
    return n;
}

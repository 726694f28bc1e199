#include "tests/sweep/unsynced.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OPS = 4096, FILES = 128, BYTES = 16 << 20, NAME = 320, SECTOR = 512 };

enum op_kind { OP_BYTES, OP_LENGTH, OP_NEW, OP_GONE, OP_MOVED };

struct op {
    enum op_kind kind;
    bool durable;
    unsigned file;               /* BYTES, LENGTH: whose; NEW, GONE: the file of that name; MOVED: the one replaced */
    uint64_t at, len;            /* BYTES */
    uint64_t old_len, new_len;   /* of the file */
    size_t old, new;             /* in bytes[] */
    char name[NAME], from[NAME]; /* MOVED: from -> name */
};

struct record {
    char root[NAME];
    unsigned ops, files;
    size_t used;
    bool full;
    ino_t ino[FILES]; /* of file 1, 2, ..; 0 is none */
    struct op op[OPS];
    uint8_t bytes[BYTES];
};

static struct record *rec;

bool unsynced_begin(const char *root)
{
    char path[NAME + 32];

    if (rec == NULL) {
        rec = mmap(NULL, sizeof *rec, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (rec == MAP_FAILED) {
            rec = NULL;
            return false;
        }
    }
    (void)snprintf(rec->root, sizeof rec->root, "%s", root);
    (void)snprintf(path, sizeof path, "%s-lost", root);
    (void)mkdir(path, 0700);
    rec->ops = rec->files = 0;
    rec->used = 0;
    rec->full = false;
    return true;
}

static void link_path(unsigned file, char path[NAME + 32])
{
    (void)snprintf(path, NAME + 32, "%s-lost/%u", rec->root, file);
}

/* ---- writing the log, in the child ---- */

/* Where fd leads; false: not below root. */
static bool path_of(int fd, char path[NAME])
{
    char link[64];
    ssize_t n;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, NAME - 1);
    path[n > 0 ? n : 0] = '\0';
    return n > 0 && strncmp(path, rec->root, strlen(rec->root)) == 0 && path[strlen(rec->root)] == '/';
}

static bool path_at(int dir, long name_arg, char path[NAME])
{
    const char *name = (const char *)(uintptr_t)name_arg;
    char at[NAME] = "";

    if (name[0] != '/' && dir == AT_FDCWD && getcwd(at, sizeof at) == NULL)
        return false;
    if (name[0] != '/' && dir != AT_FDCWD)
        (void)path_of(dir, at);
    return (size_t)snprintf(path, NAME, "%s%s%s", at, name[0] != '/' ? "/" : "", name) < NAME &&
           strncmp(path, rec->root, strlen(rec->root)) == 0;
}

/* The number of the file with that path; its link is made at first sight.  0: it can't be had. */
static unsigned file_number(const char *path)
{
    char link[NAME + 32];
    struct stat st;

    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return 0;
    for (unsigned i = 1; i <= rec->files; i++)
        if (rec->ino[i] == st.st_ino)
            return i;
    if (rec->files + 1 == FILES) {
        rec->full = true;
        return 0;
    }
    link_path(rec->files + 1, link);
    (void)unlink(link);
    if (linkat(AT_FDCWD, path, AT_FDCWD, link, AT_SYMLINK_FOLLOW) != 0)
        return 0;
    rec->ino[++rec->files] = st.st_ino;
    return rec->files;
}

static struct op *add(enum op_kind kind, unsigned file)
{
    static struct op spare;

    if (rec->ops == OPS) {
        rec->full = true;
        return &spare;
    }
    rec->op[rec->ops] = (struct op){ .kind = kind, .file = file };
    return &rec->op[rec->ops++];
}

static size_t keep(size_t len)
{
    const size_t at = rec->used;

    if (at + len > BYTES) {
        rec->full = true;
        return 0;
    }
    rec->used += len;
    return at;
}

static long changes_bytes(const struct trap_call *c)
{
    const int fd = (int)c->arg[0];
    char path[NAME];
    struct stat st;
    unsigned file = path_of(fd, path) && fstat(fd, &st) == 0 ? file_number(path) : 0;
    size_t len = (size_t)c->arg[2], old = 0;
    uint64_t at;
    long done;

    if (file == 0)
        return trap_pass(c);
    at = (uint64_t)(c->nr == SYS_pwrite64 ? c->arg[3] : lseek(fd, 0, SEEK_CUR));
    old = keep(2 * len);
    if (!rec->full) {
        char alias[NAME + 32]; /* fd may be for writing only */
        int in;

        link_path(file, alias);
        in = open(alias, O_RDONLY | O_CLOEXEC);
        if (pread(in, rec->bytes + old, len, (off_t)at) < 0)
            rec->full = true;
        close(in);
        memcpy(rec->bytes + old + len, (const void *)(uintptr_t)c->arg[1], len);
    }
    if ((done = trap_pass(c)) > 0) {
        struct op *o = add(OP_BYTES, file);

        o->at = at;
        o->len = (uint64_t)done;
        o->old = old;
        o->new = old + len;
        o->old_len = (uint64_t)st.st_size;
        o->new_len = at + o->len > o->old_len ? at + o->len : o->old_len;
    }
    return done;
}

/* What is cut off is kept as bytes that are overwritten, so that it can come back. */
static long changes_length(const struct trap_call *c, int fd, uint64_t to)
{
    char path[NAME], alias[NAME + 32];
    struct stat st;
    unsigned file = path_of(fd, path) && fstat(fd, &st) == 0 ? file_number(path) : 0;
    size_t cut = file != 0 && (uint64_t)st.st_size > to ? (size_t)((uint64_t)st.st_size - to) : 0, old;
    long rc;
    int in;

    if (file == 0)
        return trap_pass(c);
    old = keep(cut);
    link_path(file, alias);
    in = open(alias, O_RDONLY | O_CLOEXEC);
    if (rec->full || pread(in, rec->bytes + old, cut, (off_t)to) != (ssize_t)cut)
        rec->full = true;
    close(in);
    if ((rc = trap_pass(c)) >= 0) {
        struct op *o = add(OP_LENGTH, file);

        o->at = to;
        o->len = cut;
        o->old = old;
        o->old_len = (uint64_t)st.st_size;
        o->new_len = to;
    }
    return rc;
}

static long opens(const struct trap_call *c)
{
    const bool at = c->nr == SYS_openat;
    const long flags = at ? c->arg[2] : c->arg[1];
    char path[NAME];
    const bool ours = path_at(at ? (int)c->arg[0] : AT_FDCWD, at ? c->arg[1] : c->arg[0], path);
    const bool was = ours && access(path, F_OK) == 0;
    long fd;

    if (ours && was && (flags & O_TRUNC) != 0) { /* as an ftruncate of the file that is there */
        const int other = open(path, O_WRONLY | O_CLOEXEC);

        fd = changes_length(c, other, 0);
        close(other);
        return fd;
    }
    if ((fd = trap_pass(c)) >= 0 && ours && !was)
        (void)snprintf(add(OP_NEW, file_number(path))->name, NAME, "%s", path);
    return fd;
}

static long removes(const struct trap_call *c)
{
    char path[NAME];
    const bool ours = c->nr == SYS_unlink ? path_at(AT_FDCWD, c->arg[0], path) : path_at((int)c->arg[0], c->arg[1], path);
    const unsigned file = ours ? file_number(path) : 0;
    const long rc = trap_pass(c);

    if (rc == 0 && file != 0)
        (void)snprintf(add(OP_GONE, file)->name, NAME, "%s", path);
    return rc;
}

static long moves(const struct trap_call *c)
{
    const bool plain = c->nr == SYS_rename;
    char from[NAME], to[NAME];
    const bool ours = path_at(plain ? AT_FDCWD : (int)c->arg[0], c->arg[plain ? 0 : 1], from) &&
                      path_at(plain ? AT_FDCWD : (int)c->arg[2], c->arg[plain ? 1 : 3], to);
    const unsigned victim = ours ? file_number(to) : 0;
    const long rc = trap_pass(c);

    if (rc == 0 && ours) {
        struct op *o = add(OP_MOVED, victim);

        (void)snprintf(o->name, NAME, "%s", to);
        (void)snprintf(o->from, NAME, "%s", from);
    }
    return rc;
}

static bool is_in(const char *path, const char *dir)
{
    const size_t n = strlen(dir);

    return strncmp(path, dir, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL;
}

static long syncs(const struct trap_call *c)
{
    char path[NAME];
    const long rc = trap_pass(c);
    const bool below = path_of((int)c->arg[0], path), ours = below || strcmp(path, rec->root) == 0;
    unsigned file = ours ? file_number(path) : 0;

    for (unsigned i = 0; rc == 0 && ours && i < rec->ops; i++) {
        struct op *o = &rec->op[i];
        const bool of_file = o->kind == OP_BYTES || o->kind == OP_LENGTH;

        o->durable |= of_file ? o->file == file : is_in(o->name, path);
    }
    return rc;
}

long unsynced_call(const struct trap_call *c, bool *changed)
{
    const long flags = c->nr == SYS_openat ? c->arg[2] : c->nr == SYS_open ? c->arg[1] : 0;

    *changed = true;
    switch (c->nr) {
    case SYS_write:
    case SYS_pwrite64:
        return changes_bytes(c);
    case SYS_ftruncate:
        return changes_length(c, (int)c->arg[0], (uint64_t)c->arg[1]);
    case SYS_unlink:
    case SYS_unlinkat:
        return removes(c);
    case SYS_rename:
    case SYS_renameat:
    case SYS_renameat2:
        return moves(c);
    case SYS_fsync:
    case SYS_fdatasync:
        return syncs(c);
    default:
        *changed = (flags & O_CREAT) != 0;
        return *changed ? opens(c) : trap_pass(c);
    }
}

/* ---- after the cut, in the worker ---- */

static int open_file(unsigned file)
{
    char path[NAME + 32];

    link_path(file, path);
    return open(path, O_RDWR | O_CLOEXEC);
}

/* Give a file these bytes and this length; a length of UINT64_MAX: at least what the bytes need. */
static bool put(unsigned file, uint64_t at, const uint8_t *bytes, size_t n, uint64_t len)
{
    const int fd = open_file(file);
    const bool good =
        fd >= 0 && (len == UINT64_MAX || ftruncate(fd, (off_t)len) == 0) && pwrite(fd, bytes, n, (off_t)at) == (ssize_t)n;

    close(fd);
    return good;
}

static bool name_file(unsigned file, const char *name)
{
    char path[NAME + 32];

    link_path(file, path);
    return file == 0 || link(path, name) == 0 || errno == EEXIST;
}

static bool undo(const struct op *o)
{
    const uint64_t end = o->at + o->len < o->old_len ? o->at + o->len : o->old_len; /* of what was overwritten */

    switch (o->kind) {
    case OP_BYTES:
    case OP_LENGTH:
        return put(o->file, o->at, rec->bytes + o->old, end > o->at ? end - o->at : 0, o->old_len);
    case OP_NEW:
        return unlink(o->name) == 0 || errno == ENOENT;
    case OP_GONE:
        return name_file(o->file, o->name);
    default:
        return rename(o->name, o->from) == 0 && name_file(o->file, o->name);
    }
}

static bool redo(const struct op *o)
{
    switch (o->kind) {
    case OP_BYTES:
        return put(o->file, o->at, rec->bytes + o->new, o->len, UINT64_MAX);
    case OP_LENGTH:
        return put(o->file, 0, NULL, 0, o->new_len);
    case OP_NEW:
        return name_file(o->file, o->name);
    case OP_GONE:
        return unlink(o->name) == 0 || errno == ENOENT;
    default:
        return rename(o->from, o->name) == 0 || errno == ENOENT;
    }
}

static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13; /* xorshift64: only to choose */
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Sectors are the disk's, so counted from the beginning of the file. */
static bool redo_sectors(const struct op *o, uint64_t *seed)
{
    bool good = true;

    for (uint64_t at = o->at, next; good && at < o->at + o->len; at = next) {
        next = (at / SECTOR + 1) * SECTOR < o->at + o->len ? (at / SECTOR + 1) * SECTOR : o->at + o->len;
        if (draw(seed) % 2 == 0)
            good = put(o->file, at, rec->bytes + o->new + (at - o->at), next - at, UINT64_MAX);
    }
    return good;
}

static bool redo_begin(const struct op *o, uint64_t *seed)
{
    const uint64_t cut = o->len <= SECTOR ? 0 : draw(seed) % (o->len / SECTOR) * SECTOR;

    return put(o->file, o->at, rec->bytes + o->new, cut, UINT64_MAX);
}

static uint64_t synced_length(unsigned file)
{
    for (unsigned i = 0; i < rec->ops; i++)
        if (!rec->op[i].durable && rec->op[i].file == file && (rec->op[i].kind == OP_BYTES || rec->op[i].kind == OP_LENGTH))
            return rec->op[i].old_len;
    return 0;
}

static bool redo_within(const struct op *o, uint64_t length)
{
    const uint64_t end = o->at + o->len < length ? o->at + o->len : length;

    return end <= o->at || put(o->file, o->at, rec->bytes + o->new, end - o->at, length);
}

static bool grow(const struct op *o)
{
    const int fd = open_file(o->file);
    const bool good = fd >= 0 && ftruncate(fd, (off_t)o->new_len) == 0;

    close(fd);
    return good;
}

/* `left`: unsynced operations from this one on, itself included; `of`: all of them. */
static bool redo_as(const struct op *o, enum unsynced_loss loss, unsigned left, unsigned of, uint64_t *seed)
{
    const bool bytes = o->kind == OP_BYTES, length = o->kind == OP_LENGTH, name = !bytes && !length;

    switch (loss) {
    case LOSE_SOME:
        return draw(seed) % 2 == 0 || redo(o);
    case LOSE_OLDER:
        return left > (of + 1) / 2 || redo(o);
    case LOSE_SECTORS:
        return bytes ? redo_sectors(o, seed) : draw(seed) % 2 == 0 || redo(o);
    case LOSE_TAIL:
        return bytes && left == 1 ? redo_begin(o, seed) : redo(o);
    case LOSE_LENGTHS:
        return name ? redo(o) : length || redo_within(o, synced_length(o->file));
    case LOSE_NAMES:
        return name || redo(o);
    case LOSE_CONTENTS:
        return bytes ? grow(o) : redo(o);
    default:
        return true;
    }
}

bool unsynced_lose(enum unsynced_loss loss, uint64_t seed)
{
    unsigned of = 0, left;
    bool good = !rec->full;

    seed |= 1;
    for (unsigned i = 0; i < rec->ops; i++)
        of += !rec->op[i].durable;
    left = of;
    for (unsigned i = rec->ops; good && i-- > 0;)
        if (!rec->op[i].durable)
            good = undo(&rec->op[i]);
    for (unsigned i = 0; good && i < rec->ops; i++)
        if (!rec->op[i].durable)
            good = redo_as(&rec->op[i], loss, left--, of, &seed);
    for (unsigned i = 1; i <= rec->files; i++) {
        char path[NAME + 32];

        link_path(i, path);
        (void)unlink(path);
    }
    return good;
}

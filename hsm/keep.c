#include "hsm/keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "hsm/fault.h"

static const char token_object[] = "token.object";
enum { FILE_MAX = 1 << 20 /* bytes; a token file has some hundred */, SETTLE_MS = 50 };

/* A small file as it is on disk; -1 with errno. */
static ssize_t slurp(int dir, const char *name, uint8_t *out, size_t max)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    size_t len = 0;
    ssize_t n;

    if (fd < 0)
        return -1;
    while ((n = read(fd, out + len, max - len)) > 0)
        len += (size_t)n;
    close(fd);
    return n < 0 ? -1 : (ssize_t)len;
}

static bool all_zero(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != 0)
            return false;
    return true;
}

/* Whole or not at all, also over a power cut. */
static int write_whole(int dir, const char *name, const uint8_t *bytes, size_t len)
{
    static const char tmp[] = ".fuseline-new";
    int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = -1;

    if (fd < 0)
        return -1;
    if (write(fd, bytes, len) == (ssize_t)len && fsync(fd) == 0)
        rc = 0;
    if (close(fd) != 0)
        rc = -1;
    if (rc == 0 && renameat(dir, tmp, dir, name) == 0 && fsync(dir) == 0)
        return 0;
    unlinkat(dir, tmp, 0);
    return -1;
}

static int sync_file(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc;

    if (fd < 0)
        return -1;
    rc = fsync(fd);
    close(fd);
    return rc;
}

/* A token.object that was cut: gone, all zeros, or its beginning only.  Whole, it has one length from C_InitPIN on: label
 * and serial are padded, PINs are stored as blobs of one length. */
static bool is_cut(ssize_t len, const uint8_t *bytes, size_t whole)
{
    return len < 0 ? errno == ENOENT : (size_t)len < whole || all_zero(bytes, (size_t)len);
}

/* 0: there is none. */
static size_t size_of(int dir, const char *name)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (size_t)st.st_size : 0;
}

static int copy_file(int from, int to, const char *name, uint8_t *buf)
{
    ssize_t len = slurp(from, name, buf, FILE_MAX);

    if (len < 0)
        return -1;
    if (strcmp(name, token_object) == 0 && is_cut(len, buf, size_of(to, name)))
        return 0; /* never over a good copy */
    if (sync_file(from, name) != 0)
        return -1;
    return write_whole(to, name, buf, (size_t)len);
}

typedef int each_fn(int dir, const char *name, void *io);

/* fn for each entry of dir but those that begin with a dot; the first failure ends it. */
static int each(int dir, each_fn *fn, void *io)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;

    if (d == NULL) {
        if (copy >= 0)
            close(copy);
        return -1;
    }
    while (rc == 0 && (entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.')
            rc = fn(dir, entry->d_name, io);
    closedir(d);
    return rc;
}

struct dirs {
    int tokens, keep; /* workspace/tokens, workspace/keep */
    uint8_t *buf;     /* FILE_MAX */
    int to;           /* where copy_one writes */
};

static int open_dir(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* false: this workspace has no tokens/ or no keep/. */
static bool open_dirs(struct dirs *d, const char *workspace)
{
    int at = open(workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *d = (struct dirs){ .tokens = -1, .keep = -1 };
    if (at < 0)
        return false;
    d->tokens = open_dir(at, "tokens");
    d->keep = open_dir(at, "keep");
    d->buf = malloc(FILE_MAX);
    close(at);
    return d->tokens >= 0 && d->keep >= 0 && d->buf != NULL;
}

static void close_dirs(struct dirs *d)
{
    if (d->tokens >= 0)
        close(d->tokens);
    if (d->keep >= 0)
        close(d->keep);
    free(d->buf);
}

static int copy_one(int from, const char *name, void *io)
{
    struct dirs *d = io;
    size_t len = strlen(name);

    if (len > 5 && strcmp(name + len - 5, ".lock") == 0)
        return 0;
    return copy_file(from, d->to, name, d->buf);
}

static int copy_token(int tokens, const char *uuid, void *io)
{
    struct dirs *d = io;
    int from = open_dir(tokens, uuid), rc = -1;

    if (from < 0)
        return errno == ENOTDIR ? 0 : -1;
    if (mkdirat(d->keep, uuid, 0700) == 0 || errno == EEXIST) {
        d->to = open_dir(d->keep, uuid);
        if (d->to >= 0 && each(from, copy_one, d) == 0 && fsync(from) == 0 && fsync(d->keep) == 0)
            rc = 0;
        if (d->to >= 0)
            close(d->to);
    }
    close(from);
    return rc;
}

/* SoftHSM2's serial is the last 16 hexadecimal digits of the directory's UUID. */
static bool has_serial(const char *uuid, const char *serial)
{
    size_t i = strlen(uuid), k = strlen(serial);

    while (i > 0 && k > 0) {
        if (uuid[--i] == '-')
            continue;
        if (uuid[i] != serial[--k])
            return false;
    }
    return k == 0 && *serial != '\0';
}

/* ---- destroyed keys ---- */

/* keep/UUID/ has it while keys of that token are destroyed: the names of the files in tokens/UUID/ before, one a line. */
static const char doomed[] = ".fuseline-destroying";

struct names {
    uint8_t *text;
    size_t len;
};

static int add_name(int dir, const char *name, void *io)
{
    struct names *n = io;
    size_t len = strlen(name);

    (void)dir;
    if (n->len + len + 1 > FILE_MAX) {
        errno = EFBIG;
        return -1;
    }
    memcpy(n->text + n->len, name, len);
    n->text[n->len + len] = '\n';
    n->len += len + 1;
    return 0;
}

/* Only what was there before and is gone: a file that the token lost in another way keeps its copy. */
static int forget(int token, int kept, char *names)
{
    char *save = NULL;

    for (char *name = strtok_r(names, "\n", &save); name != NULL; name = strtok_r(NULL, "\n", &save))
        if (strchr(name, '/') == NULL && faccessat(token, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT &&
            unlinkat(kept, name, 0) != 0 && errno != ENOENT)
            return -1;
    return fsync(kept);
}

/* fsync of the token's directory first: what comes back after a power cut must not have lost its copy. */
static int end_one(int keep, const char *uuid, void *io)
{
    struct dirs *d = io;
    int kept = open_dir(keep, uuid), token = open_dir(d->tokens, uuid), rc = 0;
    ssize_t len = kept >= 0 && token >= 0 ? slurp(kept, doomed, d->buf, FILE_MAX - 1) : -1;

    if (len >= 0) {
        d->buf[len] = '\0';
        rc = fsync(token) == 0 && forget(token, kept, (char *)d->buf) == 0 && unlinkat(kept, doomed, 0) == 0 ? fsync(kept)
                                                                                                             : -1;
    }
    if (kept >= 0)
        close(kept);
    if (token >= 0)
        close(token);
    return rc;
}

struct marking {
    struct dirs d;
    const char *serial;
};

static int begin_one(int keep, const char *uuid, void *io)
{
    struct marking *m = io;
    struct names n = { .text = m->d.buf };

    if (!has_serial(uuid, m->serial))
        return 0;
    int kept = open_dir(keep, uuid), token = open_dir(m->d.tokens, uuid), rc = 0;
    if (kept >= 0 && token >= 0)
        rc = each(token, add_name, &n) == 0 ? write_whole(kept, doomed, n.text, n.len) : -1;
    if (kept >= 0)
        close(kept);
    if (token >= 0)
        close(token);
    return rc;
}

/* An open end of before is made first: its list would be lost. */
enum err_code keep_forget_begin(const char *workspace, const char *serial, struct err *e)
{
    struct marking m = { .serial = serial };
    enum err_code rc = ERR_OK;

    if (open_dirs(&m.d, workspace) && (each(m.d.keep, end_one, &m.d) != 0 || each(m.d.keep, begin_one, &m) != 0))
        rc = err_errno(e, &hsm_fault[HSM_INIT], "keep", "%s/keep", workspace);
    close_dirs(&m.d);
    return rc;
}

enum err_code keep_forget_end(const char *workspace, struct err *e)
{
    struct dirs d;
    enum err_code rc = ERR_OK;

    if (open_dirs(&d, workspace) && each(d.keep, end_one, &d) != 0)
        rc = err_errno(e, &hsm_fault[HSM_INIT], "forget", "%s/keep: a kept copy of a destroyed key is left", workspace);
    close_dirs(&d);
    return rc;
}

/* ---- copies and their return ---- */

enum err_code keep_copy(const char *workspace, struct err *e)
{
    struct dirs d;
    enum err_code rc = ERR_OK;

    if (open_dirs(&d, workspace) &&
        (each(d.keep, end_one, &d) != 0 || each(d.tokens, copy_token, &d) != 0 || fsync(d.tokens) != 0))
        rc = err_errno(e, &hsm_fault[HSM_INIT], "copy", "%s/keep", workspace);
    close_dirs(&d);
    return rc;
}

static bool is_token_cut(int dir, size_t whole, uint8_t *buf)
{
    ssize_t len = slurp(dir, token_object, buf, FILE_MAX);

    return is_cut(len, buf, whole);
}

/* A tool that does not know our lock may be in its login window just now: look again before acting. */
static bool stays_cut(int dir, size_t whole, uint8_t *buf)
{
    if (!is_token_cut(dir, whole, buf))
        return false;
    clock_sleep_ms(SETTLE_MS);
    return is_token_cut(dir, whole, buf);
}

static int restore_token(int tokens, const char *uuid, void *io)
{
    struct dirs *d = io;
    int to = open_dir(tokens, uuid), from = open_dir(d->keep, uuid), rc = 0;

    if (to >= 0 && from >= 0 && !is_token_cut(from, 0, d->buf) && stays_cut(to, size_of(from, token_object), d->buf))
        rc = copy_file(from, to, token_object, d->buf);
    if (to >= 0)
        close(to);
    if (from >= 0)
        close(from);
    return rc;
}

enum err_code keep_restore(const char *workspace, struct err *e)
{
    struct dirs d;
    enum err_code rc = ERR_OK;

    if (open_dirs(&d, workspace) && (each(d.tokens, restore_token, &d) != 0 || each(d.keep, end_one, &d) != 0))
        rc = err_errno(e, &hsm_fault[HSM_TOKEN_LOST], "restore", "%s/tokens", workspace);
    close_dirs(&d);
    return rc;
}

/* rmdir refuses as long as a key lies in it; then only the token's own file is gone, and that was worthless. */
static void remove_token(int tokens, const char *uuid, int dir)
{
    unlinkat(dir, "token.lock", 0);
    unlinkat(dir, "generation", 0);
    unlinkat(dir, token_object, 0);
    unlinkat(tokens, uuid, AT_REMOVEDIR);
}

static bool is_kept(const struct dirs *d, const char *uuid)
{
    return faccessat(d->keep, uuid, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int sweep_token(int tokens, const char *uuid, void *io)
{
    struct dirs *d = io;
    int dir = open_dir(tokens, uuid);

    if (dir >= 0 && !is_kept(d, uuid) && stays_cut(dir, 0, d->buf))
        remove_token(tokens, uuid, dir);
    if (dir >= 0)
        close(dir);
    return 0;
}

void keep_sweep(const char *workspace)
{
    struct dirs d;

    if (open_dirs(&d, workspace))
        (void)each(d.tokens, sweep_token, &d); /* what stays is harmless: SoftHSM2 does not show it */
    close_dirs(&d);
}

static int find_key(int dir, const char *name, void *io)
{
    const char *end = strrchr(name, '.');
    bool *found = io;

    (void)dir;
    *found |= end != NULL && strcmp(end, ".object") == 0 && strcmp(name, token_object) != 0;
    return 0;
}

struct discard {
    struct dirs d;
    const char *serial;
};

static int discard_token(int tokens, const char *uuid, void *io)
{
    struct discard *x = io;
    bool has_key = false;
    int dir = has_serial(uuid, x->serial) && !is_kept(&x->d, uuid) ? open_dir(tokens, uuid) : -1;

    if (dir < 0)
        return 0;
    if (each(dir, find_key, &has_key) == 0 && !has_key)
        remove_token(tokens, uuid, dir);
    close(dir);
    return 0;
}

void keep_discard(const char *workspace, const char *serial)
{
    struct discard x = { .serial = serial };

    if (open_dirs(&x.d, workspace))
        (void)each(x.d.tokens, discard_token, &x); /* if it stays, the same error comes again and is told */
    close_dirs(&x.d);
}

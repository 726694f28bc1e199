#include "db/mark_file.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/hex.h"

#define NAME "fuseline-mark 1 "
enum {
    CHECK_LEN = 9 /* and its line end */,
    LOG_LEN = 16 + 16 + 1 + 64 + 1 + CHECK_LEN,
    FLEET_LEN = 4 + 1 + 8 + 1 + CHECK_LEN
};

static off_t fleet_at(uint16_t fleet)
{
    return LOG_LEN + (off_t)(fleet - 1) * FLEET_LEN;
}

/* ---- a line ---- */

static bool check_of(const char *line, size_t len, char out[CHECK_LEN + 1])
{
    uint8_t digest[32];

    if (EVP_Digest(line, len, digest, NULL, EVP_sha256(), NULL) != 1)
        return false;
    hex_encode(digest, 4, out);
    memcpy(out + 8, "\n", 2);
    return true;
}

static bool seal(char *line, size_t len)
{
    return check_of(line, len - CHECK_LEN, line + len - CHECK_LEN);
}

static ssize_t whole_pread(int fd, char *out, size_t len, off_t at)
{
    ssize_t got;

    do
        got = pread(fd, out, len, at);
    while (got < 0 && errno == EINTR);
    return got;
}

static enum mark_read read_line(int fd, char *line, size_t len, off_t at)
{
    static const char blank[LOG_LEN];
    char check[CHECK_LEN + 1];
    const ssize_t got = whole_pread(fd, line, len, at);

    line[len] = '\0';
    if (got == 0)
        return MARK_PAST_END;
    if (got != (ssize_t)len)
        return MARK_UNREADABLE;
    if (memcmp(line, blank, len) == 0)
        return MARK_EMPTY;
    return check_of(line, len - CHECK_LEN, check) && memcmp(check, line + len - CHECK_LEN, CHECK_LEN) == 0 ? MARK_READ
                                                                                                           : MARK_UNREADABLE;
}

/* One call, in place: other processes see the line before or after. */
static bool write_line(int fd, char *line, size_t len, off_t at)
{
    ssize_t put;

    if (!seal(line, len))
        return false;
    do
        put = pwrite(fd, line, len, at);
    while (put < 0 && errno == EINTR);
    return put == (ssize_t)len;
}

/* ---- the log's ---- */

static enum mark_read read_log(int fd, struct mark_log *log)
{
    char line[LOG_LEN + 1], *end;
    const enum mark_read got = read_line(fd, line, LOG_LEN, 0);

    if (got != MARK_READ)
        return got;
    if (strncmp(line, NAME, sizeof NAME - 1) != 0)
        return MARK_UNREADABLE;
    log->events = strtoull(line + sizeof NAME - 1, &end, 16);
    line[LOG_LEN - CHECK_LEN - 1] = '\0';
    return log->events > 0 && *end == ' ' && hex_decode(end + 1, log->leaf, sizeof log->leaf) == sizeof log->leaf
               ? MARK_READ
               : MARK_UNREADABLE;
}

enum mark_read mark_file_last(int fd, uint16_t fleet, uint32_t *last)
{
    char line[FLEET_LEN + 1];
    const enum mark_read got = read_line(fd, line, FLEET_LEN, fleet_at(fleet));

    if (got == MARK_READ)
        *last = (uint32_t)strtoul(line + 5, NULL, 16);
    return got;
}

/* A log that can be read beside a fleet that can't is torn as a whole. */
enum mark_read mark_file_read(int fd, struct mark_log *log)
{
    enum mark_read got = read_log(fd, log), fleet = MARK_READ;
    uint32_t last;

    for (uint32_t f = 1; got == MARK_READ && fleet != MARK_PAST_END && f <= UINT16_MAX; f++)
        if ((fleet = mark_file_last(fd, (uint16_t)f, &last)) == MARK_UNREADABLE)
            got = MARK_UNREADABLE;
    return got == MARK_PAST_END ? MARK_EMPTY : got;
}

/* ---- writing ---- */

static bool lock(int fd)
{
    int rc;

    do
        rc = flock(fd, LOCK_EX);
    while (rc != 0 && errno == EINTR);
    return rc == 0;
}

bool mark_file_log(int fd, const struct mark_log *log, bool anew)
{
    char line[LOG_LEN + 1], leaf[65];
    struct mark_log there;

    if (!lock(fd))
        return false;
    bool ok = !anew && read_log(fd, &there) == MARK_READ && there.events >= log->events;
    if (!ok) {
        hex_encode(log->leaf, sizeof log->leaf, leaf);
        (void)snprintf(line, sizeof line, NAME "%016llx %s ", (unsigned long long)log->events, leaf);
        ok = write_line(fd, line, LOG_LEN, 0);
    }
    (void)flock(fd, LOCK_UN);
    return ok;
}

bool mark_file_raise(int fd, uint16_t fleet, uint32_t last)
{
    char line[FLEET_LEN + 1];
    uint32_t there;

    if (!lock(fd))
        return false;
    bool ok = mark_file_last(fd, fleet, &there) == MARK_READ && there >= last;
    if (!ok) {
        (void)snprintf(line, sizeof line, "%04x %08x ", (unsigned)fleet, (unsigned)last);
        ok = write_line(fd, line, FLEET_LEN, fleet_at(fleet));
    }
    (void)flock(fd, LOCK_UN);
    return ok;
}

bool mark_file_clear(int fd)
{
    int rc;

    do
        rc = ftruncate(fd, 0);
    while (rc != 0 && errno == EINTR);
    return rc == 0;
}

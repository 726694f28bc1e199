#include "tests/sweep/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- bytes ---- */

bool file_copy(const char *from, const char *to)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct stat st = { 0 };
    bool good = in >= 0 && out >= 0 && fstat(in, &st) == 0;

    for (off_t at = 0; good && at < st.st_size;)
        good = sendfile(out, in, &at, (size_t)(st.st_size - at)) > 0;
    if (in >= 0)
        (void)close(in);
    return out >= 0 && close(out) == 0 && good;
}

bool file_overwrite(const char *from, const char *to)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CLOEXEC);
    char block[65536];
    ssize_t n = in >= 0 && out >= 0 ? 1 : -1;

    while (n > 0 && (n = read(in, block, sizeof block)) > 0)
        n = write(out, block, (size_t)n);
    if (in >= 0)
        (void)close(in);
    return out >= 0 && close(out) == 0 && n == 0;
}

struct view {
    const uint8_t *bytes;
    size_t len;
};

static bool view_open(struct view *v, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st = { 0 };
    void *map = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (fd >= 0)
        (void)close(fd);
    *v = (struct view){ map == MAP_FAILED ? NULL : map, (size_t)st.st_size };
    return v->bytes != NULL;
}

static void view_close(struct view *v)
{
    union {
        const void *in;
        void *out;
    } map = { v->bytes };

    (void)munmap(map.out, v->len);
}

uint64_t file_sum(const char *path, size_t from, size_t to, uint64_t sum)
{
    struct view v;

    if (!view_open(&v, path))
        return sum;
    to = to < v.len ? to : v.len;
    for (size_t i = from; i < to; i += 8) {
        uint64_t word = 0;

        memcpy(&word, v.bytes + i, to - i < 8 ? to - i : 8);
        sum = (sum ^ word) * 0x9E3779B97F4A7C15u;
        sum ^= sum >> 29;
    }
    view_close(&v);
    return sum;
}

bool file_has(const char *path, const void *bytes, size_t len)
{
    struct view v;
    bool found;

    if (!view_open(&v, path))
        return false;
    found = memmem(v.bytes, v.len, bytes, len) != NULL;
    view_close(&v);
    return found;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

void files_remove(const char *dir)
{
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static bool copy_entry(const char *from, const char *to, const char *name)
{
    char in[WORLD_PATH * 3], out[WORLD_PATH * 3];
    struct stat st;

    (void)snprintf(in, sizeof in, "%s/%s", from, name);
    (void)snprintf(out, sizeof out, "%s/%s", to, name);
    if (stat(in, &st) != 0)
        return false;
    return S_ISDIR(st.st_mode) ? files_copy(in, out) : file_copy(in, out);
}

bool files_copy(const char *from, const char *to)
{
    DIR *dir = opendir(from);
    bool good = dir != NULL && mkdir(to, 0700) == 0;

    for (struct dirent *entry; good && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            good = copy_entry(from, to, entry->d_name);
    if (dir != NULL)
        (void)closedir(dir);
    return good;
}

/* ---- a verdict ---- */

static bool find(const char *text, const char *(*name)(unsigned), unsigned n, unsigned *out)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(name(i), text) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static const char *nth_verdict(unsigned i)
{
    return verdict_name((enum verdict)i);
}

static const char *nth_state(unsigned i)
{
    return device_state_name((enum device_state)i);
}

static bool take(struct told *t, const char *verdict, const char *code, const char *serial, const char *state)
{
    unsigned v = 0, s = 0;

    if (!find(verdict, nth_verdict, VERDICT_FAIL + 1, &v))
        return false;
    t->has_device = serial != NULL;
    if (t->has_device && (state == NULL || !find(state, nth_state, DEV_STATES, &s)))
        return false;
    t->verdict = (enum verdict)v;
    t->state = (enum device_state)s;
    t->serial = serial != NULL ? strtoull(serial, NULL, 16) : 0;
    t->pass_shown = v == VERDICT_PASS;
    (void)snprintf(t->code, sizeof t->code, "%s", code);
    return true;
}

static bool read_json(FILE *f, struct told *t)
{
    json_t *o = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL);
    const char *verdict = NULL, *code = NULL, *serial = NULL, *state = NULL;
    int status = -1;
    const bool whole = o != NULL && json_unpack(o, "{s:s, s:s, s:i, s?s, s?s}", "verdict", &verdict, "code", &code, "exit",
                                                &status, "serial", &serial, "state", &state) == 0;
    bool good = false;

    if (!whole && o != NULL) { /* serial and state are null without a device */
        serial = state = NULL;
        good = json_unpack(o, "{s:s, s:s, s:i}", "verdict", &verdict, "code", &code, "exit", &status) == 0;
    }
    good = (whole || good) && take(t, verdict, code, serial, state);
    t->exit_json = good ? status : -1;
    json_decref(o);
    return good;
}

static bool read_text(FILE *f, struct told *t)
{
    char verdict[16], code[64], serial[32], uid[32], state[32];
    const bool whole = fscanf(f, " %15s slot %*[^:]: %63s serial %31[^\n] UID %31[^\n] state %31[^\n]", verdict, code,
                              serial, uid, state) == 5;

    t->exit_json = -1;
    return whole && take(t, verdict, code, strcmp(serial, "none yet") == 0 ? NULL : serial,
                         strcmp(state, "not registered") == 0 ? NULL : state);
}

bool told_read(const char *path, bool json, struct told *t)
{
    FILE *f = fopen(path, "re");
    const bool good = f != NULL && (json ? read_json(f, t) : read_text(f, t));

    if (f != NULL)
        (void)fclose(f);
    return good;
}

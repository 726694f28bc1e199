/* tests/db/marked.h - a registry with its mark, of its own for each test, and devices on their way; for this folder's tests.
 */
#ifndef TESTS_DB_MARKED_H
#define TESTS_DB_MARKED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/check.h"
#include "db/fault.h"
#include "db/mark.h"
#include "protocol/bytes.h"
#include "protocol/otp_image.h"

struct bench { /* a registry with its mark, of its own for each test */
    char dir[64], path[96], mark[MARK_PATH_MAX];
    struct registry *r;
    struct product p;
    struct mark_view v;
    struct err e;
    char kinds[256]; /* of the differences found */
};

static void reopen(struct bench *b)
{
    registry_close(b->r);
    assert_int_equal(registry_open(&b->r, b->path, REGISTRY_WRITE, &b->e), ERR_OK);
}

static enum err_code keep(struct bench *b)
{
    reopen(b);
    return registry_mark_keep(b->r, b->mark, &b->v, &b->e);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    (void)snprintf(b->dir, sizeof b->dir, "/tmp/fuseline-check-XXXXXX");
    if (mkdtemp(b->dir) == NULL)
        return -1;
    (void)snprintf(b->path, sizeof b->path, "%s/registry.db", b->dir);
    registry_mark_path(b->path, b->mark);
    assert_int_equal(registry_open(&b->r, b->path, REGISTRY_CREATE, &b->e), ERR_OK);
    assert_int_equal(keep(b), ERR_OK);
    b->p = (struct product){ .name = "meter", .chip = "stm32l476", .scheme = 1, .suite = 1, .sid_len = 2, .ctr_len = 1 };
    assert_int_equal(registry_product_add(b->r, &b->p, &b->e), ERR_OK);
    *state = b;
    return 0;
}

static void remove_file(const struct bench *b, const char *name)
{
    char path[160];

    (void)snprintf(path, sizeof path, "%s/%s", b->dir, name);
    (void)unlink(path);
}

static int teardown(void **state)
{
    static const char *const names[] = { "registry.db", "registry.db-journal", "registry.mark", "older", "newer" };
    struct bench *b = *state;

    registry_close(b->r);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove_file(b, names[i]);
    const int rc = rmdir(b->dir);
    free(b);
    return rc;
}

static uint64_t reserve(struct bench *b, uint8_t seed)
{
    struct device d;
    uint8_t uid[REG_UID];
    bool fresh;

    memset(uid, seed, sizeof uid);
    assert_int_equal(registry_reserve(b->r, "meter", uid, 3, 2516, &d, &fresh, &b->e), ERR_OK);
    assert_true(fresh);
    return d.serial;
}

static uint64_t begin(struct bench *b, uint8_t seed)
{
    const uint64_t serial = reserve(b, seed);
    struct wrapped_key k = { .role = "server", .blob_len = 8, .profile = "x", .kek = "kek" };
    uint8_t image[REG_IMAGE] = { 0 }, none[32] = { 0 };

    memset(k.digest, seed, sizeof k.digest);
    assert_int_equal(registry_keyed(b->r, serial, &k, 1, &b->e), ERR_OK);
    image[OTP_OFF_SCHEME] = image[OTP_OFF_SUITE] = 1;
    put32(image + OTP_OFF_SERIAL, (uint32_t)(serial >> 32));
    put32(image + OTP_OFF_SERIAL + 4, (uint32_t)serial);
    put16(image + OTP_OFF_FLEET, b->p.fleet);
    put16(image + OTP_OFF_DAY, 2516);
    put16(image + OTP_OFF_STATION, 3);
    assert_int_equal(registry_intent(b->r, serial, image, none, &b->e), ERR_OK);
    return serial;
}

static enum err_code note(void *io, const struct difference *d, struct err *e)
{
    struct bench *b = io;
    const size_t len = strlen(b->kinds);

    (void)e;
    (void)snprintf(b->kinds + len, sizeof b->kinds - len, "%s%s", len > 0 ? " " : "", difference_name(d->kind));
    return ERR_OK;
}

static const char *differences(struct bench *b)
{
    struct check_count count;

    b->kinds[0] = '\0';
    assert_int_equal(registry_check(b->r, note, b, &count, &b->e), ERR_OK);
    return b->kinds;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif

/* tests/db/schemes.h - a registry with a product of every scheme, two handles on it as two processes have, and devices on
 * their way; at its end it has no difference with itself, whatever a test did.  For this folder's tests. */
#ifndef TESTS_DB_SCHEMES_H
#define TESTS_DB_SCHEMES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/check.h"
#include "db/fault.h"
#include "db/registry.h"
#include "protocol/bytes.h"
#include "protocol/otp_image.h"

struct bench {
    char dir[64], path[96];
    struct registry *r, *other; /* two processes */
    struct product p[9];        /* by scheme; fleet == scheme */
    uint8_t boards;
    struct err e;
};

static inline enum err_code print_difference(void *io, const struct difference *d, struct err *e)
{
    (void)io, (void)e;
    (void)fprintf(stderr, "# %s %016llx: is %s, should be %s\n", difference_name(d->kind), (unsigned long long)d->serial,
                  d->is, d->should);
    return ERR_OK;
}

static inline uint64_t differences(struct bench *b)
{
    struct check_count count;

    assert_int_equal(registry_check(b->r, print_difference, NULL, &count, &b->e), ERR_OK);
    return count.differences;
}

static inline int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    (void)snprintf(b->dir, sizeof b->dir, "/tmp/fuseline-schemes-XXXXXX");
    if (mkdtemp(b->dir) == NULL)
        return -1;
    (void)snprintf(b->path, sizeof b->path, "%s/registry.db", b->dir);
    assert_int_equal(registry_open(&b->r, b->path, REGISTRY_CREATE, &b->e), ERR_OK);
    assert_int_equal(registry_open(&b->other, b->path, REGISTRY_WRITE, &b->e), ERR_OK);
    for (uint8_t s = 1; s <= 8; s++) {
        b->p[s] = (struct product){ .chip = "stm32l476", .scheme = s, .suite = 1, .sid_len = 2, .ctr_len = 1 };
        (void)snprintf(b->p[s].name, sizeof b->p[s].name, "TEST-%u", s);
        b->p[s].epoch = s == 1 || s == 4 || s == 5 ? 0 : 1;
        assert_int_equal(registry_product_add(b->r, &b->p[s], &b->e), ERR_OK);
    }
    *state = b;
    return 0;
}

static inline int teardown(void **state)
{
    struct bench *b = *state;
    char command[128];
    const uint64_t n = differences(b);

    registry_close(b->r);
    registry_close(b->other);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
    free(b);
    return n != 0 ? -1 : system(command);
}

static inline void make_image(const struct product *p, uint64_t serial, uint8_t image[REG_IMAGE])
{
    memset(image, 0, REG_IMAGE);
    image[OTP_OFF_SCHEME] = p->scheme;
    image[OTP_OFF_SUITE] = p->suite;
    put32(image + OTP_OFF_SERIAL, (uint32_t)(serial >> 32));
    put32(image + OTP_OFF_SERIAL + 4, (uint32_t)serial);
    put16(image + OTP_OFF_FLEET, p->fleet);
    put16(image + OTP_OFF_DAY, 2516);
    put16(image + OTP_OFF_STATION, 3);
}

/* A new device of that scheme, its intent recorded. */
static inline uint64_t burning(struct bench *b, uint8_t scheme)
{
    const struct product *p = &b->p[scheme];
    struct wrapped_key k = { .blob_len = 8, .profile = "x", .kek = "kek" };
    uint8_t uid[REG_UID] = { 0x54, ++b->boards }, image[REG_IMAGE], none[32] = { 0 };
    struct device d;
    bool fresh;

    (void)snprintf(k.role, sizeof k.role, "%s", scheme == 1 ? "server" : "secret");
    memset(k.digest, b->boards, sizeof k.digest);
    assert_int_equal(registry_reserve(b->r, p->name, uid, 3, 2516, &d, &fresh, &b->e), ERR_OK);
    make_image(p, d.serial, image);
    assert_int_equal(registry_keyed(b->r, d.serial, &k, scheme == 1 || scheme == 4, &b->e), ERR_OK);
    assert_int_equal(registry_intent(b->r, d.serial, image, none, &b->e), ERR_OK);
    return d.serial;
}

static inline void advance(struct bench *b, uint64_t serial, enum device_state from, enum device_state to)
{
    for (enum device_state s = from; s < to; s++)
        assert_int_equal(registry_advance(b->r, serial, s, (enum device_state)(s + 1), NULL, &b->e), ERR_OK);
}

static inline uint64_t done(struct bench *b, uint8_t scheme)
{
    const uint64_t serial = burning(b, scheme);

    advance(b, serial, DEV_BURNING, DEV_DONE);
    return serial;
}

static inline struct device device(struct bench *b, uint64_t serial)
{
    struct device d;

    assert_int_equal(registry_device(b->r, serial, &d, &b->e), ERR_OK);
    return d;
}

/* A frame of that device: session and content are one byte each, all over. */
static inline struct frame_row frame(uint64_t serial, uint8_t scheme, uint8_t session, uint64_t ctr, uint8_t content)
{
    struct frame_row f = { .serial = serial, .scheme = scheme, .ctr = ctr, .frame_len = 28 };

    memset(f.session, session, sizeof f.session);
    memset(f.sid, session, sizeof f.sid);
    memset(f.frame, content, f.frame_len);
    f.frame[0] = (uint8_t)ctr;
    return f;
}

static inline enum frame_record record_at(struct bench *b, struct registry *r, struct frame_row *f)
{
    enum frame_record what = FRAME_ENDED;

    if (registry_frame_record(r, f, &what, &b->e) != ERR_OK)
        fail_msg("%s: %s", b->e.fault->name, b->e.subject);
    return what;
}

static inline enum frame_record record(struct bench *b, struct frame_row *f)
{
    return record_at(b, b->r, f);
}

/* From outside: SQL on the file. */
static inline long ask(struct bench *b, const char *statement)
{
    sqlite3 *db;
    sqlite3_stmt *s;

    assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, statement, -1, &s, NULL) != SQLITE_OK)
        fail_msg("%s: %s", statement, sqlite3_errmsg(db));
    const int step = sqlite3_step(s);
    const long v = step == SQLITE_ROW ? (long)sqlite3_column_int64(s, 0) : 0;
    assert_true(step == SQLITE_ROW || step == SQLITE_DONE);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return v;
}

static inline long events(struct bench *b, const char *kind)
{
    char statement[128];

    (void)snprintf(statement, sizeof statement, "SELECT count(*) FROM event WHERE canonical LIKE '%%\"event\":\"%s\"%%'",
                   kind);
    return ask(b, statement);
}

/* Refused, by that fault. */
static inline void refused(struct bench *b, enum err_code rc, enum db_fault_id fault)
{
    assert_int_equal(rc, db_fault[fault].code);
    assert_string_equal(b->e.fault->name, db_fault[fault].name);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif

/* A registry that schema 2 filled, opened by this fuseline: every row and event is kept, or nothing is changed. */
#include "tests/db/schemes.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char schema_0001[] = {
#include "db/schema/0001-sqlite.sql.inc"
    0
};
static const char schema_0002[] = {
#include "db/schema/0002-sqlite.sql.inc"
    0
};

/* The tables of schema 2, and all of their columns. */
static const struct {
    const char *name, *columns;
} tables[] = {
    { "product", "name, chip, scheme, suite, fleet, model, policy, sid_len, ctr_len, lock_level, serial_first, serial_last,"
                 " created" },
    { "device", "serial, short, uid, product, state, station, day, image, image_sha256, reason, created, updated" },
    { "wrapped_key", "digest, serial, role, blob, mechanism, profile, kek, kek_kcv, public_x" },
    { "frame", "digest, serial, session, sid, ctr, frame, received, n" },
    { "event", "n, canonical, leaf_hash" },
    { "ballast", "serial, n, filler" },
    { "serial_floor", "fleet, last" },
};
enum { TABLES = sizeof tables / sizeof *tables, DEVICES = 20, FRAMES = 30 /* of each */ };

static void run(sqlite3 *db, const char *script)
{
    char *why = NULL;

    if (sqlite3_exec(db, script, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
}

/* Devices of scheme 1 in all states, with frames; by the calls of today. */
static void fill(struct bench *b)
{
    assert_int_equal(registry_batch_begin(b->r, &b->e), ERR_OK);
    for (uint8_t i = 0; i < DEVICES; i++) {
        const uint64_t serial = i % 5 == 4 ? burning(b, 1) : done(b, 1);
        for (uint8_t ctr = 0; ctr < FRAMES && i % 5 != 4; ctr++) {
            struct frame_row f = frame(serial, 1, i, ctr, i);
            assert_int_equal(record(b, &f), FRAME_NEW);
        }
        if (i % 5 == 3)
            assert_int_equal(registry_quarantine(b->r, serial, DEV_DONE, "board-torn", &b->e), ERR_OK);
    }
    assert_int_equal(registry_batch_commit(b->r, &b->e), ERR_OK);
    ask(b, "INSERT INTO serial_floor VALUES (1, 77)");
}

/* The same rows in a file of schema 2, "old.db"; and b->path becomes such a file too, no handle on it. */
static int setup_old(void **state)
{
    char path[128], script[512];
    sqlite3 *db;

    if (setup(state) != 0)
        return -1;
    struct bench *b = *state;
    fill(b);
    registry_close(b->r);
    registry_close(b->other);
    b->r = b->other = NULL;
    (void)snprintf(path, sizeof path, "%s/old.db", b->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    run(db, schema_0001);
    run(db, schema_0002);
    run(db, "CREATE TABLE fuseline_schema (version INTEGER NOT NULL PRIMARY KEY, applied TEXT NOT NULL) STRICT;"
            "INSERT INTO fuseline_schema VALUES (1, 'x'), (2, 'x')");
    (void)snprintf(script, sizeof script, "ATTACH '%s' AS today", b->path);
    run(db, script);
    for (size_t i = 0; i < TABLES; i++) {
        (void)snprintf(script, sizeof script, "INSERT INTO main.%s (%s) SELECT %s FROM today.%s", tables[i].name,
                       tables[i].columns, tables[i].columns, tables[i].name);
        run(db, script);
    }
    sqlite3_close(db);
    (void)snprintf(script, sizeof script, "cp '%s' '%s' && rm -f '%s-journal'", path, b->path, b->path);
    return system(script);
}

static int teardown_old(void **state)
{
    struct bench *b = *state;

    if (b->r == NULL)
        assert_int_equal(registry_open(&b->r, b->path, REGISTRY_WRITE, &b->e), ERR_OK);
    return teardown(state);
}

/* Rows that are in one of the two and not in the other. */
static long unlike_old(struct bench *b)
{
    char script[1024];
    sqlite3 *db;
    sqlite3_stmt *s;
    long n = 0;

    assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
    (void)snprintf(script, sizeof script, "ATTACH '%s/old.db' AS old", b->dir);
    run(db, script);
    for (size_t i = 0; i < TABLES; i++) {
        const char *c = tables[i].columns, *t = tables[i].name;
        (void)snprintf(script, sizeof script,
                       "SELECT (SELECT count(*) FROM (SELECT %s FROM main.%s EXCEPT SELECT %s FROM old.%s))"
                       " + (SELECT count(*) FROM (SELECT %s FROM old.%s EXCEPT SELECT %s FROM main.%s))"
                       " + abs((SELECT count(*) FROM main.%s) - (SELECT count(*) FROM old.%s))",
                       c, t, c, t, c, t, c, t, t, t);
        assert_int_equal(sqlite3_prepare_v2(db, script, -1, &s, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        n += (long)sqlite3_column_int64(s, 0);
        sqlite3_finalize(s);
    }
    sqlite3_close(db);
    return n;
}

static void test_every_row_and_event_is_kept(void **state)
{
    struct bench *b = *state;
    struct frame_row f = frame(0, 1, 0, 1, 0), got;
    struct product p;
    bool found = false;

    assert_int_equal(ask(b, "SELECT max(version) FROM fuseline_schema"), 2);
    assert_true(ask(b, "SELECT count(*) FROM frame") > 400 && ask(b, "SELECT count(*) FROM ballast") > 10);
    assert_int_equal(registry_open(&b->r, b->path, REGISTRY_WRITE, &b->e), ERR_OK);
    assert_int_equal(ask(b, "SELECT max(version) FROM fuseline_schema"), 6);
    assert_int_equal(unlike_old(b), 0);
    assert_int_equal(differences(b), 0);
    assert_int_equal(ask(b, "SELECT count(*) FROM frame WHERE scheme <> 1 OR fleet <> 1 OR open_boot IS NOT NULL"), 0);
    assert_int_equal(registry_frame_find(b->r, f.frame, f.frame_len, &got, &found, &b->e), ERR_OK);
    assert_true(found);
    assert_int_equal(got.fleet, 1);
    assert_int_equal(record(b, &got), FRAME_DUPLICATE);
    got.frame[27] = 0xFF;
    assert_int_equal(record(b, &got), FRAME_REPLAY); /* its constraints came along */
    assert_int_equal(registry_product_get(b->r, "TEST-1", &p, &b->e), ERR_OK);
    assert_int_equal(p.epoch, 0);
    assert_false(p.has_ra || p.has_backup_ra);
    assert_string_equal(p.master, "");
}

static void test_who_only_reads_changes_nothing(void **state)
{
    struct bench *b = *state;

    refused(b, registry_open(&b->r, b->path, REGISTRY_READ, &b->e), DB_OUTDATED);
    assert_null(b->r);
    assert_int_equal(ask(b, "SELECT max(version) FROM fuseline_schema"), 2);
    assert_int_equal(unlike_old(b), 0);
}

static void no_file_grows(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        _exit(3);
    const struct rlimit limit = { (rlim_t)st.st_size, (rlim_t)st.st_size };
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        _exit(4);
}

static void test_on_a_full_disk_it_stays_as_it_was(void **state)
{
    struct bench *b = *state;
    int status;

    if (fork() == 0) {
        no_file_grows(b->path);
        _exit(registry_open(&b->r, b->path, REGISTRY_WRITE, &b->e) != ERR_OK && b->r == NULL ? 0 : 1);
    }
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
    assert_int_equal(ask(b, "SELECT max(version) FROM fuseline_schema"), 2);
    assert_int_equal(unlike_old(b), 0);
    assert_int_equal(registry_open(&b->r, b->path, REGISTRY_WRITE, &b->e), ERR_OK); /* with room again */
    assert_int_equal(unlike_old(b), 0);
}

static void test_two_stations_that_start_at_once_migrate_once(void **state)
{
    struct bench *b = *state;

    for (int child = 0; child < 2; child++)
        if (fork() == 0)
            _exit(registry_open(&b->r, b->path, REGISTRY_WRITE, &b->e) == ERR_OK ? 0 : 1);
    for (int child = 0, status; child < 2; child++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(ask(b, "SELECT count(*) FROM fuseline_schema"), 6);
    assert_int_equal(unlike_old(b), 0);
}

int main(void)
{
#define OLD(name) cmocka_unit_test_setup_teardown(name, setup_old, teardown_old)
    const struct CMUnitTest tests[] = {
        OLD(test_every_row_and_event_is_kept),
        OLD(test_who_only_reads_changes_nothing),
        OLD(test_on_a_full_disk_it_stays_as_it_was),
        OLD(test_two_stations_that_start_at_once_migrate_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

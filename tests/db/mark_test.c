#include "tests/db/marked.h"

static void copy(const struct bench *b, const char *from, const char *to)
{
    char path[160], line[4096];
    ssize_t n;

    (void)snprintf(path, sizeof path, "%s/%s", b->dir, from);
    const int in = open(path, O_RDONLY);
    (void)snprintf(path, sizeof path, "%s/%s", b->dir, to);
    const int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, line, sizeof line)) > 0)
        assert_int_equal(write(out, line, (size_t)n), n);
    close(in);
    close(out);
}

/* ---- the mark ---- */

static void test_an_older_copy_is_refused_and_not_touched(void **state)
{
    struct bench *b = *state;

    reserve(b, 1);
    copy(b, "registry.db", "older");
    reserve(b, 2);
    copy(b, "registry.db", "newer");
    assert_int_equal(keep(b), ERR_OK);
    assert_int_equal(b->v.found, MARK_GOOD);
    copy(b, "older", "registry.db");
    assert_int_equal(keep(b), ERR_CONFIG);
    assert_ptr_equal(b->e.fault, &db_fault[DB_OLDER]);
    assert_int_equal(b->v.known, 3);
    assert_int_equal(b->v.held, 2);
    copy(b, "newer", "registry.db");
    assert_int_equal(keep(b), ERR_OK);
}

static void test_an_older_copy_that_has_grown_again_is_refused(void **state)
{
    struct bench *b = *state;

    reserve(b, 1);
    copy(b, "registry.db", "older");
    reserve(b, 2);
    copy(b, "older", "registry.db");
    reopen(b); /* by a program that keeps no mark */
    reserve(b, 3);
    reserve(b, 4);
    assert_int_equal(keep(b), ERR_CONFIG);
    assert_ptr_equal(b->e.fault, &db_fault[DB_OLDER]);
}

static void test_an_accepted_copy_never_gives_a_serial_twice(void **state)
{
    struct bench *b = *state;
    const uint64_t first = reserve(b, 1);

    copy(b, "registry.db", "older");
    assert_int_equal(reserve(b, 2), first + 1);
    assert_int_equal(reserve(b, 3), first + 2);
    copy(b, "older", "registry.db");
    reopen(b);
    assert_int_equal(registry_mark_accept(b->r, b->mark, "lost", &b->v, &b->e), ERR_OK);
    assert_int_equal(b->v.found, MARK_OLDER);
    assert_int_equal(reserve(b, 4), first + 3);
    assert_int_equal(keep(b), ERR_OK);
    assert_string_equal(differences(b), "");
    copy(b, "older", "registry.db"); /* a second time, which knows nothing of the first */
    reopen(b);
    assert_int_equal(registry_mark_accept(b->r, b->mark, "lost", &b->v, &b->e), ERR_OK);
    assert_int_equal(reserve(b, 5), first + 4);
}

static void test_a_product_made_anew_in_an_accepted_copy_goes_on_behind(void **state)
{
    struct bench *b = *state;
    struct product q = b->p;

    copy(b, "registry.db", "older");
    (void)snprintf(q.name, sizeof q.name, "valve");
    q.fleet = 0;
    q.serial_first = 0;
    struct product again = q;
    struct device d;
    bool fresh;
    uint8_t uid[REG_UID] = { 9 };
    assert_int_equal(registry_product_add(b->r, &q, &b->e), ERR_OK);
    assert_int_equal(registry_reserve(b->r, "valve", uid, 1, 1, &d, &fresh, &b->e), ERR_OK);
    const uint64_t lost = d.serial;
    copy(b, "older", "registry.db");
    reopen(b);
    assert_int_equal(registry_mark_accept(b->r, b->mark, "lost", &b->v, &b->e), ERR_OK);
    assert_int_equal(registry_product_add(b->r, &again, &b->e), ERR_OK);
    uid[0] = 10;
    assert_int_equal(registry_reserve(b->r, "valve", uid, 1, 1, &d, &fresh, &b->e), ERR_OK);
    assert_int_equal(d.serial, lost + 1);
}

static void test_the_mark_is_never_ahead_of_what_was_committed(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = reserve(b, 1);

    assert_int_equal(registry_batch_begin(b->r, &b->e), ERR_OK);
    reserve(b, 2);
    registry_batch_drop(b->r);
    assert_int_equal(keep(b), ERR_OK);
    assert_int_equal(b->v.known, 2);
    assert_int_equal(registry_batch_begin(b->r, &b->e), ERR_OK);
    reserve(b, 3);
    assert_int_equal(registry_advance(b->r, serial, DEV_LOCKED, DEV_DONE, NULL, &b->e), ERR_CONFLICT); /* taken back alone */
    assert_int_equal(registry_batch_commit(b->r, &b->e), ERR_OK);
    assert_int_equal(keep(b), ERR_OK);
    assert_int_equal(b->v.known, 3);
    assert_int_equal(b->v.held, 3);
}

static void test_a_mark_that_is_behind_is_made_good(void **state)
{
    struct bench *b = *state;

    reserve(b, 1);
    copy(b, "registry.mark", "older");
    reserve(b, 2);
    copy(b, "older", "registry.mark"); /* as a power cut leaves it */
    assert_int_equal(keep(b), ERR_OK);
    assert_int_equal(b->v.known, 2);
    assert_int_equal(keep(b), ERR_OK);
    assert_int_equal(b->v.known, 3);
}

static void test_every_torn_byte_of_the_mark_is_seen(void **state)
{
    struct bench *b = *state;
    char byte;

    reserve(b, 1);
    const int fd = open(b->mark, O_RDWR);
    const off_t len = lseek(fd, 0, SEEK_END);
    assert_true(len > 100);
    for (off_t i = 0; i < len; i++) {
        assert_int_equal(pread(fd, &byte, 1, i), 1);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, i), 1);
        assert_int_equal(registry_mark_look(b->r, b->mark, &b->v, &b->e), ERR_OK);
        assert_int_equal(b->v.found, MARK_TORN);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, i), 1);
    }
    for (off_t i = len - 1; i > 0; i--) { /* cut short: torn, or between two lines as sound as one that is behind */
        assert_int_equal(ftruncate(fd, i), 0);
        assert_int_equal(registry_mark_look(b->r, b->mark, &b->v, &b->e), ERR_OK);
        assert_int_equal(b->v.found, i == 107 ? MARK_GOOD : MARK_TORN);
    }
    close(fd);
    assert_int_equal(keep(b), ERR_OK);
    assert_int_equal(b->v.found, MARK_TORN);
    assert_int_equal(keep(b), ERR_OK);
    assert_int_equal(b->v.found, MARK_GOOD);
    assert_int_equal(b->v.held, 3); /* registry.marked is the third */
}

static void test_a_mark_that_can_not_be_written_fails_no_record(void **state)
{
    struct bench *b = *state;

    reserve(b, 1);
    reserve(b, 2);
    const int was = open(b->mark, O_RDONLY), full = open("/dev/full", O_RDWR);
    int kept = -1;
    for (int fd = 3; fd < 64 && kept < 0; fd++) { /* the registry's own descriptor of the mark */
        struct stat a, m;
        if (fd != was && fstat(fd, &a) == 0 && fstat(was, &m) == 0 && a.st_ino == m.st_ino && a.st_dev == m.st_dev)
            kept = fd;
    }
    assert_true(kept >= 0 && full >= 0);
    assert_int_equal(dup2(full, kept), kept);
    reserve(b, 3);
    close(full);
    close(was);
    assert_int_equal(keep(b), ERR_OK);
    assert_int_equal(b->v.known, 3);
    assert_int_equal(b->v.held, 4);
    assert_int_equal(keep(b), ERR_OK);
    assert_int_equal(b->v.known, 4);
}

static void test_a_link_in_the_marks_place_is_not_followed(void **state)
{
    struct bench *b = *state;

    assert_int_equal(unlink(b->mark), 0);
    assert_int_equal(symlink("/dev/null", b->mark), 0);
    assert_int_equal(keep(b), ERR_IO);
}

static uint64_t told_time(void *io)
{
    return *(const uint64_t *)io;
}

static void test_a_clock_that_jumps_changes_no_order_and_no_day(void **state)
{
    struct bench *b = *state;
    uint64_t now = 1795248000123;
    struct device d;
    bool fresh;
    uint8_t uid[REG_UID];

    registry_clock(b->r, told_time, &now);
    const uint64_t serial = begin(b, 1);
    now += UINT64_C(365) * 86400000; /* off for a year */
    assert_int_equal(registry_advance(b->r, serial, DEV_BURNING, DEV_VERIFIED, NULL, &b->e), ERR_OK);
    now = 1000; /* and its battery is flat */
    assert_int_equal(registry_advance(b->r, serial, DEV_VERIFIED, DEV_PROVED, NULL, &b->e), ERR_OK);
    memset(uid, 1, sizeof uid);
    assert_int_equal(registry_reserve(b->r, "meter", uid, 3, 9999, &d, &fresh, &b->e), ERR_OK);
    assert_false(fresh);
    assert_int_equal(d.day, 2516);
    assert_string_equal(differences(b), "");
    assert_int_equal(keep(b), ERR_OK);
    assert_int_equal(b->v.found, MARK_GOOD);
}

static void test_two_stations_keep_one_mark(void **state)
{
    struct bench *b = *state;

    registry_close(b->r);
    b->r = NULL;
    for (int s = 0; s < 2; s++)
        if (fork() == 0) {
            bool ok = registry_open(&b->r, b->path, REGISTRY_WRITE, &b->e) == ERR_OK &&
                      registry_mark_keep(b->r, b->mark, &b->v, &b->e) == ERR_OK;
            for (int i = 0; i < 50 && ok; i++)
                ok = registry_event(b->r, "station.test", NULL, &b->e) == ERR_OK;
            _exit(ok ? 0 : 1);
        }
    for (int s = 0, status; s < 2; s++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(keep(b), ERR_OK);
    assert_int_equal(b->v.found, MARK_GOOD);
    assert_int_equal(b->v.held, 101);
    assert_int_equal(b->v.known, 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_an_older_copy_is_refused_and_not_touched),
        T(test_an_older_copy_that_has_grown_again_is_refused),
        T(test_an_accepted_copy_never_gives_a_serial_twice),
        T(test_a_product_made_anew_in_an_accepted_copy_goes_on_behind),
        T(test_the_mark_is_never_ahead_of_what_was_committed),
        T(test_a_mark_that_is_behind_is_made_good),
        T(test_every_torn_byte_of_the_mark_is_seen),
        T(test_a_mark_that_can_not_be_written_fails_no_record),
        T(test_a_link_in_the_marks_place_is_not_followed),
        T(test_a_clock_that_jumps_changes_no_order_and_no_day),
        T(test_two_stations_keep_one_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

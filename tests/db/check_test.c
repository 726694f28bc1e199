#include "tests/db/marked.h"

static void finish(struct bench *b, uint64_t serial)
{
    for (enum device_state s = DEV_BURNING; s < DEV_DONE; s++)
        assert_int_equal(registry_advance(b->r, serial, s, (enum device_state)(s + 1), NULL, &b->e), ERR_OK);
}

static void run_sql(struct bench *b, const char *statement)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* ---- the check ---- */

static void test_a_registry_made_by_its_own_calls_has_no_difference(void **state)
{
    struct bench *b = *state;

    finish(b, begin(b, 1));
    begin(b, 2);
    reserve(b, 3);
    assert_int_equal(registry_quarantine(b->r, begin(b, 4), DEV_BURNING, "board-torn", &b->e), ERR_OK);
    const uint64_t reworked = begin(b, 5);
    finish(b, reworked);
    assert_int_equal(registry_advance(b->r, reworked, DEV_DONE, DEV_VERIFIED, NULL, &b->e), ERR_OK);
    assert_int_equal(registry_advance(b->r, reserve(b, 6), DEV_RESERVED, DEV_VOID, NULL, &b->e), ERR_OK);
    assert_string_equal(differences(b), "");
}

static void test_each_forged_row_is_told_by_its_kind(void **state)
{
    static const struct {
        const char *forge, *mend, *kinds;
    } rows[] = {
        { "UPDATE device SET state = 'DONE'", "UPDATE device SET state = 'BURNING'", "row-state" },
        { "UPDATE device SET reason = 'x'", "UPDATE device SET reason = ''", "row-reason" },
        { "UPDATE device SET day = 1", "UPDATE device SET day = 2516", "image-field" },
        { "UPDATE device SET station = 1", "UPDATE device SET station = 3", "image-field" },
        { "UPDATE product SET serial_first = serial_first + 1", "UPDATE product SET serial_first = serial_first - 1",
          "row-serial" },
    };
    struct bench *b = *state;

    begin(b, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        run_sql(b, rows[i].forge);
        assert_string_equal(differences(b), rows[i].kinds);
        run_sql(b, rows[i].mend);
        assert_string_equal(differences(b), "");
    }
    run_sql(b, "UPDATE wrapped_key SET digest = zeroblob(32)");
    assert_string_equal(differences(b), "key-digest");
    run_sql(b, "DELETE FROM wrapped_key");
    assert_string_equal(differences(b), "key-count");
}

static void test_each_forged_event_is_told(void **state)
{
    struct bench *b = *state;

    begin(b, 1); /* 0 product, 1 reserved, 2 keyed, 3 burning */
    run_sql(b, "UPDATE event SET leaf_hash = zeroblob(32) WHERE n = 2");
    assert_string_equal(differences(b), "event-hash");
    run_sql(b, "DELETE FROM event WHERE n = 2");
    assert_string_equal(differences(b), "event-gap event-step key-digest");
    run_sql(b, "UPDATE event SET canonical = '{' WHERE n = 1");
    assert_non_null(strstr(differences(b), "event-bytes event-hash"));
    assert_non_null(strstr(differences(b), "event-step"));
}

static void test_a_row_without_events_and_events_without_a_row(void **state)
{
    struct bench *b = *state;

    reserve(b, 1);
    run_sql(b, "INSERT INTO device SELECT '0001000000000002', 2, '000000000000000000000000', product, state, station, day,"
               " image, image_sha256, reason, created, updated FROM device");
    assert_string_equal(differences(b), "row-untold");
    run_sql(b, "DELETE FROM device");
    assert_string_equal(differences(b), "row-missing");
}

static void test_a_page_that_was_damaged_is_told(void **state)
{
    struct bench *b = *state;
    uint8_t page[4096] = { 0 };

    begin(b, 1);
    assert_int_equal(registry_quick_check(b->r, &b->e), ERR_OK);
    registry_close(b->r);
    b->r = NULL;
    const int fd = open(b->path, O_WRONLY);
    assert_int_equal(pwrite(fd, page, sizeof page, 4096 * 3), sizeof page);
    close(fd);
    reopen(b);
    assert_int_equal(registry_quick_check(b->r, &b->e), ERR_IO);
    assert_ptr_equal(b->e.fault, &db_fault[DB_CORRUPT]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_registry_made_by_its_own_calls_has_no_difference),
        T(test_each_forged_row_is_told_by_its_kind),
        T(test_each_forged_event_is_told),
        T(test_a_row_without_events_and_events_without_a_row),
        T(test_a_page_that_was_damaged_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

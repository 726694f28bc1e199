/* Never a class key: the same secret in two devices is refused where it would be recorded, and where it would be burned. */
#include "tests/station/line.h"

#include <sqlite3.h>

#include "db/fault.h"

/* By somebody who writes the database: ?1 is one serial, ?2 the other. */
static int change(const char *statement, const uint64_t serial[2])
{
    sqlite3 *db;
    sqlite3_stmt *s;

    assert_int_equal(sqlite3_open(line.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, statement, -1, &s, NULL), SQLITE_OK);
    for (int i = 0; i < 2; i++) {
        char text[17];
        (void)snprintf(text, sizeof text, "%016llx", (unsigned long long)serial[i]);
        assert_int_equal(sqlite3_bind_text(s, i + 1, text, -1, SQLITE_TRANSIENT), SQLITE_OK);
    }
    (void)sqlite3_step(s);
    const int rc = sqlite3_finalize(s);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    silicon_stats_clear(inproc_silicon(line.chip));
    return rc;
}

#define FROM_FIRST_TO_SECOND(column)                                                                                \
    "UPDATE wrapped_key SET " column " = (SELECT w." column " FROM wrapped_key w WHERE w.serial = ?1 AND w.role = " \
    "wrapped_key.role) WHERE serial = ?2"

/* Two devices of the line, the second with its keys and no intent yet. */
static void two_devices(uint64_t serial[2])
{
    expect_pass();
    serial[0] = line.r.serial;
    new_board();
    expect_pass();
    serial[1] = line.r.serial;
    assert_int_equal(change("UPDATE device SET state = 'KEYED', image = NULL, image_sha256 = NULL"
                            " WHERE serial = ?2 AND serial <> ?1",
                            serial),
                     SQLITE_OK);
    same_uid_blank_board();
}

static void test_the_registry_records_no_secret_of_two_devices(void **state)
{
    struct wrapped_key key[REG_KEYS_MAX];
    const uint8_t uid[REG_UID] = { 0x54, 0x77 };
    struct device third;
    uint64_t serial[2];
    size_t n;
    bool fresh;

    (void)state;
    two_devices(serial);
    assert_ok(registry_keys(line.registry, serial[0], key, &n, &e));
    assert_ok(registry_reserve(line.registry, line.product.name, uid, 3, 2516, &third, &fresh, &e));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(registry_keyed(line.registry, third.serial, &key[i], 1, &e), ERR_CONFLICT);
        assert_ptr_equal(e.fault, &db_fault[DB_KEY_KNOWN]);
    }
    assert_int_equal(change(FROM_FIRST_TO_SECOND("digest"), serial), SQLITE_CONSTRAINT);
    for (size_t i = 0; i < n; i++) /* control: another secret's digest is taken */
        key[i].digest[0] ^= 1;
    assert_ok(registry_keyed(line.registry, third.serial, key, n, &e));
}

/* A key that somebody copied between rows, past the registry's own check. */
static void test_the_image_is_made_of_no_other_devices_secret(void **state)
{
    struct wrapped_key key[REG_KEYS_MAX];
    uint64_t serial[2];
    size_t n;

    (void)state;
    two_devices(serial);
    assert_ok(registry_keys(line.registry, serial[1], key, &n, &e));
    assert_int_equal(change(FROM_FIRST_TO_SECOND("blob"), serial), SQLITE_OK);
    expect_fault(true, &station_fault[STATION_KEY_ROWS], VERDICT_REFUSED);
    assert_non_null(strstr(e.subject, "'psk'"));
    assert_int_equal(pulses(), 0);
    assert_int_equal(change(FROM_FIRST_TO_SECOND("public_x"), serial), SQLITE_OK);
    expect_fault(true, &station_fault[STATION_KEY_ROWS], VERDICT_REFUSED);
    assert_non_null(strstr(e.subject, "'server'"));
    assert_int_equal(pulses(), 0);
}

/* Control of both: with its own keys in its rows the second device is finished. */
static void test_with_its_own_keys_the_second_device_is_finished(void **state)
{
    uint64_t serial[2];

    (void)state;
    two_devices(serial);
    expect_pass();
    assert_int_equal(line.r.serial, serial[1]);
}

#define ON(test)                                \
    {                                           \
#test, test, up_l4_psk, line_down, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(test_the_registry_records_no_secret_of_two_devices),
        ON(test_the_image_is_made_of_no_other_devices_secret),
        ON(test_with_its_own_keys_the_second_device_is_finished),
    };
    return cmocka_run_group_tests(tests, line_group_up, line_group_down);
}

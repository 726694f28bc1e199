/* tests/verifier/frames.h - a device that a line of its own made, two frames that it sent, and what the verifier says to
 * them. */
#ifndef TESTS_VERIFIER_FRAMES_H
#define TESTS_VERIFIER_FRAMES_H

#include "tests/station/line.h"

#include <sqlite3.h>

static struct opened_frame out;
static struct message msg;

static inline void offer(const uint8_t *frame, size_t len)
{
    memset(&out, 0xEE, sizeof out);
    if (verifier_frame(line.verifier, frame, len, &out, &e) != ERR_OK)
        fail_msg("%s: %s", e.fault->name, e.subject);
}

static inline void expect_open(enum frame_status status, uint64_t counter, const char *data)
{
    if (out.status != status)
        fail_msg("%s %s", frame_status_name(out.status), out.reason);
    assert_string_equal(out.reason, "");
    assert_true(out.has_serial);
    assert_int_equal(out.serial, line.r.serial);
    assert_string_equal(out.scheme, "sealed");
    assert_int_equal(out.counter, counter);
    assert_int_equal(out.len, strlen(data));
    assert_memory_equal(out.data, data, out.len);
    assert_string_equal(out.received, "2026-11-21T08:00:00.123Z");
}

static inline void expect_refused(const char *reason)
{
    assert_int_equal(out.status, FRAME_REFUSED);
    assert_string_equal(out.reason, reason);
    assert_int_equal(out.len, 0);
    assert_true(bytes_all(out.data, sizeof out.data, 0));
    assert_string_equal(out.received, "");
}

/* ---- the registry, looked at from outside ---- */

static inline long ask_db(const char *statement)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    long v;

    assert_int_equal(sqlite3_open_v2(line.db, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, statement, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    v = (long)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return v;
}

static inline unsigned frames_stored(void)
{
    return (unsigned)ask_db("SELECT count(*) FROM frame");
}

static inline unsigned events(void)
{
    return (unsigned)ask_db("SELECT count(*) FROM event");
}

static inline void restart(void)
{
    verifier_close(line.verifier);
    registry_close(line.registry);
    open_registry(REGISTRY_WRITE);
    open_verifier();
}

/* A product of the device's firmware: with a short OPEN if compact. */
static inline int device_up(const char *chip, bool psk, bool compact, uint8_t sid_len, uint8_t ctr_len)
{
    line_up(chip, psk, 0);
    struct product p = line.product;
    (void)snprintf(p.name, sizeof p.name, "TEST-variant");
    p.fleet = 0;
    p.serial_first = 0;
    p.sid_len = sid_len;
    p.ctr_len = ctr_len;
    if (compact)
        p.policy &= (uint16_t)~POLICY_TAG16;
    assert_ok(registry_product_add(line.registry, &p, &e));
    line.product = p;
    expect_pass();
    board_sends(line.chip, "hello", "again", &msg);
    return 0;
}

static inline int up_base(void **state)
{
    (void)state;
    return device_up("stm32l476", false, false, 2, 1);
}
static inline int up_psk(void **state)
{
    (void)state;
    return device_up("stm32l476", true, false, 2, 1);
}
static inline int up_compact(void **state)
{
    (void)state;
    return device_up("stm32f407", true, true, 2, 1);
}

#define TEST(test, up)                                \
    {                                                 \
#test " [" #up "]", test, up, line_down, NULL \
    }
#define EACH(test) TEST(test, up_base), TEST(test, up_psk), TEST(test, up_compact)

#endif

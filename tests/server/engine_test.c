/* One request without HTTP, on devices that a line of its own made: receipts, the transaction, what is shown, what fails. */
#include "tests/verifier/frames.h"

#include <openssl/evp.h>

#include "db/fault.h"
#include "hsm/fault.h"
#include "server/engine.h"

static struct engine *engine;
static struct metrics metrics;
static struct answer reply;
static struct {
    uint8_t bytes[BODY_MAX];
    size_t len;
} request;
static struct {
    unsigned n;
    struct opened_frame o[8];
    unsigned stored; /* in the registry when the first was shown */
    bool fails;
} shown;
static struct {
    unsigned asked, frames, n;
    bool fails;
} down;

static enum err_code make_verifier(void *io, struct verifier **v, struct err *err)
{
    (void)io;
    return verifier_open(v, line.registry, line.h, &line.crypto, err);
}

static enum err_code show(void *io, const struct opened_frame *o, struct err *err)
{
    (void)io;
    if (shown.fails)
        return err_set(err, &db_fault[DB_IO], "test", NULL, 0, "nobody reads");
    if (shown.n == 0)
        shown.stored = frames_stored();
    if (shown.n < sizeof shown.o / sizeof *shown.o)
        shown.o[shown.n] = *o;
    shown.n++;
    return ERR_OK;
}

static enum err_code waiting(void *io, struct verifier *v, const struct opened_frame *o, size_t n, struct down_list *list,
                             struct err *err)
{
    (void)io;
    (void)v;
    (void)o;
    down.asked++;
    down.n = (unsigned)n;
    if (down.fails)
        return err_set(err, &db_fault[DB_BUSY], "test", NULL, 0, "later");
    for (unsigned i = 0; i < down.frames; i++)
        assert_true(down_add(list, (const uint8_t *)"\x69wait", 5));
    return ERR_OK;
}

static const struct down_source source = { .waiting = waiting, .io = NULL };

static int up(void **state)
{
    const struct engine_parts parts = { .verifier = make_verifier, .show = show, .down = &source, .metrics = &metrics };
    struct engine_parts p = parts;

    if (up_base(state) != 0)
        return -1;
    memset(&metrics, 0, sizeof metrics);
    memset(&shown, 0, sizeof shown);
    memset(&down, 0, sizeof down);
    request.len = 0;
    p.registry = line.registry;
    assert_ok(engine_open(&engine, &p, &e));
    return 0;
}

static int down_all(void **state)
{
    engine_close(engine);
    engine = NULL;
    return line_down(state);
}

static void add(const uint8_t *frame, size_t len)
{
    put16(request.bytes + request.len, (uint16_t)len);
    memcpy(request.bytes + request.len + 2, frame, len);
    request.len += 2 + len;
}

static enum engine_result ask(void)
{
    return engine_request(engine, NO_FLEET, request.bytes, request.len, &reply, &e);
}

static void expect_receipt(size_t i, bool good, const uint8_t *frame, size_t len)
{
    uint8_t digest[32];

    assert_true((i + 1) * RECEIPT_LEN <= reply.len);
    assert_int_equal(EVP_Digest(frame, len, digest, NULL, EVP_sha256(), NULL), 1);
    assert_int_equal(reply.bytes[i * RECEIPT_LEN], good);
    assert_memory_equal(reply.bytes + i * RECEIPT_LEN + 1, digest, 8);
}

/* ---- receipts ---- */

static void test_each_frame_has_a_receipt_in_order_and_is_shown_once_it_is_committed(void **state)
{
    (void)state;
    add(msg.open, msg.open_len);
    add(msg.data, msg.data_len);
    assert_int_equal(ask(), ENGINE_ANSWER);
    assert_int_equal(reply.len, 2 * RECEIPT_LEN);
    assert_int_equal(reply.refused, 0);
    expect_receipt(0, true, msg.open, msg.open_len);
    expect_receipt(1, true, msg.data, msg.data_len);
    assert_int_equal(shown.n, 2);
    assert_int_equal(shown.stored, 2); /* seen from outside */
    assert_memory_equal(shown.o[0].data, "hello", 5);
    assert_memory_equal(shown.o[1].data, "again", 5);
    assert_int_equal(metrics.opened, 2);
}

static void test_a_retry_gets_the_same_answer_byte_by_byte(void **state)
{
    struct answer first;

    (void)state;
    add(msg.open, msg.open_len);
    add(msg.data, msg.data_len);
    assert_int_equal(ask(), ENGINE_ANSWER);
    first = reply;
    assert_int_equal(ask(), ENGINE_ANSWER);
    assert_int_equal(reply.len, first.len);
    assert_memory_equal(reply.bytes, first.bytes, first.len);
    assert_int_equal(frames_stored(), 2);
    assert_int_equal(metrics.duplicate, 2);
    assert_int_equal(shown.o[2].status, FRAME_IS_DUPLICATE);
}

static void test_what_is_refused_has_no_receipt_and_is_not_shown_and_the_rest_opens(void **state)
{
    uint8_t bad[FRAME_MAX];

    (void)state;
    memcpy(bad, msg.open, msg.open_len);
    bad[msg.open_len - 1] ^= 1;
    add((const uint8_t *)"\x01junk", 5);
    add(msg.open, msg.open_len);
    add(bad, msg.open_len);
    assert_int_equal(ask(), ENGINE_ANSWER);
    assert_int_equal(reply.refused, 2);
    expect_receipt(0, false, (const uint8_t *)"\x01junk", 5);
    expect_receipt(1, true, msg.open, msg.open_len);
    expect_receipt(2, false, bad, msg.open_len);
    assert_int_equal(shown.n, 1);
    assert_int_equal(frames_stored(), 1);
    assert_int_equal(metrics.reasons, 2);
}

static void test_data_behind_its_open_in_one_request_opens_and_before_it_does_not(void **state)
{
    (void)state;
    add(msg.data, msg.data_len);
    add(msg.open, msg.open_len);
    assert_int_equal(ask(), ENGINE_ANSWER);
    expect_receipt(0, false, msg.data, msg.data_len);
    expect_receipt(1, true, msg.open, msg.open_len);
    assert_int_equal(ask(), ENGINE_ANSWER); /* the phone kept it */
    expect_receipt(0, true, msg.data, msg.data_len);
}

static void test_a_quarantined_device_has_receipts_and_nothing_is_shown(void **state)
{
    (void)state;
    assert_ok(registry_quarantine(line.registry, line.r.serial, DEV_DONE, "test", &e));
    add(msg.open, msg.open_len);
    assert_int_equal(ask(), ENGINE_ANSWER);
    expect_receipt(0, true, msg.open, msg.open_len);
    assert_int_equal(reply.refused, 0);
    assert_int_equal(shown.n, 0);
    assert_int_equal(frames_stored(), 1);
}

static void test_a_bad_length_opens_nothing(void **state)
{
    (void)state;
    add(msg.open, msg.open_len);
    request.bytes[request.len++] = 0;
    assert_int_equal(ask(), ENGINE_BAD_BODY);
    assert_int_equal(frames_stored(), 0);
    assert_int_equal(shown.n, 0);
    assert_int_equal(down.asked, 0);
}

static void test_no_frames_are_answered_with_nothing(void **state)
{
    (void)state;
    assert_int_equal(ask(), ENGINE_ANSWER);
    assert_int_equal(reply.len, 0);
}

/* ---- frames for devices ---- */

static void test_what_waits_follows_the_receipts(void **state)
{
    (void)state;
    down.frames = 2;
    add(msg.open, msg.open_len);
    assert_int_equal(ask(), ENGINE_ANSWER);
    assert_int_equal(reply.len, RECEIPT_LEN + 2 * 7);
    assert_memory_equal(reply.bytes + RECEIPT_LEN, "\0\5\x69wait\0\5\x69wait", 14);
    assert_int_equal(down.n, 1);
    assert_int_equal(metrics.down, 2);
}

static void test_receipts_do_not_hang_on_what_waits(void **state)
{
    (void)state;
    down.fails = true;
    add(msg.open, msg.open_len);
    assert_int_equal(ask(), ENGINE_ANSWER);
    assert_int_equal(reply.len, RECEIPT_LEN);
    expect_receipt(0, true, msg.open, msg.open_len);
}

/* ---- failures ---- */

static sqlite3 *block_registry(void)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open_v2(line.db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "CREATE TRIGGER full BEFORE INSERT ON frame WHEN new.ctr > 0 BEGIN SELECT RAISE(FAIL, 'full'); END",
                     NULL, NULL, NULL),
        SQLITE_OK);
    return db;
}

static void test_one_frame_that_can_not_be_recorded_leaves_no_frame_of_its_request(void **state)
{
    sqlite3 *db = block_registry();

    (void)state;
    add(msg.open, msg.open_len);
    add(msg.data, msg.data_len);
    assert_int_equal(ask(), ENGINE_FAILED);
    assert_int_equal(frames_stored(), 0);
    assert_int_equal(shown.n, 0);
    assert_int_equal(metrics.opened, 0);
    assert_int_equal(sqlite3_exec(db, "DROP TRIGGER full", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    request.len = 0;
    add(msg.data, msg.data_len);
    assert_int_equal(ask(), ENGINE_ANSWER);
    expect_receipt(0, false, msg.data, msg.data_len); /* no session of the failed request lives on */
    request.len = 0;
    add(msg.open, msg.open_len);
    add(msg.data, msg.data_len);
    assert_int_equal(ask(), ENGINE_ANSWER); /* and nothing was lost */
    assert_int_equal(reply.refused, 0);
    assert_int_equal(frames_stored(), 2);
    assert_int_equal(shown.o[0].status, FRAME_OPENED);
}

static void test_data_that_nobody_takes_has_no_receipt_and_is_shown_again(void **state)
{
    (void)state;
    shown.fails = true;
    add(msg.open, msg.open_len);
    assert_int_equal(ask(), ENGINE_FAILED);
    assert_true(engine_is_lost(&e));
    assert_int_equal(metrics.show_failed, 1);
    shown.fails = false;
    assert_int_equal(ask(), ENGINE_ANSWER);
    assert_int_equal(shown.n, 1);
    assert_int_equal(shown.o[0].status, FRAME_IS_DUPLICATE);
    assert_memory_equal(shown.o[0].data, "hello", 5);
}

static void test_a_device_whose_keys_are_broken_harms_no_other_frame(void **state)
{
    sqlite3 *db;

    (void)state;
    assert_int_equal(sqlite3_open_v2(line.db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE wrapped_key SET kek_kcv = x'000000'", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    add(msg.open, msg.open_len);
    add((const uint8_t *)"\x01junk", 5);
    assert_int_equal(ask(), ENGINE_ANSWER);
    assert_int_equal(reply.refused, 2);
    assert_string_equal(metrics.reason[0].name, "server-kek-other");
}

static void test_waiting_mends_a_full_disk_and_no_token_that_is_gone(void **state)
{
    (void)state;
    (void)err_set(&e, &db_fault[DB_DISK_FULL], "test", NULL, 0, "x");
    assert_false(engine_is_lost(&e));
    (void)err_set(&e, &db_fault[DB_BUSY], "test", NULL, 0, "x");
    assert_false(engine_is_lost(&e));
    (void)err_set(&e, &hsm_fault[HSM_TOKEN_GONE], "test", NULL, 0, "x");
    assert_true(engine_is_lost(&e));
}

#define T(test) cmocka_unit_test_setup_teardown(test, up, down_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_each_frame_has_a_receipt_in_order_and_is_shown_once_it_is_committed),
        T(test_a_retry_gets_the_same_answer_byte_by_byte),
        T(test_what_is_refused_has_no_receipt_and_is_not_shown_and_the_rest_opens),
        T(test_data_behind_its_open_in_one_request_opens_and_before_it_does_not),
        T(test_a_quarantined_device_has_receipts_and_nothing_is_shown),
        T(test_a_bad_length_opens_nothing),
        T(test_no_frames_are_answered_with_nothing),
        T(test_what_waits_follows_the_receipts),
        T(test_receipts_do_not_hang_on_what_waits),
        T(test_one_frame_that_can_not_be_recorded_leaves_no_frame_of_its_request),
        T(test_data_that_nobody_takes_has_no_receipt_and_is_shown_again),
        T(test_a_device_whose_keys_are_broken_harms_no_other_frame),
        T(test_waiting_mends_a_full_disk_and_no_token_that_is_gone),
    };

    return cmocka_run_group_tests(tests, line_group_up, line_group_down);
}

/* Application data for a device, at the server: wrapped while it waits, sent once in a session, the same bytes at the
 * device, and ended. */
#include "tests/verifier/heard.h"

#include "db/down.h"
#include "db/fault.h"
#include "verifier/fault.h"

static const struct kind kinds[] = {
    { &device_sealed, POLICY_TAG16, 0 },
    { &device_sealed, POLICY_PSK, 0 },
    { &device_fleet, POLICY_TAG16, 0 },
    { &device_identity, POLICY_TAG16 | POLICY_SIGN_ALL, 0 },
    { &device_secret, 0, 0 },
    { &device_derived, 0, 0 },
    { &device_signup, POLICY_TAG16, 0 },
};
enum { KINDS = sizeof kinds / sizeof *kinds };
static const struct kind *const secret = &kinds[4], *const derived = &kinds[5];

static const char order[] = "TEST order: open the valve, 17 turns";

static int group_up(void **state)
{
    struct hsm_key *down = NULL;

    if (site_group_up(state) != 0)
        return -1;
    assert_ok(hsm_key_ensure(site.h, HSM_MASTER, verifier_down_key, &down, NULL, &e));
    hsm_key_free(down);
    return 0;
}

/* ---- one request ---- */

static struct {
    struct opened_frame frame[40];
    size_t n;
} request;

static void also(const struct sent *s)
{
    offer(s);
    request.frame[request.n++] = out;
}

/* What the server answers to what `also` offered. */
static enum err_code answered(void)
{
    const struct frame_sink sink = { hear, NULL };

    memset(&heard, 0, sizeof heard);
    const enum err_code rc = verifier_messages(site.verifier, request.frame, request.n, &sink, &e);
    request.n = 0;
    return rc;
}

static unsigned answer(void)
{
    assert_ok(answered());
    return heard.n;
}

static uint64_t queue_of(const struct board *b, const void *data, size_t len, unsigned sessions)
{
    uint64_t id = 0;

    assert_ok(verifier_message_queue(site.verifier, b->serial, data, len, sessions, &id, &e));
    return id;
}

static uint64_t queue(const struct board *b, const char *data)
{
    return queue_of(b, data, strlen(data), 3);
}

static long waiting(void)
{
    return ask_db("SELECT count(*) FROM down_waiting");
}

/* The device takes what came, and it is this. */
static void takes(struct board *b, const void *data, size_t len)
{
    uint8_t got[FRAME_DATA_MAX];
    size_t got_len = 0;

    assert_int_equal(heard.n, 1);
    assert_int_equal(b->kind->device->down(&site.crypto, &b->side, &b->session, heard.frame, heard.len, got, &got_len),
                     SEALED_OK);
    assert_int_equal(got_len, len);
    assert_memory_equal(got, data, len);
}

static unsigned says(struct board *b, uint32_t n, const char *data)
{
    struct sent s;

    if (n == 0)
        opens(b, data, &s);
    else
        sends(b, later(b, n), data, &s);
    also(&s);
    return answer();
}

/* ---- arriving ---- */

static void arrives(struct board *b, bool cold)
{
    uint8_t much[MESSAGE_MAX];
    struct sent s;

    memset(much, 0xA5, sizeof much);
    queue(b, order);
    queue_of(b, much, sizeof much, 3);
    opens(b, "hello", &s);
    also(&s);
    if (cold) { /* so many others were heard in this request */
        sessions_wipe(site.verifier, UINT64_MAX);
        peers_wipe(site.verifier, UINT64_MAX);
    }
    assert_int_equal(answer(), 1);
    takes(b, order, strlen(order));
    also(&s); /* the same frame again */
    assert_int_equal(answer(), 0);
    assert_int_equal(says(b, 1, "next"), 1);
    takes(b, much, sizeof much);
    assert_int_equal(says(b, 2, "more"), 0); /* each once in a session */
}

static void each(bool cold)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct board b;
        if (i > 0) {
            (void)site_down(NULL);
            (void)site_up(NULL);
        }
        one_board(&b, &kinds[i]);
        arrives(&b, cold);
    }
}

static void test_a_message_comes_down_once_a_session_as_it_was_queued(void **state)
{
    (void)state;
    each(false);
}

static void test_a_session_that_went_out_of_memory_is_made_again(void **state)
{
    (void)state;
    each(true);
}

static void test_it_comes_down_under_a_later_generation_too(void **state)
{
    const uint8_t salt[REG_SALT] = { 7 };
    struct generations g;
    struct board b;
    struct sent s;

    (void)state;
    one_board(&b, derived);
    queue(&b, order);
    assert_ok(registry_rekey_begin(site.registry, b.serial, salt, &g, &e));
    b.side.gen = 1;
    memcpy(b.side.salt, salt, sizeof salt);
    opens(&b, "moved", &s);
    also(&s);
    sessions_wipe(site.verifier, UINT64_MAX);
    assert_int_equal(answer(), 1);
    takes(&b, order, strlen(order));
}

static void test_of_several_sessions_in_a_request_the_last_one_gets_it(void **state)
{
    struct board b, other;
    struct sent s;

    (void)state;
    one_board(&b, secret);
    make_board(&other, secret, &b.product, NULL);
    queue(&b, order);
    opens(&b, "of yesterday", &s);
    also(&s);
    opens(&b, "of today", &s);
    also(&s);
    opens(&other, "another's", &s);
    also(&s);
    assert_int_equal(answer(), 1);
    takes(&b, order, strlen(order));
}

static void test_an_answer_has_messages_for_so_many_and_the_rest_wait(void **state)
{
    enum { MANY = 34, ROOM = 32 };
    struct board b[MANY];
    struct sent s;

    (void)state;
    one_board(&b[0], secret);
    for (int i = 0; i < MANY; i++) {
        if (i > 0)
            make_board(&b[i], secret, &b[0].product, NULL);
        queue(&b[i], order);
        opens(&b[i], "hello", &s);
        also(&s);
    }
    assert_int_equal(answer(), ROOM);
    assert_int_equal(ask_db("SELECT count(*) FROM down"), ROOM); /* nothing is used up for the others */
    for (int i = ROOM; i < MANY; i++) {
        assert_int_equal(says(&b[i], 1, "more"), 1);
        takes(&b[i], order, strlen(order));
    }
}

/* ---- at rest ---- */

static bool file_holds(const char *path, const char *text)
{
    static char all[1 << 22];
    FILE *in = fopen(path, "rb");

    assert_non_null(in);
    const size_t len = fread(all, 1, sizeof all, in);
    (void)fclose(in);
    assert_true(len > 1000 && len < sizeof all);
    return memmem(all, len, text, strlen(text)) != NULL;
}

static void test_the_registry_holds_no_plaintext_and_nothing_once_it_is_done(void **state)
{
    struct board b;

    (void)state;
    one_board(&b, secret);
    const uint64_t id = queue(&b, order);
    assert_int_equal(ask_db("SELECT length(payload) FROM down_waiting"), strlen(order) + MESSAGE_OVERHEAD);
    assert_int_equal(says(&b, 0, "hello"), 1);
    assert_false(file_holds(site.db, order));
    assert_true(file_holds(site.db, "down.queued"));
    assert_ok(registry_down_done(site.registry, id, "cancelled", &e));
    assert_int_equal(waiting(), 0);
    queue_of(&b, order, strlen(order), 1);
    assert_int_equal(says(&b, 0, "later"), 1);
    takes(&b, order, strlen(order));
    assert_int_equal(waiting(), 0); /* its one session */
}

static void change(const char *statement)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(site.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void expect_damaged(struct board *b, const char *statement)
{
    const long counters = ask_db("SELECT count(*) FROM down");
    struct sent s;

    change(statement);
    opens(b, "hello", &s);
    also(&s);
    assert_int_equal(answered(), ERR_CONFIG);
    assert_string_equal(e.fault->name, verifier_fault[VERIFIER_MESSAGE].name);
    assert_int_equal(heard.n, 0);
    assert_int_equal(ask_db("SELECT count(*) FROM down"), counters); /* none is used up */
}

static void test_who_writes_the_registry_can_neither_change_nor_move_a_message(void **state)
{
    struct board b, other;
    struct sent s;
    char moves[128];

    (void)state;
    one_board(&b, secret);
    make_board(&other, secret, &b.product, NULL);
    queue(&b, order);
    change("CREATE TABLE kept AS SELECT * FROM down_waiting");
    (void)snprintf(moves, sizeof moves, "UPDATE down_waiting SET serial = '%016llx'", (unsigned long long)other.serial);
    expect_damaged(&other, moves);
    change("DELETE FROM down_waiting");
    change("INSERT INTO down_waiting SELECT * FROM kept");
    expect_damaged(&b,
                   "UPDATE down_waiting SET payload = CAST(substr(payload, 1, 40) || x'00' || substr(payload, 42) AS BLOB)");
    expect_damaged(&b, "UPDATE down_waiting SET payload = substr(payload, 1, 48)");
    expect_damaged(&b, "UPDATE down_waiting SET payload = CAST(x'02' || substr(kept.payload, 2) AS BLOB) FROM kept");
    change("UPDATE down_waiting SET payload = CAST(x'01' || substr(payload, 2) AS BLOB)"); /* so that is what it was */
    assert_int_equal(says(&b, 0, "hello"), 1);
    takes(&b, order, strlen(order));
    expect_damaged(&b, "UPDATE down_waiting SET payload = CAST(x'02' || substr(payload, 2) AS BLOB)");
    queue(&other, order); /* it holds up nobody else */
    opens(&b, "hello", &s);
    also(&s);
    opens(&other, "hello", &s);
    also(&s);
    assert_int_equal(answered(), ERR_CONFIG);
    takes(&other, order, strlen(order));
}

/* ---- not arriving ---- */

static void test_an_answer_that_was_cut_off_wastes_a_counter_and_comes_in_the_next_session(void **state)
{
    struct board b;
    struct sent first, s;

    (void)state;
    one_board(&b, secret);
    queue(&b, order);
    opens(&b, "hello", &first);
    also(&first);
    assert_int_equal(answer(), 1); /* and nobody hears it */
    restart();
    also(&first);
    sends(&b, later(&b, 1), "again", &s);
    also(&s);
    assert_int_equal(answer(), 0);
    assert_int_equal(ask_db("SELECT count(*) FROM down"), 1);
    assert_int_equal(says(&b, 0, "restarted"), 1);
    takes(&b, order, strlen(order));
    assert_int_equal(ask_db("SELECT count(*) FROM (SELECT DISTINCT session, ctr FROM down)"), 2);
}

static uint64_t now_ms;

static uint64_t clock_of_test(void *io)
{
    (void)io;
    return now_ms;
}

static void test_a_frame_long_after_it_ends_it_unless_its_answer_may_be_lost(void **state)
{
    struct board b;
    struct sent first;

    (void)state;
    one_board(&b, secret);
    now_ms = site_day(NULL);
    registry_clock(site.registry, clock_of_test, NULL);
    queue(&b, order);
    opens(&b, "hello", &first);
    also(&first);
    assert_int_equal(answer(), 1);
    assert_int_equal(says(&b, 1, "on its way already"), 0);
    assert_int_equal(waiting(), 1);
    now_ms += DOWN_SURE_S * 1000;
    assert_int_equal(says(&b, 2, "obeyed"), 0);
    assert_int_equal(waiting(), 0);

    queue(&b, order);
    opens(&b, "hello", &first);
    also(&first);
    assert_int_equal(answer(), 1);
    also(&first); /* its phone saw no receipt */
    assert_int_equal(answer(), 0);
    now_ms += DOWN_SURE_S * 1000;
    assert_int_equal(says(&b, 1, "obeyed?"), 0);
    assert_int_equal(waiting(), 1);
}

static void test_nothing_goes_to_a_device_that_is_quarantined(void **state)
{
    struct board b;

    (void)state;
    one_board(&b, secret);
    queue(&b, order);
    assert_ok(registry_quarantine(site.registry, b.serial, DEV_DONE, "clone", &e));
    assert_int_equal(says(&b, 0, "hello"), 0);
    assert_string_equal(out.reason, "quarantined");
    assert_int_equal(waiting(), 1);
    assert_int_equal(ask_db("SELECT count(*) FROM down"), 0);
}

static void test_a_session_whose_counters_are_used_up_is_left_alone(void **state)
{
    struct board b;
    struct sent s;

    (void)state;
    one_board(&b, secret);
    opens(&b, "hello", &s);
    also(&s);
    change("INSERT INTO down (session, ctr, taken) SELECT session, 255, 'x' FROM frame");
    queue(&b, order);
    assert_int_equal(answer(), 0);
    assert_int_equal(waiting(), 1);
    assert_int_equal(says(&b, 0, "restarted"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_message_comes_down_once_a_session_as_it_was_queued),
        T(test_a_session_that_went_out_of_memory_is_made_again),
        T(test_it_comes_down_under_a_later_generation_too),
        T(test_of_several_sessions_in_a_request_the_last_one_gets_it),
        T(test_an_answer_has_messages_for_so_many_and_the_rest_wait),
        T(test_the_registry_holds_no_plaintext_and_nothing_once_it_is_done),
        T(test_who_writes_the_registry_can_neither_change_nor_move_a_message),
        T(test_an_answer_that_was_cut_off_wastes_a_counter_and_comes_in_the_next_session),
        T(test_a_frame_long_after_it_ends_it_unless_its_answer_may_be_lost),
        T(test_nothing_goes_to_a_device_that_is_quarantined),
        T(test_a_session_whose_counters_are_used_up_is_left_alone),
    };
    return cmocka_run_group_tests(tests, group_up, site_group_down);
}

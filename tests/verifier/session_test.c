/* Sessions of the server side: made again from the registry, told apart by two bytes, more of them than are kept live. */
#include "tests/verifier/frames.h"

#include "verifier/cache.h"

static void test_duplicates_are_known_after_a_restart(void **state)
{
    (void)state;
    offer(msg.open, msg.open_len);
    offer(msg.data, msg.data_len);
    restart();
    offer(msg.data, msg.data_len);
    expect_open(FRAME_IS_DUPLICATE, 1, "again");
    offer(msg.open, msg.open_len);
    expect_open(FRAME_IS_DUPLICATE, 0, "hello");
    assert_int_equal(frames_stored(), 2);
}

static void test_a_cold_session_is_made_again_from_its_open(void **state)
{
    (void)state;
    offer(msg.open, msg.open_len);
    restart();
    offer(msg.data, msg.data_len);
    expect_open(FRAME_OPENED, 1, "again");
}

static void test_data_before_its_open_is_refused_and_opens_later(void **state)
{
    (void)state;
    offer(msg.data, msg.data_len);
    expect_refused("no-session");
    assert_false(out.has_serial);
    assert_int_equal(frames_stored(), 0);
    offer(msg.open, msg.open_len);
    offer(msg.data, msg.data_len);
    expect_open(FRAME_OPENED, 1, "again");
}

/* Two bytes of sid are on the air, so two sessions can share them; here a stranger's session is made to. */
static void test_a_session_with_the_same_sid_on_the_air_does_not_hide_the_right_one(void **state)
{
    struct live_session stranger = {
        .serial = line.r.serial, .fleet = line.product.fleet, .way = way_of(1), .x = { 1 }, .session.keys.key = { 1 }
    };

    (void)state;
    offer(msg.open, msg.open_len);
    memcpy(stranger.session.keys.sid, msg.session.keys.sid, 2);
    restart(); /* so that the stranger's is live, and the right one is cold */
    session_keep(line.verifier, &stranger);
    offer(msg.data, msg.data_len);
    expect_open(FRAME_OPENED, 1, "again");
    msg.data[msg.data_len - 1] ^= 1;
    offer(msg.data, msg.data_len);
    expect_refused("sealed-auth");
}

static void test_each_stored_session_with_that_sid_is_tried_the_newest_first(void **state)
{
    static struct message second;
    struct frame_row row = { .serial = line.r.serial, .scheme = 1 };
    enum frame_record what;

    (void)state;
    offer(msg.open, msg.open_len);
    board_sends(line.chip, "other", "session", &second);
    memcpy(row.sid, msg.session.keys.sid, 2); /* as if it had drawn the same two bytes */
    memset(row.session, 0x77, sizeof row.session);
    memcpy(row.frame, second.open, second.open_len);
    row.frame_len = (uint16_t)second.open_len;
    assert_ok(registry_frame_record(line.registry, &row, &what, &e));
    restart();
    offer(msg.data, msg.data_len);
    expect_open(FRAME_OPENED, 1, "again");
}

static void test_more_sessions_than_the_cache_holds_all_open(void **state)
{
    enum { N = SESSIONS_MAX + 6 };
    static struct message m[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        board_sends(line.chip, "a", "b", &m[i]);
        offer(m[i].open, m[i].open_len);
        expect_open(FRAME_OPENED, 0, "a");
    }
    for (int i = 0; i < N; i++) {
        offer(m[i].data, m[i].data_len);
        expect_open(FRAME_OPENED, 1, "b");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_duplicates_are_known_after_a_restart),
        EACH(test_a_cold_session_is_made_again_from_its_open),
        EACH(test_data_before_its_open_is_refused_and_opens_later),
        TEST(test_a_session_with_the_same_sid_on_the_air_does_not_hide_the_right_one, up_base),
        TEST(test_each_stored_session_with_that_sid_is_tried_the_newest_first, up_base),
        TEST(test_more_sessions_than_the_cache_holds_all_open, up_psk),
    };
    return cmocka_run_group_tests(tests, line_group_up, line_group_down);
}

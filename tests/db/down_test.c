#include "tests/db/schemes.h"

#include <signal.h>
#include <sys/wait.h>

#include "db/down.h"
#include "db/mark.h"

static uint8_t next(struct bench *b, struct registry *r, const struct frame_row *f)
{
    uint8_t ctr = 0;

    assert_int_equal(registry_down_next(r, f, &ctr, &b->e), ERR_OK);
    return ctr;
}

static uint64_t queue(struct bench *b, uint64_t serial, uint8_t fill)
{
    uint8_t payload[20];
    uint64_t id = 0;

    memset(payload, fill, sizeof payload);
    assert_int_equal(registry_down_queue(b->r, serial, payload, sizeof payload, 3, &id, &b->e), ERR_OK);
    return id;
}

/* The first byte of what was taken; 0: nothing waits. */
static uint8_t take(struct bench *b, struct registry *r, const struct frame_row *f, struct down *d)
{
    bool found = false;

    assert_int_equal(registry_down_take(r, f, d, &found, &b->e), ERR_OK);
    return found ? d->payload[0] : 0;
}

static void test_a_counter_is_given_once_whoever_asks(void **state)
{
    struct bench *b = *state;
    const struct frame_row f = frame(done(b, 1), 1, 0x11, 0, 1), g = frame(f.serial, 1, 0x12, 0, 2);

    assert_int_equal(next(b, b->r, &f), 1);
    assert_int_equal(next(b, b->other, &f), 2);
    assert_int_equal(next(b, b->r, &g), 1); /* a session counts for itself */
    assert_int_equal(next(b, b->r, &f), 3);
    assert_int_equal(ask(b, "SELECT count(*) FROM down"), 4);
}

static void test_in_schemes_4_and_5_each_boot_counts_for_itself(void **state)
{
    struct bench *b = *state;
    struct frame_row f = frame(done(b, 5), 5, 0, 1, 1);

    f.boot = 7;
    assert_int_equal(next(b, b->r, &f), 1);
    memset(f.session, 0xEE, sizeof f.session); /* is not looked at */
    assert_int_equal(next(b, b->r, &f), 2);
    f.boot = 8;
    assert_int_equal(next(b, b->r, &f), 1);
    f.gen = 1;
    assert_int_equal(next(b, b->r, &f), 1);
}

static void test_a_counter_that_was_not_committed_is_still_to_be_had(void **state)
{
    struct bench *b = *state;
    const struct frame_row f = frame(done(b, 1), 1, 0x11, 0, 1);
    uint8_t ctr = 0;

    assert_int_equal(registry_batch_begin(b->r, &b->e), ERR_OK);
    assert_int_equal(registry_down_next(b->r, &f, &ctr, &b->e), ERR_OK);
    registry_batch_drop(b->r);
    assert_int_equal(next(b, b->r, &f), 1);
}

static void test_two_processes_never_draw_the_same_counter(void **state)
{
    struct bench *b = *state;
    const struct frame_row f = frame(done(b, 1), 1, 0x11, 0, 1);
    enum { EACH = 20 };

    for (int child = 0; child < 2; child++)
        if (fork() == 0) {
            struct registry *r;
            uint8_t ctr, last = 0;
            bool ok = registry_open(&r, b->path, REGISTRY_WRITE, &b->e) == ERR_OK;
            for (int i = 0; i < EACH && ok; i++, last = ctr)
                ok = registry_down_next(r, &f, &ctr, &b->e) == ERR_OK && ctr > last;
            _exit(ok ? 0 : 1); /* UNIQUE (session, ctr) refuses one drawn twice */
        }
    for (int child = 0, status; child < 2; child++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(next(b, b->r, &f), 2 * EACH + 1);
}

/* A server that draws counters until it is killed; what it writes is what it would seal with. */
static void draw(struct bench *b, const struct frame_row *f, int out)
{
    struct registry *r;
    uint8_t ctr;

    if (registry_open(&r, b->path, REGISTRY_WRITE, &b->e) != ERR_OK)
        _exit(1);
    for (int n = 0; n < 16; n++)
        if (registry_down_next(r, f, &ctr, &b->e) != ERR_OK || write(out, &ctr, 1) != 1)
            _exit(2);
    for (;;) /* the killer is slow */
        (void)pause();
}

static void test_no_counter_comes_again_after_a_kill(void **state)
{
    struct bench *b = *state;
    const struct frame_row f = frame(done(b, 1), 1, 0x11, 0, 1);
    uint8_t last = 0, ctr;
    int p[2], status;

    for (int life = 1; life <= 12; life++) {
        assert_int_equal(pipe(p), 0);
        const pid_t pid = fork();
        if (pid == 0)
            draw(b, &f, p[1]);
        (void)close(p[1]);
        for (int seen = 0; read(p[0], &ctr, 1) == 1; last = ctr) {
            assert_true(ctr > last);
            if (++seen == life % 4 + 1)
                assert_int_equal(kill(pid, SIGKILL), 0); /* wherever it is by now */
        }
        (void)close(p[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
    }
    assert_true(next(b, b->r, &f) > last);
}

static void test_after_255_counters_the_session_is_used_up(void **state)
{
    struct bench *b = *state;
    const struct frame_row f = frame(done(b, 1), 1, 0x11, 0, 1);
    struct down d;
    uint8_t ctr = 0;
    bool found;

    for (unsigned i = 1; i <= 255; i++)
        assert_int_equal(next(b, b->r, &f), i);
    refused(b, registry_down_next(b->r, &f, &ctr, &b->e), DB_DOWN_USED_UP);
    queue(b, f.serial, 1);
    refused(b, registry_down_take(b->r, &f, &d, &found, &b->e), DB_DOWN_USED_UP);
    assert_false(found);
    struct frame_row later = frame(f.serial, 1, 0x12, 0, 2);
    assert_int_equal(take(b, b->r, &later, &d), 1); /* it waited */
}

static void test_what_waits_is_taken_once_in_a_session_in_order(void **state)
{
    struct bench *b = *state;
    struct frame_row f = frame(done(b, 1), 1, 0x11, 0, 1), g = frame(f.serial, 1, 0x12, 0, 2);
    struct down d;

    const uint64_t first = queue(b, f.serial, 0xA1);
    queue(b, f.serial, 0xA2);
    queue(b, done(b, 1), 0xB1); /* another device's */
    assert_int_equal(record(b, &f), FRAME_NEW);
    assert_int_equal(take(b, b->r, &f, &d), 0xA1);
    assert_int_equal(d.id, first);
    assert_int_equal(d.len, 20);
    assert_int_equal(d.ctr, 1);
    assert_int_equal(take(b, b->other, &f, &d), 0xA2); /* another worker gets the next one */
    assert_int_equal(d.ctr, 2);
    assert_int_equal(take(b, b->r, &f, &d), 0);
    assert_int_equal(registry_down_done(b->r, first, "delivered", &b->e), ERR_OK);
    assert_int_equal(record(b, &g), FRAME_NEW);
    assert_int_equal(take(b, b->r, &g, &d), 0xA2); /* not done: again in the next session */
    assert_int_equal(take(b, b->r, &g, &d), 0);
    refused(b, registry_down_done(b->r, first, "delivered", &b->e), DB_DOWN_UNKNOWN);
    assert_int_equal(events(b, "down.queued"), 3);
    assert_int_equal(events(b, "down.done"), 1);
}

/* ---- what ends it ---- */

static uint64_t now_ms;

static uint64_t clock_of_test(void *io)
{
    (void)io;
    return now_ms;
}

/* A message that was sent in the session of *f, with 3 sessions; *f is then its next frame. */
static uint64_t sent(struct bench *b, struct frame_row *f)
{
    struct down d;

    now_ms = 1795248000000;
    registry_clock(b->r, clock_of_test, NULL);
    *f = frame(done(b, 1), 1, 0x11, 0, 1);
    const uint64_t id = queue(b, f->serial, 0xA1);
    assert_int_equal(record(b, f), FRAME_NEW);
    assert_int_equal(take(b, b->r, f, &d), 0xA1);
    f->ctr = 1;
    memset(f->sid, 0, sizeof f->sid);
    f->frame[0] = 1;
    return id;
}

static void hears(struct bench *b, const struct frame_row *f, bool again)
{
    assert_int_equal(registry_down_heard(b->r, f, again, &b->e), ERR_OK);
}

static long waiting(struct bench *b)
{
    return ask(b, "SELECT count(*) FROM down_waiting");
}

static void test_a_frame_of_its_session_long_after_it_was_sent_ends_it(void **state)
{
    struct bench *b = *state;
    struct frame_row f;

    (void)sent(b, &f);
    hears(b, &f, false); /* said before it arrived, for all one knows */
    now_ms += DOWN_SURE_S * 1000 - 1;
    hears(b, &f, false);
    assert_int_equal(waiting(b), 1);
    now_ms += 1;
    struct frame_row of_another = frame(f.serial, 1, 0x12, 1, 1);
    hears(b, &of_another, false);
    assert_int_equal(waiting(b), 1);
    hears(b, &f, false);
    assert_int_equal(waiting(b), 0);
    assert_int_equal(events(b, "down.done"), 1);
    hears(b, &f, false);
    assert_int_equal(events(b, "down.done"), 1);
}

static void test_once_a_frame_came_again_nothing_of_that_session_ends_it(void **state)
{
    struct bench *b = *state;
    struct frame_row f;
    struct down d;

    (void)sent(b, &f);
    hears(b, &f, true);
    now_ms += 2 * DOWN_SURE_S * 1000;
    hears(b, &f, false);
    assert_int_equal(waiting(b), 1);
    assert_int_equal(take(b, b->r, &f, &d), 0); /* nor is it sent twice in it */
    struct frame_row g = frame(f.serial, 1, 0x12, 0, 2);
    assert_int_equal(record(b, &g), FRAME_NEW);
    assert_int_equal(take(b, b->r, &g, &d), 0xA1);
    assert_int_equal(d.ctr, 1);
    now_ms += DOWN_SURE_S * 1000;
    hears(b, &g, false); /* that one is sure again */
    assert_int_equal(waiting(b), 0);
}

static void test_a_late_frame_of_an_older_session_brings_it_nowhere(void **state)
{
    struct bench *b = *state;
    struct frame_row old = frame(done(b, 1), 1, 0x11, 0, 1), late = frame(old.serial, 1, 0x11, 1, 1),
                     f = frame(old.serial, 1, 0x12, 0, 2), next = frame(old.serial, 1, 0x12, 1, 2);
    struct down d;

    queue(b, old.serial, 0xA1);
    assert_int_equal(record(b, &old), FRAME_NEW);
    assert_int_equal(record(b, &f), FRAME_NEW);
    assert_int_equal(take(b, b->r, &f, &d), 0xA1);
    assert_int_equal(record(b, &late), FRAME_NEW);
    assert_int_equal(take(b, b->r, &late, &d), 0);
    assert_int_equal(record(b, &next), FRAME_NEW);
    assert_int_equal(take(b, b->r, &next, &d), 0); /* once in a session */
}

static void test_it_is_sent_in_so_many_sessions_and_gone_with_the_last(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 4);
    const uint8_t once[] = { 0xB1 };
    struct down d;
    uint64_t id;
    bool any;

    assert_int_equal(registry_down_any(b->r, &any, &b->e), ERR_OK);
    assert_false(any);
    queue(b, serial, 0xA1);
    for (uint8_t boot = 1; boot <= 3; boot++) {
        struct frame_row f = frame(serial, 4, 0, 1, boot);
        f.boot = boot;
        assert_int_equal(record(b, &f), FRAME_NEW);
        assert_int_equal(take(b, b->r, &f, &d), 0xA1);
        assert_int_equal(d.sent, boot);
        assert_int_equal(waiting(b), boot < 3);
    }
    assert_int_equal(registry_down_queue(b->r, serial, once, 1, 1, &id, &b->e), ERR_OK);
    struct frame_row f = frame(serial, 4, 0, 1, 9);
    f.boot = 9;
    assert_int_equal(record(b, &f), FRAME_NEW);
    assert_int_equal(registry_down_any(b->r, &any, &b->e), ERR_OK);
    assert_true(any);
    assert_int_equal(take(b, b->r, &f, &d), 0xB1);
    assert_int_equal(waiting(b), 0);
    assert_int_equal(events(b, "down.done"), 2);
    refused(b, registry_down_queue(b->r, serial, once, 1, 0, &id, &b->e), DB_BUG);
    refused(b, registry_down_queue(b->r, serial, once, 1, DOWN_SESSIONS_MAX + 1, &id, &b->e), DB_BUG);
}

static void test_an_id_is_never_given_again(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 1), first = queue(b, serial, 1);

    assert_int_equal(registry_down_done(b->r, first, NULL, &b->e), ERR_OK);
    assert_int_not_equal(queue(b, serial, 2), first);
}

static enum err_code count(void *io, const struct down *d, struct err *e)
{
    (void)e;
    assert_int_equal(d->ctr, 0);
    ++*(int *)io;
    return ERR_OK;
}

static void test_the_queue_of_a_device_is_bounded(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 1), other = done(b, 1);
    const uint8_t payload[DOWN_PAYLOAD_MAX + 1] = { 1 };
    uint64_t id;
    int n = 0;

    for (uint8_t i = 1; i <= DOWN_WAITING_MAX; i++)
        queue(b, serial, i);
    refused(b, registry_down_queue(b->r, serial, payload, 1, 3, &id, &b->e), DB_DOWN_FULL);
    queue(b, other, 1);
    assert_int_equal(registry_down_queue(b->r, other, payload, DOWN_PAYLOAD_MAX, 3, &id, &b->e), ERR_OK);
    refused(b, registry_down_queue(b->r, other, payload, sizeof payload, 3, &id, &b->e), DB_BUG);
    refused(b, registry_down_queue(b->r, other, payload, 0, 3, &id, &b->e), DB_BUG);
    refused(b, registry_down_queue(b->r, 99, payload, 1, 3, &id, &b->e), DB_DEVICE_UNKNOWN);
    assert_int_equal(registry_down_list(b->r, serial, count, &n, &b->e), ERR_OK);
    assert_int_equal(n, DOWN_WAITING_MAX);
    assert_int_equal(registry_down_list(b->r, 0, count, &n, &b->e), ERR_OK);
    assert_int_equal(n, 2 * DOWN_WAITING_MAX + 2);
}

/* ---- an older copy ---- */

static void copy(struct bench *b, const char *from, const char *to)
{
    char command[256];

    (void)snprintf(command, sizeof command, "cp '%s/%s' '%s/%s'", b->dir, from, b->dir, to);
    assert_int_equal(system(command), 0);
}

static void reopen(struct bench *b)
{
    registry_close(b->r);
    registry_close(b->other);
    assert_int_equal(registry_open(&b->r, b->path, REGISTRY_WRITE, &b->e), ERR_OK);
    assert_int_equal(registry_open(&b->other, b->path, REGISTRY_WRITE, &b->e), ERR_OK);
}

static void test_after_an_older_copy_nothing_goes_down_into_what_it_knows(void **state)
{
    struct bench *b = *state;
    struct frame_row f = frame(done(b, 1), 1, 0x11, 0, 1), later = frame(f.serial, 1, 0x12, 0, 2),
                     boot = frame(done(b, 4), 4, 0, 1, 3), before, after;
    char mark[MARK_PATH_MAX];
    struct mark_view v;
    uint8_t ctr;

    boot.boot = 7;
    before = after = boot;
    before.boot = 6;
    after.boot = 8;
    after.frame[1] = 0xFF;
    registry_mark_path(b->path, mark);
    assert_int_equal(registry_mark_keep(b->r, mark, &v, &b->e), ERR_OK);
    assert_int_equal(record(b, &f), FRAME_NEW);
    assert_int_equal(record(b, &boot), FRAME_NEW);
    copy(b, "registry.db", "older");
    assert_int_equal(next(b, b->r, &f), 1); /* lost with all that came after the copy */
    assert_int_equal(registry_event(b->r, "test.later", NULL, &b->e), ERR_OK);
    copy(b, "older", "registry.db");
    reopen(b);
    assert_int_equal(registry_mark_accept(b->r, mark, "lost", &v, &b->e), ERR_OK);
    assert_int_equal(v.found, MARK_OLDER);

    refused(b, registry_down_next(b->r, &f, &ctr, &b->e), DB_DOWN_USED_UP);
    refused(b, registry_down_next(b->r, &boot, &ctr, &b->e), DB_DOWN_USED_UP);
    refused(b, registry_down_next(b->r, &before, &ctr, &b->e), DB_DOWN_USED_UP);
    assert_int_equal(record(b, &later), FRAME_NEW);
    assert_int_equal(record(b, &after), FRAME_NEW);
    assert_int_equal(next(b, b->r, &later), 1);
    assert_int_equal(next(b, b->r, &after), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_counter_is_given_once_whoever_asks),
        T(test_in_schemes_4_and_5_each_boot_counts_for_itself),
        T(test_a_counter_that_was_not_committed_is_still_to_be_had),
        T(test_two_processes_never_draw_the_same_counter),
        T(test_no_counter_comes_again_after_a_kill),
        T(test_after_255_counters_the_session_is_used_up),
        T(test_what_waits_is_taken_once_in_a_session_in_order),
        T(test_a_frame_of_its_session_long_after_it_was_sent_ends_it),
        T(test_once_a_frame_came_again_nothing_of_that_session_ends_it),
        T(test_a_late_frame_of_an_older_session_brings_it_nowhere),
        T(test_it_is_sent_in_so_many_sessions_and_gone_with_the_last),
        T(test_an_id_is_never_given_again),
        T(test_the_queue_of_a_device_is_bounded),
        T(test_after_an_older_copy_nothing_goes_down_into_what_it_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

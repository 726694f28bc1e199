/* Frames on disk, cut and failed at each step: relay/buffer.h.  Linked with --wrap for each call that changes the disk. */
#include "relay/buffer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the k-th change of the disk is cut, or fails ---- */

enum what { NOTHING, CUT, FAIL };

static struct {
    enum what what;
    unsigned countdown, steps;
} plan;

enum { CUT_EXIT = 42 };

/* True: this call is to fail.  A cut never comes back; half: the call did a part of its work. */
static bool strikes(void)
{
    plan.steps++;
    if (plan.what == NOTHING || plan.countdown == 0 || --plan.countdown > 0)
        return false;
    if (plan.what == CUT)
        _exit(CUT_EXIT);
    errno = ENOSPC;
    return true;
}

int __real_openat(int dir, const char *name, int flags, mode_t mode);
int __wrap_openat(int dir, const char *name, int flags, mode_t mode);
int __wrap_openat(int dir, const char *name, int flags, mode_t mode)
{
    return (flags & O_CREAT) != 0 && strikes() ? -1 : __real_openat(dir, name, flags, mode);
}

ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    if (plan.what != NOTHING && plan.countdown == 1) /* half of it reaches the disk first */
        (void)!__real_write(fd, bytes, len / 2);
    return strikes() ? -1 : __real_write(fd, bytes, len);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return strikes() ? -1 : __real_fsync(fd);
}

int __real_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to)
{
    return strikes() ? -1 : __real_renameat(a, from, b, to);
}

/* ---- a folder ---- */

static char dir[] = "/tmp/relay-buffer-XXXXXX";
static char path[64]; /* of the buffer in it */
static struct err e;

static struct buffer *open_buffer(void)
{
    struct buffer *b = NULL;

    assert_int_equal(buffer_open(&b, path, &e), ERR_OK);
    return b;
}

static void put(struct buffer *b, uint8_t first, size_t n)
{
    uint8_t frame[FRAME_MAX];

    memset(frame, first, sizeof frame);
    assert_int_equal(buffer_put(b, frame, n, &e), ERR_OK);
}

static unsigned files(void)
{
    DIR *d = opendir(path);
    unsigned n = 0;

    assert_non_null(d);
    for (const struct dirent *f; (f = readdir(d)) != NULL;)
        n += strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0;
    (void)closedir(d);
    return n;
}

static void clear(void)
{
    DIR *d = opendir(path);

    if (d == NULL)
        return;
    for (const struct dirent *f; (f = readdir(d)) != NULL;)
        if (f->d_name[0] != '.' || strncmp(f->d_name, ".new", 4) == 0)
            assert_int_equal(unlinkat(dirfd(d), f->d_name, 0), 0);
    (void)closedir(d);
}

static int up(void **state)
{
    (void)state;
    plan.what = NOTHING;
    plan.steps = 0;
    clear();
    return 0;
}

static int begin(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/buffer", dir);
    return 0;
}

static int end(void **state)
{
    (void)state;
    plan.what = NOTHING;
    clear();
    return rmdir(path) == 0 && rmdir(dir) == 0 ? 0 : -1;
}

/* Every frame that is there loads whole: n bytes of one value; its file carries that number of frames. */
static void is_sound(struct buffer *b)
{
    uint8_t frame[FRAME_MAX];
    size_t n;

    for (struct buffered *f = buffer_next(b, 0); f != NULL; f = buffer_next(b, f->order)) {
        assert_int_equal(buffer_load(b, f, frame, &n, &e), ERR_OK);
        assert_int_equal(n, 50u + frame[0]);
        for (size_t i = 1; i < n; i++)
            assert_int_equal(frame[i], frame[0]);
    }
    assert_int_equal(files(), buffer_count(b));
}

/* ---- claims ---- */

static void test_frames_come_back_in_order_from_the_disk(void **state)
{
    struct buffer *b = open_buffer();
    struct buffered *f;
    uint64_t last = 0;

    (void)state;
    for (uint8_t i = 0; i < 3; i++)
        put(b, i, 50u + i);
    assert_null(buffer_next(b, 0)); /* not kept before the commit */
    assert_int_equal(buffer_commit(b, &e), ERR_OK);
    buffer_close(b);
    b = open_buffer();
    assert_int_equal(buffer_count(b), 3);
    is_sound(b);
    for (unsigned i = 0; i < 3; i++, last = f->order) {
        f = buffer_next(b, last);
        assert_non_null(f);
        assert_true(f->order > last);
    }
    assert_ptr_equal(buffer_find(b, last), f);
    buffer_drop(b, f);
    assert_null(buffer_find(b, last));
    put(b, 9, 59); /* a number is not used again while its frame may be under way */
    assert_int_equal(buffer_commit(b, &e), ERR_OK);
    assert_true(buffer_next(b, last)->order > last);
    buffer_close(b);
}

static void test_put_and_not_committed_is_nothing(void **state)
{
    struct buffer *b = open_buffer();

    (void)state;
    put(b, 1, 51);
    buffer_close(b);
    b = open_buffer();
    assert_int_equal(buffer_count(b), 0);
    is_sound(b);
    buffer_close(b);
}

/* Two frames committed, three more on their way when the power goes. */
static void work(void)
{
    struct buffer *b = NULL;

    if (buffer_open(&b, path, &e) != ERR_OK)
        _exit(1);
    for (uint8_t i = 0; i < 5; i++) {
        uint8_t frame[FRAME_MAX];

        memset(frame, i, sizeof frame);
        if (buffer_put(b, frame, 50u + i, &e) != ERR_OK || (i % 3 == 1 && buffer_commit(b, &e) != ERR_OK))
            _exit(2);
    }
    _exit(buffer_commit(b, &e) == ERR_OK ? 0 : 3);
}

static void test_a_cut_at_every_step_leaves_whole_frames_and_all_that_were_committed(void **state)
{
    unsigned at = 1;

    for (bool cut = true; cut; at++) {
        int status;

        (void)up(state);
        pid_t pid = fork();
        if (pid == 0) {
            plan.what = CUT;
            plan.countdown = at;
            work();
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == CUT_EXIT || WEXITSTATUS(status) == 0));
        cut = WEXITSTATUS(status) == CUT_EXIT;

        struct buffer *b = open_buffer();
        is_sound(b);
        /* put 2 (open, write), fsync 2, rename 2, fsync: from step 10 on the first two are committed */
        assert_in_range(buffer_count(b), cut ? (at > 9 ? 2 : 0) : 5, 5);
        buffer_close(b);
        assert_true(at < 100);
    }
    assert_true(at > 20); /* there were that many steps */
}

static void test_a_failure_at_every_step_is_told_and_mended_by_a_repetition(void **state)
{
    bool failed = true;
    unsigned at = 1;

    for (; failed; at++) {
        uint8_t frame[60];

        (void)up(state);
        struct buffer *b = open_buffer();
        failed = false;
        plan.what = FAIL;
        plan.countdown = at;
        for (uint8_t i = 0; i < 3; i++) {
            memset(frame, i, sizeof frame);
            while (buffer_put(b, frame, 50u + i, &e) != ERR_OK) {
                assert_int_equal(e.code, ERR_IO);
                assert_int_equal(e.native, ENOSPC);
                assert_false(failed); /* once */
                failed = true;
            }
        }
        while (buffer_commit(b, &e) != ERR_OK) {
            assert_int_equal(e.code, ERR_IO);
            assert_false(failed);
            failed = true;
        }
        assert_int_equal(buffer_count(b), 3);
        is_sound(b);
        buffer_close(b);
        assert_true(at < 100);
    }
    assert_true(at > 12);
}

static void test_a_damaged_frame_is_removed_not_given_out(void **state)
{
    uint8_t frame[FRAME_MAX];
    size_t n = 0;

    (void)state;
    for (unsigned damage = 0; damage < 4; damage++) {
        struct buffer *b = open_buffer();
        struct buffered *f;
        char name[512] = "";
        DIR *d = opendir(path);

        put(b, 7, 57);
        assert_int_equal(buffer_commit(b, &e), ERR_OK);
        for (const struct dirent *entry; (entry = readdir(d)) != NULL;)
            if (entry->d_name[0] != '.')
                (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        (void)closedir(d);
        int fd = open(name, O_RDWR);
        assert_true(fd >= 0);
        if (damage < 2) /* empty; cut */
            assert_int_equal(ftruncate(fd, damage == 0 ? 0 : 20), 0);
        else if (damage == 2) /* longer than a frame */
            assert_int_equal(ftruncate(fd, FRAME_MAX + 1), 0);
        else
            assert_int_equal(pwrite(fd, "x", 1, 30), 1);
        (void)close(fd);
        f = buffer_next(b, 0);
        assert_int_equal(buffer_load(b, f, frame, &n, &e), ERR_INPUT);
        assert_int_equal(n, 0);
        assert_int_equal(buffer_count(b), 0);
        assert_int_equal(files(), 0);
        buffer_close(b);
    }
}

static void test_a_frame_lives_for_30_days_unless_it_is_in_flight(void **state)
{
    struct buffer *b = open_buffer();
    const time_t now = time(NULL);

    (void)state;
    for (uint8_t i = 0; i < 3; i++)
        put(b, i, 50u + i);
    assert_int_equal(buffer_commit(b, &e), ERR_OK);
    buffer_next(b, 0)->in_flight = true;
    assert_int_equal(buffer_expire(b, now + BUFFER_SECONDS - 100), 0);
    assert_int_equal(buffer_expire(b, now - 1000000), 0); /* a clock that goes back */
    assert_int_equal(buffer_expire(b, now + BUFFER_SECONDS + 100), 2);
    assert_int_equal(buffer_count(b), 1);
    assert_int_equal(files(), 1);
    buffer_close(b);
}

static void test_a_buffer_is_one_relays(void **state)
{
    struct buffer *b = open_buffer(), *other = NULL;

    (void)state;
    assert_int_equal(buffer_open(&other, path, &e), ERR_RETRY);
    assert_string_equal(e.fault->name, "relay-buffer-busy");
    buffer_close(b);
    b = open_buffer();
    buffer_close(b);
}

static void test_many_frames_dropped_from_the_middle_leave_the_others(void **state)
{
    enum { MANY = 2000 };
    struct buffer *b = open_buffer();
    uint64_t last = 0;

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        put(b, (uint8_t)(i % 50), 50u + i % 50);
        if (buffer_pends(b, BUFFER_PENDING) || i == MANY - 1)
            assert_int_equal(buffer_commit(b, &e), ERR_OK);
    }
    for (uint64_t order = 1; order <= MANY; order++)
        if (order % 3 != 0)
            buffer_drop(b, buffer_find(b, order));
    assert_int_equal(buffer_count(b), MANY / 3);
    for (struct buffered *f; (f = buffer_next(b, last)) != NULL; last = f->order)
        assert_int_equal(f->order, last + 3);
    is_sound(b);
    buffer_refused(b, buffer_find(b, 3));
    buffer_refused(b, buffer_find(b, 3));
    assert_int_equal(buffer_fresh(b), MANY / 3 - 1);
    buffer_drop(b, buffer_find(b, 3));
    assert_int_equal(buffer_fresh(b), MANY / 3 - 1);
    buffer_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_frames_come_back_in_order_from_the_disk, up),
        cmocka_unit_test_setup(test_put_and_not_committed_is_nothing, up),
        cmocka_unit_test_setup(test_a_cut_at_every_step_leaves_whole_frames_and_all_that_were_committed, up),
        cmocka_unit_test_setup(test_a_failure_at_every_step_is_told_and_mended_by_a_repetition, up),
        cmocka_unit_test_setup(test_a_damaged_frame_is_removed_not_given_out, up),
        cmocka_unit_test_setup(test_a_frame_lives_for_30_days_unless_it_is_in_flight, up),
        cmocka_unit_test_setup(test_a_buffer_is_one_relays, up),
        cmocka_unit_test_setup(test_many_frames_dropped_from_the_middle_leave_the_others, up),
    };

    return cmocka_run_group_tests(tests, begin, end);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/subprocess.h"

enum { PATIENCE_MS = 60000 }; /* for what comes at once, on a machine that is not busy */

/* Run sh -c script; its stdout until it closes it. */
static void run(const char *script, const char *const *env, const int *keep, size_t n_keep, char *out, size_t size,
                int *status)
{
    const char *const argv[] = { "sh", "-c", script, NULL };
    const struct subprocess_spec spec = { .path = "/bin/sh", .argv = argv, .env = env, .keep = keep, .n_keep = n_keep };
    struct subprocess p;
    size_t len = 0;

    assert_int_equal(subprocess_start(&p, &spec), 0);
    for (;;) {
        struct pollfd f = { .fd = p.out, .events = POLLIN };
        assert_true(poll(&f, 1, PATIENCE_MS) > 0);
        ssize_t n = read(p.out, out + len, size - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    out[len] = '\0';
    *status = subprocess_stop(&p, PATIENCE_MS);
    assert_int_equal(p.pid, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
}

static void test_environment_is_path_and_lang_and_what_is_given(void **state)
{
    static const char *const env[] = { "FUSE=1", NULL };
    char out[512];
    int status;

    (void)state;
    assert_int_equal(setenv("SECRET_OF_PARENT", "x", 1), 0);
    run("/usr/bin/env | grep -v -e '^PWD=' -e '^SHLVL=' -e '^_=' | sort", env, NULL, 0, out, sizeof out, &status);
    assert_string_equal(out, "FUSE=1\nLANG=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
    assert_int_equal(status, 0);
}

static void test_only_kept_descriptors_are_open(void **state)
{
    char script[200], out[512], want[64];
    int status;
    int leak = open("/dev/zero", O_RDONLY), kept = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    (void)state;
    (void)snprintf(script, sizeof script,
                   "for i in $(seq 0 40); do if [ -e /proc/$$/fd/$i ] && [ $i -ne 10 ]; then printf '%%s ' $i; fi; done");
    run(script, NULL, &kept, 1, out, sizeof out, &status);
    (void)snprintf(want, sizeof want, "0 1 2 %d ", kept);
    assert_string_equal(out, want);
    close(leak);
    close(kept);
}

static void test_what_cannot_be_executed_is_an_errno(void **state)
{
    static const struct {
        const char *path;
        int why;
    } rows[] = { { "/nonexistent", ENOENT }, { "/dev/null", EACCES }, { "/tmp", EACCES }, { "sh", EINVAL } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const argv[] = { "x", NULL };
        const struct subprocess_spec spec = { .path = rows[i].path, .argv = argv };
        struct subprocess p;
        assert_int_equal(subprocess_start(&p, &spec), rows[i].why);
        assert_int_equal(p.pid, 0);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_int_equal(subprocess_stop(&p, 0), 0);
    }
}

static void test_it_has_its_own_process_group_and_no_core(void **state)
{
    char out[64];
    int status;

    (void)state;
    run("[ $(cut -d' ' -f5 /proc/$$/stat) = $$ ] && ulimit -c", NULL, NULL, 0, out, sizeof out, &status);
    assert_string_equal(out, "0\n");
}

static void start(struct subprocess *p, const char *script)
{
    const char *const argv[] = { "sh", "-c", script, NULL };
    const struct subprocess_spec spec = { .path = "/bin/sh", .argv = argv };

    assert_int_equal(subprocess_start(p, &spec), 0);
}

static void test_a_closed_stdin_is_the_polite_request(void **state)
{
    struct subprocess p;

    (void)state;
    start(&p, "cat >/dev/null; exit 7");
    int status = subprocess_stop(&p, PATIENCE_MS);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_the_deaf_one_is_killed_after_the_grace_time(void **state)
{
    struct subprocess p;
    uint64_t start_ns = clock_mono_ns();

    (void)state;
    start(&p, "trap '' TERM; while :; do /bin/sleep 1; done");
    int status = subprocess_stop(&p, 100);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_in_range(clock_mono_ns() - start_ns, 100000000u, PATIENCE_MS * UINT64_C(1000000));
}

static void test_a_talker_with_full_pipes_still_ends_politely(void **state)
{
    struct subprocess p;

    (void)state;
    start(&p, "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; exit 3");
    int status = subprocess_stop(&p, PATIENCE_MS);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
}

static void test_writing_to_a_dead_one_is_an_error_not_a_signal(void **state)
{
    struct subprocess p;
    struct pollfd f;

    (void)state;
    start(&p, "exit 0");
    f = (struct pollfd){ .fd = p.pidfd, .events = POLLIN };
    assert_int_equal(poll(&f, 1, PATIENCE_MS), 1);
    assert_int_equal(send(p.in, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    subprocess_stop(&p, PATIENCE_MS);
}

/* The child of a child that dies: its pid must be gone soon after. */
static void test_it_does_not_outlive_us(void **state)
{
    int pipefd[2], left = PATIENCE_MS;
    pid_t grandchild = 0;

    (void)state;
    assert_int_equal(pipe(pipefd), 0);
    pid_t middle = fork();
    if (middle == 0) {
        const char *const argv[] = { "sleep", "100", NULL };
        const struct subprocess_spec spec = { .path = "/bin/sleep", .argv = argv };
        struct subprocess p;
        if (subprocess_start(&p, &spec) != 0 || write(pipefd[1], &p.pid, sizeof p.pid) != (ssize_t)sizeof p.pid)
            _exit(1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(pipefd[0], &grandchild, sizeof grandchild), sizeof grandchild);
    assert_int_equal(kill(grandchild, 0), 0);
    kill(middle, SIGKILL);
    assert_int_equal(waitpid(middle, NULL, 0), middle);
    char path[40], text[256] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", grandchild);
    for (; left > 0; left -= 10) { /* an orphan may stay a zombie where nobody reaps: dead is enough */
        FILE *f = fopen(path, "re");
        if (f == NULL)
            break;
        bool dead = fgets(text, sizeof text, f) != NULL && strstr(text, ") Z") != NULL;
        fclose(f);
        if (dead)
            break;
        clock_sleep_ms(10);
    }
    assert_true(left > 0);
    close(pipefd[0]);
    close(pipefd[1]);
}

static void test_what_it_has_started_goes_with_it(void **state)
{
    static const char *const script[] = { "/bin/sleep 100; :",
                                          "/bin/sleep 100 & exit 0" }; /* waiting for it; gone before it */

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *const argv[] = { "sh", "-c", script[i], NULL };
        int held[2]; /* its other end is open as long as any of them lives */
        assert_int_equal(pipe2(held, O_CLOEXEC), 0);
        const struct subprocess_spec spec = { .path = "/bin/sh", .argv = argv, .keep = &held[1], .n_keep = 1 };
        struct subprocess p;
        assert_int_equal(subprocess_start(&p, &spec), 0);
        close(held[1]);
        (void)subprocess_stop(&p, 100);
        struct pollfd f = { .fd = held[0], .events = POLLIN };
        assert_int_equal(poll(&f, 1, PATIENCE_MS), 1);
        close(held[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment_is_path_and_lang_and_what_is_given),
        cmocka_unit_test(test_only_kept_descriptors_are_open),
        cmocka_unit_test(test_what_cannot_be_executed_is_an_errno),
        cmocka_unit_test(test_it_has_its_own_process_group_and_no_core),
        cmocka_unit_test(test_a_closed_stdin_is_the_polite_request),
        cmocka_unit_test(test_the_deaf_one_is_killed_after_the_grace_time),
        cmocka_unit_test(test_what_it_has_started_goes_with_it),
        cmocka_unit_test(test_a_talker_with_full_pipes_still_ends_politely),
        cmocka_unit_test(test_writing_to_a_dead_one_is_an_error_not_a_signal),
        cmocka_unit_test(test_it_does_not_outlive_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

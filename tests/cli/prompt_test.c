/* The PIN prompt, at a terminal of the test's own: it names the token, shows nothing of the answer, asks once, and leaves
 * the terminal as it was.  The command is `open` with an empty file; only its token has no PIN source. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

static const char question[] = "PIN of token 'server': ";
enum { PATIENCE_MS = 60000 };

static char dir[64], program[600], pin[64];
static struct {
    int tty;
    pid_t pid;
    char shown[8192];
    size_t len;
} t;

static void __attribute__((format(printf, 1, 2))) run(const char *fmt, ...)
{
    char command[2048];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    assert_int_equal(system(command), 0);
}

static int make_line(void **state)
{
    char self[512];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *tests;
    FILE *f;

    (void)state;
    assert_true(n > 0);
    self[n] = '\0';
    assert_non_null(tests = strstr(self, "/tests/cli/"));
    *tests = '\0';
    (void)snprintf(program, sizeof program, "%s/fuseline", self);
    (void)snprintf(dir, sizeof dir, "/tmp/fuseline-prompt-XXXXXX");
    assert_non_null(mkdtemp(dir));
    run("'%s' init '%s' >'%s/init' 2>&1 && : >'%s/none'", program, dir, dir, dir);
    run("sed -i '/^pin-source = file:pins.server.pin/d' '%s/fuseline.conf'", dir);
    (void)snprintf(self, sizeof self, "%s/pins/server.pin", dir);
    assert_non_null(f = fopen(self, "r"));
    assert_non_null(fgets(pin, sizeof pin, f));
    fclose(f);
    pin[strcspn(pin, "\n")] = '\0';
    assert_int_equal(strlen(pin), 32);
    return 0;
}

static int remove_line(void **state)
{
    (void)state;
    run("rm -rf '%s'", dir);
    return 0;
}

/* ---- the terminal ---- */

static bool echoes(void)
{
    struct termios now;

    assert_int_equal(tcgetattr(t.tty, &now), 0); /* of a pty: its other side's */
    return (now.c_lflag & ECHO) != 0;
}

/* More of what it shows; false: it has closed the terminal. */
static bool look(void)
{
    struct pollfd p = { .fd = t.tty, .events = POLLIN };
    ssize_t n;

    assert_true(t.len + 1 < sizeof t.shown);
    if (poll(&p, 1, PATIENCE_MS) <= 0)
        fail_msg("nothing more than: %s", t.shown);
    n = read(t.tty, t.shown + t.len, sizeof t.shown - 1 - t.len);
    if (n <= 0)
        return false;
    t.len += (size_t)n;
    t.shown[t.len] = '\0';
    return true;
}

static void begin(const char *option)
{
    memset(&t, 0, sizeof t);
    t.pid = forkpty(&t.tty, NULL, NULL, NULL);
    assert_true(t.pid >= 0);
    if (t.pid == 0) {
        char file[80];

        (void)snprintf(file, sizeof file, "%s/none", dir);
        execl(program, "fuseline", "-C", dir, "open", file, option, (char *)NULL);
        _exit(127);
    }
}

static void asked(void)
{
    begin(NULL);
    while (strstr(t.shown, question) == NULL)
        if (!look())
            fail_msg("not asked: %s", t.shown);
    assert_false(echoes());
}

static void type(const char *text)
{
    assert_int_equal(write(t.tty, text, strlen(text)), strlen(text));
}

static unsigned times(const char *what)
{
    unsigned n = 0;

    for (const char *at = t.shown; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

/* It ends with that status, having asked once, and the terminal echoes again. */
static void ends(int want)
{
    int status;

    while (look())
        ;
    assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != want)
        fail_msg("status %x: %s", (unsigned)status, t.shown);
    assert_int_equal(times("PIN of token"), 1);
    assert_true(echoes());
    close(t.tty);
}

/* ---- the claims ---- */

static void test_the_right_pin_opens_the_token_and_is_never_shown(void **state)
{
    (void)state;
    asked();
    type(pin);
    type("\n");
    ends(0);
    assert_int_equal(times(pin), 0);
    assert_non_null(strstr(t.shown, "PIN of token 'server': \r\n")); /* no stars either: they tell its length */
}

static void test_a_wrong_pin_is_told_and_not_asked_for_again(void **state)
{
    (void)state;
    asked();
    type("71077345\n");
    ends(77);
    assert_int_equal(times("PIN is wrong"), 1);
    assert_int_equal(times("71077345"), 0);
}

static void test_ctrl_c_ends_it_and_the_terminal_is_as_before(void **state)
{
    (void)state;
    asked();
    type("71077");
    type("\003");
    ends(75);
    assert_int_equal(times("interrupted"), 1);
    assert_int_equal(times("71077"), 0);
}

static void test_each_signal_that_asks_for_an_end_ends_it(void **state)
{
    static const int stop[] = { SIGINT, SIGTERM, SIGHUP };

    (void)state;
    for (size_t i = 0; i < sizeof stop / sizeof *stop; i++) {
        asked();
        assert_int_equal(kill(t.pid, stop[i]), 0);
        ends(75);
    }
}

/* Ctrl-Z would hand the shell a terminal without echo, Ctrl-\ would leave it so: both are letters here, Ctrl-U takes them
 * back. */
static void test_no_key_leaves_the_terminal_without_echo(void **state)
{
    (void)state;
    asked();
    type("\032\034\025");
    type(pin);
    type("\n");
    ends(0);
}

static void test_no_pin_is_no_try(void **state)
{
    static const char *const answers[] = { "\n", "\004" };

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        asked();
        type(answers[i]);
        ends(77);
        assert_int_equal(times("no PIN given"), 1);
    }
}

static void test_a_line_longer_than_any_pin_is_refused_whole(void **state)
{
    char text[602];

    (void)state;
    memset(text, '7', sizeof text);
    text[600] = '\n';
    text[601] = '\0';
    asked();
    type(text);
    ends(77);
    assert_int_equal(times("longer than any PIN"), 1);
    assert_int_equal(times("777"), 0);
}

static void test_json_never_asks(void **state)
{
    int status;

    (void)state;
    begin("--json");
    while (look())
        ;
    assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 77);
    assert_int_equal(times("PIN of token"), 0);
    assert_int_equal(times("no-pin"), 1);
    close(t.tty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_right_pin_opens_the_token_and_is_never_shown),
        cmocka_unit_test(test_a_wrong_pin_is_told_and_not_asked_for_again),
        cmocka_unit_test(test_ctrl_c_ends_it_and_the_terminal_is_as_before),
        cmocka_unit_test(test_each_signal_that_asks_for_an_end_ends_it),
        cmocka_unit_test(test_no_key_leaves_the_terminal_without_echo),
        cmocka_unit_test(test_no_pin_is_no_try),
        cmocka_unit_test(test_a_line_longer_than_any_pin_is_refused_whole),
        cmocka_unit_test(test_json_never_asks),
    };

    return cmocka_run_group_tests(tests, make_line, remove_line);
}

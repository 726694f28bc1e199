/* The remote_bitbang server, spoken to over its socket character by character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "flash/vchip/rbb.h"
#include "tests/flash/vchip/fake_bus.h"

static char dir[] = "/tmp/rbb_test.XXXXXX", path[64];
static struct fake_bus bus;
static struct jtag *j;
static struct rbb *r;
static struct err err;

/* ---- a client ---- */

static struct sockaddr_un address(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    memcpy(a.sun_path, path, strlen(path));
    return a;
}

static int dial(void)
{
    struct sockaddr_un a = address();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* Send text, serve it, and expect that reply in one piece, and nothing behind it. */
static void say(int fd, const char *text, const char *reply)
{
    char in[4096];
    size_t len = strlen(text);

    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
    assert_int_equal(rbb_serve(r), len);
    ssize_t n = recv(fd, in, sizeof in - 1, MSG_DONTWAIT);
    in[n > 0 ? n : 0] = '\0';
    assert_string_equal(in, reply);
}

static bool hung_up(int fd)
{
    char c;

    return recv(fd, &c, 1, MSG_DONTWAIT) == 0;
}

static bool exists(void)
{
    return access(path, F_OK) == 0;
}

static int setup(void **state)
{
    (void)state;
    fake_bus_init(&bus);
    struct jtag_port port = fake_bus_port(&bus);
    j = jtag_new(chip_desc_find("stm32l476"), &port);
    return j == NULL || rbb_open(&r, path, j, &err) != ERR_OK;
}

static int teardown(void **state)
{
    (void)state;
    rbb_close(r);
    r = NULL;
    jtag_free(j);
    return 0;
}

static int make_dir(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/jtag", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

/* ---- the socket ---- */

static void test_the_socket_is_the_owners_alone_whatever_the_umask(void **state)
{
    struct stat st;

    (void)state;
    rbb_close(r);
    mode_t old = umask(0);
    assert_int_equal(rbb_open(&r, path, j, &err), ERR_OK);
    umask(old);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_closing_removes_the_socket(void **state)
{
    (void)state;
    rbb_close(r);
    r = NULL;
    assert_false(exists());
    rbb_close(NULL);
}

static void test_a_socket_left_by_a_killed_server_is_replaced(void **state)
{
    struct sockaddr_un a = address();

    (void)state;
    rbb_close(r);
    r = NULL;
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (const struct sockaddr *)&a, sizeof a), 0);
    close(dead);
    assert_true(exists());
    assert_int_equal(rbb_open(&r, path, j, &err), ERR_OK);
    int fd = dial();
    say(fd, "R", "1");
    close(fd);
}

static void test_a_socket_in_use_is_refused_and_goes_on_working(void **state)
{
    struct rbb *second = NULL;

    (void)state;
    int fd = dial();
    say(fd, "R", "1");
    assert_int_equal(rbb_open(&second, path, j, &err), ERR_CREATE);
    assert_string_equal(err.fault->name, "vchip-socket-taken");
    assert_null(second);
    say(fd, "R", "1");
    close(fd);
}

static void test_any_other_file_is_refused_and_kept(void **state)
{
    char text[8] = "";

    (void)state;
    rbb_close(r);
    r = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "keep me", 7), 7);
    assert_int_equal(rbb_open(&r, path, j, &err), ERR_CREATE);
    assert_null(r);
    assert_string_equal(err.fault->name, "vchip-socket-taken");
    assert_non_null(strstr(err.subject, path));
    assert_int_equal(pread(fd, text, sizeof text, 0), 7);
    assert_string_equal(text, "keep me");
    close(fd);
    assert_int_equal(unlink(path), 0);

    assert_int_equal(symlink("nowhere", path), 0);
    assert_int_equal(rbb_open(&r, path, j, &err), ERR_CREATE);
    assert_int_equal(unlink(path), 0);
}

static void test_a_path_that_does_not_fit_is_refused(void **state)
{
    char longest[sizeof((struct sockaddr_un *)0)->sun_path + 1];
    struct rbb *other = NULL;

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(rbb_open(&other, longest, j, &err), ERR_USAGE);
    assert_int_equal(rbb_open(&other, "", j, &err), ERR_USAGE);
    assert_int_equal(rbb_open(&other, "/nonexistent/jtag", j, &err), ERR_CREATE);
    assert_int_equal(err.native, ENOENT);
    assert_null(other);
}

/* ---- the protocol ---- */

static void test_the_idcode_is_read_bit_by_bit(void **state)
{
    char out[512] = "", want[33] = "";

    (void)state;
    int fd = dial();
    say(fd,
        "2626262626"
        "04"
        "26"
        "04"
        "04",
        "");                            /* reset, Idle, Select-DR, Capture-DR, Shift-DR */
    for (unsigned i = 0; i < 32; i++) { /* as OpenOCD: TCK low, sample, TCK high */
        memcpy(out + 3 * i, i == 31 ? "2R6" : "0R4", 3);
        want[i] = "01"[0x4BA00477u >> i & 1];
    }
    say(fd, out, want);
    assert_int_equal(bus.clocks, 9 + 32);
    close(fd);
}

static void test_all_pin_characters_drive_their_pins(void **state)
{
    (void)state;
    int fd = dial();
    say(fd, "01234567", "");
    assert_int_equal(bus.clocks, 1); /* one rising edge, between 3 and 4 */
    say(fd, "0415263704", "");
    assert_int_equal(bus.clocks, 6);
    close(fd);
}

static void test_reset_characters_drive_trst_and_srst(void **state)
{
    (void)state;
    int fd = dial();
    say(fd, "s", "");
    assert_true(bus.nrst_active);
    say(fd, "u", "");
    say(fd, "t", "");
    assert_false(bus.nrst_active);
    const char *fourth_bit = "04"
                             "26"
                             "04"
                             "04"
                             "04"
                             "04"
                             "04"
                             "R"; /* of IDCODE, which ends in 0x7 */
    say(fd, fourth_bit, "1");     /* held in reset: TDO stays up */
    say(fd, "r", "");
    say(fd, fourth_bit, "0");
    assert_int_equal(bus.resets, 1);
    close(fd);
}

static void test_blinks_and_unknown_characters_are_ignored(void **state)
{
    (void)state;
    int fd = dial();
    say(fd, "BbR xyz89\n\x01\xFFR", "11");
    assert_int_equal(bus.clocks, 0);
    close(fd);
}

static void test_many_samples_are_answered_in_one_piece(void **state)
{
    char text[1025], want[1025];

    (void)state;
    memset(text, 'R', 1024);
    memset(want, '1', 1024);
    text[1024] = want[1024] = '\0';
    int fd = dial();
    say(fd, text, want);
    close(fd);
}

static void test_serving_never_waits_for_input(void **state)
{
    (void)state;
    assert_int_equal(rbb_serve(r), 0);
    int fd = dial();
    assert_int_equal(rbb_serve(r), 0);
    assert_int_equal(rbb_serve(r), 0);
    say(fd, "R", "1");
    close(fd);
}

/* ---- clients come and go ---- */

static void test_the_descriptor_to_poll_is_the_listeners_then_the_clients(void **state)
{
    (void)state;
    int listener = rbb_fd(r);
    int fd = dial();
    struct pollfd p = { .fd = rbb_fd(r), .events = POLLIN };
    assert_int_equal(poll(&p, 1, 0), 1);
    (void)rbb_serve(r);
    assert_int_not_equal(rbb_fd(r), listener);
    p.fd = rbb_fd(r);
    assert_int_equal(poll(&p, 1, 0), 0);
    assert_int_equal(send(fd, "R", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(poll(&p, 1, 0), 1);
    close(fd);
}

static void test_q_ends_the_client_and_the_next_one_is_served(void **state)
{
    (void)state;
    int first = dial(), second = dial();
    assert_int_equal(send(first, "RQ444", 5, MSG_NOSIGNAL), 5);
    assert_int_equal(rbb_serve(r), 2); /* what comes behind Q is not looked at */
    assert_int_equal(bus.clocks, 0);
    say(second, "R", "1");
    close(first);
    close(second);
}

static void test_a_client_that_vanishes_releases_the_reset_pins(void **state)
{
    (void)state;
    int first = dial();
    say(first, "u", "");
    assert_true(bus.nrst_active);
    close(first);
    assert_int_equal(rbb_serve(r), 0);
    assert_false(bus.nrst_active);
    int second = dial();
    say(second, "R", "1");
    close(second);
}

static void test_a_drop_is_seen_by_the_client(void **state)
{
    (void)state;
    rbb_drop(r); /* nobody there: nothing */
    int fd = dial();
    say(fd, "R", "1");
    rbb_drop(r);
    assert_true(hung_up(fd));
    close(fd);
    fd = dial();
    say(fd, "R", "1");
    close(fd);
}

static void drop_now(void *io)
{
    (void)io;
    rbb_drop(r);
}

static void test_a_drop_from_inside_a_clock_edge_is_safe(void **state)
{
    (void)state;
    int fd = dial();
    bus.on_clock = drop_now;
    assert_int_equal(send(fd, "R0R4R4R", 7, MSG_NOSIGNAL), 7);
    assert_int_equal(rbb_serve(r), 4);
    assert_int_equal(bus.clocks, 1);
    char c;
    assert_true(recv(fd, &c, 1, MSG_DONTWAIT) <= 0);
    close(fd);
}

static void test_a_client_that_never_reads_is_dropped(void **state)
{
    char flood[4096];
    unsigned rounds = 0;

    (void)state;
    memset(flood, 'R', sizeof flood);
    int listener = rbb_fd(r);
    int fd = dial();
    do {
        assert_true(send(fd, flood, sizeof flood, MSG_NOSIGNAL | MSG_DONTWAIT) > 0);
        (void)rbb_serve(r);
    } while (rbb_fd(r) != listener && ++rounds < 1000);
    assert_true(rounds < 1000);
    close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_the_socket_is_the_owners_alone_whatever_the_umask),
        T(test_closing_removes_the_socket),
        T(test_a_socket_left_by_a_killed_server_is_replaced),
        T(test_a_socket_in_use_is_refused_and_goes_on_working),
        T(test_any_other_file_is_refused_and_kept),
        T(test_a_path_that_does_not_fit_is_refused),
        T(test_the_idcode_is_read_bit_by_bit),
        T(test_all_pin_characters_drive_their_pins),
        T(test_reset_characters_drive_trst_and_srst),
        T(test_blinks_and_unknown_characters_are_ignored),
        T(test_many_samples_are_answered_in_one_piece),
        T(test_serving_never_waits_for_input),
        T(test_the_descriptor_to_poll_is_the_listeners_then_the_clients),
        T(test_q_ends_the_client_and_the_next_one_is_served),
        T(test_a_client_that_vanishes_releases_the_reset_pins),
        T(test_a_drop_is_seen_by_the_client),
        T(test_a_drop_from_inside_a_clock_edge_is_safe),
        T(test_a_client_that_never_reads_is_dropped),
    };
#undef T
    return cmocka_run_group_tests_name("rbb", tests, make_dir, remove_dir);
}

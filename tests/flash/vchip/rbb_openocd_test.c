/* The debug port and the unmodified OpenOCD: stock target file, a mem_ap target, no core behind the bus.
 * The texts expected are OpenOCD 0.12's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "flash/vchip/rbb.h"
#include "tests/flash/vchip/fake_bus.h"

#define OPENOCD "/usr/bin/openocd"

enum { LIMIT_MS = 60000, IMAGE_LEN = 9999, IMAGE_AT = 0x0F01 }; /* odd on purpose, and across three 4 KB blocks */

static char dir[] = "/tmp/rbb_openocd_test.XXXXXX";
static char sock[64], image[64], dump[64];
static uint8_t bytes[IMAGE_LEN];
static const struct chip_desc *chip;
static struct fake_bus bus;
static struct jtag *j;
static struct rbb *r;
static char said[256 * 1024]; /* everything OpenOCD printed in this test */
static size_t said_len;

/* ---- running OpenOCD ---- */

static void become_openocd(int out, const char *script)
{
    static const struct rlimit no_core = { 0, 0 };
    char setup[512], mem[512];

    (void)snprintf(setup, sizeof setup,
                   "gdb_port disabled; telnet_port disabled; tcl_port disabled;"
                   "adapter driver remote_bitbang; remote_bitbang port 0; remote_bitbang host %s",
                   sock);
    (void)snprintf(mem, sizeof mem,
                   "adapter srst delay 0; jtag_ntrst_delay 0; %s configure -defer-examine;"
                   "target create mem mem_ap -dap [string map {.cpu .dap} %s] -ap-num 0; init; targets mem",
                   chip->openocd.cpu, chip->openocd.cpu);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 || chdir(dir) < 0)
        _exit(126);
    execl(OPENOCD, OPENOCD, "-c", setup, "-f", chip->openocd.target_cfg, "-c", mem, "-c", script, "-c", "shutdown",
          (char *)NULL);
    _exit(127);
}

/* Serve the socket until OpenOCD has closed its output; false when it took too long. */
static bool serve(int out)
{
    uint64_t limit = clock_mono_ns() + (uint64_t)LIMIT_MS * 1000000;

    while (clock_mono_ns() < limit) {
        struct pollfd p[] = { { .fd = rbb_fd(r), .events = POLLIN }, { .fd = out, .events = POLLIN } };
        if (poll(p, 2, 100) < 0 && errno != EINTR)
            return false;
        if (p[0].revents != 0)
            (void)rbb_serve(r);
        if (p[1].revents == 0)
            continue;
        ssize_t n = read(out, said + said_len, sizeof said - 1 - said_len);
        if (n <= 0)
            return n == 0;
        said_len += (size_t)n;
    }
    return false;
}

/* Run the Tcl script behind `init; targets mem`.  Returns the exit status, or minus the signal that ended OpenOCD. */
static int openocd(const char *script)
{
    int out[2], status = 0;

    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become_openocd(out[1], script);
    close(out[1]);
    said_len = 0;
    bool in_time = serve(out[0]);
    if (!in_time)
        kill(pid, SIGKILL);
    close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    rbb_drop(r); /* in case it was killed: the next one finds the port free */
    said[said_len] = '\0';
    assert_true(in_time);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void expect_said(const char *text)
{
    if (strstr(said, text) == NULL)
        fail_msg("not said: %s\n%s", text, said);
}

static void expect_not_said(const char *text)
{
    if (strstr(said, text) != NULL)
        fail_msg("said: %s\n%s", text, said);
}

/* ---- set-up ---- */

static int board(const char *name)
{
    struct err e;

    chip = chip_desc_find(name);
    fake_bus_init(&bus);
    struct jtag_port port = fake_bus_port(&bus);
    j = jtag_new(chip, &port);
    return j == NULL || rbb_open(&r, sock, j, &e) != ERR_OK;
}

static int setup(void **state)
{
    (void)state;
    return board("stm32l476");
}

static int setup_f407(void **state)
{
    (void)state;
    return board("stm32f407");
}

static int teardown(void **state)
{
    (void)state;
    rbb_close(r);
    jtag_free(j);
    (void)unlink(dump);
    return 0;
}

static int make_files(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(sock, sizeof sock, "%s/jtag", dir);
    (void)snprintf(image, sizeof image, "%s/image", dir);
    (void)snprintf(dump, sizeof dump, "%s/dump", dir);
    for (uint32_t i = 0, x = 1; i < IMAGE_LEN; i++, x = x * 1664525 + 1013904223)
        bytes[i] = (uint8_t)(x >> 24);
    FILE *f = fopen(image, "w");
    return f == NULL || fwrite(bytes, 1, IMAGE_LEN, f) != IMAGE_LEN || fclose(f) != 0;
}

static int remove_files(void **state)
{
    (void)state;
    (void)unlink(image);
    return rmdir(dir);
}

static void expect_image_in_ram(void)
{
    assert_memory_equal(bus.ram + IMAGE_AT, bytes, IMAGE_LEN);
    assert_int_equal(bus.ram[IMAGE_AT - 1], 0);
    assert_int_equal(bus.ram[IMAGE_AT + IMAGE_LEN], 0);
}

static void expect_image_in_dump(void)
{
    uint8_t got[IMAGE_LEN + 1];
    FILE *f = fopen(dump, "r");

    assert_non_null(f);
    size_t n = fread(got, 1, sizeof got, f);
    (void)fclose(f);
    assert_int_equal(n, IMAGE_LEN);
    assert_memory_equal(got, bytes, IMAGE_LEN);
}

#define LOAD "load_image image 0x20000f01 bin; "
#define DUMP "dump_image dump 0x20000f01 9999; "
#define CPUID "echo cpuid=[read_memory 0xE000ED00 32 1]; "

/* ---- what works ---- */

static void test_openocd_finds_the_chain_and_the_ap(void **state)
{
    (void)state;
    assert_int_equal(openocd("echo [[lindex [dap names] 0] info 0]; " CPUID), 0);
    expect_said("tap/device found: 0x4ba00477");
    expect_said("AP ID register 0x24770011");
    expect_said("MEM-AP BASE 0xe00ff003");
    expect_said("Component class is 0x1, ROM table");
    expect_said("cpuid=0x410fc241");
    expect_not_said("Error");
    expect_not_said("stalled");
}

static void test_openocd_finds_an_f407_too(void **state)
{
    (void)state;
    assert_int_equal(openocd("echo [[lindex [dap names] 0] info 0]; " CPUID), 0);
    expect_said("tap/device found: 0x4ba00477");
    expect_said("0x06413041");
    expect_said("cpuid=0x410fc241");
    expect_not_said("Error");
}

static void test_an_image_goes_in_and_comes_out_whole(void **state)
{
    (void)state;
    assert_int_equal(openocd(LOAD DUMP), 0);
    expect_image_in_ram();
    expect_image_in_dump();
    expect_not_said("Error");
}

static void test_single_bytes_halfwords_and_words_land_where_they_should(void **state)
{
    static const uint8_t want[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C };

    (void)state;
    assert_int_equal(openocd("mwb 0x20000003 4; mwb 0x20000000 1; mwh 0x20000001 0x0302; mww 0x20000005 0x09080706;"
                             "mwb 0x20000004 5; write_memory 0x20000009 8 {10 11 12};"
                             "echo b=[read_memory 0x20000001 8 3]; echo h=[read_memory 0x20000002 16 2];"
                             "echo w=[read_memory 0x20000005 32 1]"),
                     0);
    assert_memory_equal(bus.ram, want, sizeof want);
    expect_said("b=0x2 0x3 0x4");
    expect_said("h=0x403 0x605");
    expect_said("w=0x9080706");
}

static void test_the_reset_line_reaches_the_board(void **state)
{
    (void)state;
    assert_int_equal(openocd("reset_config srst_only; adapter assert srst; adapter deassert srst"), 0);
    assert_int_equal(bus.resets, 1);
    assert_false(bus.nrst_active);
}

static void test_a_second_session_follows_the_first(void **state)
{
    (void)state;
    assert_int_equal(openocd(LOAD), 0);
    assert_int_equal(openocd(DUMP), 0);
    expect_image_in_dump();
}

/* ---- WAIT ---- */

static void test_a_stalling_bus_costs_time_and_no_byte(void **state)
{
    (void)state;
    bus.stall_every = 97;
    bus.stall_for = 2; /* accepted, one scan gets WAIT, the next finds it done */
    assert_int_equal(openocd(LOAD DUMP), 0);
    expect_said("DAP transaction stalled (WAIT) - slowing down and resending");
    expect_image_in_ram();
    expect_image_in_dump();
}

/* OpenOCD's replay clears STICKYORUN with a CTRL/STAT write whose own ACK it ignores; when that one gets WAIT too, all it
 * sends again is discarded, and it never looks.  This is why nothing is believed that was not read back. */
static void test_openocd_loses_writes_to_a_longer_stall_and_exits_0(void **state)
{
    (void)state;
    bus.stall_every = 97;
    bus.stall_for = 3;
    assert_int_equal(openocd(LOAD), 0);
    expect_said("DAP transaction stalled (WAIT) - slowing down and resending");
    expect_not_said("Error");
    assert_memory_not_equal(bus.ram + IMAGE_AT, bytes, IMAGE_LEN);
}

static void wait_now_and_then(void *io)
{
    (void)io;
    if (bus.clocks % 20000 == 0)
        jtag_inject_wait(j, 5);
}

static void test_injected_waits_cost_no_byte(void **state)
{
    (void)state;
    bus.on_clock = wait_now_and_then;
    assert_int_equal(openocd(LOAD DUMP), 0);
    expect_said("DAP transaction stalled (WAIT) - slowing down and resending");
    expect_image_in_ram();
    expect_image_in_dump();
}

static void test_a_stuck_bus_is_aborted_and_the_next_access_works(void **state)
{
    (void)state;
    bus.stuck_at = 0x20004000;
    assert_int_equal(openocd("echo stuck=[catch {read_memory 0x20004000 32 1}]; " CPUID), 0);
    expect_said("Timeout during WAIT recovery");
    expect_said("stuck=1");
    expect_said("cpuid=0x410fc241");
}

/* ---- what goes wrong ---- */

static void test_a_bus_error_is_reported_and_the_next_access_works(void **state)
{
    (void)state;
    assert_int_equal(openocd("echo bad=[catch {read_memory 0x60000000 32 1}]; " CPUID), 0);
    expect_said("JTAG-DP STICKY ERROR");
    expect_said("Failed to read memory at 0x60000004");
    expect_said("bad=1");
    expect_said("cpuid=0x410fc241");
}

static void test_no_part_is_all_ones(void **state)
{
    (void)state;
    bus.absent = true;
    assert_int_equal(openocd(CPUID), 1);
    expect_said("JTAG scan chain interrogation failed: all ones");
    expect_said("IR capture error; saw 0x0f not 0x01");
    expect_said("Invalid ACK (7) in DAP response");
}

static void test_a_wrong_idcode_is_named_and_openocd_goes_on(void **state)
{
    (void)state;
    jtag_set_idcode(j, 0x2BA01477);
    assert_int_equal(openocd(CPUID), 0); /* why fuseline compares the IDCODE itself */
    expect_said("UNEXPECTED: 0x2ba01477");
    expect_said("expected 1 of 1: 0x4ba00477");
    expect_said("cpuid=0x410fc241");
}

static void test_a_part_that_goes_in_mid_write_fails_the_write(void **state)
{
    (void)state;
    bus.gone_after = 50000;
    assert_int_equal(openocd("echo load=[catch {" LOAD "}]; " CPUID), 1);
    expect_said("Invalid ACK (7) in DAP response");
    expect_said("failed to find out where");
    expect_said("load=-107");
    expect_not_said("cpuid=0x410fc241");
}

static void swap_once(void *io)
{
    (void)io;
    if (bus.clocks == 50000)
        jtag_power_on(j);
}

static void test_a_part_that_lost_its_power_is_noticed_and_found_again(void **state)
{
    (void)state;
    bus.on_clock = swap_once;
    assert_int_equal(openocd("echo load=[catch {" LOAD "}]; catch {" CPUID "}; jtag arp_init; " CPUID), 0);
    expect_said("load=-107");
    expect_said("Debug regions are unpowered, an unexpected reset might have happened");
    expect_said("cpuid=0x410fc241");
}

static void drop_once(void *io)
{
    (void)io;
    if (bus.clocks == 50000)
        rbb_drop(r);
}

static void test_a_dropped_link_aborts_openocd_and_not_us(void **state)
{
    (void)state;
    bus.on_clock = drop_once;
    assert_int_equal(openocd(LOAD), -SIGABRT);
    expect_said("remote_bitbang_read_sample: Assertion `!remote_bitbang_recv_buf_empty()' failed");
    assert_int_equal(openocd(CPUID), 0);
    expect_said("cpuid=0x410fc241");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_openocd_finds_the_chain_and_the_ap),
        cmocka_unit_test_setup_teardown(test_openocd_finds_an_f407_too, setup_f407, teardown),
        T(test_an_image_goes_in_and_comes_out_whole),
        T(test_single_bytes_halfwords_and_words_land_where_they_should),
        T(test_the_reset_line_reaches_the_board),
        T(test_a_second_session_follows_the_first),
        T(test_a_stalling_bus_costs_time_and_no_byte),
        T(test_openocd_loses_writes_to_a_longer_stall_and_exits_0),
        T(test_injected_waits_cost_no_byte),
        T(test_a_stuck_bus_is_aborted_and_the_next_access_works),
        T(test_a_bus_error_is_reported_and_the_next_access_works),
        T(test_no_part_is_all_ones),
        T(test_a_wrong_idcode_is_named_and_openocd_goes_on),
        T(test_a_part_that_goes_in_mid_write_fails_the_write),
        T(test_a_part_that_lost_its_power_is_noticed_and_found_again),
        T(test_a_dropped_link_aborts_openocd_and_not_us),
    };
#undef T
    if (access(OPENOCD, X_OK) != 0) {
        (void)fprintf(stderr, "rbb_openocd_test: no " OPENOCD "\n");
        return 77;
    }
    return cmocka_run_group_tests_name("rbb_openocd", tests, make_files, remove_files);
}

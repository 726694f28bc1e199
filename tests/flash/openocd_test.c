/* Our side of OpenOCD against stand-ins that break in one way each (tests/fakes/openocd): every one must lead to one clear
 * fault, none to a success, and no process may stay behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "flash/fault.h"
#include "flash/openocd/openocd.h"
#include "flash/otp.h"

enum {
    N_BYTES = 176,
    LONG_MS = 60000,  /* never waited for */
    SHORT_MS = 300,   /* waited for: nothing else can come of it */
    ANSWER_MS = 2000, /* waited for by one that answers the calls before */
    GONE_S = 30       /* a hung one, on the busiest machine; far below LONG_MS */
};

static bool hangs_at_once(const char *mode)
{
    return strcmp(mode, "hang") == 0 || strcmp(mode, "endless") == 0 || strcmp(mode, "flood") == 0;
}

static struct chip *open_fake(const char *mode, char path[4096])
{
    static const char dir[] = "tests/fakes/openocd";
    struct openocd_slot slot = { .name = "a",
                                 .desc = chip_desc_find("stm32l476"),
                                 .adapter = "/dev/null",
                                 .start_ms = hangs_at_once(mode) ? SHORT_MS : LONG_MS,
                                 .call_ms = strcmp(mode, "hang-burning") == 0 ? ANSWER_MS : LONG_MS,
                                 .slow_ms = LONG_MS };
    struct chip *c = NULL;
    struct err e = { 0 };
    char root[3000];

    assert_non_null(getcwd(root, sizeof root));
    (void)snprintf(path, 4096, "%s/%s%s%s", root, dir, mode[0] != '\0' ? "-" : "", mode);
    slot.openocd = path;
    assert_int_equal(openocd_open(&c, &slot, &e), ERR_OK);
    return c;
}

static void assert_no_child_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void assert_fault(const struct err *e, enum flash_fault_id want, const char *mode)
{
    if (e->fault != &flash_fault[want])
        fail_msg("openocd-%s: %s (%s), expected %s", mode, e->fault->name, e->subject, flash_fault[want].name);
}

static void secret_image(uint8_t image[CHIP_OTP_MAX])
{
    for (size_t i = 0; i < CHIP_OTP_MAX; i++)
        image[i] = (uint8_t)(i * 7 + 1);
}

static enum err_code burn(struct chip *c, struct err *e)
{
    static const struct otp_span span = { 0, N_BYTES };
    uint8_t image[CHIP_OTP_MAX];
    const struct otp_job job = { image, &span, 1 };
    struct chip_identity id;
    struct otp_plan plan;

    secret_image(image);
    enum err_code rc = chip_probe(c, &id, e);
    return rc != ERR_OK ? rc : otp_burn(c, &job, id.uid, &plan, NULL, NULL, e);
}

static const struct {
    const char *mode;
    enum flash_fault_id fault;
} probes[] = {
    { "exit0", FLASH_OPENOCD_START },    { "badcfg", FLASH_OPENOCD_START },    { "oddconfig", FLASH_OPENOCD_START },
    { "flood", FLASH_OPENOCD_HUNG },     { "hang", FLASH_OPENOCD_HUNG },       { "endless", FLASH_OPENOCD_HUNG },
    { "silent", FLASH_OPENOCD_GARBAGE }, { "garbage", FLASH_OPENOCD_GARBAGE }, { "twice", FLASH_OPENOCD_GARBAGE },
    { "stale", FLASH_OPENOCD_GARBAGE },  { "liar-ok", FLASH_OPENOCD_GARBAGE }, { "hla", FLASH_UNSUPPORTED },
    { "noprobe", FLASH_PROBE_MISSING },  { "nochip", FLASH_NO_CHIP },          { "unexpected", FLASH_WRONG_IDCODE },
    { "otherchip", FLASH_WRONG_CHIP },   { "zerouid", FLASH_BAD_UID },         { "liar-ones", FLASH_OPENOCD_GARBAGE },
};

static void test_probe_through_a_broken_openocd_is_one_clear_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
        char path[4096];
        struct chip *c = open_fake(probes[i].mode, path);
        struct chip_identity id = { .idcode = 0x12345678 };
        struct err e = { 0 };
        assert_int_not_equal(chip_probe(c, &id, &e), ERR_OK);
        assert_fault(&e, probes[i].fault, probes[i].mode);
        assert_int_equal(id.idcode, 0x12345678); /* outputs untouched */
        assert_no_child_left();
        chip_close(c);
    }
}

/* The real one, killed by its own adapter file before it has said anything but its banner; and one that complains first. */
static void test_what_is_quoted_is_a_complaint_never_the_banner(void **state)
{
    static const struct {
        const char *tcl, *quoted;
    } rows[] = {
        { "exec kill -9 [pid]\n", "slot 'a'" },
        { "echo {Error: first}\necho {Error: second}\nexec kill -9 [pid]\n", "slot 'a': first" },
        { "echo {note}\nexec kill -9 [pid]\n", "slot 'a': note" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char adapter[] = "/tmp/adapter-XXXXXX";
        const int fd = mkstemp(adapter);
        struct openocd_slot slot = {
            .name = "a", .desc = chip_desc_find("stm32l476"), .adapter = adapter, .start_ms = LONG_MS
        };
        struct chip_identity id;
        struct chip *c = NULL;
        struct err e = { 0 };

        assert_int_equal(write(fd, rows[i].tcl, strlen(rows[i].tcl)), (ssize_t)strlen(rows[i].tcl));
        close(fd);
        assert_int_equal(openocd_open(&c, &slot, &e), ERR_OK);
        assert_int_not_equal(chip_probe(c, &id, &e), ERR_OK);
        chip_close(c);
        (void)unlink(adapter);
        assert_fault(&e, FLASH_OPENOCD_START, rows[i].tcl);
        assert_string_equal(e.subject, rows[i].quoted);
    }
}

static const struct {
    const char *mode;
    enum flash_fault_id fault;
} burns[] = {
    { "die", FLASH_OPENOCD_DIED },         { "short", FLASH_OPENOCD_GARBAGE },     { "negative", FLASH_OPENOCD_GARBAGE },
    { "failread", FLASH_READ_FAILED },     { "rdp1", FLASH_READ_PROTECTED },       { "liar-blank", FLASH_OTP_READBACK },
    { "die-burning", FLASH_CONTACT_LOST }, { "hang-burning", FLASH_CONTACT_LOST }, { "lost-burning", FLASH_CONTACT_LOST },
    { "lost-before", FLASH_WRITE_FAILED }, { "refused", FLASH_OTP_REFUSED },       { "rewrite", FLASH_OTP_CONFLICT },
};

static void test_burn_through_a_broken_openocd_is_one_clear_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof burns / sizeof *burns; i++) {
        char path[4096];
        struct chip *c = open_fake(burns[i].mode, path);
        struct err e = { 0 };
        assert_int_not_equal(burn(c, &e), ERR_OK);
        assert_fault(&e, burns[i].fault, burns[i].mode);
        chip_close(c);
        assert_no_child_left();
    }
}

static void test_a_program_without_an_answer_may_have_burned(void **state)
{
    static const char *const mode[] = { "die-burning", "hang-burning", "lost-burning" };
    static const uint8_t cell[8] = { 1 };

    (void)state;
    for (size_t i = 0; i < sizeof mode / sizeof *mode; i++) {
        char path[4096];
        struct chip *c = open_fake(mode[i], path);
        struct chip_identity id;
        struct err e = { 0 };
        assert_int_equal(chip_probe(c, &id, &e), ERR_OK);
        assert_int_equal(chip_otp_program(c, 0, cell, &e), ERR_OK);
        assert_int_equal(chip_otp_program(c, 1, cell, &e), ERR_INCOMPLETE);
        assert_fault(&e, FLASH_CONTACT_LOST, mode[i]);
        assert_int_equal(chip_run(c, &e), ERR_INCOMPLETE); /* still, until the next probe */
        chip_close(c);
    }
}

static void test_burn_through_an_honest_one_succeeds_once(void **state)
{
    char path[4096];
    struct chip *c = open_fake("", path);
    struct err e = { 0 };

    (void)state;
    assert_int_equal(burn(c, &e), ERR_OK);
    chip_close(c);
    assert_no_child_left();
}

static void test_wiping_that_stops_elsewhere_is_no_wipe(void **state)
{
    char path[4096];
    struct chip *c = open_fake("", path);
    struct chip_identity id;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(chip_probe(c, &id, &e), ERR_OK);
    assert_int_equal(chip_wipe_ram(c, &e), ERR_RETRY);
    assert_fault(&e, FLASH_RAM_WIPE, "");
    chip_close(c);
}

static void test_firmware_of_which_only_the_crc_is_claimed_is_a_mismatch(void **state)
{
    static const uint8_t code[256] = { 1, 2, 3 };
    const struct fw_segment seg = { 0x08000000, sizeof code, code };
    char path[4096];
    struct chip *c = open_fake("", path);
    struct chip_identity id;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(chip_probe(c, &id, &e), ERR_OK);
    assert_int_equal(chip_flash_write(c, &seg, 1, &e), ERR_DAMAGED);
    assert_fault(&e, FLASH_FIRMWARE_MISMATCH, "");
    chip_close(c);
}

static void test_level_2_is_not_reached_because_openocd_says_so(void **state)
{
    char path[4096];
    struct chip *c = open_fake("", path);
    struct chip_identity id;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(chip_probe(c, &id, &e), ERR_OK);
    assert_int_equal(chip_rdp_set(c, 2, &e), ERR_INCOMPLETE);
    assert_fault(&e, FLASH_RDP_FAILED, "");
    chip_close(c);
}

static void test_no_program_at_the_path_is_openocd_missing(void **state)
{
    static const char *const path[] = { "/nonexistent/openocd", "/dev/null", "/tmp", "openocd" };

    (void)state;
    for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
        const struct openocd_slot slot = {
            .name = "a", .desc = chip_desc_find("stm32l476"), .adapter = "/dev/null", .openocd = path[i]
        };
        struct chip *c = NULL;
        struct chip_identity id;
        struct err e = { 0 };
        assert_int_equal(openocd_open(&c, &slot, &e), ERR_OK);
        assert_int_equal(chip_probe(c, &id, &e), ERR_UNAVAILABLE);
        assert_fault(&e, FLASH_OPENOCD_MISSING, path[i]);
        assert_non_null(strstr(e.subject, path[i]));
        chip_close(c);
        assert_no_child_left();
    }
}

static void test_an_adapter_path_that_is_tcl_is_refused(void **state)
{
    static const char *const adapter[] = { "", "x}; shutdown; {", "/tmp/[exit].cfg", "/tmp/$x", "a\nb" };

    (void)state;
    for (size_t i = 0; i < sizeof adapter / sizeof *adapter; i++) {
        const struct openocd_slot slot = { .name = "a", .desc = chip_desc_find("stm32l476"), .adapter = adapter[i] };
        struct chip *c = NULL;
        struct err e = { 0 };
        assert_int_equal(openocd_open(&c, &slot, &e), ERR_CONFIG);
        assert_null(c);
    }
}

static void test_a_hung_openocd_is_gone_in_time(void **state)
{
    char path[4096];
    struct chip *c = open_fake("hang", path);
    struct chip_identity id;
    struct err e = { 0 };
    uint64_t start = clock_mono_ns();

    (void)state;
    assert_int_equal(chip_probe(c, &id, &e), ERR_RETRY);
    assert_true(clock_mono_ns() - start < GONE_S * UINT64_C(1000000000));
    assert_no_child_left();
    chip_close(c);
}

static void test_after_lost_contact_a_new_probe_is_asked_for(void **state)
{
    char path[4096];
    struct chip *c = open_fake("failread", path);
    struct chip_identity id;
    struct err e = { 0 };
    uint8_t bytes[8] = { 0xA5 };
    enum otp_cell_state cell;

    (void)state;
    assert_int_equal(chip_probe(c, &id, &e), ERR_OK);
    assert_int_equal(chip_otp_read(c, 0, 1, bytes, &cell, &e), ERR_IO);
    assert_int_equal(bytes[0], 0xA5);
    assert_non_null(strstr(e.subject, "Failed to read memory at 0x1fff7004"));
    assert_int_not_equal(chip_run(c, &e), ERR_OK);
    assert_int_equal(chip_probe(c, &id, &e), ERR_OK);
    assert_int_equal(chip_run(c, &e), ERR_OK);
    chip_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe_through_a_broken_openocd_is_one_clear_fault),
        cmocka_unit_test(test_burn_through_a_broken_openocd_is_one_clear_fault),
        cmocka_unit_test(test_a_program_without_an_answer_may_have_burned),
        cmocka_unit_test(test_burn_through_an_honest_one_succeeds_once),
        cmocka_unit_test(test_wiping_that_stops_elsewhere_is_no_wipe),
        cmocka_unit_test(test_firmware_of_which_only_the_crc_is_claimed_is_a_mismatch),
        cmocka_unit_test(test_level_2_is_not_reached_because_openocd_says_so),
        cmocka_unit_test(test_no_program_at_the_path_is_openocd_missing),
        cmocka_unit_test(test_an_adapter_path_that_is_tcl_is_refused),
        cmocka_unit_test(test_what_is_quoted_is_a_complaint_never_the_banner),
        cmocka_unit_test(test_a_hung_openocd_is_gone_in_time),
        cmocka_unit_test(test_after_lost_contact_a_new_probe_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

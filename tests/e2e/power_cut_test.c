/* Power is cut at every OTP cell and every flash cell of a burn, and all over it by JTAG clocks, through real OpenOCD on the
 * simulated board; the next burn must finish, or refuse for the right reason.  The board's own counters say that no cell
 * was ever pulsed twice, its own eyes (peek) that the part holds what it should.
 * Cases are dealt to LANES processes, each with its own board: most of a case is waiting.
 * Environment: EVERY=N runs every N-th case of a lane only, ONLY=TEST one test (wildcards).  Under the address sanitizer N
 * is 6 at first: it looks for errors in the code, and the code is the same in all cases. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flash/openocd/openocd.h"
#include "flash/otp.h"
#include "tests/e2e/vchip_process.h"

enum {
    LANES = 4,
    IMAGE_LEN = 176,    /* bytes of OTP: one device identity */
    FIRMWARE_LEN = 128, /* bytes of flash */
    CLOCK_CUTS = 60,
    OPENOCD_MS = 60000, /* never waited for */
#ifdef __SANITIZE_ADDRESS__
    EVERY = 6,
#else
    EVERY = 1,
#endif
    TEARS = 3
};

static const char *const tear_name[TEARS] = { "none", "done", "partial" };

/* ---- what is burned ---- */

static const struct otp_span whole = { .offset = 0, .len = IMAGE_LEN };
static uint8_t image[CHIP_OTP_MAX], other_image[CHIP_OTP_MAX], firmware[FIRMWARE_LEN];

static void make_images(void)
{
    for (unsigned i = 0; i < sizeof image; i++) { /* no cell blank, no cell of zeros, each cell different */
        image[i] = (uint8_t)(i % 2 == 0 ? i / 2 + 1 : 0x5A);
        other_image[i] = (uint8_t)(image[i] ^ 0x24);
    }
    for (unsigned i = 0; i < sizeof firmware; i++)
        firmware[i] = (uint8_t)(0xC3 ^ i);
}

/* ---- one visit to the board: a fresh OpenOCD, probe, work, close ---- */

struct lane {
    const struct chip_desc *desc;
    struct vchip board;
    char adapter[96];
};

static enum err_code visit_open(const struct lane *l, struct chip **chip, struct chip_identity *id, struct err *e)
{
    const struct openocd_slot slot = {
        .name = "test", .desc = l->desc, .adapter = l->adapter, .start_ms = OPENOCD_MS, .call_ms = OPENOCD_MS
    };
    enum err_code rc = openocd_open(chip, &slot, e);
    return rc != ERR_OK ? rc : chip_probe(*chip, id, e);
}

static enum err_code burn(const struct lane *l, const uint8_t *what, struct err *e)
{
    struct chip *chip = NULL;
    struct chip_identity id;
    struct otp_plan plan;
    const struct otp_job job = { .image = what, .span = &whole, .n = 1 };
    enum err_code rc = visit_open(l, &chip, &id, e);
    if (rc == ERR_OK)
        rc = otp_burn(chip, &job, id.uid, &plan, NULL, NULL, e);
    chip_close(chip);
    return rc;
}

static enum err_code write_firmware(const struct lane *l, struct err *e)
{
    struct chip *chip = NULL;
    struct chip_identity id;
    const struct fw_segment seg = { .addr = l->desc->flash.base, .len = sizeof firmware, .data = firmware };
    enum err_code rc = visit_open(l, &chip, &id, e);
    if (rc == ERR_OK)
        rc = chip_flash_write(chip, &seg, 1, e);
    chip_close(chip);
    return rc;
}

/* ---- what must be true of the part afterwards ---- */

static bool wrong(const struct lane *l, const char *what, const char *claim, const struct err *e)
{
    fprintf(stderr, "%s, %s: %s (%s: %s, %s)\n", l->desc->name, what, claim, err_code_meaning(e->code),
            e->fault != NULL ? e->fault->name : "-", e->subject);
    return false;
}

static uint32_t cells(const struct lane *l)
{
    return IMAGE_LEN / l->desc->otp.cell;
}

static bool otp_holds(struct lane *l, const uint8_t *want, uint32_t first, uint32_t n)
{
    uint8_t part[IMAGE_LEN];
    uint32_t cell = l->desc->otp.cell;
    vchip_peek(&l->board, l->desc->otp.base, part, sizeof part);
    return memcmp(part + first * cell, want + first * cell, n * cell) == 0;
}

static bool otp_is_blank(struct lane *l, uint32_t first, uint32_t n)
{
    uint8_t blank[CHIP_OTP_MAX];
    memset(blank, 0xFF, sizeof blank);
    return n == 0 || otp_holds(l, blank, first, n);
}

/* Finished: exactly the image, and no cell got a second pulse.  A cut before its pulse has used one pulse up. */
static bool finished(struct lane *l, const char *what, enum err_code rc, uint64_t spare, const struct err *e)
{
    if (rc != ERR_OK)
        return wrong(l, what, "the next burn must finish", e);
    if (!otp_holds(l, image, 0, cells(l)))
        return wrong(l, what, "the part must hold exactly the image", e);
    if (vchip_stat(&l->board, "otp_pulses") > cells(l) + spare || vchip_stat(&l->board, "otp_refused") != 0)
        return wrong(l, what, vchip_ctl(&l->board, "stats"), e);
    return true;
}

/* Refused: the torn cell, the last one that was pulsed, is seen, and nothing more is written. */
static bool refused(struct lane *l, const char *what, enum err_code rc, uint64_t pulses, const struct err *e)
{
    const uint32_t torn = (uint32_t)pulses - 1;
    if (rc != ERR_DAMAGED)
        return wrong(l, what, "a torn cell must be ERR_DAMAGED", e);
    if (otp_holds(l, image, torn, 1) || otp_is_blank(l, torn, 1))
        return wrong(l, what, "the cell is whole or blank, yet the part was given up", e);
    if (!otp_holds(l, image, 0, torn) || !otp_is_blank(l, torn + 1, cells(l) - torn - 1))
        return wrong(l, what, "the cells around a torn one must stay as they were", e);
    if (vchip_stat(&l->board, "otp_pulses") != pulses || vchip_stat(&l->board, "otp_refused") != 0)
        return wrong(l, what, vchip_ctl(&l->board, "stats"), e);
    return true;
}

/* ---- cases ---- */

static void fresh_board(struct lane *l)
{
    vchip_do(&l->board, "new");
    vchip_do(&l->board, "busy 0");
    vchip_do(&l->board, "stats clear");
}

static bool otp_cut(struct lane *l, unsigned i)
{
    struct err e = { 0 };
    uint32_t k = i / TEARS;
    unsigned tear = i % TEARS;
    char what[64];
    snprintf(what, sizeof what, "cut at OTP cell %u, %s", k, tear_name[tear]);
    fresh_board(l);
    vchip_do(&l->board, "cut otp %u %s", k + 1, tear_name[tear]);
    if (burn(l, image, &e) == ERR_OK)
        return wrong(l, what, "a burn without power can't be done", &e);
    vchip_do(&l->board, "power on");
    enum err_code rc = burn(l, image, &e);
    return strcmp(tear_name[tear], "partial") == 0 ? refused(l, what, rc, k + 1, &e) : finished(l, what, rc, tear == 0, &e);
}

static bool flash_cut(struct lane *l, unsigned i)
{
    struct err e = { 0 };
    uint8_t part[FIRMWARE_LEN];
    char what[64];
    snprintf(what, sizeof what, "cut at flash cell %u, %s", i / TEARS, tear_name[i % TEARS]);
    fresh_board(l);
    vchip_do(&l->board, "cut flash %u %s", i / TEARS + 1, tear_name[i % TEARS]);
    if (write_firmware(l, &e) == ERR_OK)
        return wrong(l, what, "a write without power can't be done", &e);
    vchip_do(&l->board, "power on");
    if (write_firmware(l, &e) != ERR_OK)
        return wrong(l, what, "the next write must finish", &e);
    vchip_peek(&l->board, l->desc->flash.base, part, sizeof part);
    return memcmp(part, firmware, sizeof part) == 0 || wrong(l, what, "the flash must hold the firmware", &e);
}

static uint64_t clocks_of_a_burn(struct lane *l)
{
    struct err e = { 0 };
    fresh_board(l);
    if (burn(l, image, &e) != ERR_OK)
        broken("undisturbed burn", e.subject);
    return vchip_stat(&l->board, "tck");
}

static bool clock_cut(struct lane *l, unsigned i)
{
    static uint64_t total; /* of this lane's process */
    struct err e = { 0 };
    char what[64];
    if (total == 0)
        total = clocks_of_a_burn(l);
    uint64_t at = total * (i + 1) / (CLOCK_CUTS + 1);
    snprintf(what, sizeof what, "cut after %llu clocks", (unsigned long long)at);
    fresh_board(l);
    vchip_do(&l->board, "cut clocks %llu", (unsigned long long)at);
    enum err_code rc = burn(l, image, &e);
    if (rc == ERR_OK && !otp_holds(l, image, 0, cells(l)))
        return wrong(l, what, "a burn that was not done reports success", &e);
    vchip_do(&l->board, "power on");
    uint64_t pulses = vchip_stat(&l->board, "otp_pulses");
    rc = burn(l, image, &e); /* where the clocks end inside a pulse, the cell is torn */
    return rc == ERR_DAMAGED ? refused(l, what, rc, pulses, &e) : finished(l, what, rc, 0, &e);
}

static bool other_data(struct lane *l, unsigned i)
{
    struct err e = { 0 };
    (void)i;
    fresh_board(l);
    if (burn(l, image, &e) != ERR_OK)
        return wrong(l, "first burn", "must succeed", &e);
    if (burn(l, other_image, &e) != ERR_CONFLICT)
        return wrong(l, "second burn with other data", "must be ERR_CONFLICT", &e);
    return finished(l, "same burn again", burn(l, image, &e), 0, &e);
}

/* ---- lanes ---- */

typedef bool one_case(struct lane *l, unsigned i);

static void lane_main(const struct chip_desc *desc, one_case *run, unsigned first, unsigned n)
{
    struct lane l = { .desc = desc };
    const char *every = getenv("EVERY");
    unsigned step = LANES * (every != NULL ? (unsigned)strtoul(every, NULL, 10) : EVERY);
    bool good = true;
    vchip_start(&l.board, desc);
    snprintf(l.adapter, sizeof l.adapter, "%s/adapter.cfg", l.board.dir);
    FILE *f = fopen(l.adapter, "w");
    if (f == NULL ||
        fprintf(f, "adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n", l.board.jtag) < 0 ||
        fclose(f) != 0)
        broken(l.adapter, strerror(errno));
    for (unsigned i = first; i < n; i += step)
        good = run(&l, i) && good;
    unlink(l.adapter);
    vchip_stop(&l.board);
    _exit(good ? 0 : 1);
}

static void run_cases(const char *chip, one_case *run, unsigned n)
{
    const struct chip_desc *desc = chip_desc_find(chip);
    pid_t lane[LANES];
    int status, bad = 0;
    assert_non_null(desc);
    for (unsigned i = 0; i < LANES; i++) {
        lane[i] = fork();
        assert_true(lane[i] >= 0);
        if (lane[i] == 0)
            lane_main(desc, run, i, n);
    }
    for (unsigned i = 0; i < LANES; i++) {
        assert_int_equal(waitpid(lane[i], &status, 0), lane[i]);
        bad += status != 0;
    }
    assert_int_equal(bad, 0);
}

static void test_l476_cut_at_every_otp_cell(void **state)
{
    (void)state;
    run_cases("stm32l476", otp_cut, TEARS * IMAGE_LEN / 8);
}

static void test_f407_cut_at_every_otp_cell(void **state)
{
    (void)state;
    run_cases("stm32f407", otp_cut, TEARS * IMAGE_LEN / 2);
}

static void test_l476_cut_at_every_flash_cell(void **state)
{
    (void)state;
    run_cases("stm32l476", flash_cut, TEARS * FIRMWARE_LEN / 8);
}

static void test_f407_cut_at_every_flash_cell(void **state)
{
    (void)state;
    run_cases("stm32f407", flash_cut, TEARS * FIRMWARE_LEN / 2);
}

static void test_l476_cut_all_over_a_burn(void **state)
{
    (void)state;
    run_cases("stm32l476", clock_cut, CLOCK_CUTS);
}

static void test_f407_cut_all_over_a_burn(void **state)
{
    (void)state;
    run_cases("stm32f407", clock_cut, CLOCK_CUTS);
}

static void test_l476_other_data_is_refused(void **state)
{
    (void)state;
    run_cases("stm32l476", other_data, 1);
}

static void test_f407_other_data_is_refused_though_silicon_takes_it(void **state)
{
    (void)state;
    run_cases("stm32f407", other_data, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_l476_cut_at_every_otp_cell),
        cmocka_unit_test(test_f407_cut_at_every_otp_cell),
        cmocka_unit_test(test_l476_cut_at_every_flash_cell),
        cmocka_unit_test(test_f407_cut_at_every_flash_cell),
        cmocka_unit_test(test_l476_cut_all_over_a_burn),
        cmocka_unit_test(test_f407_cut_all_over_a_burn),
        cmocka_unit_test(test_l476_other_data_is_refused),
        cmocka_unit_test(test_f407_other_data_is_refused_though_silicon_takes_it),
    };
    make_images();
    cmocka_set_test_filter(getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}

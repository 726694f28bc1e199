/* The one place that decides whether a cell may be programmed, on a part that obeys silicon: power is cut at every cell,
 * before, after and inside the pulse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "flash/fault.h"
#include "flash/otp.h"

enum tear { BEFORE, AFTER, INSIDE };

struct part { /* first member: the contract's */
    struct chip chip;
    uint8_t otp[CHIP_OTP_MAX];
    bool spent[CHIP_OTP_MAX]; /* by cell: programmed or torn */
    bool torn[CHIP_OTP_MAX];
    uint32_t locked, programs, reads;
    uint8_t uid[CHIP_UID_LEN];
    unsigned cut_at; /* the so-manieth program from now; 0: never */
    enum tear tear;
    bool no_power, was_cut;
    bool swap_after_program; /* another board comes in */
    bool deaf;               /* programs are acknowledged and lost */
    uint32_t dies_after;     /* so many programs: every read fails from then on; 0: never */
};

static bool ecc(const struct part *p)
{
    return p->chip.desc->controller == FLASH_STM32L4;
}

static enum err_code gone(struct err *e)
{
    return err_set(e, &flash_fault[FLASH_READ_FAILED], "fake", NULL, 0, "%s", "no power");
}

static enum err_code part_read(struct chip *c, uint32_t first, uint32_t n, uint8_t *bytes, enum otp_cell_state *state,
                               struct err *e)
{
    struct part *p = (struct part *)c;
    uint32_t cell = c->desc->otp.cell;

    if (p->no_power)
        return gone(e);
    p->reads++;
    assert_true((first + n) * cell <= c->desc->otp.size);
    memcpy(bytes, p->otp + first * cell, n * cell);
    for (uint32_t i = 0; i < n; i++)
        state[i] = p->torn[first + i] ? OTP_CELL_UNREADABLE : OTP_CELL_READ;
    return ERR_OK;
}

static enum err_code part_locks(struct chip *c, uint32_t *locked, uint32_t *torn, struct err *e)
{
    struct part *p = (struct part *)c;

    if (p->no_power)
        return gone(e);
    *locked = p->locked;
    *torn = 0;
    return ERR_OK;
}

static void pulse(struct part *p, uint32_t cell_no, const uint8_t *bytes, bool whole)
{
    uint32_t cell = p->chip.desc->otp.cell;

    p->spent[cell_no] = true;
    if (!whole && ecc(p)) {
        p->torn[cell_no] = true;
        return;
    }
    for (uint32_t i = 0; i < cell; i++)
        p->otp[cell_no * cell + i] &= whole ? bytes[i] : (uint8_t)(bytes[i] | 0x0F); /* half the bits have made it */
}

static enum err_code part_program(struct chip *c, uint32_t cell_no, const uint8_t *bytes, struct err *e)
{
    struct part *p = (struct part *)c;
    uint32_t cell = c->desc->otp.cell;

    if (p->no_power)
        return gone(e);
    for (uint32_t i = 0; i < cell; i++)
        if (p->otp[cell_no * cell + i] != 0xFF)
            fail_msg("cell %u was not blank", cell_no); /* the caller's duty, not only the last look */
    assert_false(ecc(p) && p->spent[cell_no]);
    if (c->desc->otp.block != 0)
        assert_false(p->locked >> cell_no * cell / c->desc->otp.block & 1);
    p->programs++;
    if (p->cut_at != 0 && --p->cut_at == 0) {
        p->no_power = p->was_cut = true;
        if (p->tear != BEFORE)
            pulse(p, cell_no, bytes, p->tear == AFTER);
        return err_set(e, &flash_fault[FLASH_CONTACT_LOST], "fake", NULL, 0, "%s", "cut");
    }
    if (!p->deaf)
        pulse(p, cell_no, bytes, true);
    if (p->swap_after_program)
        p->uid[0] ^= 1;
    if (p->programs == p->dies_after)
        p->no_power = true;
    return ERR_OK;
}

static enum err_code part_mem_read(struct chip *c, uint32_t addr, void *buf, size_t len, struct err *e)
{
    struct part *p = (struct part *)c;

    if (p->no_power)
        return gone(e);
    assert_int_equal(addr, c->desc->uid_addr);
    assert_int_equal(len, CHIP_UID_LEN);
    memcpy(buf, p->uid, len);
    return ERR_OK;
}

static const struct chip_ops part_ops = {
    .otp_read = part_read, .otp_locks = part_locks, .otp_program = part_program, .mem_read = part_mem_read
};

static const uint8_t UID[CHIP_UID_LEN] = "TESTuid-0001";

static void blank(struct part *p, const char *name)
{
    memset(p, 0, sizeof *p);
    p->chip = (struct chip){ .ops = &part_ops, .desc = chip_desc_find(name) };
    memset(p->otp, 0xFF, sizeof p->otp);
    memcpy(p->uid, UID, CHIP_UID_LEN);
}

static const char *const chips[] = { "stm32l476", "stm32f407" };

/* 176 bytes in three spans, out of address order, the first 8 bytes last; some cells are wanted blank. */
static const struct otp_span spans[] = { { 64, 112 }, { 8, 56 }, { 0, 8 } };
enum { N_SPANS = sizeof spans / sizeof *spans, COVERED = 176, HOLE = 72 };

static void make_image(uint8_t image[CHIP_OTP_MAX], uint8_t seed)
{
    memset(image, 0x5C, CHIP_OTP_MAX); /* outside the spans: must not matter */
    for (uint32_t i = 0; i < COVERED; i++)
        image[i] = (uint8_t)(i * 13 + seed);
    memset(image + HOLE, 0xFF, 8);
}

static enum err_code burn(struct part *p, const uint8_t *image, struct otp_plan *plan, struct err *e)
{
    const struct otp_job job = { image, spans, N_SPANS };

    return otp_burn(&p->chip, &job, UID, plan, NULL, NULL, e);
}

static void assert_burned(const struct part *p, const uint8_t *image)
{
    assert_memory_equal(p->otp, image, COVERED);
    for (uint32_t i = COVERED; i < p->chip.desc->otp.size; i++)
        assert_int_equal(p->otp[i], 0xFF);
}

static void test_plan_writes_nothing_and_counts_every_cell(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t image[CHIP_OTP_MAX];
        struct part p;
        struct otp_plan plan;
        struct err e = { 0 };
        const struct otp_job job = { image, spans, N_SPANS };
        make_image(image, 1);
        blank(&p, chips[i]);
        uint32_t cell = p.chip.desc->otp.cell;
        assert_int_equal(otp_plan_make(&p.chip, &job, &plan, &e), ERR_OK);
        assert_int_equal(p.programs, 0);
        assert_int_equal(plan.n_skip, 8 / cell);
        assert_int_equal(plan.n_write, (COVERED - 8) / cell);
        assert_int_equal(plan.action[HOLE / cell], OTP_SKIP);
        assert_int_equal(plan.action[COVERED / cell], OTP_IGNORE);
    }
}

static void test_burn_is_exact_and_the_second_one_is_no_work(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t image[CHIP_OTP_MAX];
        struct part p;
        struct otp_plan plan;
        struct err e = { 0 };
        make_image(image, 2);
        blank(&p, chips[i]);
        assert_int_equal(burn(&p, image, &plan, &e), ERR_OK);
        assert_burned(&p, image);
        uint32_t before = p.programs;
        assert_int_equal(before, plan.n_write);
        assert_int_equal(burn(&p, image, &plan, &e), ERR_OK);
        assert_int_equal(plan.n_write, 0);
        assert_int_equal(p.programs, before);
    }
}

static void test_second_burn_with_other_data_is_refused_with_nothing_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t image[CHIP_OTP_MAX], other[CHIP_OTP_MAX];
        struct part p;
        struct otp_plan plan;
        struct err e = { 0 };
        make_image(image, 3);
        memcpy(other, image, sizeof other);
        memset(other + 96, 0, 8); /* values that AND-only silicon would take */
        other[104] = (uint8_t)~other[104];
        blank(&p, chips[i]);
        assert_int_equal(burn(&p, image, &plan, &e), ERR_OK);
        uint32_t before = p.programs;
        assert_int_equal(burn(&p, other, &plan, &e), ERR_CONFLICT);
        assert_ptr_equal(e.fault, &flash_fault[FLASH_OTP_CONFLICT]);
        assert_int_equal(plan.first_bad, 96 / p.chip.desc->otp.cell);
        assert_int_equal(p.programs, before);
        assert_burned(&p, image);
    }
}

static void test_cells_on_the_way_to_ours_on_another_identitys_part_are_a_conflict(void **state)
{
    uint8_t image[CHIP_OTP_MAX];
    struct part p;
    struct otp_plan plan;
    struct err e = { 0 };

    (void)state;
    memset(image, 0, sizeof image); /* of zeros, everything is on the way */
    image[20] = 0x80;
    blank(&p, "stm32f407");
    for (uint32_t i = 0; i < COVERED; i++)
        p.otp[i] = (uint8_t)(i & 0x7F);
    assert_int_equal(burn(&p, image, &plan, &e), ERR_CONFLICT);
    assert_int_equal(plan.n_spent, 0);
    assert_int_equal(p.programs, 0);
}

static void test_one_conflicting_cell_keeps_all_blank_ones_blank(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t image[CHIP_OTP_MAX];
        struct part p;
        struct otp_plan plan;
        struct err e = { 0 };
        make_image(image, 4);
        blank(&p, chips[i]);
        p.otp[0] = 0xFB; /* in the cell that would be burned last, a bit that is wanted */
        assert_int_equal(burn(&p, image, &plan, &e), ERR_CONFLICT);
        assert_int_equal(p.programs, 0);
    }
}

/* An F4 pulse may be cut so early or so late that no read can tell. */
static bool neither_blank_nor_done(const struct part *p, const uint8_t *image)
{
    static const uint8_t ones[8] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
    uint32_t cell = p->chip.desc->otp.cell;

    for (uint32_t i = 0; i < COVERED / cell; i++)
        if (p->torn[i] ||
            (memcmp(p->otp + i * cell, ones, cell) != 0 && memcmp(p->otp + i * cell, image + i * cell, cell) != 0))
            return true;
    return false;
}

/* A cut before or after a pulse: repeat completes it.  Inside: F4 may hold a value that is neither, L4 cannot be read. */
static void cut_at(const char *name, unsigned k, enum tear tear, bool *was_cut)
{
    uint8_t image[CHIP_OTP_MAX], other[CHIP_OTP_MAX];
    struct part p;
    struct otp_plan plan;
    struct err e = { 0 };

    make_image(image, 5);
    make_image(other, 6);
    blank(&p, name);
    p.cut_at = k;
    p.tear = tear;
    enum err_code rc = burn(&p, image, &plan, &e);
    *was_cut = p.was_cut;
    if (!p.was_cut) {
        assert_int_equal(rc, ERR_OK);
        return;
    }
    assert_int_equal(rc, ERR_INCOMPLETE);
    p.no_power = false;
    uint32_t programs = p.programs;
    if (tear == INSIDE && neither_blank_nor_done(&p, image)) {
        assert_int_equal(burn(&p, image, &plan, &e), ERR_DAMAGED);
        assert_ptr_equal(e.fault, &flash_fault[ecc(&p) ? FLASH_OTP_UNREADABLE : FLASH_OTP_TORN]);
        assert_int_equal(p.programs, programs); /* not one more pulse into it */
        return;
    }
    if (k > 1 || tear == AFTER) { /* something of the first image is there */
        assert_int_equal(burn(&p, other, &plan, &e), ERR_CONFLICT);
        assert_int_equal(p.programs, programs);
    }
    assert_int_equal(burn(&p, image, &plan, &e), ERR_OK);
    assert_burned(&p, image);
}

static void sweep(enum tear tear)
{
    for (size_t i = 0; i < 2; i++) {
        uint32_t cells = (COVERED - 8) / chip_desc_find(chips[i])->otp.cell;
        bool was_cut = true;
        unsigned k;
        for (k = 1; was_cut; k++)
            cut_at(chips[i], k, tear, &was_cut);
        assert_int_equal(k - 2, cells); /* every cell had its cut */
    }
}

static void test_burn_survives_a_cut_at_every_cell(void **state)
{
    (void)state;
    sweep(BEFORE);
    sweep(AFTER);
}

static void test_a_tear_in_any_cell_is_never_written_again(void **state)
{
    (void)state;
    sweep(INSIDE);
}

static void test_the_first_span_given_is_the_first_burned(void **state)
{
    uint8_t image[CHIP_OTP_MAX];
    struct part p;
    struct otp_plan plan;
    struct err e = { 0 };

    (void)state;
    make_image(image, 7);
    blank(&p, "stm32l476");
    p.cut_at = 21; /* of 21 cells to write: the last one */
    assert_int_equal(burn(&p, image, &plan, &e), ERR_INCOMPLETE);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(p.otp[i], 0xFF);
    assert_memory_equal(p.otp + 8, image + 8, COVERED - 8);
}

static void test_a_locked_block_that_lacks_something_is_refused(void **state)
{
    uint8_t image[CHIP_OTP_MAX];
    struct part p;
    struct otp_plan plan;
    struct err e = { 0 };

    (void)state;
    make_image(image, 8);
    blank(&p, "stm32f407");
    p.locked = 1u << 3;
    assert_int_equal(burn(&p, image, &plan, &e), ERR_CONFLICT);
    assert_ptr_equal(e.fault, &flash_fault[FLASH_OTP_LOCKED]);
    assert_int_equal(p.programs, 0);
    p.locked = 0;
    assert_int_equal(burn(&p, image, &plan, &e), ERR_OK);
    p.locked = 0xFFFF;
    assert_int_equal(burn(&p, image, &plan, &e), ERR_OK); /* locked and complete is fine */
}

static void test_spans_off_the_cells_or_the_area_or_each_other_are_refused(void **state)
{
    static const struct otp_span bad[][2] = {
        { { 4, 8 }, { 64, 8 } },    { { 0, 4 }, { 64, 8 } }, { { 0, 0 }, { 64, 8 } },          { { 1024, 8 }, { 64, 8 } },
        { { 1016, 16 }, { 0, 8 } }, { { 0, 16 }, { 8, 8 } }, { { 0xFFF8, 0xFFF8 }, { 0, 8 } },
    };
    uint8_t image[CHIP_OTP_MAX];
    struct part p;
    struct otp_plan plan;

    (void)state;
    make_image(image, 9);
    blank(&p, "stm32l476");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct otp_job job = { image, bad[i], 2 };
        struct err e = { 0 };
        assert_int_equal(otp_burn(&p.chip, &job, UID, &plan, NULL, NULL, &e), ERR_INPUT);
    }
    assert_int_equal(p.programs + p.reads, 0);
}

static void test_another_board_in_the_slot_is_not_burned(void **state)
{
    uint8_t image[CHIP_OTP_MAX];
    struct part p;
    struct otp_plan plan;
    struct err e = { 0 };

    (void)state;
    make_image(image, 10);
    blank(&p, "stm32l476");
    p.uid[11] ^= 1;
    assert_int_equal(burn(&p, image, &plan, &e), ERR_RETRY);
    assert_ptr_equal(e.fault, &flash_fault[FLASH_BOARD_SWAPPED]);
    assert_int_equal(p.programs, 0);
}

static void test_a_board_swapped_while_burning_is_noticed(void **state)
{
    uint8_t image[CHIP_OTP_MAX];
    struct part p;
    struct otp_plan plan;
    struct err e = { 0 };

    (void)state;
    make_image(image, 11);
    blank(&p, "stm32l476");
    p.swap_after_program = true;
    assert_int_equal(burn(&p, image, &plan, &e), ERR_INCOMPLETE);
    assert_ptr_equal(e.fault, &flash_fault[FLASH_BOARD_CHANGED]);
}

static void test_contact_lost_before_the_read_back_asks_to_repeat(void **state)
{
    uint8_t image[CHIP_OTP_MAX];
    struct part p;
    struct otp_plan plan;
    struct err e = { 0 };

    (void)state;
    make_image(image, 14);
    blank(&p, "stm32l476");
    p.dies_after = 21; /* all of them */
    assert_int_equal(burn(&p, image, &plan, &e), ERR_INCOMPLETE);
    assert_ptr_equal(e.fault, &flash_fault[FLASH_CONTACT_LOST]);
}

static void test_programs_that_leave_no_trace_are_damage(void **state)
{
    uint8_t image[CHIP_OTP_MAX];
    struct part p;
    struct otp_plan plan;
    struct err e = { 0 };

    (void)state;
    make_image(image, 12);
    blank(&p, "stm32f407");
    p.deaf = true;
    assert_int_equal(burn(&p, image, &plan, &e), ERR_DAMAGED);
    assert_ptr_equal(e.fault, &flash_fault[FLASH_OTP_READBACK]);
}

static void note(void *io, uint32_t done, uint32_t total)
{
    uint32_t *last = io;

    assert_int_equal(done, *last + 1);
    assert_int_equal(total, 21);
    *last = done;
}

static void test_progress_counts_each_cell(void **state)
{
    uint8_t image[CHIP_OTP_MAX];
    const struct otp_job job = { image, spans, N_SPANS };
    struct part p;
    struct otp_plan plan;
    struct err e = { 0 };
    uint32_t last = 0;

    (void)state;
    make_image(image, 13);
    blank(&p, "stm32l476");
    assert_int_equal(otp_burn(&p.chip, &job, UID, &plan, note, &last, &e), ERR_OK);
    assert_int_equal(last, 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_writes_nothing_and_counts_every_cell),
        cmocka_unit_test(test_burn_is_exact_and_the_second_one_is_no_work),
        cmocka_unit_test(test_second_burn_with_other_data_is_refused_with_nothing_written),
        cmocka_unit_test(test_cells_on_the_way_to_ours_on_another_identitys_part_are_a_conflict),
        cmocka_unit_test(test_one_conflicting_cell_keeps_all_blank_ones_blank),
        cmocka_unit_test(test_burn_survives_a_cut_at_every_cell),
        cmocka_unit_test(test_a_tear_in_any_cell_is_never_written_again),
        cmocka_unit_test(test_the_first_span_given_is_the_first_burned),
        cmocka_unit_test(test_a_locked_block_that_lacks_something_is_refused),
        cmocka_unit_test(test_spans_off_the_cells_or_the_area_or_each_other_are_refused),
        cmocka_unit_test(test_another_board_in_the_slot_is_not_burned),
        cmocka_unit_test(test_a_board_swapped_while_burning_is_noticed),
        cmocka_unit_test(test_contact_lost_before_the_read_back_asks_to_repeat),
        cmocka_unit_test(test_programs_that_leave_no_trace_are_damage),
        cmocka_unit_test(test_progress_counts_each_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

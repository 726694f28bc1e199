/* Boot numbers: no two the same, whatever is cut, torn or lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "protocol/bytes.h"
#include "protocol/counter.h"
#include "protocol/otp_cells.h"

enum { SLOTS_MAX = 8 };

/* A chip's two pages and its cells, as silicon: a write turns ones into zeros, a cut leaves it half done. */
struct chip {
    unsigned slots;
    uint8_t page[COUNTER_PAGES][SLOTS_MAX][COUNTER_RECORD_LEN];
    bool unreadable[COUNTER_PAGES][SLOTS_MAX];
    bool cell[CELLS];
    bool weak[CELLS]; /* does not take a burn */
    long cut_after;   /* steps until the power goes; < 0: never */
};

static const struct counter_record initial = { .gen = 1, .epoch = 2 };

static void chip_init(struct chip *c, unsigned slots)
{
    memset(c, 0, sizeof *c);
    memset(c->page, 0xFF, sizeof c->page);
    c->slots = slots;
    c->cut_after = -1;
}

static bool chip_read(void *io, unsigned page, unsigned slot, uint8_t out[COUNTER_RECORD_LEN])
{
    struct chip *c = io;
    assert_true(page < COUNTER_PAGES && slot < c->slots);
    if (c->unreadable[page][slot])
        return false;
    memcpy(out, c->page[page][slot], COUNTER_RECORD_LEN);
    return true;
}

static bool cell_burned(void *io, unsigned cell)
{
    struct chip *c = io;
    return c->cell[cell];
}

static bool cut(struct chip *c)
{
    return c->cut_after >= 0 && c->cut_after-- == 0;
}

/* Does not return true when the power went: then half is done. */
static bool chip_write(struct chip *c, const struct counter_plan *p, const uint8_t record[COUNTER_RECORD_LEN])
{
    uint8_t *at = c->page[p->page][p->slot];
    assert_true(bytes_all(at, COUNTER_RECORD_LEN, 0xFF)); /* never over something */
    bool torn = cut(c);
    memcpy(at, record, torn ? COUNTER_RECORD_LEN / 2 : COUNTER_RECORD_LEN);
    return !torn;
}

static bool chip_erase(struct chip *c, unsigned page)
{
    bool torn = cut(c);
    memset(c->page[page], 0xFF, sizeof c->page[page][0] * (torn ? (c->slots + 1) / 2 : c->slots));
    memset(c->unreadable[page], 0, sizeof c->unreadable[page]);
    return !torn;
}

static bool chip_burn(struct chip *c, unsigned cell)
{
    if (cut(c))
        return false; /* nothing yet */
    if (!c->weak[cell])
        c->cell[cell] = true;
    return !cut(c); /* or all, and then the cut */
}

static bool plan_of(struct chip *c, struct counter_plan *p)
{
    const struct counter_flash f = { c->slots, chip_read, c };
    const struct counter_otp otp = { otp_nvm_loss(cell_burned, c), c->cell[CELL_NVM_INITIALISED] };
    return counter_plan(&f, &otp, &initial, p);
}

/* The firmware's sequence.  Returns the number taken; 0: the power went; -1: there are none left. */
static long boot(struct chip *c)
{
    struct counter_plan p;
    uint8_t record[COUNTER_RECORD_LEN];
    if (!plan_of(c, &p))
        return -1;
    while (p.loss_cell != NO_CELL) {
        if (!chip_burn(c, p.loss_cell))
            return 0;
        if (c->cell[p.loss_cell])
            break;
        if (!counter_next_cell(&p))
            return -1;
    }
    if (p.erase && !chip_erase(c, p.page))
        return 0;
    counter_encode(&p.record, record);
    if (!chip_write(c, &p, record) || (!c->cell[CELL_NVM_INITIALISED] && !chip_burn(c, CELL_NVM_INITIALISED)))
        return 0;
    return cut(c) ? 0 : (long)p.record.boot;
}

static void test_record_has_the_documented_bytes(void **state)
{
    (void)state;
    struct counter_record r = { 0x00A1B2C3, 4, { 5 }, 6, 1 }, back;
    uint8_t b[COUNTER_RECORD_LEN];
    static const uint8_t want[28] = { 0x00, 0xA1, 0xB2, 0xC3, 4, 5, 0, 0, 0, 0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0, 0, 0, 6, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
    counter_encode(&r, b);
    assert_memory_equal(b, want, sizeof want);
    assert_true(counter_decode(b, &back));
    assert_int_equal(back.boot, r.boot);
    assert_memory_equal(back.salt, r.salt, sizeof r.salt);
    assert_true(back.gen == 4 && back.epoch == 6 && back.v == 1);
}

static void test_every_bit_flip_of_a_record_is_seen(void **state)
{
    (void)state;
    uint8_t b[COUNTER_RECORD_LEN];
    struct counter_record back;
    counter_encode(&initial, b);
    for (unsigned bit = 0; bit < sizeof b * 8; bit++) {
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(counter_decode(b, &back));
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_boot_is_nvm_loss_6_bits_and_flash_boot_18(void **state)
{
    (void)state;
    uint8_t b[4];
    assert_int_equal(boot_number(63, FLASH_BOOT_MAX), 0xFFFFFF);
    assert_int_equal(boot_number(1, 0), 0x40000);
    assert_int_equal(boot_nvm_loss(0xFFFFFF), 63);
    assert_int_equal(boot_flash(0x40005), 5);
    boot3(0x010203, b);
    assert_memory_equal(b, "\1\2\3", 3);
    boot4(0x010203, b);
    assert_memory_equal(b, "\0\1\2\3", 4);
}

static void test_the_first_number_is_1_and_they_count_up_across_pages(void **state)
{
    (void)state;
    struct chip c;
    chip_init(&c, 4);
    for (long i = 1; i <= 100; i++)
        assert_int_equal(boot(&c), i);
    assert_int_equal(otp_nvm_loss(cell_burned, &c), 0);
}

static void test_gen_salt_epoch_and_v_are_carried_over(void **state)
{
    (void)state;
    struct chip c;
    struct counter_plan p;
    chip_init(&c, 2);
    assert_true(plan_of(&c, &p));
    assert_int_equal(p.record.gen, initial.gen);
    p.record.gen = 9;
    p.record.salt[15] = 0x5A;
    p.record.epoch = 77;
    p.record.v = 1;
    counter_encode(&p.record, c.page[0][0]);
    c.cell[CELL_NVM_INITIALISED] = true;
    for (int i = 0; i < 9; i++)
        assert_int_equal(boot(&c), i + 2);
    assert_true(plan_of(&c, &p));
    assert_true(p.record.gen == 9 && p.record.salt[15] == 0x5A && p.record.epoch == 77 && p.record.v == 1);
    memset(c.page, 0xFF, sizeof c.page); /* the flash is lost: as on the first day, in a new life */
    assert_true(plan_of(&c, &p));
    assert_true(p.lost && p.record.gen == initial.gen && p.record.salt[15] == 0 && p.record.epoch == initial.epoch);
}

static void test_a_torn_or_decayed_record_counts_as_a_used_number(void **state)
{
    (void)state;
    struct chip c;
    chip_init(&c, 8);
    assert_int_equal(boot(&c), 1);
    assert_int_equal(boot(&c), 2);
    c.page[0][1][0] = 0x80; /* the record of number 2 decays */
    assert_int_equal(boot(&c), 3);
    assert_int_equal(boot(&c), 4);
    c.unreadable[0][3] = true; /* ECC */
    c.unreadable[0][2] = true;
    assert_int_equal(boot(&c), 5); /* 1, and three behind it */
}

static void test_a_decayed_record_in_the_next_page_counts_too(void **state)
{
    (void)state;
    struct chip c;
    chip_init(&c, 2);
    for (long i = 1; i <= 3; i++)
        assert_int_equal(boot(&c), i);
    c.unreadable[1][0] = true; /* number 3 is the first of page 1 */
    assert_int_equal(boot(&c), 4);
}

static void test_lost_flash_burns_a_cell_and_begins_a_new_life(void **state)
{
    (void)state;
    struct chip c;
    chip_init(&c, 4);
    assert_int_equal(boot(&c), 1);
    for (unsigned life = 1; life <= NVM_LOSS_MAX; life++) {
        memset(c.page, life % 2 ? 0xFF : 0x00, sizeof c.page);
        assert_int_equal(boot(&c), boot_number((uint8_t)life, 1));
        assert_int_equal(boot(&c), boot_number((uint8_t)life, 2));
    }
    memset(c.page, 0xFF, sizeof c.page);
    assert_int_equal(boot(&c), -1); /* 63 was the last */
    assert_int_equal(boot(&c), -1);
}

static void test_a_cell_that_does_not_burn_is_passed_over(void **state)
{
    (void)state;
    struct chip c;
    chip_init(&c, 4);
    assert_int_equal(boot(&c), 1);
    c.weak[CELL_NVM_LOSS] = c.weak[CELL_NVM_LOSS + 1] = true;
    memset(c.page, 0xFF, sizeof c.page);
    assert_int_equal(boot(&c), boot_number(3, 1));
    assert_int_equal(boot(&c), boot_number(3, 2));
    for (unsigned i = 3; i < CELLS_NVM_LOSS; i++)
        c.weak[CELL_NVM_LOSS + i] = true;
    memset(c.page, 0xFF, sizeof c.page);
    assert_int_equal(boot(&c), -1);
}

static void test_a_full_flash_boot_begins_a_new_life(void **state)
{
    (void)state;
    struct chip c;
    struct counter_record r = initial;
    chip_init(&c, 4);
    r.boot = FLASH_BOOT_MAX - 1;
    counter_encode(&r, c.page[0][0]);
    c.cell[CELL_NVM_INITIALISED] = true;
    assert_int_equal(boot(&c), FLASH_BOOT_MAX);
    assert_int_equal(boot(&c), boot_number(1, 1));
    assert_int_equal(boot(&c), boot_number(1, 2));
    chip_init(&c, 4);
    r.boot = 0xFFFFFF;
    counter_encode(&r, c.page[0][0]);
    c.cell[CELLS - 1] = true;
    assert_int_equal(boot(&c), -1);
}

static void test_spent_slots_may_fill_flash_boot(void **state)
{
    (void)state;
    struct chip c;
    struct counter_record r = initial;
    chip_init(&c, 4);
    r.boot = FLASH_BOOT_MAX - 1;
    counter_encode(&r, c.page[0][0]);
    c.unreadable[0][1] = true; /* maybe FLASH_BOOT_MAX was used */
    c.page[0][1][0] = 0;
    c.cell[CELL_NVM_INITIALISED] = true;
    assert_int_equal(boot(&c), boot_number(1, 1));
}

/* Cut between the burn of the loss cell and its first record: the cell is spent once, not twice. */
static void test_a_life_without_a_record_begins_at_1(void **state)
{
    (void)state;
    struct chip c;
    struct counter_record r = initial;
    chip_init(&c, 4);
    r.boot = FLASH_BOOT_MAX;
    counter_encode(&r, c.page[0][0]);
    c.cell[CELL_NVM_INITIALISED] = true;
    c.cell[CELL_NVM_LOSS] = true;
    assert_int_equal(boot(&c), boot_number(1, 1));
    assert_int_equal(boot(&c), boot_number(1, 2));
}

static void test_the_highest_number_is_the_newest_wherever_it_stands(void **state)
{
    (void)state;
    for (unsigned at = 0; at < 6; at++) {
        struct chip c;
        struct counter_record r = initial;
        chip_init(&c, 4);
        c.cell[CELL_NVM_INITIALISED] = true;
        for (unsigned i = 0; i < 6; i++) { /* written back from an older copy of the flash */
            r.boot = i == at ? 50 : 10 + i;
            counter_encode(&r, c.page[i / 3][i % 3]);
        }
        assert_true(boot(&c) > 50);
    }
}

/* A loss cell that reads as blank again must not bring an old life back. */
static void test_a_cell_that_forgets_costs_a_life_but_no_number_twice(void **state)
{
    (void)state;
    struct chip c;
    chip_init(&c, 4);
    assert_int_equal(boot(&c), 1);
    memset(c.page, 0xFF, sizeof c.page);
    assert_int_equal(boot(&c), boot_number(1, 1));
    c.cell[CELL_NVM_LOSS] = false;
    assert_int_equal(boot(&c), boot_number(2, 1));
}

/* One boot, cut at each of its steps in turn, from every state that 40 boots pass through. */
static void test_no_number_twice_with_a_cut_at_every_step(void **state)
{
    (void)state;
    for (unsigned slots = 1; slots <= 3; slots++) {
        struct chip at;
        chip_init(&at, slots);
        long last = 0;
        for (int i = 0; i < 40; i++) {
            for (long step = 0;; step++) {
                struct chip c = at;
                c.cut_after = step;
                long n = boot(&c);
                bool whole = n > 0;
                c.cut_after = -1;
                long next = boot(&c), after = boot(&c);
                assert_true(n <= 0 || n > last);
                assert_true(next > last && (n <= 0 || next > n));
                assert_true(after > next);
                if (whole)
                    break;
            }
            if (i % 7 == 6)
                memset(at.page, 0xFF, sizeof at.page);
            long n = boot(&at);
            assert_true(n > last);
            last = n;
        }
    }
}

/* Long lives with cuts and losses at random places (fixed seed): numbers only rise. */
static void test_numbers_only_rise_through_random_cuts_and_losses(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int life = 0; life < 300; life++) {
        struct chip c;
        chip_init(&c, 1 + (unsigned)life % SLOTS_MAX);
        long last = 0, taken = 0;
        for (int i = 0; i < 200; i++) {
            seed = seed * 1664525 + 1013904223;
            uint32_t dice = seed >> 16;
            c.cut_after = dice % 3 ? -1 : (long)(dice / 3 % 6);
            if (dice % 61 == 0)
                memset(c.page, dice & 0x400 ? 0xFF : 0x00, sizeof c.page);
            long n = boot(&c);
            if (n <= 0)
                continue;
            assert_true(n > last);
            last = n;
            taken++;
        }
        assert_true(taken > 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_has_the_documented_bytes),
        cmocka_unit_test(test_every_bit_flip_of_a_record_is_seen),
        cmocka_unit_test(test_boot_is_nvm_loss_6_bits_and_flash_boot_18),
        cmocka_unit_test(test_the_first_number_is_1_and_they_count_up_across_pages),
        cmocka_unit_test(test_gen_salt_epoch_and_v_are_carried_over),
        cmocka_unit_test(test_a_torn_or_decayed_record_counts_as_a_used_number),
        cmocka_unit_test(test_a_decayed_record_in_the_next_page_counts_too),
        cmocka_unit_test(test_lost_flash_burns_a_cell_and_begins_a_new_life),
        cmocka_unit_test(test_a_cell_that_does_not_burn_is_passed_over),
        cmocka_unit_test(test_a_full_flash_boot_begins_a_new_life),
        cmocka_unit_test(test_spent_slots_may_fill_flash_boot),
        cmocka_unit_test(test_a_life_without_a_record_begins_at_1),
        cmocka_unit_test(test_the_highest_number_is_the_newest_wherever_it_stands),
        cmocka_unit_test(test_a_cell_that_forgets_costs_a_life_but_no_number_twice),
        cmocka_unit_test(test_no_number_twice_with_a_cut_at_every_step),
        cmocka_unit_test(test_numbers_only_rise_through_random_cuts_and_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

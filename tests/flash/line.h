/* tests/flash/line.h - one in-process chip, probed, and an image for its OTP. */
#ifndef TESTS_LINE_H
#define TESTS_LINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "flash/fault.h"
#include "flash/inproc.h"

struct line {
    struct chip *c;
    struct chip_identity id;
    uint8_t image[CHIP_OTP_MAX];
};

static struct line line; /* one at a time */

static inline void probe(void)
{
    struct err e;

    assert_int_equal(chip_probe(line.c, &line.id, &e), ERR_OK);
}

static inline int line_up(void **state, const char *chip)
{
    struct err e;

    assert_int_equal(inproc_open(&line.c, chip_desc_find(chip), NULL, &e), ERR_OK);
    probe();
    for (unsigned i = 0; i < sizeof line.image; i++)
        line.image[i] = (uint8_t)(0x5A ^ (i * 7));
    *state = &line;
    return 0;
}

static inline int line_l4(void **state)
{
    return line_up(state, "stm32l476");
}

static inline int line_f4(void **state)
{
    return line_up(state, "stm32f407");
}

static inline int line_down(void **state)
{
    (void)state;
    chip_close(line.c);
    return 0;
}

static inline const struct chip_desc *desc(void)
{
    return line.c->desc;
}

static inline void fresh_part(void)
{
    silicon_new_part(inproc_silicon(line.c), NULL);
    inproc_power(line.c, false);
    inproc_power(line.c, true);
    probe();
}

static inline void expect(enum err_code got, const struct err *e, enum flash_fault_id f)
{
    assert_int_equal(got, flash_fault[f].code);
    assert_ptr_equal(e->fault, &flash_fault[f]);
}

/* One row for each chip. */
#define LINE_BOTH(test)                                       \
    { #test " [stm32l476]", test, line_l4, line_down, NULL }, \
    {                                                         \
#test " [stm32f407]", test, line_f4, line_down, NULL  \
    }

#endif

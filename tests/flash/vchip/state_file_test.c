/* The state file: what a part is survives restarts and kills, and nobody else's file is touched. */
#include "tests/flash/vchip/part.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flash/vchip/fault.h"

struct place {
    char dir[32], path[48];
    struct part part;
};

static int place_up(void **state, const char *chip)
{
    struct place *t = calloc(1, sizeof *t);

    assert_non_null(t);
    strcpy(t->dir, "/tmp/state.XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    (void)snprintf(t->path, sizeof t->path, "%s/part", t->dir);
    t->part.desc = chip_desc_find(chip);
    *state = t;
    return 0;
}

static int place_l4(void **state)
{
    return place_up(state, "stm32l476");
}

static int place_f4(void **state)
{
    return place_up(state, "stm32f407");
}

static int place_down(void **state)
{
    struct place *t = *state;

    silicon_close(t->part.s);
    (void)unlink(t->path);
    assert_int_equal(rmdir(t->dir), 0); /* nothing else was left in it */
    free(t);
    return 0;
}

static void restart(struct place *t)
{
    silicon_close(t->part.s);
    part_open(&t->part, t->path);
}

static void expect_refused(struct place *t, const struct chip_desc *d, enum vchip_fault_id f)
{
    struct silicon *s = NULL;
    struct err e;

    assert_int_equal(silicon_open(&s, d, t->path, NULL, &e), vchip_fault[f].code);
    assert_ptr_equal(e.fault, &vchip_fault[f]);
    assert_null(s);
}

/* Every byte of the file in one number, to see that it was left alone. */
static uint64_t digest(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    int c;

    assert_non_null(f);
    while ((c = getc(f)) != EOF)
        h = (h ^ (uint64_t)c) * 1099511628211u;
    assert_int_equal(fclose(f), 0);
    return h;
}

static void test_an_absent_file_becomes_a_blank_part_with_a_uid(void **state)
{
    struct place *t = *state;
    struct part *p = &t->part;
    static const uint8_t none[CHIP_UID_LEN];
    struct stat st;

    part_open(p, t->path);
    assert_memory_not_equal(silicon_uid(p->s), none, sizeof none);
    assert_int_equal(part_read(p, p->desc->otp.base, 4), 0xFFFFFFFF);
    assert_int_equal(part_read(p, FLASH + p->desc->flash.size - 4, 4), 0xFFFFFFFF);
    assert_int_equal(stat(t->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_contents_uid_and_spent_cells_survive_a_restart(void **state)
{
    struct place *t = *state;
    struct part *p = &t->part;
    const uint32_t otp = chip_desc_find(p->desc->name)->otp.base;
    uint8_t uid[CHIP_UID_LEN];

    part_open(p, t->path);
    memcpy(uid, silicon_uid(p->s), sizeof uid);
    assert_int_equal(part_cell(p, otp, UINT64_MAX), 0);
    assert_int_equal(part_cell(p, otp + 8, 0x1234), 0);
    assert_int_equal(part_cell(p, FLASH + 0x80000, 0x4321), 0);
    restart(t);
    assert_memory_equal(silicon_uid(p->s), uid, sizeof uid);
    assert_int_equal(part_read(p, otp + 8, 2), 0x1234);
    assert_int_equal(part_read(p, FLASH + 0x80000, 2), 0x4321);
    assert_int_equal(part_cell(p, otp, 0), part_is_l4(p) ? PROGERR : 0);
}

static void test_torn_cells_lock_bytes_and_bad_bits_survive_a_restart(void **state)
{
    struct place *t = *state;
    struct part *p = &t->part;

    part_open(p, t->path);
    const uint32_t otp = p->desc->otp.base;
    assert_true(silicon_tear_cell(p->s, otp));
    const uint32_t torn = part_read(p, otp, 2);
    assert_true(silicon_stick_bit(p->s, otp + 16, 0, false));
    assert_true(silicon_weak_bit(p->s, otp + 24, 0, 2));
    (void)part_read(p, otp + 24, 1);
    if (!part_is_l4(p))
        assert_int_equal(part_program(p, p->desc->otp.lock_base + 3, 1, 0), 0);
    restart(t);
    assert_int_equal(part_read(p, otp, 2), torn);
    if (part_is_l4(p))
        assert_int_equal(part_read(p, p->desc->flash_regs + 0x18, 4) >> 31, 1);
    else
        assert_int_equal(part_program(p, otp + 3 * 32, 2, 0), WRPERR);
    assert_int_equal(part_read(p, otp + 16, 1), 0xFE);
    assert_int_equal(part_read(p, otp + 24, 1), 0xFE);
    assert_int_equal(part_read(p, otp + 24, 1), 0xFF);
}

static void test_level_2_survives_a_restart(void **state)
{
    struct place *t = *state;

    part_open(&t->part, t->path);
    part_set_rdp(&t->part, 0xCC);
    restart(t);
    assert_int_equal(silicon_rdp(t->part.s), 2);
}

static void test_a_killed_process_leaves_every_pulse_that_was_made(void **state)
{
    struct place *t = *state;
    struct part *p = &t->part;
    int status;

    const pid_t child = fork();
    if (child == 0) {
        part_open(p, t->path);
        (void)part_cell(p, p->desc->otp.base, 0x1234);
        _exit(0); /* as SIGKILL: nothing is closed or written back */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    part_open(p, t->path);
    assert_int_equal(part_read(p, p->desc->otp.base, 2), 0x1234);
}

static void test_another_chips_file_is_refused_and_not_changed(void **state)
{
    struct place *t = *state;
    const char *other = part_is_l4(&t->part) ? "stm32f407" : "stm32l476";

    part_open(&t->part, t->path);
    silicon_close(t->part.s);
    t->part.s = NULL;
    const uint64_t before = digest(t->path);
    expect_refused(t, chip_desc_find(other), VCHIP_STATE_CHIP);
    assert_true(digest(t->path) == before);
}

static void test_a_file_of_any_other_length_is_refused_and_not_changed(void **state)
{
    struct place *t = *state;
    struct stat st;

    part_open(&t->part, t->path);
    silicon_close(t->part.s);
    t->part.s = NULL;
    assert_int_equal(stat(t->path, &st), 0);
    const off_t len[] = { st.st_size + 1, st.st_size - 1, 4096, 100, 1, 0 };
    for (size_t i = 0; i < sizeof len / sizeof *len; i++) {
        assert_int_equal(truncate(t->path, len[i]), 0);
        const uint64_t before = digest(t->path);
        expect_refused(t, t->part.desc, VCHIP_STATE_FORMAT);
        assert_true(digest(t->path) == before);
        assert_int_equal(stat(t->path, &st), 0);
        assert_int_equal(st.st_size, len[i]);
    }
}

static void poke(const char *path, off_t at, uint8_t value)
{
    const int fd = open(path, O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &value, 1, at), 1);
    assert_int_equal(close(fd), 0);
}

static void test_another_magic_or_version_is_refused_and_not_changed(void **state)
{
    struct place *t = *state;
    static const off_t at[] = { 0, 8 }; /* magic, version */

    for (size_t i = 0; i < 2; i++) {
        part_open(&t->part, t->path);
        silicon_close(t->part.s);
        t->part.s = NULL;
        poke(t->path, at[i], 0x7F);
        const uint64_t before = digest(t->path);
        expect_refused(t, t->part.desc, VCHIP_STATE_FORMAT);
        assert_true(digest(t->path) == before);
        assert_int_equal(unlink(t->path), 0);
    }
}

static void test_a_file_in_use_is_refused(void **state)
{
    struct place *t = *state;
    int status;

    part_open(&t->part, t->path);
    expect_refused(t, t->part.desc, VCHIP_STATE_IN_USE);
    const pid_t child = fork();
    if (child == 0) { /* another process; the lock it inherited is its parent's, a second open is its own */
        struct silicon *s = NULL;
        struct err e;
        _exit(silicon_open(&s, t->part.desc, t->path, NULL, &e) == vchip_fault[VCHIP_STATE_IN_USE].code ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    restart(t); /* and free again when it is closed */
}

static void test_a_path_that_cannot_be_is_an_error(void **state)
{
    struct place *t = *state;

    (void)snprintf(t->path, sizeof t->path, "%s/no/part", t->dir);
    expect_refused(t, t->part.desc, VCHIP_STATE_CREATE);
    (void)snprintf(t->path, sizeof t->path, "%s/", t->dir);
    expect_refused(t, t->part.desc, VCHIP_STATE_OPEN);
}

#define BOTH(test)                                              \
    { #test " [stm32l476]", test, place_l4, place_down, NULL }, \
    {                                                           \
#test " [stm32f407]", test, place_f4, place_down, NULL  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_an_absent_file_becomes_a_blank_part_with_a_uid),
        BOTH(test_contents_uid_and_spent_cells_survive_a_restart),
        BOTH(test_torn_cells_lock_bytes_and_bad_bits_survive_a_restart),
        BOTH(test_level_2_survives_a_restart),
        BOTH(test_a_killed_process_leaves_every_pulse_that_was_made),
        BOTH(test_another_chips_file_is_refused_and_not_changed),
        BOTH(test_a_file_of_any_other_length_is_refused_and_not_changed),
        BOTH(test_another_magic_or_version_is_refused_and_not_changed),
        BOTH(test_a_file_in_use_is_refused),
        BOTH(test_a_path_that_cannot_be_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

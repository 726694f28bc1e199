/* Firmware files, made here byte by byte: what must be in flash comes out, everything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flash/elf.h"
#include "flash/fault.h"

enum { N_PH = 3, DATA_AT = 1024, SYM_AT = 2048, STR_AT = 2304, SH_AT = 2560, FILE_LEN = 3072, PLACE_AT = 92, PLACE_LEN = 8 };

struct file {
    uint8_t bytes[FILE_LEN];
    char path[64];
};

static const char strings[] = "\0main\0table\0place";

static Elf32_Ehdr *header(struct file *f)
{
    return (Elf32_Ehdr *)(void *)f->bytes;
}

static Elf32_Phdr *segment(struct file *f, size_t i)
{
    return (Elf32_Phdr *)(void *)(f->bytes + sizeof(Elf32_Ehdr)) + i;
}

static void put_symbols(struct file *f)
{
    const Elf32_Sym sym[4] = {
        { 0 },
        { .st_name = 1, .st_value = 0x08000101, .st_info = ELF32_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = 1 },
        { .st_name = 6, .st_value = 0x20000011, .st_info = ELF32_ST_INFO(STB_GLOBAL, STT_OBJECT), .st_shndx = 1 },
        { .st_name = 12,
          .st_value = 0x08000000 + PLACE_AT,
          .st_size = PLACE_LEN,
          .st_info = ELF32_ST_INFO(STB_GLOBAL, STT_OBJECT),
          .st_shndx = 1 }
    };
    const Elf32_Shdr sh[3] = {
        { 0 },
        { .sh_type = SHT_SYMTAB,
          .sh_offset = SYM_AT,
          .sh_size = sizeof sym,
          .sh_link = 2,
          .sh_entsize = sizeof *sym,
          .sh_addralign = 4 },
        { .sh_type = SHT_STRTAB, .sh_offset = STR_AT, .sh_size = sizeof strings, .sh_addralign = 1 }
    };
    memcpy(f->bytes + SYM_AT, sym, sizeof sym);
    memcpy(f->bytes + STR_AT, strings, sizeof strings);
    memcpy(f->bytes + SH_AT, sh, sizeof sh);
}

/* Two segments in flash, .data's initial values 8 bytes behind the code, and one of RAM without bytes in the file. */
static void good(struct file *f)
{
    memset(f, 0, sizeof *f);
    *header(f) = (Elf32_Ehdr){ .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
                               .e_type = ET_EXEC,
                               .e_machine = EM_ARM,
                               .e_version = EV_CURRENT,
                               .e_phoff = sizeof(Elf32_Ehdr),
                               .e_shoff = SH_AT,
                               .e_ehsize = sizeof(Elf32_Ehdr),
                               .e_phentsize = sizeof(Elf32_Phdr),
                               .e_phnum = N_PH,
                               .e_shentsize = sizeof(Elf32_Shdr),
                               .e_shnum = 3 };
    *segment(f, 0) = (Elf32_Phdr){ PT_LOAD, DATA_AT + 100, 0x20000000, 0x08000108, 10, 10, PF_R, 1 };
    *segment(f, 1) = (Elf32_Phdr){ PT_LOAD, DATA_AT, 0x08000000, 0x08000000, 100, 100, PF_R | PF_X, 1 };
    *segment(f, 2) = (Elf32_Phdr){ PT_LOAD, DATA_AT, 0x20001000, 0x20001000, 0, 4096, PF_R, 1 };
    for (size_t i = 0; i < 256; i++)
        f->bytes[DATA_AT + i] = (uint8_t)(i + 1);
    put_symbols(f);
}

static enum err_code open_file(struct file *f, size_t len, struct fw_image **fw, struct err *e)
{
    (void)snprintf(f->path, sizeof f->path, "/tmp/elf_test.XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, f->bytes, len), len);
    close(fd);
    *fw = NULL;
    enum err_code rc = fw_image_open(fw, f->path, chip_desc_find("stm32l476"), e);
    unlink(f->path);
    return rc;
}

static void test_segments_come_at_physical_addresses_in_whole_units(void **state)
{
    struct file f;
    struct fw_image *fw;
    struct err e = { 0 };
    const struct fw_segment *seg;

    (void)state;
    good(&f);
    assert_int_equal(open_file(&f, FILE_LEN, &fw, &e), ERR_OK);
    assert_int_equal(fw_image_segments(fw, &seg), 2);
    assert_int_equal(seg[0].addr, 0x08000000);
    assert_int_equal(seg[0].len, 104);
    assert_memory_equal(seg[0].data, f.bytes + DATA_AT, 100);
    assert_memory_equal(seg[0].data + 100, "\xFF\xFF\xFF\xFF", 4);
    assert_int_equal(seg[1].addr, 0x08000108);
    assert_int_equal(seg[1].len, 16);
    assert_memory_equal(seg[1].data, f.bytes + DATA_AT + 100, 10);
    fw_image_close(fw);
}

static void test_segments_that_meet_in_one_unit_are_joined(void **state)
{
    struct file f;
    struct fw_image *fw;
    struct err e = { 0 };
    const struct fw_segment *seg;

    (void)state;
    good(&f);
    segment(&f, 0)->p_paddr = 0x08000000 + 102; /* the first ends at 100, in the same 8 bytes */
    assert_int_equal(open_file(&f, FILE_LEN, &fw, &e), ERR_OK);
    assert_int_equal(fw_image_segments(fw, &seg), 1);
    assert_int_equal(seg[0].len, 112);
    assert_memory_equal(seg[0].data, f.bytes + DATA_AT, 100);
    assert_memory_equal(seg[0].data + 100, "\xFF\xFF", 2);
    assert_memory_equal(seg[0].data + 102, f.bytes + DATA_AT + 100, 10);
    fw_image_close(fw);
}

static void test_a_symbol_is_found_without_its_thumb_bit(void **state)
{
    struct file f;
    struct fw_image *fw;
    struct err e = { 0 };
    uint32_t addr = 0;

    (void)state;
    good(&f);
    assert_int_equal(open_file(&f, FILE_LEN, &fw, &e), ERR_OK);
    assert_int_equal(fw_image_symbol(fw, "main", &addr, &e), ERR_OK);
    assert_int_equal(addr, 0x08000100);
    assert_int_equal(fw_image_symbol(fw, "table", &addr, &e), ERR_OK);
    assert_int_equal(addr, 0x20000011); /* data: an odd address is one */
    assert_int_equal(fw_image_symbol(fw, "mai", &addr, &e), ERR_INPUT);
    fw_image_close(fw);
}

static void refuse(struct file *f, size_t len, const char *why)
{
    struct fw_image *fw;
    struct err e = { 0 };

    if (open_file(f, len, &fw, &e) != ERR_INPUT)
        fail_msg("not refused: %s", why);
    assert_ptr_equal(e.fault, &flash_fault[FLASH_FIRMWARE_BAD]);
    assert_null(fw);
}

static void test_what_is_no_firmware_for_the_chip_is_refused(void **state)
{
    struct file f;

    (void)state;
    good(&f);
    segment(&f, 0)->p_paddr = 0x08000063;
    refuse(&f, FILE_LEN, "overlap");
    good(&f);
    segment(&f, 0)->p_paddr = 0x20000000;
    refuse(&f, FILE_LEN, "bytes for RAM");
    good(&f);
    segment(&f, 0)->p_paddr = 0x080FFFF8;
    refuse(&f, FILE_LEN, "over the end of flash");
    good(&f);
    segment(&f, 0)->p_paddr = 0xFFFFFFFC;
    refuse(&f, FILE_LEN, "over the end of the address space");
    good(&f);
    segment(&f, 0)->p_filesz = 0xFFFFFFF0;
    refuse(&f, FILE_LEN, "longer than the file");
    good(&f);
    segment(&f, 0)->p_offset = 0xFFFFFFF8;
    refuse(&f, FILE_LEN, "behind the file");
    good(&f);
    segment(&f, 0)->p_type = segment(&f, 1)->p_type = PT_NOTE;
    refuse(&f, FILE_LEN, "nothing to load");
    good(&f);
    header(&f)->e_type = ET_REL;
    refuse(&f, FILE_LEN, "not linked");
    good(&f);
    header(&f)->e_machine = EM_RISCV;
    refuse(&f, FILE_LEN, "another processor");
    good(&f);
    header(&f)->e_ident[EI_DATA] = ELFDATA2MSB;
    refuse(&f, FILE_LEN, "big-endian");
}

static void test_every_cut_of_the_loaded_part_is_refused(void **state)
{
    struct file f;

    (void)state;
    good(&f);
    for (size_t len = 0; len < DATA_AT + 110; len++)
        refuse(&f, len, "cut short");
}

static void test_no_flipped_bit_of_the_headers_breaks_us(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 8 * (sizeof(Elf32_Ehdr) + N_PH * sizeof(Elf32_Phdr)); bit++) {
        struct file f;
        struct fw_image *fw;
        struct err e = { 0 };
        const struct fw_segment *seg;
        uint32_t addr;
        good(&f);
        f.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (open_file(&f, FILE_LEN, &fw, &e) != ERR_OK)
            continue;
        size_t n = fw_image_segments(fw, &seg);
        for (size_t i = 0; i < n; i++) { /* whatever it says now, it fits the part */
            assert_int_equal((seg[i].addr | seg[i].len) & 7, 0);
            assert_in_range(seg[i].addr, 0x08000000, 0x08100000 - seg[i].len);
        }
        if (fw_image_symbol(fw, "main", &addr, &e) != ERR_OK)
            assert_int_equal(e.code, ERR_INPUT);
        fw_image_close(fw);
    }
}

/* ---- a place that is filled ---- */

static const uint8_t filling[PLACE_LEN] = "station";

static Elf32_Sym *place(struct file *f)
{
    return (Elf32_Sym *)(void *)(f->bytes + SYM_AT) + 3;
}

static void with_place(struct file *f)
{
    good(f);
    memset(f->bytes + DATA_AT + PLACE_AT, 0xFF, PLACE_LEN);
}

static void test_a_blank_place_is_filled_and_nothing_else_is_changed(void **state)
{
    struct file f;
    struct fw_image *fw;
    struct err e = { 0 };
    const struct fw_segment *seg;
    uint8_t want[104];

    (void)state;
    with_place(&f);
    assert_int_equal(open_file(&f, FILE_LEN, &fw, &e), ERR_OK);
    fw_image_segments(fw, &seg);
    memcpy(want, seg[0].data, sizeof want);
    memcpy(want + PLACE_AT, filling, PLACE_LEN);
    for (int again = 0; again < 2; again++) { /* with the same it is done already */
        assert_int_equal(fw_image_fill(fw, "place", filling, PLACE_LEN, &e), ERR_OK);
        assert_int_equal(fw_image_segments(fw, &seg), 2);
        assert_memory_equal(seg[0].data, want, sizeof want);
        assert_memory_equal(seg[1].data, f.bytes + DATA_AT + 100, 10);
    }
    assert_int_equal(fw_image_fill(fw, "place", (const uint8_t *)"another", PLACE_LEN, &e), ERR_INPUT);
    assert_ptr_equal(e.fault, &flash_fault[FLASH_FIRMWARE_FILLED]);
    assert_memory_equal(seg[0].data, want, sizeof want);
    fw_image_close(fw);
}

static void refuse_to_fill(struct file *f, enum flash_fault_id id, const char *why)
{
    struct fw_image *fw;
    struct err e = { 0 };
    const struct fw_segment *seg;
    uint8_t was[104];

    assert_int_equal(open_file(f, FILE_LEN, &fw, &e), ERR_OK);
    fw_image_segments(fw, &seg);
    memcpy(was, seg[0].data, sizeof was);
    if (fw_image_fill(fw, "place", filling, PLACE_LEN, &e) != ERR_INPUT)
        fail_msg("not refused: %s", why);
    assert_ptr_equal(e.fault, &flash_fault[id]);
    assert_memory_equal(seg[0].data, was, sizeof was);
    fw_image_close(fw);
}

static void test_what_is_no_blank_place_of_that_size_is_left_alone(void **state)
{
    struct file f;

    (void)state;
    with_place(&f);
    place(&f)->st_name = 6;
    refuse_to_fill(&f, FLASH_FIRMWARE_BAD, "no such symbol");
    for (uint32_t size = 0; size < 2 * PLACE_LEN; size++)
        if (size != PLACE_LEN) {
            with_place(&f);
            place(&f)->st_size = size;
            refuse_to_fill(&f, FLASH_FIRMWARE_BAD, "another size");
        }
    static const uint32_t nowhere[] = { 0x07FFFFF8, 0x07FFFFFF, 0x08000000 + 97, 0x08000068, 0x20000000, 0xFFFFFFF8 };
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        with_place(&f);
        place(&f)->st_value = nowhere[i];
        refuse_to_fill(&f, FLASH_FIRMWARE_BAD, "not in flash, or not whole");
    }
    for (size_t bit = 0; bit < 8 * PLACE_LEN; bit++) {
        with_place(&f);
        f.bytes[DATA_AT + PLACE_AT + bit / 8] ^= (uint8_t)(1u << bit % 8);
        refuse_to_fill(&f, FLASH_FIRMWARE_FILLED, "not blank");
    }
}

static void test_no_file_is_no_input(void **state)
{
    struct fw_image *fw = NULL;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(fw_image_open(&fw, "/nonexistent.elf", chip_desc_find("stm32l476"), &e), ERR_NOINPUT);
    assert_int_equal(fw_image_open(&fw, "/tmp", chip_desc_find("stm32l476"), &e), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments_come_at_physical_addresses_in_whole_units),
        cmocka_unit_test(test_segments_that_meet_in_one_unit_are_joined),
        cmocka_unit_test(test_a_symbol_is_found_without_its_thumb_bit),
        cmocka_unit_test(test_what_is_no_firmware_for_the_chip_is_refused),
        cmocka_unit_test(test_every_cut_of_the_loaded_part_is_refused),
        cmocka_unit_test(test_no_flipped_bit_of_the_headers_breaks_us),
        cmocka_unit_test(test_a_blank_place_is_filled_and_nothing_else_is_changed),
        cmocka_unit_test(test_what_is_no_blank_place_of_that_size_is_left_alone),
        cmocka_unit_test(test_no_file_is_no_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

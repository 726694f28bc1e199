#include "flash/elf.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flash/fault.h"

enum { ALIGN = 8, ERASED = 0xFF };

struct fw_image {
    int fd;
    Elf *elf;
    size_t n;
    struct fw_segment seg[FW_SEGMENTS_MAX];
    uint8_t *data[FW_SEGMENTS_MAX]; /* what seg[].data points to */
};

static enum err_code bad(struct err *e, const char *path, const char *why)
{
    return err_set(e, &flash_fault[FLASH_FIRMWARE_BAD], "read elf", NULL, 0, "%s: %s", path, why);
}

static enum err_code check_header(const struct fw_image *f, const char *path, struct err *e)
{
    GElf_Ehdr h;

    if (elf_kind(f->elf) != ELF_K_ELF || gelf_getehdr(f->elf, &h) == NULL)
        return bad(e, path, "not an ELF file");
    if (h.e_ident[EI_CLASS] != ELFCLASS32 || h.e_ident[EI_DATA] != ELFDATA2LSB || h.e_machine != EM_ARM)
        return bad(e, path, "not a 32-bit little-endian ARM file");
    if (h.e_type != ET_EXEC)
        return bad(e, path, "not an executable: not linked");
    return ERR_OK;
}

/* One PT_LOAD as bytes from start to end, widened to whole units. */
static enum err_code load(struct fw_image *f, const GElf_Phdr *p, const struct chip_desc *d, const char *path, struct err *e)
{
    size_t raw_len;
    const char *raw = elf_rawfile(f->elf, &raw_len);

    if (raw == NULL || p->p_offset > raw_len || p->p_filesz > raw_len - p->p_offset)
        return bad(e, path, "cut short");
    if (p->p_paddr < d->flash.base || p->p_filesz > d->flash.size ||
        p->p_paddr - d->flash.base > d->flash.size - p->p_filesz)
        return bad(e, path, "a segment lies outside the flash");
    if (f->n == FW_SEGMENTS_MAX)
        return bad(e, path, "too many segments");
    uint32_t addr = (uint32_t)p->p_paddr, start = addr & ~(uint32_t)(ALIGN - 1);
    uint32_t end = (addr + (uint32_t)p->p_filesz + ALIGN - 1) & ~(uint32_t)(ALIGN - 1);
    uint8_t *data = malloc(end - start);
    if (data == NULL)
        return err_errno(e, &flash_fault[FLASH_FIRMWARE_MISSING], "malloc", "%s", path);
    memset(data, ERASED, end - start);
    memcpy(data + (addr - start), raw + p->p_offset, p->p_filesz);
    f->data[f->n] = data;
    f->seg[f->n++] = (struct fw_segment){ .addr = start, .len = end - start, .data = data };
    return ERR_OK;
}

/* True ends of a segment may lie inside a shared unit; two segments may share it if they don't share a byte of the file. */
static enum err_code check_overlaps(const GElf_Phdr *p, size_t n, const char *path, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (p[i].p_paddr < p[k].p_paddr + p[k].p_filesz && p[k].p_paddr < p[i].p_paddr + p[i].p_filesz)
                return bad(e, path, "segments overlap");
    return ERR_OK;
}

static int by_address(const void *a, const void *b)
{
    const struct fw_segment *x = a, *y = b;

    return (x->addr > y->addr) - (x->addr < y->addr);
}

/* seg[at] and seg[at + 1] meet in one unit: make them one.  Padding is FF, so AND joins the shared unit. */
static enum err_code join(struct fw_image *f, size_t at, const char *path, struct err *e)
{
    struct fw_segment *a = &f->seg[at], *b = a + 1;
    uint32_t shift = b->addr - a->addr;
    uint32_t len = shift + b->len > a->len ? shift + b->len : a->len;
    uint8_t *data = malloc(len);

    if (data == NULL)
        return err_errno(e, &flash_fault[FLASH_FIRMWARE_MISSING], "malloc", "%s", path);
    memset(data, ERASED, len);
    memcpy(data, a->data, a->len);
    for (uint32_t i = 0; i < b->len; i++)
        data[shift + i] &= b->data[i];
    for (size_t i = 0; i < FW_SEGMENTS_MAX; i++) /* sorting has moved seg[], not data[] */
        if (f->data[i] == a->data || f->data[i] == b->data) {
            free(f->data[i]);
            f->data[i] = NULL;
        }
    for (size_t i = 0; i < FW_SEGMENTS_MAX; i++)
        if (f->data[i] == NULL) {
            f->data[i] = data;
            break;
        }
    *a = (struct fw_segment){ .addr = a->addr, .len = len, .data = data };
    memmove(b, b + 1, (f->n - at - 2) * sizeof *b);
    f->n--;
    return ERR_OK;
}

static enum err_code load_all(struct fw_image *f, const char *path, const struct chip_desc *d, struct err *e)
{
    GElf_Phdr p[FW_SEGMENTS_MAX];
    size_t n;
    enum err_code rc = ERR_OK;

    if (elf_getphdrnum(f->elf, &n) != 0)
        return bad(e, path, "no program headers");
    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        GElf_Phdr one;
        if (gelf_getphdr(f->elf, (int)i, &one) == NULL)
            return bad(e, path, "a program header cannot be read");
        if (one.p_type != PT_LOAD || one.p_filesz == 0)
            continue;
        if ((rc = load(f, &one, d, path, e)) == ERR_OK)
            p[f->n - 1] = one;
    }
    if (rc == ERR_OK && f->n == 0)
        rc = bad(e, path, "nothing to load");
    if (rc == ERR_OK)
        rc = check_overlaps(p, f->n, path, e);
    qsort(f->seg, f->n, sizeof *f->seg, by_address);
    for (size_t i = 0; rc == ERR_OK && i + 1 < f->n;)
        if (f->seg[i].addr + f->seg[i].len > f->seg[i + 1].addr)
            rc = join(f, i, path, e);
        else
            i++;
    return rc;
}

enum err_code fw_image_open(struct fw_image **out, const char *path, const struct chip_desc *desc, struct err *e)
{
    struct fw_image *f = calloc(1, sizeof *f);
    enum err_code rc;

    if (f == NULL)
        return err_errno(e, &flash_fault[FLASH_FIRMWARE_MISSING], "malloc", "%s", path);
    if ((f->fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
        rc = err_errno(e, &flash_fault[FLASH_FIRMWARE_MISSING], "open", "%s: %s", path, strerror(errno));
        free(f);
        return rc;
    }
    if (elf_version(EV_CURRENT) == EV_NONE || (f->elf = elf_begin(f->fd, ELF_C_READ, NULL)) == NULL)
        rc = bad(e, path, elf_errmsg(-1));
    else if ((rc = check_header(f, path, e)) == ERR_OK)
        rc = load_all(f, path, desc, e);
    if (rc != ERR_OK) {
        fw_image_close(f);
        return rc;
    }
    *out = f;
    return ERR_OK;
}

void fw_image_close(struct fw_image *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < FW_SEGMENTS_MAX; i++)
        free(f->data[i]);
    if (f->elf != NULL)
        elf_end(f->elf);
    close(f->fd);
    free(f);
}

size_t fw_image_segments(const struct fw_image *f, const struct fw_segment **seg)
{
    *seg = f->seg;
    return f->n;
}

struct symbol {
    uint32_t addr, len;
};

/* Looks through one symbol table. */
static bool find_in(const struct fw_image *f, Elf_Scn *scn, const GElf_Shdr *h, const char *name, struct symbol *out)
{
    Elf_Data *data = elf_getdata(scn, NULL);
    size_t n = data != NULL && h->sh_entsize != 0 ? h->sh_size / h->sh_entsize : 0;

    for (size_t i = 0; i < n; i++) {
        GElf_Sym s;
        if (gelf_getsym(data, (int)i, &s) == NULL || s.st_shndx == SHN_UNDEF)
            continue;
        const char *found = elf_strptr(f->elf, h->sh_link, s.st_name);
        if (found != NULL && strcmp(found, name) == 0) {
            out->addr = (uint32_t)s.st_value & (GELF_ST_TYPE(s.st_info) == STT_FUNC ? ~1u : ~0u);
            out->len = (uint32_t)s.st_size;
            return true;
        }
    }
    return false;
}

static enum err_code find(const struct fw_image *f, const char *name, struct symbol *out, struct err *e)
{
    Elf_Scn *scn = NULL;
    GElf_Shdr h;

    while ((scn = elf_nextscn(f->elf, scn)) != NULL)
        if (gelf_getshdr(scn, &h) != NULL && h.sh_type == SHT_SYMTAB && find_in(f, scn, &h, name, out))
            return ERR_OK;
    return err_set(e, &flash_fault[FLASH_FIRMWARE_BAD], "symbol", NULL, 0, "the firmware has no symbol '%s'", name);
}

enum err_code fw_image_symbol(const struct fw_image *f, const char *name, uint32_t *addr, struct err *e)
{
    struct symbol s;
    enum err_code rc = find(f, name, &s, e);

    if (rc == ERR_OK)
        *addr = s.addr;
    return rc;
}

/* The bytes of a symbol in one segment, or NULL. */
static uint8_t *place_of(struct fw_image *f, const struct symbol *s)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct fw_segment *seg = &f->seg[i];
        if (s->addr < seg->addr || s->len > seg->len || s->addr - seg->addr > seg->len - s->len)
            continue;
        for (size_t k = 0; k < FW_SEGMENTS_MAX; k++) /* ours to write: seg[] shows it as const */
            if (f->data[k] == seg->data)
                return f->data[k] + (s->addr - seg->addr);
    }
    return NULL;
}

enum err_code fw_image_fill(struct fw_image *f, const char *name, const uint8_t *bytes, size_t len, struct err *e)
{
    struct symbol s;
    enum err_code rc = find(f, name, &s, e);
    uint8_t *at = rc == ERR_OK && s.len == len ? place_of(f, &s) : NULL;
    bool blank = true;

    if (rc == ERR_OK && at == NULL)
        rc = err_set(e, &flash_fault[FLASH_FIRMWARE_BAD], "symbol", NULL, 0, "'%s' is no place of %zu bytes in flash", name,
                     len);
    if (rc != ERR_OK || memcmp(at, bytes, len) == 0)
        return rc;
    for (size_t i = 0; i < len; i++)
        blank = blank && at[i] == ERASED;
    if (!blank)
        return err_set(e, &flash_fault[FLASH_FIRMWARE_FILLED], "symbol", NULL, 0, "'%s'", name);
    memcpy(at, bytes, len);
    return ERR_OK;
}

#include "flash/vchip/nvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flash/vchip/fault.h"

enum { PAGE = 4096, VERSION = 1 };

static const char magic[8] = "FLVCHIP";

_Static_assert(sizeof(struct nvm_head) <= PAGE, "the head is one page");

static size_t pages(size_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static size_t bits_len(size_t bytes)
{
    return pages((bytes / NVM_GRANULE + 1 + 7) / 8);
}

/* Head, then data, spent bits and ECC bits of each area, each on its own pages.  map NULL: only the length. */
static size_t lay_out(struct nvm *n, const struct chip_desc *d, uint8_t *map)
{
    const uint32_t locks = d->otp.block == 0 ? 0 : d->otp.size / d->otp.block;
    const struct {
        uint32_t base, size;
    } range[NVM_AREAS] = {
        [NVM_FLASH] = { d->flash.base, d->flash.size },
        [NVM_OTP] = { d->otp.base, d->otp.size },
        [NVM_LOCKS] = { d->otp.lock_base, locks },
    };
    size_t at = PAGE;

    for (int i = 0; i < NVM_AREAS; i++) {
        struct nvm_area *a = &n->area[i];
        const size_t size = range[i].size;

        *a = (struct nvm_area){ .base = range[i].base, .size = range[i].size };
        if (map != NULL) {
            a->data = map + at;
            a->spent = a->data + pages(size);
            a->ecc = a->spent + bits_len(size);
        }
        at += pages(size) + 2 * bits_len(size);
    }
    return at;
}

static void random_uid(uint8_t uid[CHIP_UID_LEN])
{
    ssize_t got;

    do
        got = getrandom(uid, CHIP_UID_LEN, 0);
    while (got != CHIP_UID_LEN); /* so few bytes come whole, or not at all before the pool is ready */
    uid[0] |= 1;                 /* a UID of all zeros or all ones is no part's */
    uid[1] &= 0x7F;
}

void nvm_blank(struct nvm *n, const uint8_t *uid, const uint32_t options[NVM_OPTIONS])
{
    for (int i = 0; i < NVM_AREAS; i++) {
        struct nvm_area *a = &n->area[i];

        memset(a->data, 0xFF, a->size);
        memset(a->spent, 0, bits_len(a->size));
        memset(a->ecc, 0, bits_len(a->size));
    }
    memcpy(n->head->options, options, sizeof n->head->options);
    n->head->options_torn = 0;
    n->head->n_bad = 0;
    if (uid != NULL)
        memcpy(n->head->uid, uid, CHIP_UID_LEN);
    else
        random_uid(n->head->uid);
}

static void make_fresh(struct nvm *n, const struct chip_desc *d, const uint32_t options[NVM_OPTIONS])
{
    struct nvm_head *h = n->head;

    memcpy(h->magic, magic, sizeof h->magic);
    h->version = VERSION;
    (void)snprintf(h->chip, sizeof h->chip, "%s", d->name);
    h->flash_size = d->flash.size;
    h->otp_size = d->otp.size;
    h->locks = n->area[NVM_LOCKS].size;
    nvm_blank(n, NULL, options);
}

static const struct fault *head_fault(const struct nvm_head *h, const struct chip_desc *d, uint32_t locks, bool whole)
{
    if (memcmp(h->magic, magic, sizeof magic) != 0 || h->version != VERSION ||
        memchr(h->chip, '\0', sizeof h->chip) == NULL || h->n_bad > NVM_BAD_BITS)
        return &vchip_fault[VCHIP_STATE_FORMAT];
    if (strcmp(h->chip, d->name) != 0)
        return &vchip_fault[VCHIP_STATE_CHIP];
    if (!whole || h->flash_size != d->flash.size || h->otp_size != d->otp.size || h->locks != locks)
        return &vchip_fault[VCHIP_STATE_FORMAT];
    return NULL;
}

static enum err_code map_in(struct nvm *n, const struct chip_desc *d, int fd, const char *path, struct err *e)
{
    /* All pages are touched at once anyway, and one fault for all is three times as fast. */
    const int flags = MAP_POPULATE | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);

    n->len = lay_out(n, d, NULL);
    void *map = mmap(NULL, n->len, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (map == MAP_FAILED)
        return err_errno(e, &vchip_fault[fd < 0 ? VCHIP_NO_MEMORY : VCHIP_STATE_OPEN], "mmap", "%s", path);
    n->map = map;
    n->head = map;
    (void)lay_out(n, d, map);
    return ERR_OK;
}

static enum err_code lock_file(int fd, const char *path, struct err *e)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return ERR_OK;
    return err_errno(e, &vchip_fault[errno == EWOULDBLOCK ? VCHIP_STATE_IN_USE : VCHIP_STATE_OPEN], "flock", "%s", path);
}

static enum err_code open_present(struct nvm *n, const struct chip_desc *d, const char *path, struct err *e)
{
    struct nvm_head h;
    struct stat st;
    enum err_code rc = lock_file(n->fd, path, e);

    if (rc != ERR_OK)
        return rc;
    if (fstat(n->fd, &st) != 0)
        return err_errno(e, &vchip_fault[VCHIP_STATE_OPEN], "fstat", "%s", path);
    const ssize_t got = pread(n->fd, &h, sizeof h, 0);
    if (got < 0)
        return err_errno(e, &vchip_fault[VCHIP_STATE_OPEN], "pread", "%s", path);
    if (got < (ssize_t)sizeof h)
        return err_set(e, &vchip_fault[VCHIP_STATE_FORMAT], "open", NULL, 0, "%s", path);

    const off_t want = (off_t)lay_out(n, d, NULL);
    const struct fault *f = head_fault(&h, d, n->area[NVM_LOCKS].size, st.st_size == want);
    if (f != NULL)
        return err_set(e, f, "open", NULL, 0, "%s", path);
    return map_in(n, d, n->fd, path, e);
}

/* The file appears under its name only when it is whole: a kill in between leaves no half state file. */
static enum err_code create(struct nvm *n, const struct chip_desc *d, const char *path, const uint32_t options[NVM_OPTIONS],
                            struct err *e)
{
    const struct fault *f = &vchip_fault[VCHIP_STATE_CREATE];
    char *tmp = NULL;
    enum err_code rc = ERR_OK;

    if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
        return err_set(e, &vchip_fault[VCHIP_NO_MEMORY], "asprintf", NULL, 0, "%s", path);
    n->fd = mkostemp(tmp, O_CLOEXEC);
    if (n->fd < 0) {
        rc = err_errno(e, f, "mkostemp", "%s", path);
        free(tmp);
        return rc;
    }
    /* posix_fallocate, not ftruncate: a full disk is an error here, not a SIGBUS later. */
    errno = posix_fallocate(n->fd, 0, (off_t)lay_out(n, d, NULL));
    if (errno != 0)
        rc = err_errno(e, f, "posix_fallocate", "%s", path);
    else if ((rc = lock_file(n->fd, path, e)) == ERR_OK && (rc = map_in(n, d, n->fd, path, e)) == ERR_OK) {
        make_fresh(n, d, options);
        if (link(tmp, path) != 0)
            rc = err_errno(e, f, "link", "%s", path);
    }
    (void)unlink(tmp); /* ours alone; its other name stays */
    free(tmp);
    return rc;
}

enum err_code nvm_open(struct nvm *n, const struct chip_desc *desc, const char *path, const uint32_t options[NVM_OPTIONS],
                       struct err *e)
{
    enum err_code rc;

    *n = (struct nvm){ .fd = -1 };
    if (path == NULL) {
        if ((rc = map_in(n, desc, -1, "memory", e)) == ERR_OK)
            make_fresh(n, desc, options);
        return rc;
    }
    n->fd = open(path, O_RDWR | O_CLOEXEC);
    if (n->fd >= 0)
        rc = open_present(n, desc, path, e);
    else if (errno == ENOENT)
        rc = create(n, desc, path, options, e);
    else
        rc = err_errno(e, &vchip_fault[VCHIP_STATE_OPEN], "open", "%s", path);
    if (rc != ERR_OK)
        nvm_close(n);
    return rc;
}

void nvm_close(struct nvm *n)
{
    if (n->map != NULL)
        (void)munmap(n->map, n->len);
    if (n->fd >= 0)
        (void)close(n->fd); /* nothing buffered: stores went to the mapping */
    *n = (struct nvm){ .fd = -1 };
}

int nvm_index(const struct nvm *n, uint32_t addr, uint32_t len)
{
    for (int i = 0; i < NVM_AREAS; i++) {
        const struct nvm_area *a = &n->area[i];
        const uint32_t off = addr - a->base;

        if (off < a->size && len <= a->size - off)
            return i;
    }
    return -1;
}

struct nvm_area *nvm_find(struct nvm *n, uint32_t addr, uint32_t len)
{
    const int i = nvm_index(n, addr, len);

    return i < 0 ? NULL : &n->area[i];
}

uint64_t nvm_get(const struct nvm_area *a, uint32_t off, uint32_t len)
{
    uint64_t v = 0;

    for (uint32_t i = 0; i < len; i++)
        v |= (uint64_t)a->data[off + i] << (8 * i);
    return v;
}

/* What is stuck in this range goes back to its value. */
static void settle(struct nvm *n, struct nvm_area *a, uint32_t off, uint32_t len)
{
    for (uint32_t i = 0; i < n->head->n_bad; i++) {
        const struct nvm_bad_bit *b = &n->head->bad[i];
        const uint32_t at = b->addr - a->base;

        if (b->period != 0 || b->addr < a->base || at < off || at - off >= len)
            continue;
        const uint8_t mask = (uint8_t)(1u << b->bit);
        a->data[at] = (uint8_t)(b->value != 0 ? a->data[at] | mask : a->data[at] & ~mask);
    }
}

void nvm_put(struct nvm *n, struct nvm_area *a, uint32_t off, uint32_t len, uint64_t value)
{
    for (uint32_t i = 0; i < len; i++)
        a->data[off + i] = (uint8_t)(value >> (8 * i));
    settle(n, a, off, len);
}

void nvm_erase(struct nvm *n, struct nvm_area *a, uint32_t off, uint32_t len)
{
    memset(a->data + off, 0xFF, len);
    memset(a->spent + off / NVM_GRANULE / 8, 0, len / NVM_GRANULE / 8);
    memset(a->ecc + off / NVM_GRANULE / 8, 0, len / NVM_GRANULE / 8);
    settle(n, a, off, len);
}

bool nvm_bit(const uint8_t *bits, uint32_t off)
{
    const uint32_t g = off / NVM_GRANULE;

    return (bits[g / 8] >> (g % 8) & 1) != 0;
}

void nvm_bit_set(uint8_t *bits, uint32_t off, bool on)
{
    const uint32_t g = off / NVM_GRANULE;
    const uint8_t mask = (uint8_t)(1u << (g % 8));

    bits[g / 8] = (uint8_t)(on ? bits[g / 8] | mask : bits[g / 8] & ~mask);
}

bool nvm_bad_bit(struct nvm *n, uint32_t addr, unsigned bit, bool value, unsigned period)
{
    struct nvm_area *a = nvm_find(n, addr, 1);

    if (a == NULL || bit > 7 || n->head->n_bad == NVM_BAD_BITS)
        return false;
    n->head->bad[n->head->n_bad] =
        (struct nvm_bad_bit){ .addr = addr, .period = period, .bit = (uint8_t)bit, .value = value };
    n->head->n_bad++; /* after its row: a kill in between must not leave a row of zeros */
    settle(n, a, addr - a->base, 1);
    return true;
}

uint32_t nvm_weak(struct nvm *n, uint32_t addr, uint32_t len)
{
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < n->head->n_bad; i++) {
        struct nvm_bad_bit *b = &n->head->bad[i];

        if (b->period == 0 || b->addr < addr || b->addr - addr >= len)
            continue;
        if (++b->reads % b->period == 0)
            wrong ^= 1u << (8 * (b->addr - addr) + b->bit);
    }
    return wrong;
}

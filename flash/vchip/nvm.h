/* flash/vchip/nvm.h - the cells themselves: arrays of bytes that a state file keeps, and what no read shows of them.
 * Boundary: the flash controllers above; a shared mapping of the file (or plain memory) below.  Knows no rule of
 * programming. Memory: one mapping, freed by nvm_close.  Threads: one per object. Power: changed in place; the file holds
 * every byte as soon as it is stored here, also when the process is killed. */
#ifndef VCHIP_NVM_H
#define VCHIP_NVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "flash/chips/chips.h"

enum { NVM_OPTIONS = 9, NVM_BAD_BITS = 32, NVM_GRANULE = 8 /* bytes that one spent or ECC bit stands for */ };

enum nvm_area_id { NVM_FLASH, NVM_OTP, NVM_LOCKS, NVM_AREAS };

struct nvm_area {
    uint32_t base, size; /* bytes; size 0: the chip has none */
    uint8_t *data;       /* [size] */
    uint8_t *spent;      /* 1 bit a granule: was programmed, whatever its value */
    uint8_t *ecc;        /* 1 bit a granule: data and ECC do not match */
};

struct nvm_bad_bit { /* period 0: stuck at value; else weak, wrong on every period-th read */
    uint32_t addr, period, reads;
    uint8_t bit, value;
    uint8_t pad[2];
};

struct nvm_head { /* first page of the file, host byte order: another order reads as another version */
    char magic[8];
    uint32_t version;
    char chip[20];
    uint32_t flash_size, otp_size, locks;
    uint32_t options[NVM_OPTIONS];
    uint32_t options_torn; /* power went while they were programmed: words and complements differ */
    uint8_t uid[CHIP_UID_LEN];
    uint32_t n_bad;
    struct nvm_bad_bit bad[NVM_BAD_BITS];
};

struct nvm {
    struct nvm_head *head;
    struct nvm_area area[NVM_AREAS];
    void *map;
    size_t len;
    int fd; /* -1: plain memory */
};

/* Open as silicon_open says; a fresh part gets these options. */
enum err_code nvm_open(struct nvm *n, const struct chip_desc *desc, const char *path, const uint32_t options[NVM_OPTIONS],
                       struct err *e) __attribute__((warn_unused_result));
void nvm_close(struct nvm *n);

/* All ones, no bad bits, these options, this UID (random when NULL). */
void nvm_blank(struct nvm *n, const uint8_t *uid, const uint32_t options[NVM_OPTIONS]);

/* The area that holds all of addr..addr+len-1: its number or -1, itself or NULL. */
int nvm_index(const struct nvm *n, uint32_t addr, uint32_t len);
struct nvm_area *nvm_find(struct nvm *n, uint32_t addr, uint32_t len);

/* Little-endian value of len (1..8) bytes at off. */
uint64_t nvm_get(const struct nvm_area *a, uint32_t off, uint32_t len);
/* Store; stuck bits keep their value. */
void nvm_put(struct nvm *n, struct nvm_area *a, uint32_t off, uint32_t len, uint64_t value);
/* All ones, not spent, no ECC error; off and len multiples of 64 bytes.  Stuck bits keep their value. */
void nvm_erase(struct nvm *n, struct nvm_area *a, uint32_t off, uint32_t len);

bool nvm_bit(const uint8_t *bits, uint32_t off); /* spent or ecc, of the granule that holds byte off */
void nvm_bit_set(uint8_t *bits, uint32_t off, bool on);

/* Add a stuck (period 0) or weak bit; false when addr is no cell or the list is full. */
bool nvm_bad_bit(struct nvm *n, uint32_t addr, unsigned bit, bool value, unsigned period);
/* Which bits of this read come out wrong; counts the read. */
uint32_t nvm_weak(struct nvm *n, uint32_t addr, uint32_t len);

#endif

/* flash/chips/chips.h - what we know of each chip: one constant entry per part, data only.
 * Both sides read it: the line (flash/openocd, cli) to burn the part, the simulated board (flash/vchip) to be the part.  A
 * wrong number here does not go unseen: OpenOCD's own drivers hold the same addresses, and the tests run them against the
 * simulated part. To add a chip: one file with one entry here, its name in chips.c; a flash model in flash/vchip/ only if
 * `controller` is new. */
#ifndef FLASH_CHIPS_H
#define FLASH_CHIPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHIP_UID_LEN = 12,   /* bytes; 96-bit unique device ID */
    CHIP_OTP_MAX = 1024, /* bytes; largest OTP area of any entry */
    CHIP_CELL_MAX = 8,   /* bytes; largest cell */
    CHIP_SECTORS_MAX = 4 /* runs of equal sectors */
};

/* Which flash controller programs the part: decides the register rules on both sides. */
enum flash_controller {
    FLASH_STM32L4, /* RM0351 ch. 3: 64-bit cells with ECC, programmed once */
    FLASH_STM32F4  /* RM0090 ch. 3: bits go 1 -> 0, a lock byte per OTP block */
};

struct chip_desc {
    const char *name;   /* in configs and commands: "stm32l476" */
    const char *title;  /* for people: "STM32L476xx" */
    const char *source; /* documents the numbers come from */

    struct {                  /* how the debug port names itself */
        uint32_t jtag_idcode; /* of the JTAG-DP */
        uint32_t swd_dpidr;
        uint32_t bs_idcode; /* of the boundary-scan TAP behind it */
    } debug;
    struct { /* DBGMCU_IDCODE: REV_ID 31:16, DEV_ID 11:0 */
        uint32_t addr;
        uint32_t idcode; /* of the revision that the simulated board shows */
        uint16_t dev_id; /* compared on the line */
    } dbgmcu;
    uint32_t uid_addr;        /* CHIP_UID_LEN bytes */
    uint32_t flash_size_addr; /* uint16_t, KiB */

    enum flash_controller controller;
    uint32_t flash_regs; /* base of the FLASH register block */
    struct {
        uint32_t base, size; /* bytes, of the largest part of the line */
        struct {
            uint32_t count, size; /* so many sectors (pages) of so many bytes, in address order; size 0 ends the list */
        } run[CHIP_SECTORS_MAX];
    } flash;
    struct {
        uint32_t base, size; /* bytes; size <= CHIP_OTP_MAX */
        uint32_t cell;       /* bytes that one program pulse writes */
        uint32_t lock_base;  /* first lock byte; 0 = the part has none */
        uint32_t block;      /* bytes that one lock byte guards; 0 = none */
        bool ecc;            /* a torn cell is noticed by its ECC; without, it reads as some value in between */
    } otp;
    struct {
        uint32_t base, size; /* main SRAM */
    } ram, ram2;             /* ram2: second bank at its own address, size 0 = none */

    struct {
        const char *target_cfg; /* stock script: "target/stm32l4x.cfg" */
        const char *cpu;        /* its name for TAP and target: "stm32l4x.cpu" */
        const char *bs;         /* its name for the boundary-scan TAP: "stm32l4x.bs" */
        uint32_t work_area;     /* bytes at ram.base that its loader uses */
    } openocd;
};

/* All entries, in the order of `chip list`. */
extern const struct chip_desc *const chip_descs[];
extern const size_t chip_descs_n;

/* The entry of that exact name, or NULL. */
const struct chip_desc *chip_desc_find(const char *name);

#endif

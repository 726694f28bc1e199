#include "flash/chips/chips.h"

const struct chip_desc chip_stm32l476 = {
    .name = "stm32l476",
    .title = "STM32L476xx",
    .source = "RM0351 ch. 3, 48, 49; DS10198",
    .debug = { .jtag_idcode = 0x4BA00477, .swd_dpidr = 0x2BA01477, .bs_idcode = 0x06415041 },
    .dbgmcu = { .addr = 0xE0042000, .idcode = 0x10076415, .dev_id = 0x415 },
    .uid_addr = 0x1FFF7590,
    .flash_size_addr = 0x1FFF75E0,
    .controller = FLASH_STM32L4,
    .flash_regs = 0x40022000,
    .flash = { .base = 0x08000000, .size = 1024 * 1024, .run = { { .count = 512, .size = 2048 } } },
    .otp = { .base = 0x1FFF7000, .size = 1024, .cell = 8, .ecc = true },
    .ram = { .base = 0x20000000, .size = 96 * 1024 },
    .ram2 = { .base = 0x10000000, .size = 32 * 1024 },
    .openocd = { .target_cfg = "target/stm32l4x.cfg", .cpu = "stm32l4x.cpu", .bs = "stm32l4x.bs", .work_area = 0xA000 },
};

#include "flash/chips/chips.h"

const struct chip_desc chip_stm32f407 = {
    .name = "stm32f407",
    .title = "STM32F405/407xx",
    .source = "RM0090 ch. 3, 38, 39; DS8626",
    .debug = { .jtag_idcode = 0x4BA00477, .swd_dpidr = 0x2BA01477, .bs_idcode = 0x06413041 },
    .dbgmcu = { .addr = 0xE0042000, .idcode = 0x10076413, .dev_id = 0x413 },
    .uid_addr = 0x1FFF7A10,
    .flash_size_addr = 0x1FFF7A22,
    .controller = FLASH_STM32F4,
    .flash_regs = 0x40023C00,
    .flash = { .base = 0x08000000,
               .size = 1024 * 1024,
               .run = { { .count = 4, .size = 16 * 1024 },
                        { .count = 1, .size = 64 * 1024 },
                        { .count = 7, .size = 128 * 1024 } } },
    /* x16 pulses, as OpenOCD's stock driver writes the firmware: one rule for the supply (2.1 V and up), not two. */
    .otp = { .base = 0x1FFF7800, .size = 512, .cell = 2, .lock_base = 0x1FFF7A00, .block = 32 },
    .ram = { .base = 0x20000000, .size = 128 * 1024 },
    .ram2 = { .base = 0x10000000, .size = 64 * 1024 },
    .openocd = { .target_cfg = "target/stm32f4x.cfg", .cpu = "stm32f4x.cpu", .bs = "stm32f4x.bs", .work_area = 0x8000 },
};

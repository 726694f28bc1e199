#include "flash/vchip/bus.h"

#include <string.h>

enum { DBGMCU_SIZE = 4 * DBGMCU_WORDS };
static const uint32_t ppb_base = 0xE0000000, ppb_size = 0x00100000; /* ARMv7-M ARM B3.1 */

enum bus_master bus_core_master(const struct bus *b, uint32_t pc)
{
    return memory_at(b->memory, pc, 1) != NULL ? BUS_CPU_RAM : BUS_CPU_FLASH;
}

/* Boot from flash: address 0 shows the main array (RM0351 s. 2.6, RM0090 s. 2.4). */
static uint32_t unalias(const struct bus *b, uint32_t addr)
{
    return addr < b->desc->flash.size ? addr + b->desc->flash.base : addr;
}

static bool is_dbgmcu(const struct bus *b, uint32_t addr)
{
    return addr - b->desc->dbgmcu.addr < DBGMCU_SIZE;
}

/* RDP level 1 closes SRAM2 of the L4 as it closes the flash: RM0351 s. 3.5.1, access status table. */
static bool ram_closed(const struct bus *b, enum bus_master m, uint32_t addr)
{
    if (addr - b->memory->ram[1].base >= b->memory->ram[1].size || b->desc->controller != FLASH_STM32L4)
        return false;
    return silicon_rdp(b->silicon) == 1 && (m == BUS_DEBUG || !silicon_flash_open(b->silicon));
}

static uint32_t lanes(unsigned size)
{
    return size == 4 ? UINT32_MAX : (1u << 8 * size) - 1;
}

static uint32_t dbgmcu_read(const struct bus *b, uint32_t addr, unsigned size)
{
    uint32_t word = (addr - b->desc->dbgmcu.addr) / 4;
    uint32_t v = word == 0 ? b->desc->dbgmcu.idcode : b->dbgmcu[word];

    return v >> 8 * (addr & 3) & lanes(size);
}

static void dbgmcu_write(struct bus *b, uint32_t addr, unsigned size, uint32_t value)
{
    uint32_t word = (addr - b->desc->dbgmcu.addr) / 4, mask = lanes(size) << 8 * (addr & 3);

    if (word != 0)
        b->dbgmcu[word] = (b->dbgmcu[word] & ~mask) | (value << 8 * (addr & 3) & mask);
}

enum bus_status bus_read(struct bus *b, enum bus_master m, uint32_t addr, unsigned size, uint32_t *value)
{
    const uint8_t *ram = memory_at(b->memory, addr, size);

    if (ram_closed(b, m, addr))
        return BUS_FAULT;
    if (ram != NULL) {
        *value = 0;
        memcpy(value, ram, size); /* ASSUME: little-endian host, as Unicorn's shared memory */
        return BUS_OK;
    }
    addr = unalias(b, addr);
    if ((addr & (size - 1)) != 0)
        return BUS_FAULT;
    if (silicon_owns(b->silicon, addr))
        return silicon_read(b->silicon, m, addr, size, value);
    if (is_dbgmcu(b, addr)) {
        *value = dbgmcu_read(b, addr, size);
        return BUS_OK;
    }
    if (addr - ppb_base < ppb_size)
        return core_ppb_read(b->core, m, addr, size, value);
    return periph_read(b->periph, addr, size, value);
}

enum bus_status bus_write(struct bus *b, enum bus_master m, uint32_t addr, unsigned size, uint32_t value)
{
    uint8_t *ram = memory_at(b->memory, addr, size);

    if (ram_closed(b, m, addr))
        return BUS_FAULT;
    if (ram != NULL) {
        memcpy(ram, &value, size);
        memory_changed(b->memory, addr, size);
        return BUS_OK;
    }
    addr = unalias(b, addr);
    if ((addr & (size - 1)) != 0)
        return BUS_FAULT;
    if (silicon_owns(b->silicon, addr))
        return silicon_write(b->silicon, m, addr, size, value);
    if (is_dbgmcu(b, addr)) {
        dbgmcu_write(b, addr, size, value);
        return BUS_OK;
    }
    if (addr - ppb_base < ppb_size)
        return core_ppb_write(b->core, m, addr, size, value);
    return periph_write(b->periph, addr, size, value);
}

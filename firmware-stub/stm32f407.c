/* STM32F405/407: RM0090 rev 19. */
#include "firmware-stub/chip.h"

#include <string.h>

#include "firmware-stub/stm32.h"

#define RCC_CR REG(0x40023800)
#define RCC_CFGR REG(0x40023808)
#define RCC_AHB1ENR REG(0x40023830)
#define RCC_AHB2ENR REG(0x40023834)
#define RCC_APB1ENR REG(0x40023840)
#define FLASH_ACR REG(0x40023C00)
#define FLASH_KEYR REG(0x40023C04)
#define FLASH_SR REG(0x40023C0C)
#define FLASH_CR REG(0x40023C10)
#define FLASH_OPTCR REG(0x40023C14)
#define GPIOA_MODER REG(0x40020000)
#define GPIOA_AFRL REG(0x40020020)
#define USART2_BRR REG(0x40004408)
#define USART2_CR1 REG(0x4000440C)

#define FLASH_SR_ERRORS UINT32_C(0xF2) /* PGSERR PGPERR PGAERR WRPERR OPERR */
#define FLASH_SR_BSY BIT(16)
#define FLASH_CR_PG BIT(0) /* PSIZE 0: a byte at a time, at any supply voltage (3.6.2) */
#define FLASH_CR_SER BIT(1)
#define FLASH_CR_STRT BIT(16)
#define FLASH_CR_LOCK BIT(31)

enum { KB = 1024, HSI_HZ = 16000000, PLL_HZ = 96000000 };
#define FLASH_BASE UINT32_C(0x08000000)

const uint32_t chip_otp = 0x1FFF7800;
const struct otp_cells *const chip_cells = &otp_cells_f407;
const uint32_t chip_records[COUNTER_PAGES] = { 0x08008000, 0x0800C000 }; /* sectors 2 and 3 */
const unsigned chip_record_slots = 128; /* of 512: a start reads them all, and the sectors bear far more erases than the
                                           boot numbers can ask for (2^18 / 256 each) */
const uint32_t chip_rotate[2] = { 0x08010000, 0x08020000 }; /* sectors 4 and 5: no smaller ones are left */
const struct chip_usart chip_usart = { &REG(0x40004400), &REG(0x40004404), &REG(0x40004404) };

/* ---- clocks, 7.2: PLLCFGR as after reset is 16 MHz / 16 * 192, / 2 = 96 MHz for the core, / 4 = 48 MHz for the RNG ---- */

static bool pll_start(void)
{
    RCC_CR |= BIT(24); /* PLLON */
    if (!stm32_wait(&RCC_CR, BIT(25), BIT(25)))
        return false;
    /* 3 wait states up to 120 MHz above 2.7 V; 5 do below it.  No data cache: it would answer a read-back. */
    FLASH_ACR = 5u | BIT(9);
    if (!stm32_wait(&FLASH_ACR, 7, 5))
        return false;
    RCC_CFGR |= 5u << 10; /* PPRE1: APB1 = HCLK / 4, at most 42 MHz */
    RCC_CFGR |= 2u;       /* SW: PLL */
    return stm32_wait(&RCC_CFGR, 3u << 2, 2u << 2);
}

uint32_t chip_start(void)
{
    bool pll = pll_start();
    RCC_AHB1ENR |= BIT(0);  /* GPIOA */
    RCC_AHB2ENR |= BIT(6);  /* RNG */
    RCC_APB1ENR |= BIT(17); /* USART2 */
    stm32_barrier();
    GPIOA_MODER = (GPIOA_MODER & ~(0xFu << 4)) | 0xAu << 4; /* PA2, PA3: AF7 */
    GPIOA_AFRL = (GPIOA_AFRL & ~(0xFFu << 8)) | 0x77u << 8;
    uint32_t apb1 = (RCC_CFGR >> 10 & 7) == 5 ? (pll ? PLL_HZ : HSI_HZ) / 4 : HSI_HZ;
    USART2_BRR = (apb1 + 115200 / 2) / 115200;
    USART2_CR1 = BIT(13) | BIT(2) | BIT(3) | BIT(5); /* UE RE TE RXNEIE */
    return pll ? PLL_HZ : HSI_HZ;
}

bool chip_read(uint32_t addr, void *out, size_t len) /* no ECC on this part: a torn cell is just a wrong one */
{
    uint8_t *to = out;
    for (size_t i = 0; i < len; i += 4) {
        uint32_t word = REG(addr + i);
        memcpy(to + i, &word, len - i < 4 ? len - i : 4);
    }
    return true;
}

/* ---- programming, 3.6 ---- */

static bool unlock(void)
{
    if (!stm32_wait(&FLASH_SR, FLASH_SR_BSY, 0))
        return false;
    if ((FLASH_CR & FLASH_CR_LOCK) != 0) {
        FLASH_KEYR = 0x45670123;
        FLASH_KEYR = 0xCDEF89AB;
    }
    FLASH_SR = FLASH_SR_ERRORS;
    return true;
}

/* The end of one operation.  False: the controller refused it. */
static bool done(void)
{
    stm32_barrier();
    bool ok = stm32_wait(&FLASH_SR, FLASH_SR_BSY, 0) && (FLASH_SR & FLASH_SR_ERRORS) == 0;
    FLASH_SR = FLASH_SR_ERRORS;
    return ok;
}

uint8_t chip_rdp(void)
{
    return stm32_rdp((uint8_t)(FLASH_OPTCR >> 8));
}

bool chip_program(uint32_t addr, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    bool ok = true;
    if (!unlock())
        return false;
    FLASH_CR = FLASH_CR_PG;
    for (size_t i = 0; i < len; i++) {
        *(volatile uint8_t *)(addr + i) = from[i];
        ok = done() && ok;
    }
    FLASH_CR = FLASH_CR_LOCK;
    return ok;
}

/* Table 5: four sectors of 16 KB, one of 64, then of 128. */
static uint32_t sector(uint32_t offset)
{
    return offset < 64 * KB ? offset / (16 * KB) : 4 + offset / (128 * KB);
}

bool chip_erase(uint32_t addr)
{
    uint32_t cr = FLASH_CR_SER | sector(addr - FLASH_BASE) << 3;
    if (!unlock())
        return false;
    FLASH_CR = cr;
    FLASH_CR = cr | FLASH_CR_STRT;
    bool ok = done();
    FLASH_CR = FLASH_CR_LOCK;
    return ok;
}

/* STM32L476: RM0351 rev 9. */
#include "firmware-stub/chip.h"

#include <string.h>

#include "firmware-stub/fault.h"
#include "firmware-stub/stm32.h"

#define RCC_CR REG(0x40021000)
#define RCC_CFGR REG(0x40021008)
#define RCC_PLLCFGR REG(0x4002100C)
#define RCC_AHB2ENR REG(0x4002104C)
#define RCC_APB1ENR1 REG(0x40021058)
#define RCC_CCIPR REG(0x40021088)
#define FLASH_ACR REG(0x40022000)
#define FLASH_KEYR REG(0x40022008)
#define FLASH_SR REG(0x40022010)
#define FLASH_CR REG(0x40022014)
#define FLASH_ECCR REG(0x40022018)
#define FLASH_OPTR REG(0x40022020)
#define GPIOA_MODER REG(0x48000000)
#define GPIOA_AFRL REG(0x48000020)
#define USART2_CR1 REG(0x40004400)
#define USART2_CR3 REG(0x40004408)
#define USART2_BRR REG(0x4000440C)

#define FLASH_SR_ERRORS UINT32_C(0xC3FA)
#define FLASH_SR_BSY BIT(16)
#define FLASH_CR_PG BIT(0)
#define FLASH_CR_PER BIT(1)
#define FLASH_CR_BKER BIT(11)
#define FLASH_CR_STRT BIT(16)
#define FLASH_CR_LOCK BIT(31)
#define FLASH_ECCR_ECCD BIT(31)

enum { DWORD = 8, PAGE = 2048, PAGES_PER_BANK = 256, MSI_HZ = 4000000, PLL_HZ = 72000000 };
#define FLASH_BASE UINT32_C(0x08000000)

const uint32_t chip_otp = 0x1FFF7000;
const struct otp_cells *const chip_cells = &otp_cells_l4;
const uint32_t chip_records[COUNTER_PAGES] = { 0x0807F000, 0x0807F800 }; /* the last two pages of bank 1 */
const unsigned chip_record_slots = PAGE / COUNTER_RECORD_LEN;
const uint32_t chip_rotate[2] = { 0x0807E000, 0x0807E800 }; /* the two pages before them */
const struct chip_usart chip_usart = { &REG(0x4000441C), &REG(0x40004424), &REG(0x40004428) };

/* ---- clocks, 6.2: HSI16 is good to 1 %, MSI to 3 %: too little for a serial line ---- */

/* 16 MHz / 2 * 36 = 288 MHz; / 4 = 72 MHz for the core, / 6 = 48 MHz for the RNG. */
static bool pll_start(void)
{
    RCC_CR |= BIT(8); /* HSION */
    if (!stm32_wait(&RCC_CR, BIT(10), BIT(10)))
        return false;
    RCC_PLLCFGR = 2u << 0 | (2 - 1) << 4 | 36u << 8 | BIT(20) | 2u << 21 | BIT(24) | 1u << 25;
    RCC_CR |= BIT(24); /* PLLON */
    if (!stm32_wait(&RCC_CR, BIT(25), BIT(25)))
        return false;
    /* 4 wait states up to 80 MHz (3.3.3).  No data cache: it would answer a read-back after programming. */
    FLASH_ACR = 4u | BIT(9);
    if (!stm32_wait(&FLASH_ACR, 7, 4))
        return false;
    RCC_CFGR |= 3u; /* SW: PLL */
    return stm32_wait(&RCC_CFGR, 3u << 2, 3u << 2);
}

uint32_t chip_start(void)
{
    FLASH_ACR &= ~BIT(10); /* DCEN */
    uint32_t hclk = pll_start() ? PLL_HZ : MSI_HZ;
    RCC_CCIPR = (RCC_CCIPR & ~(3u << 26)) | 2u << 26; /* CLK48SEL: PLL */
    RCC_AHB2ENR |= BIT(0) | BIT(18);                  /* GPIOA, RNG */
    RCC_APB1ENR1 |= BIT(17);                          /* USART2 */
    stm32_barrier();
    GPIOA_MODER = (GPIOA_MODER & ~(0xFu << 4)) | 0xAu << 4; /* PA2, PA3: AF7 */
    GPIOA_AFRL = (GPIOA_AFRL & ~(0xFFu << 8)) | 0x77u << 8;
    USART2_BRR = (hclk + 115200 / 2) / 115200;
    USART2_CR3 = BIT(12);                           /* OVRDIS: an overrun must not hold the interrupt up */
    USART2_CR1 = BIT(0) | BIT(2) | BIT(3) | BIT(5); /* UE RE TE RXNEIE */
    return hclk;
}

uint8_t chip_rdp(void)
{
    return stm32_rdp((uint8_t)FLASH_OPTR);
}

/* ---- reading: a double ECC error raises the NMI, 3.3.2 ---- */

static volatile bool reading, ecc_error;

void NMI_Handler(void);
void NMI_Handler(void)
{
    if ((FLASH_ECCR & FLASH_ECCR_ECCD) == 0)
        return; /* chip_read was quicker */
    FLASH_ECCR |= FLASH_ECCR_ECCD;
    if (!reading)
        fault_die(DEVICE_FAULT, 0); /* in the code itself */
    ecc_error = true;
}

bool chip_read(uint32_t addr, void *out, size_t len)
{
    uint8_t *to = out;
    reading = true;
    ecc_error = false;
    for (size_t i = 0; i < len; i += 4) {
        uint32_t word = REG(addr + i);
        memcpy(to + i, &word, len - i < 4 ? len - i : 4);
    }
    stm32_barrier();
    if ((FLASH_ECCR & FLASH_ECCR_ECCD) != 0) {
        FLASH_ECCR |= FLASH_ECCR_ECCD;
        ecc_error = true;
    }
    reading = false;
    return !ecc_error;
}

/* ---- programming, 3.3.6 and 3.3.7 ---- */

static bool unlock(void)
{
    if (!stm32_wait(&FLASH_SR, FLASH_SR_BSY, 0))
        return false;
    if ((FLASH_CR & FLASH_CR_LOCK) != 0) {
        FLASH_KEYR = 0x45670123;
        FLASH_KEYR = 0xCDEF89AB;
    }
    FLASH_SR = FLASH_SR_ERRORS; /* an old one would refuse the next operation */
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

bool chip_program(uint32_t addr, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    bool ok = true;
    if (!unlock())
        return false;
    for (size_t i = 0; i < len; i += DWORD) {
        uint32_t word[2];
        memcpy(word, from + i, sizeof word);
        FLASH_CR = FLASH_CR_PG;
        REG(addr + i) = word[0];
        REG(addr + i + 4) = word[1];
        ok = done() && ok;
    }
    FLASH_CR = FLASH_CR_LOCK;
    return ok;
}

bool chip_erase(uint32_t addr)
{
    uint32_t page = (addr - FLASH_BASE) / PAGE;
    uint32_t cr = FLASH_CR_PER | page % PAGES_PER_BANK << 3 | (page >= PAGES_PER_BANK ? FLASH_CR_BKER : 0);
    if (!unlock())
        return false;
    FLASH_CR = cr;
    FLASH_CR = cr | FLASH_CR_STRT;
    bool ok = done();
    FLASH_CR = FLASH_CR_LOCK;
    return ok;
}

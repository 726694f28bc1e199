#include "flash/vchip/rcc.h"

#include <stdlib.h>
#include <string.h>

enum { RCC_CR = 0x00, L4_CFGR = 0x08, L4_PLLCFGR = 0x0C, F4_PLLCFGR = 0x04, F4_CFGR = 0x08, L4_CCIPR = 0x88 };
enum { HSI_HZ = 16000000, HSE_HZ = 8000000, RCC_WORDS = 0x100 / 4 };

struct ready { /* a bit that software sets, and the one that hardware answers with */
    uint16_t reg;
    uint8_t on, rdy;
};

struct reset_value {
    uint16_t reg;
    uint32_t value;
};

struct family {
    const struct ready *ready;
    size_t n_ready;
    const struct reset_value *reset;
    size_t n_reset;
    uint16_t csr;       /* reset flags and LSI */
    uint32_t rmvf;      /* remove reset flags */
    uint32_t flag_mask; /* all reset flags */
    uint32_t flag[5];   /* by enum reset_cause */
    uint32_t (*sysclk)(const struct rcc *r);
    bool (*clk48)(const struct rcc *r);
    uint32_t csr_reset; /* MSISRANGE: 4 MHz (L4) */
};

struct rcc {
    const struct family *family;
    uint32_t reg[RCC_WORDS];
};

static uint32_t reg_of(const struct rcc *r, uint32_t offset)
{
    return r->reg[offset / 4];
}

/* ---- STM32L4 ---- */

static const struct ready l4_ready[] = {
    { RCC_CR, 0, 1 },   /* MSI */
    { RCC_CR, 8, 10 },  /* HSI16 */
    { RCC_CR, 16, 17 }, /* HSE */
    { RCC_CR, 24, 25 }, /* PLL */
    { RCC_CR, 26, 27 }, /* PLLSAI1 */
    { RCC_CR, 28, 29 }, /* PLLSAI2 */
    { 0x90, 0, 1 },     /* BDCR: LSE */
    { 0x94, 0, 1 },     /* CSR: LSI */
};

static const struct reset_value l4_reset[] = {
    { RCC_CR, 0x00000063 }, { 0x04, 0x10400000 }, { L4_PLLCFGR, 0x00001000 },
    { 0x10, 0x00001000 },   { 0x14, 0x00001000 }, { 0x48, 0x00000100 }, /* AHB1ENR: flash interface */
};

/* RM0351 6.4.1, MSIRANGE */
static const uint32_t msi_hz[16] = { 100000,  200000,  400000,   800000,   1000000,  2000000,
                                     4000000, 8000000, 16000000, 24000000, 32000000, 48000000 };

static uint32_t l4_msi(const struct rcc *r)
{
    bool from_cr = (reg_of(r, RCC_CR) & 1u << 3) != 0; /* MSIRGSEL */
    unsigned range = from_cr ? reg_of(r, RCC_CR) >> 4 & 15 : reg_of(r, 0x94) >> 8 & 15;

    return msi_hz[range];
}

static uint32_t l4_pll(const struct rcc *r)
{
    uint32_t c = reg_of(r, L4_PLLCFGR);
    const uint32_t source[4] = { 0, l4_msi(r), HSI_HZ, HSE_HZ };
    uint64_t vco = (uint64_t)source[c & 3] / ((c >> 4 & 7) + 1) * (c >> 8 & 0x7F);

    return (uint32_t)(vco / (2 * ((c >> 25 & 3) + 1)));
}

static uint32_t l4_sysclk(const struct rcc *r)
{
    const uint32_t hz[4] = { l4_msi(r), HSI_HZ, HSE_HZ, l4_pll(r) };

    return hz[reg_of(r, L4_CFGR) >> 2 & 3];
}

static bool l4_clk48(const struct rcc *r)
{
    uint32_t cr = reg_of(r, RCC_CR);
    const bool source[4] = { false, (cr & 1u << 27) != 0, (cr & 1u << 25) != 0, (cr & 1u << 1) != 0 };

    return source[reg_of(r, L4_CCIPR) >> 26 & 3]; /* CLK48SEL: none, PLLSAI1, PLL, MSI */
}

/* ---- STM32F4 ---- */

static const struct ready f4_ready[] = {
    { RCC_CR, 0, 1 },   /* HSI */
    { RCC_CR, 16, 17 }, /* HSE */
    { RCC_CR, 24, 25 }, /* PLL */
    { RCC_CR, 26, 27 }, /* PLLI2S */
    { 0x70, 0, 1 },     /* BDCR: LSE */
    { 0x74, 0, 1 },     /* CSR: LSI */
};

static const struct reset_value f4_reset[] = {
    { RCC_CR, 0x00000083 }, { F4_PLLCFGR, 0x24003010 }, { 0x30, 0x00100000 }, /* AHB1ENR: CCM data RAM */
};

static uint32_t f4_sysclk(const struct rcc *r)
{
    uint32_t c = reg_of(r, F4_PLLCFGR), m = c & 63;
    uint64_t vco = m == 0 ? 0 : (uint64_t)((c & 1u << 22) != 0 ? HSE_HZ : HSI_HZ) / m * (c >> 6 & 0x1FF);
    const uint32_t hz[4] = { HSI_HZ, HSE_HZ, (uint32_t)(vco / (2 * ((c >> 16 & 3) + 1))), 0 };

    return hz[reg_of(r, F4_CFGR) >> 2 & 3];
}

static bool f4_clk48(const struct rcc *r)
{
    return (reg_of(r, RCC_CR) & 1u << 25) != 0; /* PLL48CLK needs the PLL */
}

static const struct family families[] = {
    [FLASH_STM32L4] = { l4_ready,
                        sizeof l4_ready / sizeof *l4_ready,
                        l4_reset,
                        sizeof l4_reset / sizeof *l4_reset,
                        0x94,
                        1u << 23,
                        0xFF000000,
                        { 0x0C000000, 0x04000000, 0x14000000, 0x24000000, 0x06000000 },
                        l4_sysclk,
                        l4_clk48,
                        0x600 },
    [FLASH_STM32F4] = { f4_ready,
                        sizeof f4_ready / sizeof *f4_ready,
                        f4_reset,
                        sizeof f4_reset / sizeof *f4_reset,
                        0x74,
                        1u << 24,
                        0xFE000000,
                        { 0x0E000000, 0x04000000, 0x14000000, 0x24000000, 0x04000000 },
                        f4_sysclk,
                        f4_clk48,
                        0 },
};

struct rcc *rcc_new(enum flash_controller family)
{
    struct rcc *r = calloc(1, sizeof *r);

    if (r != NULL)
        r->family = &families[family];
    return r;
}

void rcc_free(struct rcc *r)
{
    free(r);
}

/* Everything is ready at once; the switch follows its request when the clock it asks for is there. */
static void settle(struct rcc *r)
{
    const struct family *f = r->family;

    for (size_t i = 0; i < f->n_ready; i++) {
        uint32_t *reg = &r->reg[f->ready[i].reg / 4];
        uint32_t on = *reg >> f->ready[i].on & 1;
        *reg = (*reg & ~(1u << f->ready[i].rdy)) | on << f->ready[i].rdy;
    }
    uint32_t *cfgr = &r->reg[L4_CFGR / 4]; /* the same offset and bits in both */
    *cfgr = (*cfgr & ~(3u << 2)) | (*cfgr & 3) << 2;
}

static void rcc_reset(void *dev, enum reset_cause cause)
{
    struct rcc *r = dev;
    const struct family *f = r->family;
    uint32_t flags = cause == RESET_POWER ? 0 : reg_of(r, f->csr) & f->flag_mask;

    memset(r->reg, 0, sizeof r->reg);
    for (size_t i = 0; i < f->n_reset; i++)
        r->reg[f->reset[i].reg / 4] = f->reset[i].value;
    r->reg[f->csr / 4] = flags | f->flag[cause] | f->csr_reset;
    settle(r);
}

static uint32_t rcc_read(void *dev, uint32_t offset)
{
    const struct rcc *r = dev;

    return offset / 4 < RCC_WORDS ? reg_of(r, offset) : 0;
}

static void rcc_write(void *dev, uint32_t offset, uint32_t value, uint32_t mask)
{
    struct rcc *r = dev;
    const struct family *f = r->family;

    if (offset / 4 >= RCC_WORDS)
        return;
    uint32_t *reg = &r->reg[offset / 4];
    uint32_t keep = offset == f->csr ? f->flag_mask : 0; /* read-only */
    *reg = (*reg & (~mask | keep)) | (value & mask & ~keep);
    if (offset == f->csr && (value & mask & f->rmvf) != 0)
        *reg &= ~(f->flag_mask | f->rmvf);
    settle(r);
}

const struct device_ops rcc_ops = { rcc_reset, rcc_read, rcc_write };

uint32_t rcc_hclk_hz(const struct rcc *r)
{
    static const uint8_t shift[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 6, 7, 8, 9 }; /* HPRE: there is no /32 */
    uint32_t hz = r->family->sysclk(r) >> shift[reg_of(r, L4_CFGR) >> 4 & 15];

    return hz > 0 ? hz : HSI_HZ; /* a nonsense PLL setting must not stop the simulated time */
}

bool rcc_gate(const struct rcc *r, uint32_t enable_register, unsigned bit)
{
    return (reg_of(r, enable_register) >> bit & 1) != 0;
}

bool rcc_clk48(const struct rcc *r)
{
    return r->family->clk48(r);
}

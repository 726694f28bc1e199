#include "flash/vchip/periph.h"

#include <stdlib.h>
#include <string.h>

#include "flash/vchip/iwdg.h"
#include "flash/vchip/rcc.h"

enum { WINDOW = 0x400, STORE_WORDS = 0x40 / 4, PLACES_MAX = 16, USART2_IRQN = 38 };
enum kind { KIND_RCC, KIND_USART, KIND_RNG, KIND_IWDG, KIND_GPIO, KIND_STORE };

/* Where a peripheral is, and the RCC bit that gives it its clock; gate 0: always on. */
struct place {
    enum kind kind;
    uint32_t base;
    uint16_t gate;
    uint8_t bit;
    uint8_t count; /* so many alike, a window and a bit further each */
};

/* RM0351 rev 9, 2.2.2 memory map and 6.4 RCC registers */
static const struct place stm32l4[] = {
    { KIND_RCC, 0x40021000, 0, 0, 1 },      { KIND_USART, 0x40004400, 0x58, 17, 1 },
    { KIND_RNG, 0x50060800, 0x4C, 18, 1 },  { KIND_IWDG, 0x40003000, 0, 0, 1 },
    { KIND_GPIO, 0x48000000, 0x4C, 0, 8 },  { KIND_STORE, 0x40007000, 0x58, 28, 1 }, /* PWR */
    { KIND_STORE, 0x40010000, 0x60, 0, 1 },                                          /* SYSCFG */
};
/* RM0090 rev 19, 2.3 memory map and 7.3 RCC registers */
static const struct place stm32f4[] = {
    { KIND_RCC, 0x40023800, 0, 0, 1 },       { KIND_USART, 0x40004400, 0x40, 17, 1 },
    { KIND_RNG, 0x50060800, 0x34, 6, 1 },    { KIND_IWDG, 0x40003000, 0, 0, 1 },
    { KIND_GPIO, 0x40020000, 0x30, 0, 9 },   { KIND_STORE, 0x40007000, 0x40, 28, 1 }, /* PWR */
    { KIND_STORE, 0x40013800, 0x44, 14, 1 },                                          /* SYSCFG */
};
static const struct {
    const struct place *place;
    size_t n;
} families[] = {
    [FLASH_STM32L4] = { stm32l4, sizeof stm32l4 / sizeof *stm32l4 },
    [FLASH_STM32F4] = { stm32f4, sizeof stm32f4 / sizeof *stm32f4 },
};

struct store {
    uint32_t reg[STORE_WORDS];
};

struct slot {
    uint32_t base;
    uint16_t gate;
    uint8_t bit;
    enum kind kind;
    const struct device_ops *ops;
    void *dev;
    struct store store;
};

struct periph {
    struct slot slot[PLACES_MAX];
    size_t n;
    struct rcc *rcc;
    struct usart *usart;
    struct rng *rng;
    struct iwdg *iwdg;
};

/* ---- plain registers ---- */

static void store_reset(void *dev, enum reset_cause cause)
{
    (void)cause;
    memset(dev, 0, sizeof(struct store));
}

static uint32_t store_read(void *dev, uint32_t offset)
{
    const struct store *s = dev;

    return offset / 4 < STORE_WORDS ? s->reg[offset / 4] : 0;
}

static void store_write(void *dev, uint32_t offset, uint32_t value, uint32_t mask)
{
    struct store *s = dev;

    if (offset / 4 < STORE_WORDS)
        s->reg[offset / 4] = (s->reg[offset / 4] & ~mask) | (value & mask);
}

static const struct device_ops store_ops = { store_reset, store_read, store_write };

/* ---- GPIO: outputs that can be read back; inputs are open ---- */

enum { GPIO_IDR = 0x10, GPIO_ODR = 0x14, GPIO_BSRR = 0x18, GPIO_BRR = 0x28 };

static uint32_t gpio_read(void *dev, uint32_t offset)
{
    if (offset == GPIO_BSRR || offset == GPIO_BRR)
        return 0;
    return store_read(dev, offset == GPIO_IDR ? GPIO_ODR : offset);
}

static void gpio_write(void *dev, uint32_t offset, uint32_t value, uint32_t mask)
{
    uint32_t v = value & mask, odr = store_read(dev, GPIO_ODR);

    if (offset == GPIO_BSRR)
        store_write(dev, GPIO_ODR, (odr & ~(v >> 16)) | (v & 0xFFFF), 0xFFFF);
    else if (offset == GPIO_BRR)
        store_write(dev, GPIO_ODR, odr & ~v, 0xFFFF);
    else if (offset != GPIO_IDR)
        store_write(dev, offset, value, mask);
}

static const struct device_ops gpio_ops = { store_reset, gpio_read, gpio_write };

/* ---- assembly ---- */

static void plug(struct periph *p, const struct place *at, unsigned i)
{
    struct slot *s = &p->slot[p->n++];
    const struct {
        const struct device_ops *ops;
        void *dev;
    } device[] = {
        [KIND_RCC] = { &rcc_ops, p->rcc },      [KIND_USART] = { &usart_ops, p->usart },
        [KIND_RNG] = { &rng_ops, p->rng },      [KIND_IWDG] = { &iwdg_ops, p->iwdg },
        [KIND_GPIO] = { &gpio_ops, &s->store }, [KIND_STORE] = { &store_ops, &s->store },
    };

    s->base = at->base + i * WINDOW;
    s->gate = at->gate;
    s->bit = (uint8_t)(at->bit + i);
    s->kind = at->kind;
    s->ops = device[at->kind].ops;
    s->dev = device[at->kind].dev;
}

struct periph *periph_new(const struct chip_desc *desc, const struct device_port *port)
{
    struct periph *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    p->rcc = rcc_new(desc->controller);
    p->usart = usart_new(desc->controller, USART2_IRQN, port);
    p->rng = rng_new();
    p->iwdg = iwdg_new(port);
    if (p->rcc == NULL || p->usart == NULL || p->rng == NULL || p->iwdg == NULL) {
        periph_free(p);
        return NULL;
    }
    for (size_t i = 0; i < families[desc->controller].n; i++)
        for (unsigned k = 0; k < families[desc->controller].place[i].count; k++)
            plug(p, &families[desc->controller].place[i], k);
    return p;
}

void periph_free(struct periph *p)
{
    if (p == NULL)
        return;
    rcc_free(p->rcc);
    usart_free(p->usart);
    rng_free(p->rng);
    iwdg_free(p->iwdg);
    free(p);
}

void periph_reset(struct periph *p, enum reset_cause cause)
{
    for (size_t i = 0; i < p->n; i++)
        p->slot[i].ops->reset(p->slot[i].dev, cause);
}

/* The peripheral at addr; NULL where there is none. */
static struct slot *find(struct periph *p, uint32_t addr)
{
    for (size_t i = 0; i < p->n; i++)
        if (addr - p->slot[i].base < WINDOW)
            return &p->slot[i];
    return NULL;
}

static bool clocked(struct periph *p, const struct slot *s)
{
    if (s->kind == KIND_RNG)
        rng_set_clock(p->rng, rcc_clk48(p->rcc));
    return s->gate == 0 || rcc_gate(p->rcc, s->gate, s->bit);
}

static uint32_t lanes(uint32_t addr, unsigned size)
{
    uint32_t mask = size == 4 ? UINT32_MAX : (1u << 8 * size) - 1;

    return mask << 8 * (addr & 3);
}

enum bus_status periph_read(struct periph *p, uint32_t addr, unsigned size, uint32_t *value)
{
    struct slot *s = find(p, addr);

    if (s == NULL)
        return BUS_FAULT;
    uint32_t v = clocked(p, s) ? s->ops->read(s->dev, (addr - s->base) & ~3u) : 0;
    *value = (v & lanes(addr, size)) >> 8 * (addr & 3);
    return BUS_OK;
}

enum bus_status periph_write(struct periph *p, uint32_t addr, unsigned size, uint32_t value)
{
    struct slot *s = find(p, addr);

    if (s == NULL)
        return BUS_FAULT;
    if (clocked(p, s))
        s->ops->write(s->dev, (addr - s->base) & ~3u, value << 8 * (addr & 3), lanes(addr, size));
    return BUS_OK;
}

uint32_t periph_hclk_hz(const struct periph *p)
{
    return rcc_hclk_hz(p->rcc);
}

struct usart *periph_usart(struct periph *p)
{
    return p->usart;
}

struct rng *periph_rng(struct periph *p)
{
    return p->rng;
}

struct iwdg *periph_iwdg(struct periph *p)
{
    return p->iwdg;
}

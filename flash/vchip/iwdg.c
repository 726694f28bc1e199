#include "flash/vchip/iwdg.h"

#include <stdlib.h>

enum { IWDG_KR = 0, IWDG_PR = 4, IWDG_RLR = 8, IWDG_SR = 12, IWDG_WINR = 16 };
enum { KEY_RELOAD = 0xAAAA, KEY_UNLOCK = 0x5555, KEY_START = 0xCCCC, LSI_HZ = 32000 };

struct iwdg {
    struct device_port port;
    uint32_t pr, rlr;
    bool unlocked, running;
    uint64_t deadline;
};

struct iwdg *iwdg_new(const struct device_port *port)
{
    struct iwdg *w = calloc(1, sizeof *w);

    if (w != NULL)
        w->port = *port;
    return w;
}

void iwdg_free(struct iwdg *w)
{
    free(w);
}

static void iwdg_reset(void *dev, enum reset_cause cause)
{
    struct iwdg *w = dev;

    (void)cause;
    *w = (struct iwdg){ .port = w->port, .rlr = 0xFFF };
}

static void reload(struct iwdg *w)
{
    uint64_t divider = w->pr >= 6 ? 256 : 4u << w->pr;

    w->deadline = w->port.now_ns(w->port.io) + (w->rlr + 1) * divider * 1000000000u / LSI_HZ;
}

static void key(struct iwdg *w, uint32_t value)
{
    w->unlocked = value == KEY_UNLOCK;
    if (value == KEY_START)
        w->running = true;
    if (value == KEY_START || (value == KEY_RELOAD && w->running))
        reload(w);
}

static uint32_t iwdg_read(void *dev, uint32_t offset)
{
    const struct iwdg *w = dev;

    switch (offset) {
    case IWDG_PR:
        return w->pr;
    case IWDG_RLR:
        return w->rlr;
    case IWDG_WINR:
        return 0xFFF; /* the window is not modelled */
    default:
        return 0;
    }
}

static void iwdg_write(void *dev, uint32_t offset, uint32_t value, uint32_t mask)
{
    struct iwdg *w = dev;

    if (offset == IWDG_KR)
        key(w, value & mask & 0xFFFF);
    else if (offset == IWDG_PR && w->unlocked)
        w->pr = value & 7;
    else if (offset == IWDG_RLR && w->unlocked)
        w->rlr = value & 0xFFF;
}

const struct device_ops iwdg_ops = { iwdg_reset, iwdg_read, iwdg_write };

uint64_t iwdg_deadline_ns(const struct iwdg *w)
{
    return w->running ? w->deadline : UINT64_MAX;
}

void iwdg_freeze(struct iwdg *w)
{
    if (w->running)
        reload(w);
}

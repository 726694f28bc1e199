#include "flash/vchip/jtag.h"

#include <stdlib.h>

#include "flash/vchip/tap.h"

struct jtag {
    struct tap_chain chain;
    struct dp dp;
    struct jtag_port port;
    uint32_t own_idcode;
    uint64_t clocks;
    bool tck, trst, srst; /* levels; resets: true = active */
};

struct jtag *jtag_new(const struct chip_desc *desc, const struct jtag_port *port)
{
    struct jtag *j = calloc(1, sizeof *j);

    if (j == NULL)
        return NULL;
    j->port = *port;
    j->own_idcode = j->chain.dp_idcode = desc->debug.jtag_idcode;
    j->chain.bs_idcode = desc->debug.bs_idcode;
    jtag_power_on(j);
    return j;
}

void jtag_free(struct jtag *j)
{
    free(j);
}

void jtag_power_on(struct jtag *j)
{
    tap_reset(&j->chain);
    dp_power_on(&j->dp, &j->port);
}

static bool present(const struct jtag *j)
{
    return j->port.present == NULL || j->port.present(j->port.io);
}

void jtag_pins(struct jtag *j, bool tck, bool tms, bool tdi)
{
    bool rising = tck && !j->tck;

    j->tck = tck;
    if (!rising)
        return;
    j->clocks++;
    if (j->port.clock != NULL)
        j->port.clock(j->port.io); /* may take the part's power away: asked below */
    if (!j->trst && present(j))
        tap_clock(&j->chain, &j->dp, tms, tdi);
}

bool jtag_tdo(struct jtag *j)
{
    return !present(j) || tap_tdo(&j->chain);
}

void jtag_reset_pins(struct jtag *j, bool trst, bool srst)
{
    j->trst = trst;
    if (trst)
        tap_reset(&j->chain); /* the TAPs only: the DP's registers know nothing but power-on, ADIv5.2 B3 */
    if (srst == j->srst)
        return;
    j->srst = srst;
    if (j->port.reset != NULL)
        j->port.reset(j->port.io, srst);
}

void jtag_set_idcode(struct jtag *j, uint32_t idcode)
{
    j->chain.dp_idcode = idcode != 0 ? idcode : j->own_idcode;
}

void jtag_inject_wait(struct jtag *j, unsigned n)
{
    j->dp.inject_wait = n;
}

uint64_t jtag_clocks(const struct jtag *j)
{
    return j->clocks;
}

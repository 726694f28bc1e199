#include <string.h>

#include "flash/vchip/model.h"

unsigned opt_rdp_level(uint8_t rdp_byte) /* RM0351 3.5.2, RM0090 3.7.3 */
{
    return rdp_byte == 0xAA ? 0 : rdp_byte == 0xCC ? 2 : 1;
}

bool opt_array_open(const struct silicon *s, enum bus_master m)
{
    switch (s->rdp) {
    case 0:
        return true;
    case 1:
        /* ASSUME: code in RAM is a debugger's loader or a boot from RAM.  A function that boot code in flash copied to RAM
         * would be let through by silicon; nothing of ours needs it, and the strict answer errs to the safe side. */
        return m == BUS_CPU_FLASH && !s->intrusion;
    default:
        return m != BUS_DEBUG;
    }
}

void opt_load(struct silicon *s)
{
    const struct nvm_head *h = s->nvm.head;

    s->options_bad = h->options_torn != 0;
    memcpy(s->opt, s->options_bad ? s->model->mismatch : h->options, sizeof s->opt);
    memcpy(s->active, s->opt, sizeof s->active);
    s->rdp = opt_rdp_level(s->model->rdp_byte(s->active));
}

bool opt_program(struct silicon *s)
{
    struct operation op = { .kind = OP_OPTIONS, .area = &s->nvm.area[NVM_FLASH], .load = s->model->options_at_once };
    uint64_t ns = s->model->options_ns;

    if (s->rdp == 2)
        return false;
    if (s->rdp == 1 && opt_rdp_level(s->model->rdp_byte(s->opt)) == 0) { /* the flash goes first, then the level falls */
        op.len = s->desc->flash.size;
        op_erase(s, 0, op.len, 0);
        ns += s->model->mass_erase_ns;
        if (s->ram_erased != NULL)
            s->ram_erased(s->port.io);
    }
    memcpy(s->nvm.head->options, s->opt, sizeof s->nvm.head->options);
    s->nvm.head->options_torn = 0;
    op_start(s, op, ns);
    return true;
}

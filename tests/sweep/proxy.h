/* tests/sweep/proxy.h - between the slot's guard and the chip: sees each call, may answer it in the chip's place. */
#ifndef TESTS_SWEEP_PROXY_H
#define TESTS_SWEEP_PROXY_H

#include "tests/sweep/world.h"

enum chip_op {
    OP_PROBE,
    OP_OTP_READ,
    OP_OTP_LOCKS,
    OP_OTP_PROGRAM,
    OP_OTP_LOCK,
    OP_FLASH_WRITE,
    OP_MEM_READ,
    OP_MEM_WRITE,
    OP_WIPE_RAM,
    OP_RUN,
    OP_RDP_SET,
};

struct chip_call {
    enum chip_op op;
    uint32_t at, n; /* cell, block, address or level; length */
    void *out;      /* what a read fills; NULL: a write */
    size_t out_len;
    enum otp_cell_state *state; /* [n] of an OTP read */
};

/* One call of the chip.  `really` does it on `chip`.  Returns what the station gets. */
typedef enum err_code proxy_hook(struct world *w, const struct chip_call *call, struct chip *chip,
                                 enum err_code (*really)(struct chip *chip, void *io, struct err *e), void *io,
                                 struct err *e);

/* A chip on top of inner, closed with it; it asks w->chip_hook, if there is one, for each call. */
struct chip *proxy_new(struct world *w, struct chip *inner);

#endif

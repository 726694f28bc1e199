/* flash/vchip/rng.h - true random number generator, fed by the host's, with the failures a real one can have.
 * Source: RM0351 rev 9 ch. 27 (L4), RM0090 rev 19 ch. 24 (F4). */
#ifndef VCHIP_RNG_H
#define VCHIP_RNG_H

#include "flash/vchip/device.h"

enum rng_mode {
    RNG_OK,
    RNG_STUCK, /* the same word for ever, without any error flag: software has to notice */
    RNG_ERROR  /* seed error: SECS and SEIS, never a word */
};

struct rng;

extern const struct device_ops rng_ops;

struct rng *rng_new(void);
void rng_free(struct rng *r);
void rng_set_mode(struct rng *r, enum rng_mode mode);
void rng_set_clock(struct rng *r, bool on); /* 48 MHz domain; without it: clock error, no words */

#endif

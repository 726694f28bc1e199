/* tests/sweep/core.h - the core of a part in this process: the firmware's own code for what it burns and stores
 * (firmware-stub/make_key.c, boot_number.c, obey_*.c), and under it the FLASH controller of the silicon model, worked as
 * firmware-stub/stm32NAME.c works it: so a cut that is armed comes in the firmware's own pulses, eight of them in 8 bytes on
 * the F407.  When the power goes the core stops there.
 * Crypto: the host's.  One core at a time in a process. */
#ifndef TESTS_SWEEP_CORE_H
#define TESTS_SWEEP_CORE_H

#include "flash/vchip/silicon.h"
#include "protocol/device.h"
#include "protocol/local.h"

/* The part whose core runs from here on. */
void core_of(struct silicon *s, const struct chip_desc *d);

/* false: the power went, and what `work` has written to io stands. */
bool core_works(void (*work)(void *io), void *io);

/* make_key.h; DEVICE_OTP_WRITE also where the power went. */
enum device_code core_makes_key(const struct crypto *c, uint8_t scheme, const uint8_t *draft, uint8_t *answer);

struct core_device { /* a device that has started; its RAM */
    const struct crypto *crypto;
    const struct device_scheme *scheme;
    uint8_t image[OTP_IMAGE_LEN];
    struct device_side side;
    uint32_t boot; /* the last number that was taken, or 0 */
};

/* It starts: image, keys, what the last ROTATE or REKEY left.  false: it does not, or the power went. */
bool core_starts(struct core_device *d, const struct crypto *c, const struct device_scheme *scheme);
/* The next boot number into d->boot.  DEVICE_BOOT_WRITE also where the power went. */
enum device_code core_takes_boot(struct core_device *d);
/* A ROTATE or REKEY, as it came over the console; d->boot as taken on the way. */
enum device_code core_obeys(struct core_device *d, const uint8_t *frame, size_t len);

#endif

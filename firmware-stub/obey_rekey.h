/* firmware-stub/obey_rekey.h - scheme 5: the generation of keys, and REKEY carried out.
 * Power: boot, gen and salt stand in one flash record; cut before it is whole, the old generation lives, and the frame may
 * come again. */
#ifndef FIRMWARE_STUB_OBEY_REKEY_H
#define FIRMWARE_STUB_OBEY_REKEY_H

#include "protocol/device.h"
#include "protocol/local.h"

/* struct product's recall and obey. */
enum device_code rekey_recall(const struct crypto *c, struct device_side *d);
enum device_code rekey_obey(const struct crypto *c, struct device_side *d, const uint8_t *frame, size_t len,
                            uint32_t *taken);

#endif

/* firmware-stub/obey_rotate.h - the fleet key in force, and ROTATE carried out: protocol/rotate_store.h's plan on this chip.
 * Cost: a signature checked at each start once a ROTATE has come; per ROTATE two more, an erase and a boot number.
 * Power: cut anywhere, the old key or the new one is in force at the next start. */
#ifndef FIRMWARE_STUB_OBEY_ROTATE_H
#define FIRMWARE_STUB_OBEY_ROTATE_H

#include "protocol/device.h"
#include "protocol/local.h"

/* struct product's recall and obey. */
enum device_code rotate_recall(const struct crypto *c, struct device_side *d);
enum device_code rotate_obey(const struct crypto *c, struct device_side *d, const uint8_t *frame, size_t len,
                             uint32_t *taken);

#endif

/* firmware-stub/identity.h - who this device is: the OTP image, checked in the documented order before anything is sent.
 * Secrets: image and device hold the secret slot and keys made from it; they stay in RAM while the device runs. */
#ifndef FIRMWARE_STUB_IDENTITY_H
#define FIRMWARE_STUB_IDENTITY_H

#include "protocol/device.h"
#include "protocol/local.h"

struct identity {
    uint8_t image[OTP_IMAGE_LEN]; /* as read */
    struct device_side device;    /* points into image */
    uint16_t policy;
};

/* Magic, version, CRC, lifecycle, mac, points, digests, the stored ROTATE frame or generation, known answers.  DEVICE_OK, or
 * the first that failed (an enum otp_result, or a device_code above it). */
enum device_code identity_load(const struct crypto *c, struct identity *id);

/* OTP's first unit, the one that is burned last, reads as blank: the image is not complete. */
bool identity_unfinished(void);

#endif

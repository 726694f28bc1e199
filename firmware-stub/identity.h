/* firmware-stub/identity.h - who this device is: the OTP image, checked in the documented order before anything is sent.
 * Secrets: image and device hold the secret slot; they stay in RAM while the device runs. */
#ifndef FIRMWARE_STUB_IDENTITY_H
#define FIRMWARE_STUB_IDENTITY_H

#include "protocol/local.h"
#include "protocol/device.h"

struct identity {
    uint8_t image[OTP_IMAGE_LEN]; /* as read */
    struct device_side device;    /* points into image */
    uint16_t policy;
};

/* Magic, version, CRC, lifecycle, mac, point, known answers.  DEVICE_OK, or the first that failed (an enum otp_result, or a
 * device_code above it). */
enum device_code identity_load(const struct crypto *c, struct identity *id);

#endif

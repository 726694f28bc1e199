#include "firmware-stub/obey_rekey.h"

#include <string.h>

#include "firmware-stub/boot_number.h"
#include "protocol/rekey.h"

static void switch_to(struct device_side *d, const struct counter_record *now)
{
    d->gen = now->gen;
    memcpy(d->salt, now->salt, sizeof d->salt);
}

enum device_code rekey_recall(const struct crypto *c, struct device_side *d)
{
    struct counter_record now;
    (void)c;
    boot_number_record(&now);
    switch_to(d, &now);
    return DEVICE_OK;
}

enum device_code rekey_obey(const struct crypto *c, struct device_side *d, const uint8_t *frame, size_t len, uint32_t *taken)
{
    struct rekey next;
    struct counter_record change = { 0 }, now;
    enum sealed_result r =
        rekey_check(c, &d->profile, d->serial, d->secret, boot_number_nvm_loss(), d->gen, frame, len, &next);
    if (r != SEALED_OK)
        return r == SEALED_CRYPTO ? DEVICE_CRYPTO : DEVICE_REQUEST;
    rekey_record(&next, &change);
    enum device_code code = boot_number_take(&change, &now);
    if (code != DEVICE_OK)
        return code;
    switch_to(d, &now);
    *taken = now.boot;
    return DEVICE_OK;
}

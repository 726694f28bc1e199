/* tests/sweep/hooks.h - the linker's --wrap seams of the sweep (hooks.wrap): each real function, and what stands before it.
 */
#ifndef TESTS_SWEEP_HOOKS_H
#define TESTS_SWEEP_HOOKS_H

#include "tests/sweep/world.h"

struct config;
struct slot;

int fuseline_main(int argc, char *argv[]); /* cli/main.c's main, renamed */

#define WRAPPED(type, name, ...)     \
    type __real_##name(__VA_ARGS__); \
    type __wrap_##name(__VA_ARGS__)

WRAPPED(enum err_code, slot_open, struct chip **out, const struct config *c, const struct slot *s, struct err *e);
WRAPPED(enum err_code, station_provision, const struct station *s, bool burn, struct provision_result *r, struct err *e);
WRAPPED(uint64_t, clock_mono_ns, void);
WRAPPED(void, clock_sleep_ms, unsigned ms);
WRAPPED(enum err_code, registry_reserve, struct registry *r, const char *product, const uint8_t uid[REG_UID],
        uint16_t station, uint16_t day, struct device *d, bool *fresh, struct err *e);
WRAPPED(enum err_code, registry_keyed, struct registry *r, uint64_t serial, const struct wrapped_key *key, size_t n,
        struct err *e);
WRAPPED(enum err_code, registry_intent, struct registry *r, uint64_t serial, const uint8_t image[REG_IMAGE],
        const uint8_t image_sha256[32], struct err *e);
WRAPPED(enum err_code, registry_advance, struct registry *r, uint64_t serial, enum device_state from, enum device_state to,
        const char *detail, struct err *e);
WRAPPED(enum err_code, registry_quarantine, struct registry *r, uint64_t serial, enum device_state from, const char *reason,
        struct err *e);
WRAPPED(enum err_code, registry_chip_made, struct registry *r, uint64_t serial, const uint8_t x[32],
        const uint8_t image[REG_IMAGE], struct err *e);
WRAPPED(enum err_code, registry_done_pinned, struct registry *r, uint64_t serial, const uint8_t x[32], const char *detail,
        struct err *e);
WRAPPED(enum err_code, hsm_device_secret_get, struct hsm *h, struct hsm_key *kek, const struct hsm_blob *blob,
        uint8_t secret[32], struct err *e);

#endif

/* Where the harness stands between the real command and its world: the slot, the way, the waits, what was acknowledged.
 * The linker's --wrap list is hooks.wrap. */
#include "tests/sweep/hooks.h"

#include <string.h>

#include "base/clock.h"
#include "cli/interrupt.h"
#include "cli/slot.h"
#include "tests/sweep/proxy.h"

static void (*show_progress)(void *io, enum station_step step);
static void *show_io;

/* ---- the slot holds an in-process chip ---- */

enum err_code __wrap_slot_open(struct chip **out, const struct config *c, const struct slot *s, struct err *e)
{
    struct world *w = world_now;
    const bool outside = w->outside;
    enum err_code rc;

    (void)c;
    w->outside = true; /* the board is not the station's memory */
    rc = inproc_open(&w->inproc, s->chip, w->chip, e);
    if (rc == ERR_OK) {
        silicon_busy_scale(inproc_silicon(w->inproc), 0);
        inproc_on_run(w->inproc, board_boots, NULL);
    }
    struct chip *chip = rc == ERR_OK ? proxy_new(w, w->inproc) : NULL;
    w->outside = outside;
    return rc == ERR_OK ? interrupt_guard(out, chip, e) : rc;
}

/* ---- the way ---- */

static void progress(void *io, enum station_step step)
{
    (void)io;
    world_now->shared->step = (int)step;
    if (show_progress != NULL)
        show_progress(show_io, step);
}

static bool power_is_gone(struct world *w)
{
    uint32_t v;

    return w->inproc != NULL &&
           silicon_read(inproc_silicon(w->inproc), BUS_CPU_RAM, w->inproc->desc->uid_addr, 4, &v) != BUS_OK;
}

enum err_code __wrap_station_provision(const struct station *given, bool burn, struct provision_result *r, struct err *e)
{
    struct world *w = world_now;
    struct station s = *given;
    enum err_code rc;

    show_progress = s.progress;
    show_io = s.progress_io;
    s.progress = progress;
    w->station = &s;
    if (w->c != NULL) {
        w->outside = true;
        w->c->kind->arm(w, w->c, w->now, true);
        w->outside = false;
    }
    rc = __real_station_provision(&s, burn, r, e);
    if (w->c != NULL && !w->now->fired && power_is_gone(w))
        world_fired(w);
    w->shared->step = -1;
    w->station = NULL;
    return rc;
}

/* ---- waits cost nothing ---- */

static uint64_t slept_ns;

uint64_t __wrap_clock_mono_ns(void)
{
    return __real_clock_mono_ns() + slept_ns;
}

void __wrap_clock_sleep_ms(unsigned ms)
{
    if (world_now == NULL || world_now->real_waits)
        __real_clock_sleep_ms(ms);
    else
        slept_ns += (uint64_t)ms * 1000000;
}

/* ---- what the registry has acknowledged must be there for ever ---- */

static void seam(void)
{
    if (world_now != NULL && world_now->at_seam != NULL)
        world_now->at_seam(world_now);
}

static void acknowledge(uint64_t serial, enum device_state to)
{
    struct world_shared *s = world_now != NULL ? world_now->shared : NULL;

    for (unsigned i = 0; i < WORLD_ACKS && s != NULL; i++)
        if (s->ack[i].states == 0 || s->ack[i].serial == serial) {
            s->ack[i].serial = serial;
            s->ack[i].states |= 1u << to;
            return;
        }
}

enum err_code __wrap_registry_reserve(struct registry *r, const char *product, const uint8_t uid[REG_UID], uint16_t station,
                                      uint16_t day, struct device *d, bool *fresh, struct err *e)
{
    seam();
    enum err_code rc = __real_registry_reserve(r, product, uid, station, day, d, fresh, e);

    if (rc == ERR_OK)
        acknowledge(d->serial, DEV_RESERVED);
    seam();
    return rc;
}

enum err_code __wrap_registry_keyed(struct registry *r, uint64_t serial, const struct wrapped_key *key, size_t n,
                                    struct err *e)
{
    seam();
    enum err_code rc = __real_registry_keyed(r, serial, key, n, e);

    if (rc == ERR_OK)
        acknowledge(serial, DEV_KEYED);
    seam();
    return rc;
}

enum err_code __wrap_registry_intent(struct registry *r, uint64_t serial, const uint8_t image[REG_IMAGE],
                                     const uint8_t image_sha256[32], struct err *e)
{
    seam();
    enum err_code rc = __real_registry_intent(r, serial, image, image_sha256, e);

    if (rc == ERR_OK)
        acknowledge(serial, DEV_BURNING);
    seam();
    return rc;
}

enum err_code __wrap_registry_advance(struct registry *r, uint64_t serial, enum device_state from, enum device_state to,
                                      const char *detail, struct err *e)
{
    seam();
    enum err_code rc = __real_registry_advance(r, serial, from, to, detail, e);

    if (rc == ERR_OK)
        acknowledge(serial, to);
    seam();
    return rc;
}

enum err_code __wrap_registry_chip_made(struct registry *r, uint64_t serial, const uint8_t x[32],
                                        const uint8_t image[REG_IMAGE], struct err *e)
{
    seam();
    enum err_code rc = __real_registry_chip_made(r, serial, x, image, e);

    seam();
    return rc;
}

enum err_code __wrap_registry_done_pinned(struct registry *r, uint64_t serial, const uint8_t x[32], const char *detail,
                                          struct err *e)
{
    seam();
    enum err_code rc = __real_registry_done_pinned(r, serial, x, detail, e);

    if (rc == ERR_OK)
        acknowledge(serial, DEV_DONE);
    seam();
    return rc;
}

enum err_code __wrap_registry_quarantine(struct registry *r, uint64_t serial, enum device_state from, const char *reason,
                                         struct err *e)
{
    seam();
    enum err_code rc = __real_registry_quarantine(r, serial, from, reason, e);

    if (rc == ERR_OK)
        acknowledge(serial, DEV_QUARANTINED);
    seam();
    return rc;
}

/* ---- the secret, so that it can be looked for where it must not be ---- */

enum err_code __wrap_hsm_device_secret_get(struct hsm *h, struct hsm_key *kek, const struct hsm_blob *blob,
                                           uint8_t secret[32], struct err *e)
{
    enum err_code rc = __real_hsm_device_secret_get(h, kek, blob, secret, e);

    if (rc == ERR_OK) {
        memcpy(world_now->shared->secret, secret, sizeof world_now->shared->secret);
        world_now->shared->has_secret = true;
    }
    return rc;
}

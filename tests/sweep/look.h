/* tests/sweep/look.h - what is left after a case, gathered once; the invariants of check.c are questions to it. */
#ifndef TESTS_SWEEP_LOOK_H
#define TESTS_SWEEP_LOOK_H

#include "db/device_key.h"
#include "hsm/hpke_host.h"
#include "protocol/otp_image.h"
#include "tests/sweep/world.h"
#include "verifier/verifier.h"

enum { LOOK_DEVICES = 4, LOOK_PARTS = 2, LOOK_CELLS = OTP_IMAGE_LEN };

struct look_device {
    struct device row;
    unsigned events; /* bits 1 << enum device_state, of its events */
    bool has_wanted;
    uint8_t wanted[OTP_IMAGE_LEN]; /* the image with its secret, as the intent's digest says; what the chip makes is FF */
    enum device_key_state key;     /* of a key that its chip told */
    uint8_t x[32];
};

struct look_part { /* one chip, by its state file */
    bool present;
    uint8_t uid[CHIP_UID_LEN];
    uint8_t image[OTP_IMAGE_LEN];
    bool ecc[LOOK_CELLS]; /* by cell */
    uint32_t cells, cell;
    uint32_t locked; /* OTP blocks */
    unsigned rdp;
    bool burned; /* a cell of the image is not blank */
    bool whole;  /* the image is a valid one */
    /* ---- where the chip makes its key ---- */
    uint32_t seed_at;            /* offset of the slot that only the chip burns; 0: it has none */
    bool seed_burned, seed_torn; /* a unit of it is burned; one is burned and does not tell itself whole */
    uint8_t x[32];               /* that its seed makes, if it is whole: seed_burned, all four units, not seed_torn */
    bool has_x;
    uint64_t serial;
    struct look_device *device; /* of its UID; NULL: unknown */
};

struct look {
    struct world *w;
    const struct sweep_case *c;
    struct registry *registry; /* a copy: to be written to */
    struct hsm *server, *line; /* line: for boards with a secret only */
    struct crypto crypto;
    struct hpke_host *host;
    struct look_device device[LOOK_DEVICES];
    size_t n;
    struct look_part part[LOOK_PARTS];
};

/* false: *why. */
bool look_open(struct look *l, struct world *w, const struct sweep_case *c, char why[200]);
void look_close(struct look *l);
/* A cell of the part is neither blank nor what its device's image wants, or can't be read; or the chip's seed is torn. */
bool look_torn(const struct look_part *p);
/* tests/sweep/check.c: registry, chips, keys and messages are sound, whatever was told. */
bool look_sound(struct look *l, char why[200]);
/* The part holds its device's image, whatever its own seed is. */
bool look_holds(const struct look_part *p);

#endif

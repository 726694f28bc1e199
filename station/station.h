/* station/station.h - one device's way through the line: the transaction of docs/architecture.md for one slot.
 * Boundary: cli above; flash (the chip), hsm (the line token), db (the registry) below.  What the station needs of the
 * server side - opening the proof - comes in as a function (struct station.prove), so that the line never holds a server
 * key. Order, never broken: intent committed before the first burn; own read-back and proof before the lock; with a
 * console a second proof after it; DONE committed before PASS. Power: may be cut anywhere; station_provision() on the same
 * board takes up where it stopped, by reading chip and journal (station/recovery.h), with the same serial, key and image.
 * Secrets: a device secret (PSK) is in memory between its creation and the burn, then wiped; nothing else. */
#ifndef STATION_STATION_H
#define STATION_STATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "db/registry.h"
#include "flash/chip.h"
#include "hsm/hsm.h"
#include "protocol/crypto.h"

struct fw_image; /* flash/elf.h */

enum station_step { /* in order; also the rows of `make bench` */
                    STEP_PROBE,
                    STEP_EXAM, /* entrance exam: OTP blank or ours, flash writable, identity sane */
                    STEP_KEY,  /* serial reserved, key born and wrapped, recorded */
                    STEP_INTENT,
                    STEP_CHIP_KEY, /* schemes whose chip makes its key: firmware first, then that; else nothing */
                    STEP_BURN,     /* burned and read back */
                    STEP_FIRMWARE,
                    STEP_PROOF,
                    STEP_LOCK,
                    STEP_CONSOLE, /* the started device is asked over the slot's console, if there is one */
                    STEP_RECORD,  /* DONE */
                    STATION_STEPS
};
const char *station_step_name(enum station_step s); /* "probe" */

/* Open a proof with the server role's key: returns ERR_OK only if this frame proves the key of `serial` over this challenge
 * and this image.  ERR_NO: it proves nothing.  The verifier's (verifier/proof.h); over HTTPS one day. */
typedef enum err_code station_prove(void *io, uint64_t serial, const uint8_t *frame, size_t len, const uint8_t challenge[32],
                                    const uint8_t image_digest[32], struct err *e);

struct station {
    uint16_t id; /* in the image */
    struct registry *registry;
    struct hsm *line; /* NULL for a plan */
    const struct product *product;
    struct chip *chip;
    struct fw_image *firmware; /* of product's chip and scheme; the exam puts the fleet's RSA key into it, if it has one */
    const struct crypto *crypto;
    const char *console; /* path, or NULL: then RDP level 2 is refused, and nobody is asked after the lock */
    station_prove *prove;
    void *prove_io;
    uint64_t (*now_ms)(void *io); /* wall clock, ms since 1970; NULL: CLOCK_REALTIME */
    void *now_io;
    /* Called at the start of each step, for the screen.  May be NULL. */
    void (*progress)(void *io, enum station_step step);
    void *progress_io;
    uint32_t answer_ms;  /* for the firmware's proof; 0: 20 s */
    uint32_t console_ms; /* for the answer over the console, the power cycle included; 0: 60 s; at most 10 minutes */
    uint32_t again_ms;   /* from one challenge over the console to its repetition; 0: 1 s */
    uint32_t silent_ms;  /* for an answer where the debug port is silent (recovery.h); 0: 5 s */
    /* Looked at while it waits for the console: true ends the wait.  May be NULL. */
    bool (*stopped)(void *io);
    void *stopped_io;
};

enum verdict { VERDICT_PASS, VERDICT_PLAN, VERDICT_REFUSED /* nothing was written to the chip */, VERDICT_FAIL };
const char *verdict_name(enum verdict v); /* "PASS" */

struct provision_result {
    enum verdict verdict;
    const char *code; /* "done", "already-done", "plan", or the fault's name */
    bool has_device;  /* serial and state are valid */
    uint64_t serial;
    enum device_state state; /* as committed */
    struct chip_identity identity;
    bool has_identity;
    uint32_t otp_to_burn;            /* cells, in a plan */
    uint64_t step_ns[STATION_STEPS]; /* time spent in each; 0: not reached */
    uint64_t read_back_ns;           /* within STEP_BURN: from the last cell's pulse to its verdict */
};

/* Bring the board in the slot to DONE, from wherever it stands.  burn false: the same path up to the first irreversible act
 * or record, then VERDICT_PLAN; neither chip nor registry is changed. Returns ERR_OK for PASS and PLAN; otherwise *e says
 * why and result says REFUSED or FAIL.  *result is always filled. */
enum err_code station_provision(const struct station *s, bool burn, struct provision_result *result, struct err *e);

#endif

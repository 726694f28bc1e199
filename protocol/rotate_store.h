/* protocol/rotate_store.h - where a device keeps its fleet key through power cuts and flash decay: two slots, A and B, each
 * in an erase page of its own, each holding a whole ROTATE: frame98 FF FF CRC-32 over those 100 bytes = 104 B. In force is
 * the highest of what the slots hold and can be verified, else the image's own key, (0, initial).  Nothing but a frame that
 * the RA signed can come into force, so a slot needs no seal of its own. The flash record of the boot numbers (struct
 * counter_record: epoch, v) is the floor: what was in force once.  It says that a slot was lost, and then nothing below it
 * is accepted, but the same ROTATE again is. Boundary: pure; it says what to do, the firmware does it, in this order:
 *     rotate_verify_image -> rotate_store_accepts -> erase rotate_store_spare, write it -> rotate_store_look again: it reads
 *     back, verifies, and is in force -> write the next boot number's record with its (v, epoch): nothing is sent under the
 *     new key before -> burn CELL_RA_REVOKED if `burn`
 * and at every start: rotate_store_look; the first record written carries (v, epoch) in force or the floor, whichever is
 * higher (rotate_store_floor); burn CELL_RA_REVOKED if `burn`.
 * Power: cut anywhere, the old key or the new one is in force, and the other slot was not touched; the server answers the
 * old epoch's OPEN with ROTATE again.  Records lost, slots kept: the epoch stays.  Slots lost too: (0, initial). Source:
 * docs/protocol.md, "ROTATE". */
#ifndef PROTOCOL_ROTATE_STORE_H
#define PROTOCOL_ROTATE_STORE_H

#include "protocol/counter.h"
#include "protocol/rotate.h"

enum { ROTATE_SLOTS = 2, ROTATE_SLOT_LEN = 104 };

void rotate_slot_encode(const uint8_t frame[ROTATE_LEN], uint8_t out[ROTATE_SLOT_LEN]);
/* False: CRC, or a byte that must be FF is not.  frame untouched then. */
bool rotate_slot_decode(const uint8_t in[ROTATE_SLOT_LEN], uint8_t frame[ROTATE_LEN]);

struct rotate_slots {
    /* False: unreadable (ECC). */
    bool (*read)(void *io, unsigned slot, uint8_t out[ROTATE_SLOT_LEN]);
    /* rotate_verify_image of a stored frame; asked of the higher one first, and of the other only if that fails: it is the
     * slowest thing that a start does. */
    bool (*verify)(void *io, const uint8_t frame[ROTATE_LEN], struct rotate_mark *mark);
    void *io;
};

struct rotate_now {
    int slot;                 /* holds what is in force; -1: the image's own key is */
    struct rotate_mark mark;  /* in force */
    struct rotate_mark floor; /* the record's, at least (0, initial) */
    bool lost;                /* in force is less than was once: a slot decayed */
    bool burn;                /* v = 1 is in force and CELL_RA_REVOKED still blank: burn it */
};

/* record: the newest (counter_newest), or NULL; initial: the image's epoch; revoked: CELL_RA_REVOKED is burned. */
void rotate_store_look(const struct rotate_slots *s, const struct counter_record *record, uint8_t initial, bool revoked,
                       struct rotate_now *now);

/* Is a verified ROTATE to be taken?  Above what is in force, and not below the floor. */
bool rotate_store_accepts(const struct rotate_now *now, struct rotate_mark mark);

/* The slot to write: never the one in force. */
unsigned rotate_store_spare(const struct rotate_now *now);

/* Into the record of the next boot number: (v, epoch) never falls. */
void rotate_store_floor(const struct rotate_now *now, struct counter_record *record);

#endif

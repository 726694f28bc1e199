#include "protocol/rotate_store.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/crc32.h"

enum { OFF_FILL = ROTATE_LEN, FILL_LEN = 2, OFF_CRC = OFF_FILL + FILL_LEN };

void rotate_slot_encode(const uint8_t frame[ROTATE_LEN], uint8_t out[ROTATE_SLOT_LEN])
{
    memcpy(out, frame, ROTATE_LEN);
    memset(out + OFF_FILL, 0xFF, FILL_LEN);
    put32(out + OFF_CRC, crc32_ieee(0, out, OFF_CRC));
}

bool rotate_slot_decode(const uint8_t in[ROTATE_SLOT_LEN], uint8_t frame[ROTATE_LEN])
{
    if (get32(in + OFF_CRC) != crc32_ieee(0, in, OFF_CRC) || !bytes_all(in + OFF_FILL, FILL_LEN, 0xFF))
        return false;
    memcpy(frame, in, ROTATE_LEN);
    return true;
}

/* What a slot claims to hold; (0, 0), below everything, if nothing can be read. */
static struct rotate_mark claim(const struct rotate_slots *s, unsigned slot, uint8_t frame[ROTATE_LEN])
{
    uint8_t bytes[ROTATE_SLOT_LEN];
    if (!s->read(s->io, slot, bytes) || !rotate_slot_decode(bytes, frame))
        return (struct rotate_mark){ 0, 0 };
    return (struct rotate_mark){ frame[0] == HDR_ROTATE_BACKUP, frame[1] };
}

void rotate_store_look(const struct rotate_slots *s, const struct counter_record *record, uint8_t initial, bool revoked,
                       struct rotate_now *now)
{
    uint8_t frame[ROTATE_SLOTS][ROTATE_LEN];
    struct rotate_mark have[ROTATE_SLOTS], first = { 0, initial };
    for (unsigned i = 0; i < ROTATE_SLOTS; i++)
        have[i] = claim(s, i, frame[i]);

    *now = (struct rotate_now){ .slot = -1, .mark = first, .floor = first };
    if (record && rotate_after((struct rotate_mark){ record->v, record->epoch }, first))
        now->floor = (struct rotate_mark){ record->v, record->epoch };
    unsigned high = rotate_after(have[1], have[0]);
    for (unsigned i = 0; i < ROTATE_SLOTS && now->slot < 0; i++) {
        unsigned slot = high ^ i;
        struct rotate_mark m;
        if (rotate_after(have[slot], first) && s->verify(s->io, frame[slot], &m)) {
            now->slot = (int)slot;
            now->mark = m;
        }
    }
    now->lost = rotate_after(now->floor, now->mark);
    now->burn = now->mark.v == 1 && !revoked;
}

bool rotate_store_accepts(const struct rotate_now *now, struct rotate_mark mark)
{
    return rotate_after(mark, now->mark) && !rotate_after(now->floor, mark);
}

unsigned rotate_store_spare(const struct rotate_now *now)
{
    return now->slot == 0 ? 1 : 0;
}

void rotate_store_floor(const struct rotate_now *now, struct counter_record *record)
{
    struct rotate_mark m = now->lost ? now->floor : now->mark;
    record->v = m.v;
    record->epoch = m.epoch;
}

/* The log, read again from its first event: are the bytes whole, and which rows do they tell of? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "db/check_impl.h"
#include "db/fault.h"

#define J(state) (1u << DEV_##state)
#define BEFORE_ALL (1u << DEV_STATES) /* not told of yet */
#define ANY (J(RESERVED) | J(KEYED) | J(BURNING) | J(VERIFIED) | J(PROVED) | J(LOCKED) | J(DONE) | J(QUARANTINED) | J(VOID))

/* What each event of a device does to its row: docs/events.md. */
static const struct {
    const char *event;
    unsigned from; /* bits 1 << state */
    enum device_state to;
} steps[] = {
    { "device.reserved", BEFORE_ALL, DEV_RESERVED }, { "device.keyed", J(RESERVED), DEV_KEYED },
    { "device.burning", J(KEYED), DEV_BURNING },     { "device.verified", J(BURNING), DEV_VERIFIED },
    { "device.proved", J(VERIFIED), DEV_PROVED },    { "device.locked", J(PROVED), DEV_LOCKED },
    { "device.done", J(LOCKED), DEV_DONE },          { "device.rework", J(DONE), DEV_VERIFIED },
    { "device.quarantined", ANY, DEV_QUARANTINED },  { "serial.void", J(RESERVED) | J(KEYED), DEV_VOID },
};

const char *leaf_text(const struct leaf *l, const char *key)
{
    const char *text = json_string_value(json_object_get(l->o, key));

    return text != NULL ? text : "";
}

unsigned long leaf_number(const struct leaf *l, const char *key)
{
    return strtoul(leaf_text(l, key), NULL, 10);
}

static const uint64_t *serial_of(const struct leaf *l)
{
    return l->has_serial ? &l->serial : NULL;
}

/* ---- bytes ---- */

static bool is_canonical(const struct event_row *ev, json_t *o)
{
    char *again = o != NULL ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;
    const bool same = again != NULL && strcmp(again, ev->canonical) == 0;

    free(again);
    return same && json_integer_value(json_object_get(o, "n")) == (json_int_t)ev->n;
}

static bool take_serial(struct leaf *l)
{
    const char *text = leaf_text(l, "serial");
    uint8_t bytes[8];

    if (strlen(text) != 16 || hex_decode(text, bytes, sizeof bytes) != sizeof bytes)
        return false;
    l->serial = strtoull(text, NULL, 16);
    l->has_serial = true;
    return true;
}

static enum err_code check_bytes(struct check *c, const struct event_row *ev, const struct leaf *l, struct err *e)
{
    uint8_t hash[32];
    char is[65], should[65];
    enum err_code rc = ERR_OK;

    if (ev->n != c->next_event) {
        (void)snprintf(is, sizeof is, "event %" PRIu64, ev->n);
        (void)snprintf(should, sizeof should, "event %" PRIu64, c->next_event);
        rc = check_differs(c, DIFF_EVENT_GAP, NULL, is, should, e);
    }
    c->next_event = ev->n + 1;
    if (rc == ERR_OK && !is_canonical(ev, l->o)) {
        (void)snprintf(is, sizeof is, "event %" PRIu64, ev->n);
        rc = check_differs(c, DIFF_EVENT_BYTES, serial_of(l), is, "canonical JSON with its number", e);
    }
    if (rc != ERR_OK || (event_leaf(ev->canonical, ev->len, hash) && memcmp(hash, ev->leaf_hash, sizeof hash) == 0))
        return rc;
    hex_encode(ev->leaf_hash, sizeof ev->leaf_hash, is);
    hex_encode(hash, sizeof hash, should);
    return check_differs(c, DIFF_EVENT_HASH, serial_of(l), is, should, e);
}

/* ---- steps ---- */

static const char *state_name(enum device_state s)
{
    return s == DEV_STATES ? "nothing" : device_state_name(s);
}

static void learn(struct told *t, const struct leaf *l)
{
    const char *uid = leaf_text(l, "uid"), *key = leaf_text(l, "key_sha256"), *image = leaf_text(l, "image_sha256");

    if (uid[0] != '\0') {
        (void)hex_decode(uid, t->uid, sizeof t->uid);
        (void)snprintf(t->product, sizeof t->product, "%s", leaf_text(l, "product"));
    }
    if (key[0] != '\0')
        (void)hex_decode(key, t->key_sha256, sizeof t->key_sha256);
    if (image[0] != '\0')
        (void)hex_decode(image, t->image_sha256, sizeof t->image_sha256);
    if (t->state == DEV_QUARANTINED)
        (void)snprintf(t->reason, sizeof t->reason, "%s", leaf_text(l, "reason"));
    t->was_done = t->was_done || t->state == DEV_DONE;
}

static enum err_code take_step(struct check *c, const struct leaf *l, size_t step, struct err *e)
{
    struct told *t = check_told(c, l->serial);
    enum err_code rc = ERR_OK;
    char is[96];

    if (t == NULL)
        return err_errno(e, &db_fault[DB_IO], "realloc", "%zu devices", c->n);
    if ((steps[step].from & 1u << t->state) == 0) {
        (void)snprintf(is, sizeof is, "%s after %s", steps[step].event, state_name(t->state));
        rc = check_differs(c, DIFF_EVENT_STEP, &l->serial, is, "a step that follows the one before", e);
    }
    t->is_told = true;
    t->state = steps[step].to;
    learn(t, l);
    return rc;
}

/* ---- what is no step: a device's own key, its generations, its epoch ---- */

static void made(struct told *t, const struct leaf *l)
{
    t->is_made = true;
    (void)hex_decode(leaf_text(l, "x"), t->x, sizeof t->x);
}

static void injected(struct told *t, const struct leaf *l)
{
    made(t, l);
    t->is_injected = true;
}

static void seed_gone(struct told *t, const struct leaf *l)
{
    (void)l;
    t->seed_gone = true;
}

static void pinned(struct told *t, const struct leaf *l)
{
    made(t, l);
    t->is_pinned = true;
}

static void epoch(struct told *t, const struct leaf *l)
{
    t->epoch = (uint8_t)leaf_number(l, "epoch");
}

static void rekey(struct told *t, const struct leaf *l)
{
    t->is_pending = true;
    (void)hex_decode(leaf_text(l, "salt"), t->pending_salt, sizeof t->pending_salt);
}

static void rekeyed(struct told *t, const struct leaf *l)
{
    t->gen = (uint8_t)leaf_number(l, "gen");
    (void)hex_decode(leaf_text(l, "salt"), t->salt, sizeof t->salt);
    t->is_pending = false;
    memset(t->pending_salt, 0, sizeof t->pending_salt);
}

static const struct {
    const char *event;
    void (*learn)(struct told *t, const struct leaf *l);
} facts[] = {
    { "device.injected", injected }, { "device.seed-destroyed", seed_gone },
    { "device.chip-made", made },    { "device.pinned", pinned },
    { "device.epoch", epoch },       { "device.rekey", rekey },
    { "device.rekeyed", rekeyed },
};

static enum err_code take_fact(struct check *c, const struct leaf *l, struct err *e)
{
    for (size_t i = 0; i < sizeof facts / sizeof *facts && l->has_serial; i++)
        if (strcmp(facts[i].event, l->event) == 0) {
            struct told *t = check_told(c, l->serial);
            if (t == NULL)
                return err_errno(e, &db_fault[DB_IO], "realloc", "%zu devices", c->n);
            facts[i].learn(t, l);
        }
    return check_fleet_event(c, l, e);
}

static enum err_code take_event(void *io, const struct event_row *ev, struct err *e)
{
    struct check *c = io;
    struct leaf l = { .o = json_loads(ev->canonical, 0, NULL) };
    const bool has_serial = take_serial(&l);
    enum err_code rc = check_bytes(c, ev, &l, e);

    c->count->events++;
    l.event = leaf_text(&l, "event");
    for (size_t i = 0; i < sizeof steps / sizeof *steps && rc == ERR_OK; i++)
        if (strcmp(steps[i].event, l.event) == 0)
            rc = has_serial ? take_step(c, &l, i, e)
                            : check_differs(c, DIFF_EVENT_BYTES, NULL, l.event, "an event with its serial", e);
    if (rc == ERR_OK)
        rc = take_fact(c, &l, e);
    json_decref(l.o);
    return rc;
}

enum err_code check_events(struct check *c, struct err *e)
{
    return registry_events(c->r, 0, take_event, c, e);
}

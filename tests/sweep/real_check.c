#include "tests/sweep/real.h"

#include <jansson.h>

enum { IMAGE_LEN = 176, SERIAL_AT = 8 };

struct row { /* of `fuseline device list` */
    char serial[17], state[16];
    bool found;
};

static bool no(char why[200], const char *claim, const char *detail)
{
    (void)snprintf(why, 200, "%.120s: %.70s", claim, detail);
    return false;
}

/* ---- what was told ---- */

static bool is_pass(const struct real_run *r)
{
    return r->ended && strcmp(r->verdict, "PASS") == 0;
}

static bool told_the_same(const struct real_run *r, char why[200])
{
    if (r->signal != 0 && r->signal != SIGKILL)
        return no(why, "a run ended by a signal", strsignal(r->signal));
    if (!r->ended)
        return r->exit != 0 || no(why, "exit 0", "and no verdict");
    if (r->exit_json != r->exit && r->signal == 0)
        return no(why, "exit status and JSON differ", r->code);
    if (r->signal == 0 && is_pass(r) != (r->exit == 0))
        return no(why, "verdict and exit status differ", r->verdict);
    return !is_pass(r) || strcmp(r->state, "DONE") == 0 || no(why, "PASS, and not DONE", r->state);
}

/* ---- the registry ---- */

/* The row of this UID; no serial and no UID may come twice in the whole list. */
static bool read_rows(struct lane *l, const char *uid, struct row *row, char why[200])
{
    const char *const list[] = { "--json", "device", "list", NULL };
    json_t *serials = json_object(), *uids = json_object();
    char path[128], line[1024];
    bool good = lane_fuseline(l, list) == 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/out", l->dir);
    *row = (struct row){ .found = false };
    if (!good || (f = fopen(path, "re")) == NULL)
        return no(why, "device list", "failed");
    while (good && fgets(line, sizeof line, f) != NULL) {
        json_t *o = json_loads(line, 0, NULL);
        const char *s = json_string_value(json_object_get(o, "serial")), *u = json_string_value(json_object_get(o, "uid")),
                   *state = json_string_value(json_object_get(o, "state"));

        good = s != NULL && u != NULL && state != NULL && json_object_get(serials, s) == NULL &&
               json_object_get(uids, u) == NULL;
        if (!good) {
            (void)no(why, "a serial or UID comes twice", line);
        } else {
            (void)json_object_set_new(serials, s, json_true());
            (void)json_object_set_new(uids, u, json_true());
        }
        if (good && strcmp(u, uid) == 0) {
            row->found = true;
            (void)snprintf(row->serial, sizeof row->serial, "%s", s);
            (void)snprintf(row->state, sizeof row->state, "%s", state);
        }
        json_decref(o);
    }
    (void)fclose(f);
    json_decref(serials);
    json_decref(uids);
    return good;
}

/* ---- the chip ---- */

static bool is_blank(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != 0xFF)
            return false;
    return true;
}

static bool state_is(const struct row *row, const char *state)
{
    return row->found && strcmp(row->state, state) == 0;
}

/* No cell had two pulses: there were no more than cells and lock bytes that are not blank, the firmware's own among them,
 * and one that was cut before it took effect. */
static bool burned_once(struct lane *l, char why[200])
{
    const unsigned cell = l->desc->otp.cell, locks = l->desc->otp.block != 0 ? l->desc->otp.size / l->desc->otp.block : 0;
    uint8_t otp[CHIP_OTP_MAX], lock[64];
    unsigned spent = 1;

    vchip_peek(&l->board, l->desc->otp.base, otp, l->desc->otp.size);
    for (unsigned i = 0; i < l->desc->otp.size; i += cell)
        spent += !is_blank(otp + i, cell);
    if (locks > 0)
        vchip_peek(&l->board, l->desc->otp.lock_base, lock, locks);
    for (unsigned i = 0; i < locks; i++)
        spent += !is_blank(lock + i, 1);
    return (vchip_stat(&l->board, "otp_pulses") <= spent && vchip_stat(&l->board, "otp_refused") == 0) ||
           no(why, "an OTP cell was pulsed twice", vchip_ctl(&l->board, "stats"));
}

static bool chip_and_record(struct lane *l, unsigned product, const struct row *row, char why[200])
{
    uint8_t image[IMAGE_LEN];
    char serial[17];
    bool whole;

    vchip_peek(&l->board, l->desc->otp.base, image, sizeof image);
    hex_encode(image + SERIAL_AT, 8, serial);
    whole = memcmp(image, "FL1O", 4) == 0;
    if (!is_blank(image, sizeof image) && (!row->found || state_is(row, "RESERVED") || state_is(row, "KEYED")))
        return no(why, "burned without an intent", serial);
    if (whole && strcmp(serial, row->serial) != 0 && !state_is(row, "QUARANTINED"))
        return no(why, "the chip holds another serial than the registry", serial);
    if (state_is(row, "DONE")) {
        const char *rdp = vchip_ctl(&l->board, "rdp");

        if (!whole)
            return no(why, "DONE, and the chip has no identity", row->serial);
        if (strcmp(rdp, product == 0 ? "ok 0" : "ok 1") != 0)
            return no(why, "DONE, and the lock is not the product's", rdp);
    }
    return burned_once(l, why);
}

/* ---- a message ---- */

/* The board is started as at its owner's; what it sends must open. */
static bool message_opens(struct lane *l, const char *serial, char why[200])
{
    char console[160], path[128], line[2048];
    const char *const open_[] = { "--json", "open", "--console", console, "--count", "4", "--seconds", "6", NULL };
    bool found = false;
    FILE *f;

    (void)snprintf(console, sizeof console, "%s/usart", l->board.dir);
    vchip_do(&l->board, "power cycle");
    (void)lane_fuseline(l, open_); /* 1: frames of boards before are among them */
    (void)snprintf(path, sizeof path, "%s/out", l->dir);
    if ((f = fopen(path, "re")) == NULL)
        return no(why, "open", path);
    while (fgets(line, sizeof line, f) != NULL)
        found = found || (strstr(line, "\"opened\"") != NULL && strstr(line, serial) != NULL);
    (void)fclose(f);
    return found || no(why, "no message of the device opens", serial);
}

/* ---- all of it ---- */

/* On its way back a board may ask to be repeated; it may not be sent to the bench, or away, when the next run passes. */
static bool no_false_fate(const struct real_run *run, unsigned runs, char why[200])
{
    for (unsigned i = 1; i + 1 < runs; i++)
        if (run[i].exit == 1 || run[i].exit == 80 || run[i].exit == 82)
            return no(why, "a repeat gave up a board that the next one finished", run[i].code);
    return true;
}

static bool ends_well(const struct real_fault *f, const struct real_run *last, const struct row *row, char why[200])
{
    if (is_pass(last))
        return state_is(row, "DONE") || no(why, "PASS, and the registry says", row->found ? row->state : "nothing");
    if (f->may_tear && last->exit == 82 && state_is(row, "QUARANTINED") &&
        (strcmp(last->code, "board-torn") == 0 || strcmp(last->code, "otp-torn") == 0 ||
         strcmp(last->code, "otp-unlike") == 0 || strcmp(last->code, "board-quarantined") == 0))
        return true;
    return no(why, "a good board does not end in PASS", last->ended ? last->code : "no verdict");
}

bool real_check(struct lane *l, unsigned product, const struct real_fault *f, const struct real_run *run, unsigned runs,
                char why[200])
{
    const struct real_run *last = &run[runs - 1];
    struct row row;
    char uid[32];

    (void)snprintf(uid, sizeof uid, "%.24s", vchip_ctl(&l->board, "uid") + 3);
    for (unsigned i = 0; i < runs; i++)
        if (!told_the_same(&run[i], why))
            return false;
    if (!no_false_fate(run, runs, why))
        return false;
    if (f->how == BY_FAKE && is_pass(&run[0]))
        return no(why, "PASS from a programmer that lies", f->text);
    if (f->must_pass && !is_pass(&run[0]))
        return no(why, "an interrupted wait was not survived", run[0].code);
    if (lane_orphans(l))
        return no(why, "left running", "OpenOCD");
    if (!read_rows(l, uid, &row, why) || !chip_and_record(l, product, &row, why) || !ends_well(f, last, &row, why))
        return false;
    return !is_pass(last) || l->done++ % 16 != 0 || message_opens(l, row.serial, why);
}

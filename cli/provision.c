#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/fault.h"
#include "cli/line.h"
#include "cli/prepare.h"
#include "cli/slot.h"
#include "cli/token.h"
#include "cli/ui/report.h"

struct job { /* one board's way, and all it needs */
    struct app *app;
    struct line line;
    struct line_make make;
    struct provision_result result;
    bool started;
};

/* Everything that can be missing is found missing here, before the board is touched. */
static enum err_code open_all(struct job *j, bool burn, struct err *e)
{
    enum err_code rc = prepare(j->app, CMD_SLOT | (burn ? CMD_RECORDS : CMD_READS), e);

    if (rc == ERR_OK)
        rc = line_make_open(&j->make, j->app, j->app->opt[OPT_PRODUCT], e);
    if (rc == ERR_OK)
        rc = line_open(&j->line, j->app, burn, e);
    return rc == ERR_OK ? slot_open(&j->app->chip, j->app->config, j->app->slot, e) : rc;
}

static void close_all(struct job *j)
{
    line_close(&j->line);
    line_make_close(&j->make);
}

static enum err_code provision(struct job *j, bool burn, struct err *e)
{
    enum err_code rc = open_all(j, burn, e);

    if (rc != ERR_OK)
        return rc;
    j->started = true;
    return line_work(&j->line, j->app->slot, j->app->chip, &j->make, burn, &j->result, e);
}

/* ---- what came of it ---- */

static json_t *json_ms(uint64_t ns)
{
    return json_real((double)(ns / 1000) / 1000.0);
}

static json_t *json_steps(const struct provision_result *r)
{
    json_t *steps = json_object();
    bool ok = steps != NULL;

    for (unsigned i = 0; i < STATION_STEPS && ok; i++)
        if (r->step_ns[i] > 0)
            ok = json_object_set_new(steps, station_step_name((enum station_step)i), json_ms(r->step_ns[i])) == 0;
    if (ok && r->read_back_ns > 0)
        ok = json_object_set_new(steps, "read_back", json_ms(r->read_back_ns)) == 0;
    if (ok)
        return steps;
    json_decref(steps);
    return NULL;
}

static void name_board(const struct job *j, char serial[static 17], char uid[static 2 * CHIP_UID_LEN + 1])
{
    serial[0] = uid[0] = '\0';
    if (j->result.has_device)
        (void)snprintf(serial, 17, "%016llx", (unsigned long long)j->result.serial);
    if (j->result.has_identity)
        hex_encode(j->result.identity.uid, CHIP_UID_LEN, uid);
}

/* The fault's; without one, that of the good code. */
static const char *board_fate(const struct job *j, const struct err *e)
{
    const struct fault *f = e != NULL ? e->fault : code_find(j->result.code);

    return board_fate_name(f != NULL ? fault_fate(f) : FATE_RETRY);
}

/* The one object; e is NULL when all went well. */
static enum err_code show_json(const struct job *j, const struct err *e, struct err *e_out)
{
    const struct provision_result *r = &j->result;
    char serial[17], uid[2 * CHIP_UID_LEN + 1];

    name_board(j, serial, uid);
    return report_object(
        json_pack("{s:s, s:s, s:i, s:s?, s:s?, s:s?, s:s, s:s, s:i, s:s, s:o, s:o}", "verdict", verdict_name(r->verdict),
                  "code", r->code, "exit", e != NULL ? err_exit_status(e->code) : 0, "serial",
                  serial[0] != '\0' ? serial : NULL, "uid", uid[0] != '\0' ? uid : NULL, "state",
                  r->has_device ? device_state_name(r->state) : NULL, "product", j->app->opt[OPT_PRODUCT], "slot",
                  j->app->opt[OPT_SLOT], "otp_to_burn", (int)r->otp_to_burn, "board", board_fate(j, e), "steps_ms",
                  json_steps(r), "error", e != NULL ? report_json(e) : json_null()),
        e_out);
}

static void show_text(const struct job *j, const struct err *e)
{
    static const char *const color[] = { [VERDICT_PASS] = "\033[1;30;42m",
                                         [VERDICT_PLAN] = "\033[1;30;46m",
                                         [VERDICT_REFUSED] = "\033[1;30;43m",
                                         [VERDICT_FAIL] = "\033[1;37;41m" };
    const struct provision_result *r = &j->result;
    char serial[17], uid[2 * CHIP_UID_LEN + 1];
    bool tty = isatty(STDOUT_FILENO) == 1;

    name_board(j, serial, uid);
    printf("%s  %s  %s slot %s: %s\n", tty ? color[r->verdict] : "", verdict_name(r->verdict), tty ? "\033[0m" : "",
           j->app->opt[OPT_SLOT], r->code);
    printf("serial    %s\nUID       %s\nstate     %s\n", serial[0] != '\0' ? serial : "none yet",
           uid[0] != '\0' ? uid : "not read", r->has_device ? device_state_name(r->state) : "not registered");
    printf("board     %s\n", board_fate(j, e));
    if (r->verdict == VERDICT_PLAN && strcmp(r->code, "plan") == 0)
        printf("to burn   %u OTP cells\n", (unsigned)r->otp_to_burn);
}

/* What a good code asks for, as `fuseline explain` has it. */
static void tell_next(const struct job *j)
{
    const struct fault *good = code_find(j->result.code);

    if (good != NULL)
        fprintf(stderr, "fuseline: %s: %s\n", good->cause, good->action);
}

static enum err_code run(struct app *app, struct err *e)
{
    struct job j = { .app = app };
    struct err e_out = { 0 };
    enum err_code rc = provision(&j, app->opt[OPT_BURN] != NULL, e), rc_out = ERR_OK;

    close_all(&j);  /* first: a module that dies in C_Finalize must not do so behind a PASS */
    if (!j.started) /* nothing touched the board */
        j.result = (struct provision_result){ .verdict = VERDICT_REFUSED, .code = rc != ERR_OK ? e->fault->name : "" };
    if (app->json)
        rc_out = show_json(&j, rc != ERR_OK ? e : NULL, &e_out);
    else
        show_text(&j, rc != ERR_OK ? e : NULL);
    (void)fflush(stdout); /* the verdict first; main looks at ferror */
    if (rc == ERR_OK && rc_out == ERR_OK)
        tell_next(&j);
    if (rc == ERR_OK && rc_out != ERR_OK)
        *e = e_out;
    if (rc != ERR_OK && app->json) { /* told above: one object, no second */
        report_text(stderr, e);
        e->fault = NULL;
    }
    return rc != ERR_OK ? rc : rc_out;
}

static const struct cmd_opt options[] = {
    { "product", "NAME", OPT_PRODUCT, 0, true, "the product that the board becomes", false },
    { "slot", "NAME", OPT_SLOT, 0, true, "the slot, as in fuseline.conf", false },
    { "burn", NULL, OPT_BURN, 0, false, "really do it; without it the plan is printed and nothing is touched", false },
    PIN_SOURCE_OPT("line"),
    { 0 },
};

extern const struct cmd cmd_provision;
const struct cmd cmd_provision = {
    "provision",
    "--product NAME --slot NAME [--burn] [--pin-source SOURCE]",
    "make the board in a slot a device: key, record, burn, firmware, proof, lock",
    "Ends with one verdict: PASS, the device is done and recorded; PLAN, without --burn; REFUSED, nothing was written to\n"
    "the chip; FAIL, all else: the message says what to do.  Safe to repeat: a board that was cut off on its way goes on\n"
    "where it stopped, with the same serial and key.  Programming can't be undone, so it needs --burn.\n",
    options,
    0,
    run,
};

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "cli/doctor.h"
#include "cli/fault.h"
#include "cli/interrupt.h"
#include "cli/program.h"
#include "cli/slot.h"
#include "cli/ui/report.h"
#include "flash/fault.h"

static const char *const status_word[] = {
    [CHECK_OK] = "ok", [CHECK_WARN] = "warn", [CHECK_FAIL] = "FAIL", [CHECK_NONE] = "none"
};
static const char *const status_json[] = {
    [CHECK_OK] = "ok", [CHECK_WARN] = "warn", [CHECK_FAIL] = "fail", [CHECK_NONE] = "none"
};

static bool has_detail(enum check_status s)
{
    return s == CHECK_OK || s == CHECK_WARN;
}

static void tell_text(const char *slot, const char *what, enum check_status s, const char *detail, const struct err *e)
{
    printf("%-4s  %s%s%s%s: ", status_word[s], slot != NULL ? "slot " : "", slot != NULL ? slot : "",
           slot != NULL ? " " : "", what);
    if (has_detail(s)) {
        puts(detail);
        return;
    }
    report_line(stdout, e);
    printf("\n      hint: %s\n", e->fault->action);
}

void doctor_tell(struct doctor *d, const char *slot, const char *what, enum check_status s, const char *detail,
                 const struct err *e)
{
    if (s == CHECK_FAIL)
        d->worst = err_worse(d->worst, e->code);
    if (!d->app->json) {
        tell_text(slot, what, s, detail, e);
        return;
    }
    json_t *line = json_pack("{s:s, s:s?, s:s, s:o, s:o}", "check", what, "slot", slot, "status", status_json[s], "detail",
                             has_detail(s) ? report_string(detail) : json_null(), "error",
                             has_detail(s) ? json_null() : report_json(e));
    if (d->broken == ERR_OK)
        d->broken = report_object(line, d->e);
    else
        json_decref(line);
}

static bool check_config(struct doctor *d)
{
    struct err e = { 0 };
    char detail[300];
    enum err_code rc = config_load(&d->app->config, d->app->dir, &e);
    bool loaded = rc == ERR_OK;

    if (loaded && d->app->config->n_slots == 0)
        rc = err_set(&e, &cli_fault[CLI_NO_SLOTS], "read", NULL, 0, "%s", d->app->config->path);
    if (rc == ERR_OK)
        (void)snprintf(detail, sizeof detail, "%s, slots: %zu", d->app->config->path, d->app->config->n_slots);
    doctor_tell(d, NULL, "config", rc == ERR_OK ? CHECK_OK : CHECK_FAIL, detail, &e);
    return loaded;
}

static enum err_code openocd_version(const char *path, char *line, size_t size, struct err *e)
{
    static const char name[] = "Open On-Chip Debugger ";
    char text[512];
    int error = program_output(path, "--version", text, sizeof text, 5000);

    if (error == ETIMEDOUT)
        return err_set(e, &cli_fault[CLI_OPENOCD_VERSION], "--version", NULL, 0, "%s does not answer", path);
    if (error != 0)
        return err_set(e, &flash_fault[FLASH_OPENOCD_MISSING], "execve", "errno", error, "%s", path);
    const char *at = strstr(text, name);
    int len = at != NULL ? (int)strcspn(at, "\r\n") : 0;
    if (at == NULL || strncmp(at + strlen(name), "0.12.", 5) != 0)
        return err_set(e, &cli_fault[CLI_OPENOCD_VERSION], "--version", NULL, 0, "%s says '%.*s'", path, len,
                       at != NULL ? at : "");
    (void)snprintf(line, size, "%s, %.*s", path, len, at);
    return ERR_OK;
}

static bool check_openocd(struct doctor *d)
{
    struct err e = { 0 };
    char detail[400];
    enum err_code rc = openocd_version(d->app->config->openocd, detail, sizeof detail, &e);

    doctor_tell(d, NULL, "openocd", rc == ERR_OK ? CHECK_OK : CHECK_FAIL, rc == ERR_OK ? detail : NULL, &e);
    return rc == ERR_OK;
}

static bool check_adapter(struct doctor *d, const struct slot *s)
{
    struct err e = { 0 };
    enum err_code rc = config_check_adapter(d->app->config, s, &e);

    doctor_tell(d, s->name, "adapter", rc == ERR_OK ? CHECK_OK : CHECK_FAIL, rc == ERR_OK ? s->adapter : NULL, &e);
    return rc == ERR_OK;
}

/* An empty slot is no failure of the station. */
static void check_board(struct doctor *d, const struct slot *s)
{
    struct chip_identity id;
    struct chip *chip = NULL;
    struct err e = { 0 };
    char detail[128], uid[2 * CHIP_UID_LEN + 1];
    enum err_code rc = slot_open(&chip, d->app->config, s, &e);

    if (rc == ERR_OK)
        rc = chip_probe(chip, &id, &e);
    chip_close(chip);
    if (rc == ERR_OK) {
        hex_encode(id.uid, sizeof id.uid, uid);
        (void)snprintf(detail, sizeof detail, "%s, UID %s, RDP level %u", s->chip->title, uid, id.rdp);
        doctor_tell(d, s->name, "board", CHECK_OK, detail, NULL);
    } else {
        doctor_tell(d, s->name, "board", e.fault == &flash_fault[FLASH_NO_CHIP] ? CHECK_NONE : CHECK_FAIL, NULL, &e);
    }
}

static enum err_code run(struct app *app, struct err *e)
{
    struct doctor d = { .app = app, .e = e };

    if (check_config(&d)) {
        bool openocd = check_openocd(&d);

        doctor_line(&d);
        for (size_t i = 0; i < app->config->n_slots && !interrupt_requested(); i++)
            if (check_adapter(&d, &app->config->slot[i]) && openocd)
                check_board(&d, &app->config->slot[i]);
    }
    if (d.broken != ERR_OK)
        return d.broken;
    if (interrupt_requested() && d.worst == ERR_OK)
        return err_set(e, &cli_fault[CLI_INTERRUPTED], "doctor", NULL, 0, "doctor");
    return d.worst; /* told line by line */
}

static const struct cmd_opt options[] = { { 0 } };

extern const struct cmd cmd_doctor;
const struct cmd cmd_doctor = {
    "doctor",
    "",
    "check configuration, OpenOCD, registry, tokens, firmware, the server's certificate, and each slot with its board",
    "One line per check: ok, FAIL with cause and hint, or none for a slot without a board or a token without a master or\n"
    "log signer, which is no failure.  warn: the certificate of [serve] ends within 30 days.\n"
    "In a folder without registry and tokens these are not looked for.\n"
    "Resets and halts the boards it finds; writes nothing.  The exit status is that of the worst check.\n",
    options,
    0,
    run,
};

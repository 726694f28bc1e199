/* cli/main.c - start-up, dispatch, exit status. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/config.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/prepare.h"
#include "cli/ui/report.h"
#include "db/registry.h"
#include "flash/chip.h"

/* Started without stdin, stdout or stderr, the next file opened would take its number and be written to as if it were. */
static void fill_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) != fd)
            _exit(err_exit_status(ERR_IO));
}

/* Memory of ours may hold secrets: no core file, no debugger, no file that others read. */
static void harden(void)
{
    static const struct rlimit none = { 0, 0 };

    (void)setrlimit(RLIMIT_CORE, &none); /* lowering a limit cannot fail */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)umask(077);
}

static enum err_code run_command(struct app *app, struct err *e)
{
    enum err_code rc = prepare(app, app->cmd->needs, e);

    if (rc == ERR_OK)
        rc = app->cmd->run(app, e);
    chip_close(app->chip);
    registry_close(app->registry);
    config_free(app->config);
    return rc;
}

static enum err_code answer(struct app *app, int argc, char *argv[], struct err *e)
{
    enum err_code rc = options_parse(app, argc, argv, e);

    if (rc != ERR_OK)
        return rc;
    if (app->opt[OPT_VERSION] != NULL)
        help_version(stdout);
    else if (app->opt[OPT_HELP] != NULL)
        help_print(stdout, app->cmd);
    else
        rc = run_command(app, e);
    return rc;
}

static void complain(const struct app *app, const struct err *e)
{
    struct err e_out;

    report_text(stderr, e);
    if (app->slot != NULL && (app->cmd->needs & CMD_SLOT) != 0) /* `provision` has told it above */
        fprintf(stderr, "board: %s, see `fuseline explain %s`\n", board_fate_name(fault_fate(e->fault)), e->fault->name);
    if (e->code == ERR_USAGE)
        help_synopsis(stderr, app->cmd, app->word);
    if (app->json && report_object(json_pack("{s:o}", "error", report_json(e)), &e_out) != ERR_OK)
        report_text(stderr, &e_out);
}

int main(int argc, char *argv[])
{
    struct app app = { 0 };
    struct err e = { 0 }, e_out;

    interrupt_init(); /* first: a signal from now on is answered, not died of */
    fill_standard_files();
    harden();

    enum err_code rc = answer(&app, argc, argv, &e);
    if (rc != ERR_OK && e.fault != NULL)
        complain(&app, &e);
    if (report_flush(&e_out) != ERR_OK && rc == ERR_OK) {
        app.json = false; /* nobody would read it */
        complain(&app, &e_out);
        rc = e_out.code;
    }
    return err_exit_status(rc);
}

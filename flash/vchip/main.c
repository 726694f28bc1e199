/* vchip: a simulated board.  `vchip --help` is its manual. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/version.h"
#include "flash/vchip/loop.h"
#include "flash/vchip/usage.h"

struct options {
    const char *chip, *state, *jtag, *control, *usart;
};

enum { OPT_CHIP = 256, OPT_STATE, OPT_JTAG, OPT_CONTROL, OPT_USART, OPT_HELP, OPT_VERSION };

static const struct option long_options[] = {
    { "chip", required_argument, NULL, OPT_CHIP },   { "state", required_argument, NULL, OPT_STATE },
    { "jtag", required_argument, NULL, OPT_JTAG },   { "control", required_argument, NULL, OPT_CONTROL },
    { "usart", required_argument, NULL, OPT_USART }, { "help", no_argument, NULL, OPT_HELP },
    { "version", no_argument, NULL, OPT_VERSION },   { NULL, 0, NULL, 0 },
};

static const struct fault fault_usage = { "vchip-usage", ERR_USAGE, "the command line is wrong", "see vchip --help",
                                          FATE_BY_CODE };

static _Noreturn void end(const struct err *e)
{
    fprintf(stderr, "vchip: %s: %s", e->op, e->fault->cause);
    if (e->subject[0] != '\0')
        fprintf(stderr, ": '%s'", e->subject);
    if (e->source != NULL && strcmp(e->source, "errno") == 0)
        fprintf(stderr, ": %s", strerror((int)e->native));
    fprintf(stderr, "\nhint: %s\n", e->fault->action);
    if (e->code == ERR_USAGE)
        fputs(usage_synopsis, stderr);
    exit(err_exit_status(e->code));
}

static _Noreturn void end_usage(const char *what, const char *subject)
{
    struct err e;

    (void)err_set(&e, &fault_usage, what, NULL, 0, "%s", subject);
    end(&e);
}

/* Whoever reads our stdout must know whether it got everything. */
static _Noreturn void end_stdout(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("vchip: stdout");
        exit(err_exit_status(ERR_IO));
    }
    exit(EXIT_SUCCESS);
}

static void read_options(struct options *o, int argc, char *argv[])
{
    for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (c) {
        case OPT_CHIP:
            o->chip = optarg;
            break;
        case OPT_STATE:
            o->state = optarg;
            break;
        case OPT_JTAG:
            o->jtag = optarg;
            break;
        case OPT_CONTROL:
            o->control = optarg;
            break;
        case OPT_USART:
            o->usart = optarg;
            break;
        case OPT_HELP:
            usage_print(stdout);
            end_stdout();
        case OPT_VERSION:
            puts("vchip " FUSELINE_VERSION);
            end_stdout();
        default: /* getopt has said what is wrong */
            fputs(usage_synopsis, stderr);
            exit(err_exit_status(ERR_USAGE));
        }
    }
    if (optind < argc)
        end_usage("unexpected argument", argv[optind]);
    if (o->chip == NULL || o->state == NULL || o->jtag == NULL || o->control == NULL)
        end_usage("missing option", o->chip == NULL    ? "--chip"
                                    : o->state == NULL ? "--state"
                                    : o->jtag == NULL  ? "--jtag"
                                                       : "--control");
}

static const struct chip_desc *find_chip(const char *name)
{
    static struct fault unknown = { "vchip-chip", ERR_USAGE, "no chip of that name", NULL, FATE_BY_CODE };
    static char known[256] = "the chips are";
    const struct chip_desc *desc = chip_desc_find(name);
    struct err e;

    if (desc != NULL)
        return desc;
    for (size_t i = 0; i < chip_descs_n; i++)
        (void)snprintf(known + strlen(known), sizeof known - strlen(known), "%s %s", i > 0 ? "," : "", chip_descs[i]->name);
    unknown.action = known;
    (void)err_set(&e, &unknown, "--chip", NULL, 0, "%s", name);
    end(&e);
}

/* The signals that end us arrive as a readable descriptor, between two rounds of the loop. */
static int signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void on_drop(void *io)
{
    struct loop *l = io;

    rbb_drop(l->rbb);
}

static void on_quit(void *io)
{
    struct loop *l = io;

    l->quit = true;
}

static enum err_code plug_in(struct loop *l, const struct options *o, const struct chip_desc *desc, struct err *e)
{
    enum err_code rc;

    if ((rc = board_open(&l->board, desc, o->state, e)) != ERR_OK)
        return rc;
    const struct hands hands = { .board = l->board, .drop = on_drop, .quit = on_quit, .io = l };
    if (o->usart != NULL && (rc = pty_open(&l->pty, o->usart, e)) != ERR_OK)
        return rc;
    if ((rc = rbb_open(&l->rbb, o->jtag, board_jtag(l->board), e)) != ERR_OK)
        return rc;
    board_on_drop(l->board, on_drop, l);
    return ctl_open(&l->ctl, o->control, &hands, e);
}

int main(int argc, char *argv[])
{
    struct options o = { 0 };
    struct loop l = { .signal_fd = -1 };
    struct err e;

    read_options(&o, argc, argv);
    const struct chip_desc *desc = find_chip(o.chip);
    l.signal_fd = signals();
    enum err_code rc = plug_in(&l, &o, desc, &e);
    if (rc == ERR_OK) {
        puts("ready");
        (void)fflush(stdout); /* nobody may be listening: the sockets are there all the same */
        loop_run(&l);
    }
    ctl_close(l.ctl);
    rbb_close(l.rbb);
    pty_close(l.pty);
    board_close(l.board);
    if (rc != ERR_OK)
        end(&e);
    return EXIT_SUCCESS;
}

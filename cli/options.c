#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/suggest.h"
#include "cli/fault.h"

enum { MAX_OPTS = 24 };

struct parser { /* one table of options in getopt's form */
    struct option longs[MAX_OPTS + 1];
    const struct cmd_opt *opt[MAX_OPTS];
    size_t n;
    char shorts[2 * MAX_OPTS + 3];
};

static const struct cmd_opt before_opts[] = {
    { "version", NULL, OPT_VERSION, 0, false, "print the version, and exit", false },
    { 0 },
};

/* Rows past MAX_OPTS are a bug of ours that a test over all rows would show: they would be unknown options. */
static void add(struct parser *p, const struct cmd_opt *opts)
{
    size_t len = strlen(p->shorts);

    for (; opts->name != NULL && p->n < MAX_OPTS; opts++) {
        if (opts->id == OPT_OPERAND)
            continue;
        p->opt[p->n] = opts;
        p->longs[p->n] =
            (struct option){ opts->name, opts->arg != NULL ? required_argument : no_argument, NULL, 256 + (int)p->n };
        if (opts->letter != 0)
            p->shorts[len++] = opts->letter;
        if (opts->letter != 0 && opts->arg != NULL)
            p->shorts[len++] = ':';
        p->n++;
    }
}

static enum err_code misuse(struct err *e, enum cli_fault_id id, const char *word, const char *nearest, const char *dashes)
{
    if (nearest == NULL)
        return err_set(e, &cli_fault[id], "parse", NULL, 0, "'%s'", word);
    return err_set(e, &cli_fault[id], "parse", NULL, 0, "'%s', did you mean '%s%s'?", word, dashes, nearest);
}

static enum err_code unknown_option(const struct parser *p, const char *word, struct err *e)
{
    char name[64];
    struct suggest s;

    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word); /* a cut name is near to nothing */
    suggest_init(&s, name + strspn(name, "-"));
    for (size_t i = 0; i < p->n; i++)
        suggest_offer(&s, p->opt[i]->name);
    return misuse(e, CLI_UNKNOWN_OPTION, name, suggest_best(&s), "--");
}

static const struct cmd_opt *by_letter(const struct parser *p, int letter)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->opt[i]->letter == letter)
            return p->opt[i];
    return NULL;
}

/* One answer of getopt_long, word being the argument that it looked at. */
static enum err_code take(struct app *app, const struct parser *p, int got, const char *word, struct err *e)
{
    const struct cmd_opt *o = got >= 256 ? p->opt[got - 256] : by_letter(p, got);

    if (got == ':' || (got == '?' && optopt >= 256) || (o != NULL && o->arg != NULL && *optarg == '\0'))
        return misuse(e, CLI_OPTION_VALUE, word, NULL, "");
    if (o == NULL)
        return unknown_option(p, word, e);
    if (got >= 256 && strcspn(word + 2, "=") != strlen(o->name)) /* an abbreviation, which getopt_long lets pass */
        return unknown_option(p, word, e);
    if (app->opt[o->id] != NULL && o->id != OPT_JSON && o->id != OPT_HELP)
        return misuse(e, CLI_DOUBLED_OPTION, word, NULL, "");
    app->opt[o->id] = o->arg != NULL ? optarg : "";
    return ERR_OK;
}

/* Parse argv[1..] up to the end, or to the first operand when `operands` is false ("+" in getopt's language).
 * *next is the first word not used. */
static enum err_code parse(struct app *app, struct parser *p, int argc, char *argv[], int *next, struct err *e)
{
    enum err_code rc = ERR_OK;

    opterr = 0;
    optind = 0; /* glibc: begin anew */
    for (int at = 1, got; rc == ERR_OK && (got = getopt_long(argc, argv, p->shorts, p->longs, NULL)) != -1; at = optind)
        rc = take(app, p, got, argv[at], e);
    *next = optind;
    return rc;
}

static bool is_command(const struct cmd *c, const char *first, const char *second)
{
    size_t len = strcspn(c->name, " ");

    if (strncmp(c->name, first, len) != 0 || first[len] != '\0')
        return false;
    return c->name[len] == '\0' || (second != NULL && strcmp(c->name + len + 1, second) == 0);
}

/* The words that name a command begin at argv[0]; returns how many they are, 0 for an unknown one. */
static int find_command(struct app *app, int argc, char *argv[], struct err *e)
{
    const char *second = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
    char typed[64];
    struct suggest s;

    for (size_t i = 0; i < cmds_n; i++)
        if (is_command(cmds[i], argv[0], second)) {
            app->cmd = cmds[i];
            return strchr(cmds[i]->name, ' ') != NULL ? 2 : 1;
        }
    (void)snprintf(typed, sizeof typed, "%s%s%s", argv[0], second != NULL ? " " : "", second != NULL ? second : "");
    suggest_init(&s, typed);
    for (size_t i = 0; i < cmds_n; i++)
        suggest_offer(&s, cmds[i]->name);
    (void)misuse(e, CLI_UNKNOWN_COMMAND, typed, suggest_best(&s), "");
    return 0;
}

/* --json counts wherever it stands, so that also a wrong command line is answered in JSON. */
static bool wants_json(int argc, char *argv[])
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

static enum err_code check_required(const struct app *app, struct err *e)
{
    for (const struct cmd_opt *o = app->cmd->opts; o->name != NULL; o++)
        if (o->required && app->opt[o->id] == NULL)
            return err_set(e, &cli_fault[CLI_MISSING_OPTION], "parse", NULL, 0, "%s%s%s%s", o->id != OPT_OPERAND ? "--" : "",
                           o->name, o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "");
    return ERR_OK;
}

/* The command's options, and its operands if it takes any, which may stand before, between or behind them. */
static enum err_code parse_words(struct app *app, struct parser *p, int argc, char *argv[], struct err *e)
{
    size_t takes = 0;
    int next;
    enum err_code rc = parse(app, p, argc, argv, &next, e);

    for (const struct cmd_opt *o = app->cmd->opts; o->name != NULL; o++)
        if (o->id == OPT_OPERAND)
            takes = o->many ? OPERANDS_MAX : 1;
    while (rc == ERR_OK && next < argc) {
        if (app->operands == takes)
            return misuse(e, CLI_OPERAND, argv[next], NULL, "");
        if (argv[next][0] == '\0')
            return misuse(e, CLI_OPTION_VALUE, argv[next], NULL, "");
        app->operand[app->operands++] = argv[next];
        app->opt[OPT_OPERAND] = app->operand[0];
        if (next > 1 && strcmp(argv[next - 1], "--") == 0 && next + 1 < argc) /* no options behind it */
            return misuse(e, CLI_OPERAND, argv[next + 1], NULL, "");
        argc -= next; /* the operand takes argv[0]'s place */
        argv += next;
        rc = parse(app, p, argc, argv, &next, e);
    }
    return rc;
}

static enum err_code parse_command(struct app *app, int argc, char *argv[], struct err *e)
{
    struct parser p = { .shorts = "+:" };
    int words = find_command(app, argc, argv, e);

    app->word = argv[0];
    if (words == 0)
        return ERR_USAGE;
    add(&p, app->cmd->opts);
    add(&p, common_opts);
    argc -= words - 1; /* the last word of the name takes argv[0]'s place */
    argv += words - 1;
    enum err_code rc = parse_words(app, &p, argc, argv, e);
    if (rc == ERR_OK && app->opt[OPT_HELP] == NULL)
        rc = check_required(app, e);
    return rc;
}

enum err_code options_parse(struct app *app, int argc, char *argv[], struct err *e)
{
    struct parser p = { .shorts = "+:" };
    int next;

    app->json = wants_json(argc, argv);
    add(&p, common_opts);
    add(&p, before_opts);
    enum err_code rc = parse(app, &p, argc, argv, &next, e);
    if (rc != ERR_OK)
        return rc;
    if (next < argc)
        rc = parse_command(app, argc - next, argv + next, e);
    else if (app->opt[OPT_HELP] == NULL && app->opt[OPT_VERSION] == NULL)
        rc = err_set(e, &cli_fault[CLI_NO_COMMAND], "parse", NULL, 0, "fuseline");
    app->dir = app->opt[OPT_DIR] != NULL ? app->opt[OPT_DIR] : ".";
    return rc;
}

enum err_code options_number(const struct app *app, enum opt_id id, unsigned long max, unsigned long *out, struct err *e)
{
    const char *text = app->opt[id];
    bool hex = strncmp(text, "0x", 2) == 0 || strncmp(text, "0X", 2) == 0;
    char *end;

    errno = 0;
    unsigned long value = strtoul(text, &end, hex ? 16 : 10);
    /* strtoul takes blanks and signs too */
    if (!isxdigit((unsigned char)text[hex ? 2 : 0]) || *end != '\0' || errno != 0 || value > max)
        return err_set(e, &cli_fault[CLI_BAD_NUMBER], "parse", NULL, 0, "'%s' is not in 0..%lu", text, max);
    *out = value;
    return ERR_OK;
}

enum err_code options_serial(const char *text, uint64_t *serial, struct err *e)
{
    uint8_t bytes[8];

    if (hex_decode(text, bytes, sizeof bytes) != sizeof bytes)
        return err_set(e, &cli_fault[CLI_SERIAL], "parse", NULL, 0, "'%s'", text);
    *serial = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        *serial = *serial << 8 | bytes[i];
    return ERR_OK;
}

enum err_code options_reason(const char *reason, const char *name, struct err *e)
{
    const size_t len = strlen(reason);
    json_t *text = json_string(reason); /* NULL: no UTF-8 */
    bool ok = text != NULL && len <= 200;

    json_decref(text);
    for (size_t i = 0; i < len; i++)
        ok = ok && (unsigned char)reason[i] >= 0x20 && reason[i] != 0x7F;
    return ok ? ERR_OK : err_set(e, &cli_fault[CLI_REASON], "parse", NULL, 0, "%s", name);
}

/* What a code means: the table of cli/fault.c for people, for machines and for the manual. */
#include <stdio.h>

#include "base/suggest.h"
#include "cli/cmd.h"
#include "cli/fault.h"
#include "cli/ui/report.h"

static enum err_code explain(const struct app *app, const struct fault *f, struct err *e)
{
    const char *board = board_fate_name(fault_fate(f));
    const int status = err_exit_status(f->code);

    if (app->json)
        return report_object(json_pack("{s:s, s:i, s:s, s:s, s:s}", "code", f->name, "exit", status, "cause", f->cause,
                                       "action", f->action, "board", board),
                             e);
    printf("%s\n  cause  %s\n  next   %s\n  board  %s\n  exit   %d, %s\n", f->name, f->cause, f->action, board, status,
           err_code_meaning(f->code));
    return ERR_OK;
}

static enum err_code explain_all(const struct app *app, struct err *e)
{
    const struct fault *f;
    enum err_code rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && (f = code_walk(i)) != NULL; i++)
        rc = explain(app, f, e);
    return rc;
}

static enum err_code find(const char *code, const struct fault **f, struct err *e)
{
    const struct fault *near;
    struct suggest s;

    if ((*f = code_find(code)) != NULL)
        return ERR_OK;
    suggest_init(&s, code);
    for (size_t i = 0; (near = code_walk(i)) != NULL; i++)
        suggest_offer(&s, near->name);
    if (suggest_best(&s) == NULL)
        return err_set(e, &cli_fault[CLI_UNKNOWN_CODE], "explain", NULL, 0, "'%s'", code);
    return err_set(e, &cli_fault[CLI_UNKNOWN_CODE], "explain", NULL, 0, "'%s', did you mean '%s'?", code, suggest_best(&s));
}

/* A mistyped one among them: nothing is explained. */
static enum err_code explain_codes(const struct app *app, struct err *e)
{
    const struct fault *f[OPERANDS_MAX];
    enum err_code rc = ERR_OK;

    for (size_t i = 0; i < app->operands && rc == ERR_OK; i++)
        rc = find(app->operand[i], &f[i], e);
    for (size_t i = 0; i < app->operands && rc == ERR_OK; i++)
        rc = explain(app, f[i], e);
    return rc;
}

/* ---- the manual's section CODES, in scdoc(5) ---- */

static void put_scdoc(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '*' || *text == '_')
            putchar('\\');
        putchar(*text);
    }
}

static void put_man(void)
{
    const struct fault *f;

    puts("# CODES\n\nEach code with its exit status, what becomes of the board, its cause, and the one thing to do next.");
    for (size_t i = 0; (f = code_walk(i)) != NULL; i++) {
        printf("\n*%s*, %d, %s\n\t", f->name, err_exit_status(f->code), board_fate_name(fault_fate(f)));
        put_scdoc(f->cause);
        printf(".++\n\t");
        put_scdoc(f->action);
        printf(".\n");
    }
}

static enum err_code run(struct app *app, struct err *e)
{
    const bool all = app->opt[OPT_ALL] != NULL, man = app->opt[OPT_MAN] != NULL;

    if ((app->operands > 0) + all + man != 1)
        return err_set(e, &cli_fault[CLI_EXPLAIN_CHOICE], "parse", NULL, 0, "explain");
    if (man)
        put_man();
    else
        return all ? explain_all(app, e) : explain_codes(app, e);
    return ERR_OK;
}

static const struct cmd_opt options[] = {
    { "CODE", NULL, OPT_OPERAND, 0, false, "such as otp-foreign: as a failure names it", true },
    { "all", NULL, OPT_ALL, 0, false, "every code there is", false },
    { "man", NULL, OPT_MAN, 0, false, "the same as the manual has it, in scdoc(5)", false },
    { 0 },
};

extern const struct cmd cmd_explain;
const struct cmd cmd_explain = {
    "explain",
    "(CODE... | --all | --man)",
    "what a code means: the cause, the one next action, and what becomes of the board",
    "The board: ship, it is done; retry, nothing speaks against it: the action, then the same board again, with the same\n"
    "command, which can do no harm; rework, to the repair bench: it may come back, with the same identity; scrap, set it\n"
    "aside: it is never shipped and never put into a slot again.  A board that fails three times with one code is for\n"
    "the bench, whatever the code.\n",
    options,
    0,
    run,
};

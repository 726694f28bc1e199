#include "cli/ui/report.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fault.h"

static void native(FILE *out, const struct err *e)
{
    if (strcmp(e->source, "errno") == 0)
        fprintf(out, ": errno %ld %s", e->native, strerror((int)e->native));
    else if (e->native != 0)
        fprintf(out, ": %s %ld", e->source, e->native);
    else
        fprintf(out, ": %s", e->source); /* it gave no number */
}

void report_line(FILE *out, const struct err *e)
{
    fprintf(out, "%s: %s", e->fault->cause, e->subject);
    if (e->code == ERR_USAGE) /* no call failed */
        return;
    fprintf(out, " (%s", e->op);
    if (e->source != NULL)
        native(out, e);
    fputc(')', out);
}

void report_text(FILE *out, const struct err *e)
{
    fputs("fuseline: ", out);
    report_line(out, e);
    fputc('\n', out);
    if (e->code != ERR_USAGE) /* a misuse is followed by the synopsis */
        fprintf(out, "hint: %s\n", e->fault->action);
}

json_t *report_string(const char *text)
{
    json_t *s = json_string(text);

    if (s != NULL)
        return s;
    char *ascii = strdup(text);
    if (ascii == NULL)
        return NULL;
    for (char *p = ascii; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    s = json_string(ascii);
    free(ascii);
    return s;
}

json_t *report_json(const struct err *e)
{
    json_t *source = e->source != NULL ? json_string(e->source) : json_null();
    json_t *number = e->source != NULL && e->native != 0 ? json_integer(e->native) : json_null();

    return json_pack("{s:s, s:i, s:s, s:s, s:o, s:s, s:o, s:o, s:s}", "name", e->fault->name, "exit",
                     err_exit_status(e->code), "cause", e->fault->cause, "action", e->fault->action, "subject",
                     report_string(e->subject), "op", e->op, "source", source, "native", number, "board",
                     board_fate_name(fault_fate(e->fault)));
}

/* jansson drops what it has no memory for, and says nothing: what was written is read back. */
static bool says(const char *text, const json_t *obj)
{
    json_t *back = text != NULL ? json_loads(text, 0, NULL) : NULL;
    const bool whole = back != NULL && json_object_size(back) == json_object_size(obj);

    json_decref(back);
    return whole;
}

enum err_code report_object(json_t *obj, struct err *e)
{
    char *text = obj != NULL ? json_dumps(obj, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    const bool whole = says(text, obj);
    int rc = 0;

    json_decref(obj);
    if (!whole)
        (void)err_set(e, &cli_fault[CLI_NO_MEMORY], "json_dumps", NULL, 0, "the answer");
    else if ((rc = printf("%s\n", text)) < 0)
        (void)err_errno(e, &cli_fault[CLI_OUTPUT], "write", "stdout");
    free(text);
    return whole && rc >= 0 ? ERR_OK : e->code;
}

enum err_code report_flush(struct err *e)
{
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        errno = errno != 0 ? errno : EIO; /* the write that failed is long past */
        return err_errno(e, &cli_fault[CLI_OUTPUT], "write", "stdout");
    }
    return ERR_OK;
}

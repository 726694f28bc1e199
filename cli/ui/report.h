/* cli/ui/report.h - how results and failures look: words for people on stderr, data on stdout, JSON one object per line. */
#ifndef CLI_UI_REPORT_H
#define CLI_UI_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "base/err.h"

/* "CAUSE: SUBJECT (OP: SOURCE NATIVE)", without a line end; of a misuse without the parentheses. */
void report_line(FILE *out, const struct err *e);

/* "fuseline: " and the line; and, but for a misuse, "hint: ACTION". */
void report_text(FILE *out, const struct err *e);

/* A new {"name", "exit", "cause", "action", "subject", "op", "source", "native", "board"}; source and native are null where
 * the failure has none; native is never 0.  NULL: no memory. */
json_t *report_json(const struct err *e);

/* A JSON string; bytes that are no UTF-8 become '?'.  NULL: no memory. */
json_t *report_string(const char *text);

/* Print obj as one line on stdout and drop it.  obj may be NULL, as json_pack returns it without memory. */
enum err_code report_object(json_t *obj, struct err *e) __attribute__((warn_unused_result));

/* stdout is written to the end.  ERR_IO if any of it was not. */
enum err_code report_flush(struct err *e) __attribute__((warn_unused_result));

#endif

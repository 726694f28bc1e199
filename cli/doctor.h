/* cli/doctor.h - what the parts of `fuseline doctor` share: one line per check. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <stdbool.h>

#include "cli/cmd.h"

struct doctor {
    struct app *app;
    enum err_code worst;
    struct err *e; /* of main: filled only when the report itself can't be made */
    enum err_code broken;
};

enum check_status { CHECK_OK, CHECK_FAIL, CHECK_NONE /* absent, which is no failure */ };

/* One line: what was looked at (slot may be NULL) and what came of it; detail when it is ok, e when it is not. */
void doctor_tell(struct doctor *d, const char *slot, const char *what, enum check_status s, const char *detail,
                 const struct err *e);

/* The checks of a line that provisions: registry, tokens and their keys, firmware.  app->config is loaded. */
void doctor_line(struct doctor *d);

#endif

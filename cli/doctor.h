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

enum check_status {
    CHECK_OK,
    CHECK_WARN /* good today: the exit status is not touched */,
    CHECK_FAIL,
    CHECK_NONE /* absent, which is no failure */
};

/* One line: what was looked at (slot may be NULL) and what came of it; detail when it is ok or a
 * warning, e when it is not. */
void doctor_tell(struct doctor *d, const char *slot, const char *what, enum check_status s, const char *detail,
                 const struct err *e);

/* The checks of a line that provisions: registry, tokens and their keys, firmware.  app->config is loaded. */
void doctor_line(struct doctor *d);

/* What the server token, while it was open, said of a key, or of several. */
struct doctor_key {
    bool looked; /* false: no key is the token's, or the token did not open */
    enum err_code rc;
    struct err e;
};
struct hsm;
/* [serve]'s: is it there, may it sign, and is it the certificate's?  No login of its own. */
void doctor_look_for_key(const struct doctor *d, struct hsm *server, struct doctor_key *out);

/* Has it the keys of all fleets, as the registry knows them?  *n of them were looked at. */
void doctor_look_for_fleets(const struct doctor *d, struct hsm *server, struct doctor_key *out, unsigned *n);
void doctor_fleets(struct doctor *d, const struct doctor_key *keys, unsigned n); /* without fleets: nothing */

/* The certificate and key of [serve]; without them, nothing. */
void doctor_serve(struct doctor *d, const struct doctor_key *key);

#endif

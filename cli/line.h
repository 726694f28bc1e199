/* cli/line.h - what a board's way needs besides the board: crypto, the two tokens, the server's side of the proof.
 * Boundary: commands that take up boards; app->config and app->registry are open.  Memory: caller's, line_close. */
#ifndef CLI_LINE_H
#define CLI_LINE_H

#include "cli/cmd.h"
#include "cli/config.h"
#include "hsm/hpke_host.h"
#include "station/station.h"
#include "verifier/verifier.h"

struct line {
    struct app *app;
    struct hpke_host *host;
    struct crypto crypto;
    struct hsm *line, *server; /* NULL: not opened, for a plan */
    struct verifier *verifier;
};

/* tokens: open both, with the same KEKs.  line_close in every case. */
enum err_code line_open(struct line *l, struct app *app, bool tokens, struct err *e) __attribute__((warn_unused_result));
void line_close(struct line *l);

/* station_provision for the board of that chip, as a device of that product; result is filled in every case. */
enum err_code line_provision(struct line *l, const struct slot *slot, struct chip *chip, const char *product, bool burn,
                             struct provision_result *result, struct err *e) __attribute__((warn_unused_result));

#endif

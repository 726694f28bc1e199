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

/* What a board becomes: a product, and that product's firmware.  line_make_close in every case. */
struct line_make {
    struct product product;
    struct fw_image *firmware;
};
enum err_code line_make_open(struct line_make *m, struct app *app, const char *product, struct err *e)
    __attribute__((warn_unused_result));
void line_make_close(struct line_make *m);

/* station_provision for the board of that chip; each step is shown on a terminal, and at the console's the operator is asked
 * for power.  result is filled in every case. */
enum err_code line_work(struct line *l, const struct slot *slot, struct chip *chip, const struct line_make *m, bool burn,
                        struct provision_result *result, struct err *e) __attribute__((warn_unused_result));

/* The same, by the product's name. */
enum err_code line_provision(struct line *l, const struct slot *slot, struct chip *chip, const char *product, bool burn,
                             struct provision_result *result, struct err *e) __attribute__((warn_unused_result));

#endif

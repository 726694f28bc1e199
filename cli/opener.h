/* cli/opener.h - what it takes to open frames: the server token, the crypto table, the verifier on a registry. */
#ifndef CLI_OPENER_H
#define CLI_OPENER_H

#include "cli/cmd.h"
#include "protocol/crypto.h"
#include "verifier/verifier.h"

struct hpke_host;
struct hsm;

struct opener {
    struct registry *registry; /* the caller's */
    struct hsm *server;
    struct hpke_host *host;
    struct crypto crypto;
    struct verifier *verifier;
};

/* registry: open for writing.  Close it also after a failure. */
enum err_code opener_open(struct opener *o, const struct app *app, struct registry *registry, struct err *e)
    __attribute__((warn_unused_result));
void opener_close(struct opener *o); /* zeros are fine */

/* Token and crypto alone; the verifier stays NULL. */
enum err_code opener_prepare(struct opener *o, const struct app *app, struct registry *registry, struct err *e)
    __attribute__((warn_unused_result));

#endif

/* cli/product_keys.h - the keys that all devices of a product share, when it is added: fleet key, rotation authorities,
 * master.  The fleet's first key is made here, in the server token; the others are there before, or the product is refused.
 * Which scheme needs which: station/slots.h.  Memory: caller's, product_keys_close in every case. */
#ifndef CLI_PRODUCT_KEYS_H
#define CLI_PRODUCT_KEYS_H

#include "cli/cmd.h"
#include "db/registry.h"
#include "hsm/hsm.h"

struct product_keys {
    struct hsm *server; /* NULL: none of its keys is needed */
    bool made;          /* the fleet's key: now, and not before */
};

/* Open what is needed, and fill in p: initial epoch, authorities, master.  Nothing is made or recorded yet.
 * ERR_CONFIG: a key is missing; the fault's action makes it. */
enum err_code product_keys_find(struct product_keys *k, const struct app *app, struct product *p, struct err *e)
    __attribute__((warn_unused_result));

/* An RSA key takes seconds to make, and a batch keeps everybody else from writing: it is made before, for the fleet that the
 * product is going to be; nothing is recorded.  Should another product take that number meanwhile, the key is that one's, or
 * the next one's.  Of other suites: nothing is done. */
enum err_code product_keys_prepare(struct product_keys *k, const struct app *app, const struct product *p, struct err *e)
    __attribute__((warn_unused_result));

/* In one batch with the product's row, whose fleet is chosen by then: the fleet's first key, made or found, its row, and the
 * log's word of it.  A cut leaves a key without a row, which the repeat takes. */
enum err_code product_keys_add(struct product_keys *k, const struct app *app, const struct product *p, struct err *e)
    __attribute__((warn_unused_result));

void product_keys_close(struct product_keys *k);

#endif

/* cli/reconcile_keys.h - does each wrapped key still open with this token, and give the public key on record? */
#ifndef CLI_RECONCILE_KEYS_H
#define CLI_RECONCILE_KEYS_H

#include "db/registry.h"
#include "hsm/hsm.h"

struct reconcile_keys {
    struct registry *registry;
    struct hsm *line;
    uint64_t devices;    /* how many there are */
    unsigned long limit; /* look at so many of them, spread evenly; 0: all */
    bool progress;       /* on stderr */
    enum err_code (*tell)(void *io, uint64_t serial, const char *kind, const char *is, const char *should,
                          const char *action, struct err *e);
    void *io;
};

/* *keys: how many were unwrapped.  Secrets: a device's shared secret is in memory for its SHA-256, then wiped. */
enum err_code reconcile_keys(const struct reconcile_keys *k, uint64_t *keys, struct err *e)
    __attribute__((warn_unused_result));

#endif

/* cli/config.h - DIR/fuseline.conf: where the slots are and what is in them.
 *   [station]            optional
 *   openocd = PATH       absolute; default /usr/bin/openocd
 *   timeout_ms = N       100..600000, for one answer of the programmer; default: the programmer's own limits
 *   id = N               0..65535, in each image that this station burns; default 1
 *   [registry]           optional
 *   path = FILE          relative to DIR; default registry.db
 *   [firmware]           optional
 *   path = FOLDER        relative to DIR, holds SCHEME-CHIP.elf; default: installed with the program
 *   [hsm ROLE]           one for each role: line, server, log, vault
 *   token = LABEL        the token's label, and
 *   module = FILE.so     its PKCS#11 module, relative to DIR; or both as
 *   uri = pkcs11:...     RFC 7512
 *   pin-source = file:PATH   optional, relative to DIR; without: --pin-source or a prompt
 *   [serve]              optional: the HTTPS receiver (docs/server.md)
 *   listen = HOST:PORT   default 127.0.0.1:8443; [::]:8443 is every address; port 0: any
 *   certificate = FILE   PEM, relative to DIR, its own first, then the chain
 *   key = FILE           PEM, mode 0400 or 0600; or
 *   key = hsm:tls/NAME   in the server token (`key new --tls`)
 *   workers = N          processes, 1..64; default 1
 *   metrics = PORT       on 127.0.0.1; default 8444; 0: any
 *   connections = N      at once and worker, 1..65535; default 512
 *   rate = N             requests a second and address, 0..100000, 0: no limit; default 100
 *   timeout = N          1..300 seconds without a byte; a whole request has three times as long; default 10
 *   [slot NAME]          one per fixture; letters, digits, - and _
 *   chip = NAME          of `fuseline chip list`
 *   adapter = FILE.cfg   OpenOCD's configuration of the programmer, relative to DIR
 *   console = PATH       optional: the board's serial console; the device is asked over it after the lock
 *   console-seconds = N  1..600: how long its answer is waited for, the power cycle included; default 60
 * Memory: one heap object, config_free.  Threads: read-only once loaded. */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include <stdbool.h>

#include "base/err.h"
#include "flash/chips/chips.h"

enum { SLOT_NAME_MAX = 32, TOKEN_LABEL_MAX = 32 };

enum role { ROLE_LINE, ROLE_SERVER, ROLE_LOG, ROLE_VAULT, ROLES }; /* docs/hsm.md: who holds which key */

struct token {     /* of one role; paths joined with DIR */
    unsigned line; /* of its section; 0: not configured */
    char *uri;     /* as given, or NULL: then */
    char *label, *module;
    char *pin_file; /* NULL: the URI's, or none */
};

struct slot {
    char name[SLOT_NAME_MAX + 1];
    unsigned line; /* of its section */
    const struct chip_desc *chip;
    char *adapter, *console; /* paths, joined with DIR; console may be NULL */
    unsigned adapter_line;
    unsigned console_seconds; /* 0: not given */
};

struct serve { /* paths joined with DIR */
    char *listen;
    char *certificate, *key; /* NULL: not given */
    char *key_label;         /* in the server token: then key is NULL */
    unsigned workers, metrics, connections, rate, timeout_s;
};

struct config {
    char *dir, *path; /* as given; path is DIR/fuseline.conf */
    char *openocd;
    unsigned timeout_ms; /* 0: not given */
    uint16_t station;
    char *registry;
    char *firmware; /* NULL: not given */
    struct token token[ROLES];
    struct serve serve;
    struct slot *slot;
    size_t n_slots;
};

/* Read the whole file; the first error in file order wins, and its subject begins with FILE:LINE:
 * ERR_NOINPUT  there is no such file
 * ERR_CONFIG   it is wrong
 * Does not look at adapter files: a slot that is broken must not stop the others. */
enum err_code config_load(struct config **out, const char *dir, struct err *e) __attribute__((warn_unused_result));
void config_free(struct config *c); /* NULL is fine */

const char *config_role_name(enum role role); /* "line" */

/* tls/NAME: a key of `key new --tls`; NAME is 1 to 28 letters, digits, dots, - and _. */
bool config_is_tls_label(const char *label);

/* The slot of that name.  ERR_CONFIG, the subject lists what there is. */
enum err_code config_slot(const struct config *c, const char *name, const struct slot **out, struct err *e)
    __attribute__((warn_unused_result));

/* The slot's adapter file is a readable regular file. */
enum err_code config_check_adapter(const struct config *c, const struct slot *s, struct err *e)
    __attribute__((warn_unused_result));

#endif

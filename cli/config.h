/* cli/config.h - DIR/fuseline.conf: where the slots are and what is in them.
 *   [station]            optional
 *   openocd = PATH       absolute; default /usr/bin/openocd
 *   timeout_ms = N       100..600000, for one answer of the programmer; default: the programmer's own limits
 *   [slot NAME]          one per fixture; letters, digits, - and _
 *   chip = NAME          of `fuseline chip list`
 *   adapter = FILE.cfg   OpenOCD's configuration of the programmer, relative to DIR
 *   console = PATH       optional: the board's serial console
 * Memory: one heap object, config_free.  Threads: read-only once loaded. */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "base/err.h"
#include "flash/chips/chips.h"

enum { SLOT_NAME_MAX = 32 };

struct slot {
    char name[SLOT_NAME_MAX + 1];
    unsigned line; /* of its section */
    const struct chip_desc *chip;
    char *adapter, *console; /* paths, joined with DIR; console may be NULL */
    unsigned adapter_line;
};

struct config {
    char *dir, *path; /* as given; path is DIR/fuseline.conf */
    char *openocd;
    unsigned timeout_ms; /* 0: not given */
    struct slot *slot;
    size_t n_slots;
};

/* Read the whole file; the first error in file order wins, and its subject begins with FILE:LINE:
 * ERR_NOINPUT  there is no such file
 * ERR_CONFIG   it is wrong
 * Does not look at adapter files: a slot that is broken must not stop the others. */
enum err_code config_load(struct config **out, const char *dir, struct err *e) __attribute__((warn_unused_result));
void config_free(struct config *c); /* NULL is fine */

/* The slot of that name.  ERR_CONFIG, the subject lists what there is. */
enum err_code config_slot(const struct config *c, const char *name, const struct slot **out, struct err *e)
    __attribute__((warn_unused_result));

/* The slot's adapter file is a readable regular file. */
enum err_code config_check_adapter(const struct config *c, const struct slot *s, struct err *e)
    __attribute__((warn_unused_result));

#endif

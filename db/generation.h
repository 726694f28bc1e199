/* db/generation.h - scheme 5: the generation of a device's key, and the one that waits for it.
 * Boundary: as db/registry.h.  Salts are public: they cross the air in REKEY and stand in the log, so that a registry that
 * was lost can be made again from a copy of it.  Source: docs/protocol.md, rekey. */
#ifndef DB_GENERATION_H
#define DB_GENERATION_H

#include "db/registry.h"

enum { REG_SALT = 16 };

struct generations {
    uint8_t gen; /* the current one; 0 from the factory, with a salt of zeros */
    uint8_t salt[REG_SALT];
    bool has_pending; /* then it is gen + 1 */
    uint8_t pending_salt[REG_SALT];
};

/* Generation 0 if it was never rekeyed. */
enum err_code registry_gen(struct registry *r, uint64_t serial, struct generations *g, struct err *e);

/* Announce gen + 1 with this fresh salt.  If one is pending already, that one stays and is returned, however often it is
 * asked for and whoever asks: a device that accepted a REKEY whose answer was lost must find the same key again.
 * ERR_NO 255 are used up.  ERR_NOINPUT no such device. */
enum err_code registry_rekey_begin(struct registry *r, uint64_t serial, const uint8_t salt[REG_SALT], struct generations *g,
                                   struct err *e);

/* The first good frame of `gen` came: it is the current one now.  registry_frame_record does this by itself.  Done before:
 * ERR_OK.  ERR_CONFLICT: neither current nor pending. */
enum err_code registry_gen_confirmed(struct registry *r, uint64_t serial, uint8_t gen, struct err *e);

/* A frame under the initial generation, with an nvm_loss above the highest seen: the device lost its flash.  An event, once
 * for each nvm_loss; the highest seen stays until its first good frame. */
enum err_code registry_flash_lost(struct registry *r, uint64_t serial, uint8_t nvm_loss, struct err *e);

#endif

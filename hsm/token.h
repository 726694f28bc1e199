/* hsm/token.h - what stands behind struct hsm and struct hsm_key: login, and the way back after a token died.  For the files
 * of hsm/ only.  Every public call is a `step` run by token_do: if it fails because session or token are dead, the module is
 * finalised, initialised and logged into once, keys find their handles again (key_bind), and the step runs once more.
 * A refused PIN is never tried again, not by any later call either. */
#ifndef HSM_TOKEN_H
#define HSM_TOKEN_H

#include "hsm/ckr.h"
#include "hsm/hsm.h"
#include "hsm/module.h"
#include "hsm/template.h"

struct hsm {
    struct module *module;
    CK_FUNCTION_LIST *f; /* module->f */
    struct hsm_uri uri;
    struct hsm_pin_source pin;
    char *workspace;
    char label[HSM_LABEL];
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE keys; /* owns the session objects that callers hold: they die with it, so it is never closed */
    CK_SESSION_HANDLE work; /* all else; closed and opened again when an operation hangs in it */
    bool logged_in, closed;
    unsigned holders; /* itself till hsm_close, and each of its keys: the last one frees it */
    pid_t pid;
    unsigned long module_life;           /* module->life at login; else: log in again */
    unsigned long life;                  /* logins so far; a key's handle is good for one */
    CK_RV last;                          /* of the step's failed call; CKR_OK: its failure needs no reopen */
    struct err refused;                  /* code != ERR_OK: the PIN was refused */
    unsigned verify_every, until_verify; /* hsm_verify_every */
};

enum key_source { KEY_OF_TOKEN, KEY_UNWRAPPED, KEY_DERIVED };

struct hsm_key {
    struct hsm *h;
    enum key_source source;
    unsigned refs; /* its owner, and the keys that were unwrapped or derived from it */
    unsigned long life;
    CK_OBJECT_HANDLE handle;

    enum hsm_key_kind kind; /* KEY_OF_TOKEN */
    enum key_origin origin;
    char label[HSM_LABEL];
    uint8_t kcv[3];
    uint8_t pk[HSM_RSA_BYTES + 4]; /* of a pair, as long as its kind has it: hsm/pair.h */
    struct hsm_blob canary;        /* KEK: the last blob that it unwrapped; len 0: none yet */

    struct hsm_key *parent; /* KEY_UNWRAPPED: the KEK; KEY_DERIVED: the master */
    enum hsm_use use;
    struct hsm_blob blob;
    uint8_t data[32];
};

typedef enum err_code token_step(struct hsm *h, void *io, struct err *e);
enum err_code token_do(struct hsm *h, token_step *step, void *io, struct err *e) __attribute__((warn_unused_result));

/* A call of the step failed: note rv for token_do, fill *e. */
enum err_code token_fail(struct hsm *h, enum hsm_fault_id otherwise, const char *call, CK_RV rv, struct err *e);

/* A new work session: what hung in the old one is gone. */
void token_new_work(struct hsm *h);

/* Log the user out, an SO in, and back (token_do does the last by itself).  The PIN is wiped. */
enum err_code token_so_login(struct hsm *h, const struct hsm_pin_source *so, const char *pin_source, struct err *e);
void token_so_logout(struct hsm *h);

/* Make k->handle good for this login. */
enum err_code key_bind(struct hsm_key *k, struct err *e) __attribute__((warn_unused_result));
enum err_code key_bind_token(struct hsm_key *k, struct err *e) __attribute__((warn_unused_result));
enum err_code key_bind_unwrapped(struct hsm_key *k, struct err *e) __attribute__((warn_unused_result));
enum err_code key_bind_derived(struct hsm_key *k, struct err *e) __attribute__((warn_unused_result));
void key_copy_id(uint8_t id[KEY_ID_BYTES], const uint8_t kcv[3]); /* the rest of id: random */
/* Token objects that fit the template, at most max. */
enum err_code key_objects(struct hsm *h, struct template *t, CK_OBJECT_HANDLE *out, CK_ULONG max, CK_ULONG *n, struct err *e)
    __attribute__((warn_unused_result));
size_t key_bytes(struct hsm *h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, void *out, size_t max); /* 0: not there */
bool key_is_whole(struct hsm *h, CK_OBJECT_HANDLE o, enum hsm_key_kind kind); /* false: its making was cut */
enum err_code key_read_kcv(struct hsm_key *k, CK_OBJECT_HANDLE o, uint8_t kcv[3], struct err *e)
    __attribute__((warn_unused_result));
struct hsm_key *key_new(struct hsm *h, struct hsm_key *parent, enum key_source source, struct err *e);

void token_release(struct hsm *h);

/* One slot's token for the URI; CKR of the failed call in *rv. */
enum err_code token_find(CK_FUNCTION_LIST *f, const struct hsm_uri *u, CK_SLOT_ID *slot, CK_RV *rv, struct err *e);

#endif

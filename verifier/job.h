/* verifier/job.h - inside the verifier: one frame on its way from the air to the registry.
 * Included by this room alone.  Each step ends in ERR_OK, with j->out saying what became of the frame, or in a failure of
 * the call, after which nothing is given out. */
#ifndef VERIFIER_JOB_H
#define VERIFIER_JOB_H

#include "verifier/cache.h"

struct job {
    struct verifier *v;
    struct opened_frame *out;
    uint16_t fleet; /* the caller's hint; 0: none */
    struct frame f;

    struct peer *peer; /* whose keys opened it */
    uint8_t gen;       /* 5: of which generation */
    struct peer_session session;
    struct peer_text text;
    bool is_open; /* its session is new */
    bool opened;

    bool has_device; /* `device` is who sent it, as the registry has him */
    struct device device;
    bool pins; /* 8: the key that it shows is to be pinned with it */
};

/* ---- what becomes of it (job.c) ---- */

enum err_code job_refuse(struct job *j, const char *reason);
/* Our own table's failure says nothing about the frame. */
enum err_code job_refuse_sealed(struct job *j, enum sealed_result r, struct err *e);
/* No key that is left opens it: then a duplicate if it is stored (without data: they are gone with the key), else refused.
 */
enum err_code job_refuse_gone(struct job *j, const char *reason, struct err *e);

/* May this device be heard?  *why is NULL, or the reason why not.  A quarantined one is heard: job_deliver withholds. */
enum err_code job_hear(struct job *j, const char **why, struct err *e);

/* Set j->device: the serial as it is claimed, whole or its low half.  ERR_NOINPUT: there is no such device. */
enum err_code job_claimed(struct job *j, const uint8_t *serial, size_t len, struct err *e);

/* It opened, and who sent it is known as far as it can be: signature, record, data. */
enum err_code job_deliver(struct job *j, struct err *e);

/* The text names its sender (fleet schemes): find him, hear him, then deliver. */
enum err_code job_deliver_named(struct job *j, struct err *e);

/* ---- signatures (signer.c) ---- */

/* Is j->text signed by j->device, where its scheme signs?  *why is NULL, or the reason why it is refused; a second key for a
 * pinned serial has then quarantined it. */
enum err_code signer_check(struct job *j, const char **why, struct err *e);

/* ---- ways to open (first.c, boot.c, later.c) ---- */

enum { CANDIDATES_MAX = 8 }; /* fleets with that epoch: docs/protocol.md, "Edges" */

/* Who may have sealed this first frame under a fleet's key: usable keys of that epoch, of that fleet (0: any). */
struct candidates {
    size_t n;
    struct fleet_key key[CANDIDATES_MAX];
};
enum err_code candidates_find(struct verifier *v, const struct frame *f, uint16_t fleet, struct candidates *out,
                              struct err *e);
/* Try them: session and text.  *p NULL: none opened it, and *r says why. */
enum err_code candidates_try(struct verifier *v, const struct frame *f, uint16_t fleet, const uint8_t *proof,
                             struct peer **p, struct peer_session *s, struct peer_text *text, enum sealed_result *r,
                             struct err *e);

/* Scheme 5's generations as the registry knows them; 4 has one, of no number. */
enum err_code boot_gens(struct verifier *v, const struct peer *p, struct peer_gens *known,
                        struct peer_gen out[PEER_GENS_MAX], size_t *n, struct err *e);
/* NULL in scheme 4. */
const struct peer_gen *boot_gen(const struct peer *p, const struct peer_gen *gen);

/* Whose session it is; *p NULL: of a key that opens nothing any more.  d: the device, where somebody says whose (else
 * .serial 0).
 */
enum err_code session_peer(struct verifier *v, const struct live_session *s, struct device *d, struct peer **p,
                           struct err *e);
/* A session from its first frame as it was received, or in 4 and 5 from any.  *r not SEALED_OK: it is none any more. */
enum err_code session_remake(struct verifier *v, const struct frame_row *row, struct live_session *s, enum sealed_result *r,
                             struct err *e);

enum err_code open_first(struct job *j, struct err *e);
enum err_code open_boot(struct job *j, struct err *e);
enum err_code open_later(struct job *j, struct err *e);

#endif

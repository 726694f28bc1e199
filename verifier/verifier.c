#include "verifier/verifier.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "verifier/fault.h"
#include "verifier/job.h"

enum { NS_PER_S = 1000000000 };

const char *frame_status_name(enum frame_status s)
{
    static const char *const names[] = {
        [FRAME_OPENED] = "opened", [FRAME_IS_DUPLICATE] = "duplicate", [FRAME_REFUSED] = "refused"
    };
    return names[s];
}

enum err_code verifier_open(struct verifier **out, struct registry *registry, struct hsm *server,
                            const struct crypto *crypto, struct err *e)
{
    struct verifier *v = calloc(1, sizeof *v);

    if (v == NULL)
        return err_errno(e, &verifier_fault[VERIFIER_MEMORY], "calloc", "%zu bytes", sizeof *v);
    v->registry = registry;
    v->server = server;
    v->crypto = crypto;
    *out = v;
    return ERR_OK;
}

void verifier_close(struct verifier *v)
{
    if (v == NULL)
        return;
    peers_wipe(v, UINT64_MAX);
    token_keys_forget(v);
    sessions_wipe(v, UINT64_MAX);
    free(v);
}

void verifier_idle(struct verifier *v)
{
    const uint64_t now = clock_mono_ns(), idle = (uint64_t)SESSION_IDLE_S * NS_PER_S;

    if (now - v->wiped_ns < NS_PER_S) /* a frame is opened in less time than the caches are looked through */
        return;
    v->wiped_ns = now;
    sessions_wipe(v, now > idle ? now - idle : 0);
    peers_wipe(v, now > idle ? now - idle : 0);
}

/* What goes down is no frame from a device. */
static enum err_code open_any(struct job *j, struct err *e)
{
    if (j->f.form->kind == FRAME_OPEN)
        return open_first(j, e);
    if (j->f.form->kind != FRAME_DATA)
        return job_refuse_sealed(j, SEALED_FORM, e);
    return j->f.boot != NULL ? open_boot(j, e) : open_later(j, e);
}

enum err_code verifier_frame_of(struct verifier *v, uint16_t fleet, const uint8_t *frame, size_t len,
                                struct opened_frame *out, struct err *e)
{
    struct job j = { .v = v, .out = out, .fleet = fleet };
    enum frame_result parsed;
    enum err_code rc;

    *out = (struct opened_frame){ .status = FRAME_REFUSED, .reason = "", .scheme = "" };
    verifier_idle(v);
    if ((parsed = frame_parse(frame, len, &j.f)) != FRAME_OK)
        return job_refuse(&j, frame_result_name(parsed));
    out->counter = j.f.counter;
    rc = open_any(&j, e);
    explicit_bzero(&j.session, sizeof j.session); /* two kilobytes a frame, which bytes_wipe takes byte by byte */
    explicit_bzero(&j.text, sizeof j.text);
    if (rc != ERR_OK) /* nothing that was not recorded gets out */
        (void)job_refuse(&j, "");
    return rc;
}

enum err_code verifier_frame(struct verifier *v, const uint8_t *frame, size_t len, struct opened_frame *out, struct err *e)
{
    return verifier_frame_of(v, 0, frame, len, out, e);
}

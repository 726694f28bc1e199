#include "hsm/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "hsm/guard.h"
#include "hsm/pin.h"

enum { TRIES = 4, FIRST_PAUSE_MS = 20 };

enum err_code token_fail(struct hsm *h, enum hsm_fault_id otherwise, const char *call, CK_RV rv, struct err *e)
{
    h->last = rv;
    return ckr_fail(e, otherwise, call, rv, h->label);
}

/* ---- finding ---- */

static enum err_code among(CK_FUNCTION_LIST *f, const struct hsm_uri *u, const CK_SLOT_ID *slots, CK_ULONG n,
                           CK_SLOT_ID *slot, struct err *e)
{
    CK_TOKEN_INFO info;
    unsigned fit = 0;

    for (CK_ULONG i = 0; i < n; i++) {
        if (f->C_GetTokenInfo(slots[i], &info) != CKR_OK || (info.flags & CKF_TOKEN_INITIALIZED) == 0)
            continue; /* another slot's trouble is not ours */
        if (uri_fits(u, slots[i], &info)) {
            *slot = slots[i];
            fit++;
        }
    }
    if (fit == 0)
        return err_set(e, &hsm_fault[HSM_TOKEN_MISSING], "C_GetTokenInfo", NULL, 0, "token '%s': in no slot of %s", u->who,
                       u->module_path);
    if (fit > 1)
        return err_set(e, &hsm_fault[HSM_TOKEN_AMBIGUOUS], "C_GetTokenInfo", NULL, 0, "token '%s': %u of them", u->who, fit);
    return ERR_OK;
}

enum err_code token_find(CK_FUNCTION_LIST *f, const struct hsm_uri *u, CK_SLOT_ID *slot, CK_RV *rv, struct err *e)
{
    CK_SLOT_ID *slots = NULL;
    CK_ULONG n = 0;
    enum err_code rc;

    if ((*rv = f->C_GetSlotList(CK_TRUE, NULL, &n)) == CKR_OK) {
        n += 4; /* a slot may come between the two calls */
        if ((slots = calloc(n, sizeof *slots)) == NULL)
            return err_set(e, &hsm_fault[HSM_MEMORY], "C_GetSlotList", NULL, 0, "token '%s'", u->who);
        *rv = f->C_GetSlotList(CK_TRUE, slots, &n);
    }
    rc = *rv == CKR_OK ? among(f, u, slots, n, slot, e) : ckr_fail(e, HSM_TOKEN_MISSING, "C_GetSlotList", *rv, u->who);
    free(slots);
    return rc;
}

/* ---- sessions and login ---- */

static CK_RV open_session(struct hsm *h, CK_SESSION_HANDLE *out)
{
    /* read-write: an SO can't log in beside a read-only session, and token keys are made in it */
    return h->f->C_OpenSession(h->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, out);
}

void token_new_work(struct hsm *h)
{
    (void)h->f->C_CloseSession(h->work);
    if (open_session(h, &h->work) != CKR_OK)
        h->work = CK_INVALID_HANDLE; /* the next call in it says so */
}

static enum err_code open_sessions(struct hsm *h, struct err *e)
{
    CK_TOKEN_INFO info;
    CK_RV rv;

    if ((rv = h->f->C_GetTokenInfo(h->slot, &info)) != CKR_OK)
        return token_fail(h, HSM_TOKEN_MISSING, "C_GetTokenInfo", rv, e);
    uri_field(h->label, info.label, sizeof info.label);
    if ((rv = open_session(h, &h->keys)) != CKR_OK)
        return token_fail(h, HSM_TOKEN_MISSING, "C_OpenSession", rv, e);
    if ((rv = open_session(h, &h->work)) != CKR_OK)
        return token_fail(h, HSM_TOKEN_MISSING, "C_OpenSession", rv, e);
    return ERR_OK;
}

static CK_FLAGS flags_of(struct hsm *h)
{
    CK_TOKEN_INFO info;

    return h->f->C_GetTokenInfo(h->slot, &info) == CKR_OK ? info.flags : 0;
}

static enum err_code refused(struct hsm *h, enum hsm_fault_id fault, CK_RV rv, const char *flag, struct err *e)
{
    h->last = rv;
    return err_set(e, &hsm_fault[fault], "C_Login", rv == CKR_OK ? NULL : "CKR", (long)rv, "token '%s': %s%s%s", h->label,
                   rv == CKR_OK ? "" : ckr_name(rv), rv == CKR_OK || *flag == '\0' ? "" : ", ", flag);
}

/* The token's own flags say more than the code. */
static enum err_code tell_refusal(struct hsm *h, CK_RV rv, struct err *e)
{
    CK_FLAGS flags = flags_of(h);

    if (rv == CKR_PIN_LOCKED || (flags & CKF_USER_PIN_LOCKED) != 0)
        return refused(h, HSM_PIN_LOCKED, rv, "PIN locked", e);
    if ((flags & CKF_USER_PIN_FINAL_TRY) != 0)
        return refused(h, HSM_PIN_LAST_TRY, rv, "final try", e);
    if ((flags & CKF_USER_PIN_COUNT_LOW) != 0)
        return refused(h, HSM_PIN_WRONG, rv, "PIN count low", e);
    return refused(h, HSM_PIN_WRONG, rv, "", e);
}

static bool is_pin_refusal(CK_RV rv)
{
    return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_LOCKED ||
           rv == CKR_PIN_EXPIRED;
}

/* Before a PIN is spent: a locked token is not asked, and only a person may risk the final try. */
static enum err_code may_try(struct hsm *h, struct err *e)
{
    CK_FLAGS flags = flags_of(h);

    if ((flags & CKF_USER_PIN_LOCKED) != 0)
        return refused(h, HSM_PIN_LOCKED, CKR_OK, "PIN locked", e);
    if ((flags & CKF_USER_PIN_FINAL_TRY) != 0 && h->pin.kind != HSM_PIN_PROMPT)
        return refused(h, HSM_PIN_LAST_TRY, CKR_OK, "final try", e);
    return ERR_OK;
}

static enum err_code log_in(struct hsm *h, struct pin *pin, struct err *e)
{
    enum err_code rc = may_try(h, e);
    CK_RV rv;

    if (rc != ERR_OK)
        return rc;
    rv = h->f->C_Login(h->keys, CKU_USER, (CK_UTF8CHAR_PTR)pin->text, pin->len);
    if (is_pin_refusal(rv))
        return tell_refusal(h, rv, e);
    if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN) /* by another role on the same token */
        return token_fail(h, HSM_TOKEN_MISSING, "C_Login", rv, e);
    h->logged_in = true;
    h->module_life = h->module->life;
    h->life++;
    return ERR_OK;
}

static void close_sessions(struct hsm *h)
{
    if (h->keys != CK_INVALID_HANDLE)
        (void)h->f->C_CloseSession(h->keys);
    if (h->work != CK_INVALID_HANDLE)
        (void)h->f->C_CloseSession(h->work);
    h->keys = h->work = CK_INVALID_HANDLE;
    h->logged_in = false;
}

static bool has_sessions(const struct hsm *h)
{
    return h->life > 0 && h->module->up && h->module_life == h->module->life && h->keys != CK_INVALID_HANDLE;
}

static enum err_code attach_once(struct hsm *h, struct pin *pin, struct err *e)
{
    enum err_code rc;

    h->last = CKR_OK;
    if (has_sessions(h)) /* only the login is missing: an SO had the token */
        return log_in(h, pin, e);
    h->keys = h->work = CK_INVALID_HANDLE;
    if ((rc = module_up(h->module, h->workspace, &h->last, e)) != ERR_OK ||
        (rc = token_find(h->f, &h->uri, &h->slot, &h->last, e)) != ERR_OK || (rc = open_sessions(h, e)) != ERR_OK ||
        (rc = log_in(h, pin, e)) != ERR_OK)
        close_sessions(h);
    return rc;
}

/* What a SoftHSM2 shows while some tool that does not know our lock is in its login window. */
static bool may_be_window(const struct hsm *h, const struct err *e)
{
    return h->last == CKR_GENERAL_ERROR || h->last == CKR_USER_PIN_NOT_INITIALIZED ||
           e->fault == &hsm_fault[HSM_TOKEN_MISSING];
}

/* Guarded. */
static enum err_code attach(struct hsm *h, struct pin *pin, struct err *e)
{
    unsigned pause_ms = FIRST_PAUSE_MS;
    enum err_code rc;

    for (int i = 1; (rc = attach_once(h, pin, e)) != ERR_OK && i < TRIES && may_be_window(h, e); i++) {
        if (h->module->users == 1)
            module_down(h->module); /* what it read at C_Initialize may be the half file */
        clock_sleep_ms(pause_ms);
        pause_ms *= 2;
    }
    return rc;
}

/* The PIN is in memory from here to its wipe only. */
static enum err_code attach_with_pin(struct hsm *h, struct err *e)
{
    struct pin pin;
    struct guard guard;
    enum err_code rc = pin_read(&pin, &h->pin, h->uri.pin_source, h->uri.who, e);

    if (rc == ERR_OK && (rc = guard_enter(&guard, h->workspace, e)) == ERR_OK) {
        rc = attach(h, &pin, e);
        guard_leave(&guard);
    }
    pin_wipe(&pin);
    if (rc != ERR_OK && (is_pin_refusal(h->last) || rc == ERR_RIGHTS))
        h->refused = *e;
    return rc;
}

/* ---- the way back ---- */

static bool can_log_in_again(const struct hsm *h)
{
    return h->pin.kind == HSM_PIN_URI;
}

static enum err_code reattach(struct hsm *h, struct err *e)
{
    if (!can_log_in_again(h) && !h->closed && h->life > 0)
        return err_set(e, &hsm_fault[HSM_TOKEN_GONE], "C_Login", NULL, 0,
                       "token '%s': its PIN came from a prompt or descriptor and can't be had again", h->label);
    return attach_with_pin(h, e);
}

/* Sessions of this life, or a new login. */
static enum err_code ready(struct hsm *h, struct err *e)
{
    if (h->closed || h->pid != getpid())
        return err_set(e, &hsm_fault[HSM_CALL], "hsm", NULL, 0, "token '%s': used after hsm_close or fork", h->label);
    if (h->refused.code != ERR_OK) {
        *e = h->refused;
        return e->code;
    }
    if (h->module->made >= MODULE_RENEW_AFTER && h->module->once == 0)
        module_down(h->module); /* its leak ends there; everyone logs in again when next used */
    if (h->logged_in && has_sessions(h))
        return ERR_OK;
    return reattach(h, e);
}

enum err_code token_do(struct hsm *h, token_step *step, void *io, struct err *e)
{
    enum err_code rc = ready(h, e);
    struct err first;

    if (rc != ERR_OK)
        return rc;
    h->last = CKR_OK;
    if ((rc = step(h, io, e)) == ERR_OK || !ckr_is_reopen(h->last) || !can_log_in_again(h))
        return rc;
    first = *e;
    module_down(h->module);
    if (reattach(h, e) != ERR_OK) {
        if (h->refused.code == ERR_OK)
            *e = first; /* the cause, not the vain attempt */
        return e->code;
    }
    h->last = CKR_OK;
    return step(h, io, e);
}

/* ---- the SO, for a ceremony ---- */

enum err_code token_so_login(struct hsm *h, const struct hsm_pin_source *so, const char *pin_source, struct err *e)
{
    struct pin pin;
    struct guard guard;
    enum err_code rc;
    CK_RV rv;

    if ((rc = ready(h, e)) != ERR_OK || (rc = pin_read(&pin, so, pin_source, h->label, e)) != ERR_OK)
        return rc;
    if ((rc = guard_enter(&guard, h->workspace, e)) == ERR_OK) {
        (void)h->f->C_Logout(h->keys);
        rv = h->f->C_Login(h->keys, CKU_SO, (CK_UTF8CHAR_PTR)pin.text, pin.len);
        guard_leave(&guard);
        if (rv != CKR_OK)
            rc = ckr_fail(e, HSM_PIN_WRONG, "C_Login (SO)", rv, h->label);
    }
    pin_wipe(&pin);
    h->logged_in = false;
    return rc;
}

void token_so_logout(struct hsm *h)
{
    (void)h->f->C_Logout(h->keys);
}

/* ---- open and close ---- */

static enum err_code set_up(struct hsm *h, const char *uri, const char *workspace, struct err *e)
{
    enum err_code rc = uri_parse(&h->uri, uri, e);

    if (rc != ERR_OK)
        return rc;
    (void)snprintf(h->label, sizeof h->label, "%s", h->uri.who);
    if ((h->workspace = strdup(workspace)) == NULL)
        return err_set(e, &hsm_fault[HSM_MEMORY], "hsm_open", NULL, 0, "token '%s'", h->label);
    if ((rc = module_get(&h->module, h->uri.module_path, h->uri.init_args, e)) != ERR_OK)
        return rc;
    h->f = h->module->f;
    if (!can_log_in_again(h))
        h->module->once++;
    return ERR_OK;
}

enum err_code hsm_open(struct hsm **out, const char *uri, const struct hsm_pin_source *pin, const char *workspace,
                       struct err *e)
{
    struct hsm *h = calloc(1, sizeof *h);
    enum err_code rc;

    if (h == NULL)
        return err_set(e, &hsm_fault[HSM_MEMORY], "hsm_open", NULL, 0, "a token");
    h->pin = *pin;
    h->pid = getpid();
    h->holders = 1;
    h->verify_every = 1;
    if ((rc = set_up(h, uri, workspace, e)) == ERR_OK && (rc = attach_with_pin(h, e)) == ERR_OK &&
        h->module->profile.name == NULL)
        rc = hsm_profile_find(&h->module->profile, h->f, h->work, h->label, e);
    if (rc != ERR_OK)
        hsm_close(h);
    else
        *out = h;
    return rc;
}

void token_release(struct hsm *h)
{
    if (--h->holders > 0)
        return;
    uri_fini(&h->uri);
    free(h->workspace);
    free(h);
}

void hsm_close(struct hsm *h)
{
    if (h == NULL || h->closed)
        return;
    h->closed = true;
    if (h->module != NULL && h->pid == getpid()) {
        if (has_sessions(h))
            close_sessions(h);
        if (!can_log_in_again(h))
            h->module->once--;
        module_put(h->module);
    }
    token_release(h);
}

const char *hsm_profile(const struct hsm *h)
{
    return h->module->profile.name;
}

const char *hsm_not_enforced(const struct hsm *h)
{
    return h->module->profile.not_enforced;
}

const char *hsm_token_label(const struct hsm *h)
{
    return h->label;
}

/* Every PKCS#11 call fails once, with each of the usual codes: before it was done, or after (the answer got lost).
 * The module is SoftHSM2; its function list goes through here, by the linker's wrap of the dlsym that asks for it. */
#include <stdio.h>
#include <string.h>

#include "hsm/cryptoki.h"
#include "hsm/profile.h"
#include "tests/sweep/life.h"

void *__real_dlsym(void *so, const char *symbol);
void *__wrap_dlsym(void *so, const char *symbol);

static const struct {
    CK_RV rv;
    const char *name;
    bool after;
} codes[] = {
    { CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR", false },
    { CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR after it was done", true },
    { CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED", false },
    { CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID", false },
    { CKR_SESSION_CLOSED, "CKR_SESSION_CLOSED", false },
    { CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR", false },
    { CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED", false },
    { CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED after it was done", true },
    { CKR_HOST_MEMORY, "CKR_HOST_MEMORY", false },
    { CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY", false },
    { CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT", false },
    { CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN", false },
    { CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID", false },
    { CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED", false },
};
enum { CODES = sizeof codes / sizeof *codes };

static CK_FUNCTION_LIST list, *real;
static bool counts;

static bool due(void)
{
    struct world *w = world_now;

    if (!counts || !world_due(w, w->c))
        return false;
    world_fired(w);
    return true;
}

/* One call of the module, with the fault before it or behind it. */
#define THROUGH(name, params, args)                          \
    static CK_RV through_##name params                       \
    {                                                        \
        const bool fails = due();                            \
        CK_RV rv;                                            \
                                                             \
        if (fails && !codes[world_now->c->variant].after)    \
            return codes[world_now->c->variant].rv;          \
        rv = real->C_##name args;                            \
        return fails ? codes[world_now->c->variant].rv : rv; \
    }

THROUGH(Initialize, (void *a), (a))
THROUGH(Finalize, (void *a), (a))
THROUGH(GetSlotList, (CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n), (present, slots, n))
THROUGH(GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info))
THROUGH(GetMechanismInfo, (CK_SLOT_ID slot, CK_MECHANISM_TYPE m, CK_MECHANISM_INFO *info), (slot, m, info))
THROUGH(OpenSession, (CK_SLOT_ID slot, CK_FLAGS flags, void *io, CK_NOTIFY notify, CK_SESSION_HANDLE *s),
        (slot, flags, io, notify, s))
THROUGH(CloseSession, (CK_SESSION_HANDLE s), (s))
THROUGH(Login, (CK_SESSION_HANDLE s, CK_USER_TYPE who, CK_BYTE *pin, CK_ULONG len), (s, who, pin, len))
THROUGH(Logout, (CK_SESSION_HANDLE s), (s))
THROUGH(CreateObject, (CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *o), (s, t, n, o))
THROUGH(DestroyObject, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o), (s, o))
THROUGH(GetAttributeValue, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n), (s, o, t, n))
THROUGH(SetAttributeValue, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n), (s, o, t, n))
THROUGH(FindObjectsInit, (CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n), (s, t, n))
THROUGH(FindObjects, (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *o, CK_ULONG max, CK_ULONG *n), (s, o, max, n))
THROUGH(FindObjectsFinal, (CK_SESSION_HANDLE s), (s))
THROUGH(GenerateKey, (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *o),
        (s, m, t, n, o))
THROUGH(GenerateKeyPair,
        (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *pub, CK_ULONG n, CK_ATTRIBUTE *prv, CK_ULONG k,
         CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private),
        (s, m, pub, n, prv, k, public, private))
THROUGH(WrapKey,
        (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, CK_BYTE *out, CK_ULONG *len),
        (s, m, kek, key, out, len))
THROUGH(UnwrapKey,
        (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_BYTE *in, CK_ULONG len, CK_ATTRIBUTE *t, CK_ULONG n,
         CK_OBJECT_HANDLE *key),
        (s, m, kek, in, len, t, n, key))
THROUGH(DeriveKey,
        (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE base, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *key),
        (s, m, base, t, n, key))
THROUGH(EncryptInit, (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key), (s, m, key))
THROUGH(Encrypt, (CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len),
        (s, in, len, out, out_len))
THROUGH(SignInit, (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key), (s, m, key))
THROUGH(Sign, (CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len), (s, in, len, out, out_len))
THROUGH(GenerateRandom, (CK_SESSION_HANDLE s, CK_BYTE *out, CK_ULONG len), (s, out, len))

static CK_RV get_list(CK_FUNCTION_LIST **out)
{
    list = *real;
    list.C_Initialize = through_Initialize;
    list.C_Finalize = through_Finalize;
    list.C_GetSlotList = through_GetSlotList;
    list.C_GetTokenInfo = through_GetTokenInfo;
    list.C_GetMechanismInfo = through_GetMechanismInfo;
    list.C_OpenSession = through_OpenSession;
    list.C_CloseSession = through_CloseSession;
    list.C_Login = through_Login;
    list.C_Logout = through_Logout;
    list.C_CreateObject = through_CreateObject;
    list.C_DestroyObject = through_DestroyObject;
    list.C_GetAttributeValue = through_GetAttributeValue;
    list.C_SetAttributeValue = through_SetAttributeValue;
    list.C_FindObjectsInit = through_FindObjectsInit;
    list.C_FindObjects = through_FindObjects;
    list.C_FindObjectsFinal = through_FindObjectsFinal;
    list.C_GenerateKey = through_GenerateKey;
    list.C_GenerateKeyPair = through_GenerateKeyPair;
    list.C_WrapKey = through_WrapKey;
    list.C_UnwrapKey = through_UnwrapKey;
    list.C_DeriveKey = through_DeriveKey;
    list.C_EncryptInit = through_EncryptInit;
    list.C_Encrypt = through_Encrypt;
    list.C_SignInit = through_SignInit;
    list.C_Sign = through_Sign;
    list.C_GenerateRandom = through_GenerateRandom;
    *out = &list;
    return CKR_OK;
}

/* hsm/module.c asks a module for its list; in a run with such a fault it gets ours. */
void *__wrap_dlsym(void *so, const char *symbol)
{
    void *found = __real_dlsym(so, symbol), *ours = NULL;
    CK_C_GetFunctionList get = NULL;
    CK_RV (*const instead)(CK_FUNCTION_LIST **) = get_list;

    if (!counts || strcmp(symbol, "C_GetFunctionList") != 0 || found == NULL)
        return found;
    memcpy(&get, &found, sizeof get);
    if (get(&real) != CKR_OK)
        return NULL;
    memcpy(&ours, &instead, sizeof ours);
    return ours;
}

/* ---- the module's self-test, half of what opening a token costs: done by each run with a fault, remembered for the rest
 * ---- */

enum err_code __real_hsm_profile_find(struct hsm_profile *out, CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session,
                                      const char *who, struct err *e);
enum err_code __wrap_hsm_profile_find(struct hsm_profile *out, CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session,
                                      const char *who, struct err *e);

_Static_assert(sizeof(struct hsm_profile) <= sizeof((struct world_shared *)0)->profile, "it fits");

enum err_code __wrap_hsm_profile_find(struct hsm_profile *out, CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session,
                                      const char *who, struct err *e)
{
    struct world *w = world_now;
    enum err_code rc;

    if (w->c == NULL && w->module == NULL && w->shared->has_profile) {
        memcpy(out, w->shared->profile, sizeof *out); /* its texts are constants of this program: the same after a fork */
        return ERR_OK;
    }
    rc = __real_hsm_profile_find(out, f, session, who, e);
    if (rc == ERR_OK && w->c == NULL) {
        memcpy(w->shared->profile, out, sizeof *out);
        w->shared->has_profile = true;
    }
    return rc;
}

static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s", codes[variant].name);
}

static void prepare(struct world *w, const struct sweep_case *c)
{
    (void)c;
    world_use(w, &world_boards[1]); /* with a secret: it makes every call that the others make; the chip is no matter */
}

/* Boards whose keys are their fleet's and their own: other calls. */
static void prepare_made(struct world *w, const struct sweep_case *c)
{
    world_use(w, &world_made[c->variant % WORLD_BOARDS]);
}

static void arm(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)w;
    (void)c;
    (void)t;
    (void)opened;
    counts = true;
}

const struct sweep_kind pkcs11_kinds[] = {
    { .name = "pkcs11",
      .variants = CODES,
      .whole_stride = 5,
      .describe = describe,
      .prepare = prepare,
      .arm = arm,
      .steps = 1u << STEP_KEY | 1u << STEP_INTENT | 1u << STEP_PROOF },
    { .name = "made-pkcs11",
      .fleets = true,
      .variants = CODES,
      .whole_stride = 13,
      .stride = 120,
      .describe = describe,
      .prepare = prepare_made,
      .arm = arm,
      .steps = 1u << STEP_PROOF },
    { .name = "rotate-pkcs11",
      .fleets = true,
      .variants = CODES,
      .whole_stride = 29,
      .stride = 240,
      .describe = describe,
      .arm = arm,
      .whole = life_case },
    { 0 },
};

/* clang-format off: a table */
/* tests/fakes/pkcs11/fake.c - a PKCS#11 module for states that a sound token never shows.
 * It is SoftHSM2 with one fault, chosen by its own file name: copy it to NAME[-K].so.  K: the fault begins with the K-th
 * call that works on keys.  fake_logins counts C_Login; a test finds it with dlsym.
 *   plain           no fault
 *   init-fails      C_Initialize: CKR_DEVICE_ERROR
 *   locked          the token says that its PIN is locked
 *   final-try       the token says that one try is left
 *   three-tries     it counts wrong PINs as a real one: low, final try, locked
 *   removed-K       CKR_DEVICE_REMOVED from the K-th call on, until C_Initialize
 *   session-K       CKR_SESSION_HANDLE_INVALID from the K-th call on, until C_Initialize
 *   gone-K          CKR_DEVICE_REMOVED from the K-th call on, for ever
 *   busy-sign       each C_SignInit finds an operation that was left active, until its session is closed
 *   no-kwp          no key wrap mechanism
 *   no-edwards      no Ed25519 key pairs
 *   no-rsa          no RSA key pairs
 *   no-eddsa        Ed25519 key pairs, but no signatures by them
 *   other-210a      CKM_AES_KEY_WRAP_PAD is not RFC 5649 (as in NSS)
 *   unenforced      CKA_UNWRAP_TEMPLATE is taken and ignored
 *   decrypts        CKA_DECRYPT of every key reads as true
 *   other-key-K     from the K-th call on, CKA_EC_POINT reads as the base point: not the private key's
 *   garbage-label   the token's label is noise */
/* clang-format on */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hsm/cryptoki.h"

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);
extern unsigned fake_logins;
unsigned fake_logins;

static CK_FUNCTION_LIST fake, *real;
static char fault[64];
static unsigned long from_call, calls, wrong_pins;
static bool dead;

static bool is(const char *name)
{
    return strcmp(fault, name) == 0;
}

/* Counts the calls that work on keys; CKR_OK as long as the token lives. */
static CK_RV alive(bool counts)
{
    CK_RV how = is("session") ? CKR_SESSION_HANDLE_INVALID : CKR_DEVICE_REMOVED;

    calls += counts;
    if ((is("removed") || is("session") || is("gone")) && calls >= from_call && from_call > 0)
        dead = true;
    return dead ? how : CKR_OK;
}

static CK_RV fake_Initialize(void *args)
{
    CK_RV rv;

    if (is("init-fails") || (is("gone") && dead))
        return CKR_DEVICE_ERROR;
    rv = real->C_Initialize(args);
    if (rv == CKR_OK && dead) {
        dead = false;
        from_call = 0;
    }
    return rv;
}

static CK_RV fake_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    static const CK_FLAGS count[] = { 0, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY,
                                      CKF_USER_PIN_LOCKED };
    CK_RV rv = real->C_GetTokenInfo(slot, info);

    if (rv != CKR_OK)
        return rv;
    if (is("locked"))
        info->flags |= CKF_USER_PIN_LOCKED;
    if (is("final-try"))
        info->flags |= CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY;
    if (is("three-tries"))
        info->flags = (info->flags & ~(CK_FLAGS)CKF_USER_PIN_COUNT_LOW) | count[wrong_pins < 3 ? wrong_pins : 3];
    if (is("garbage-label"))
        memset(info->label, 0x9b, sizeof info->label);
    return CKR_OK;
}

static CK_RV fake_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    if (is("no-rsa") && type == CKM_RSA_PKCS_KEY_PAIR_GEN)
        return CKR_MECHANISM_INVALID;
    if ((is("no-edwards") && type == CKM_EC_EDWARDS_KEY_PAIR_GEN) || (is("no-eddsa") && type == CKM_EDDSA))
        return CKR_MECHANISM_INVALID;
    return real->C_GetMechanismInfo(slot, type, info);
}

static CK_RV fake_Login(CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG len)
{
    CK_RV rv;

    fake_logins++;
    if (is("locked") || (is("three-tries") && wrong_pins >= 3))
        return CKR_PIN_LOCKED;
    rv = real->C_Login(s, user, pin, len);
    wrong_pins = rv == CKR_PIN_INCORRECT ? wrong_pins + 1 : 0;
    return rv;
}

static CK_RV fake_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *io, CK_NOTIFY notify, CK_SESSION_HANDLE *s)
{
    CK_RV rv = alive(false);

    return rv != CKR_OK ? rv : real->C_OpenSession(slot, flags, io, notify, s);
}

static CK_RV fake_GenerateKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *key)
{
    CK_ATTRIBUTE less[40];
    CK_ULONG k = 0;
    CK_RV rv = alive(true);

    if (rv != CKR_OK)
        return rv;
    for (CK_ULONG i = 0; i < n; i++)
        if (!is("unenforced") || t[i].type != CKA_UNWRAP_TEMPLATE)
            less[k++] = t[i];
    return real->C_GenerateKey(s, m, less, k, key);
}

static CK_RV fake_GenerateKeyPair(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *pub, CK_ULONG n, CK_ATTRIBUTE *prv,
                                  CK_ULONG k, CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    CK_RV rv = alive(true);

    return rv != CKR_OK ? rv : real->C_GenerateKeyPair(s, m, pub, n, prv, k, public, private);
}

static CK_RV fake_WrapKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, CK_BYTE *out,
                          CK_ULONG *len)
{
    CK_RV rv = alive(true);

    if (rv != CKR_OK)
        return rv;
    if (is("no-kwp") && (m->mechanism == CKM_AES_KEY_WRAP_PAD || m->mechanism == CKM_AES_KEY_WRAP_KWP))
        return CKR_MECHANISM_INVALID;
    rv = real->C_WrapKey(s, m, kek, key, out, len);
    if (rv == CKR_OK && is("other-210a") && m->mechanism == CKM_AES_KEY_WRAP_PAD)
        out[0] ^= 1;
    return rv;
}

static CK_RV fake_UnwrapKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_BYTE *in, CK_ULONG len,
                            CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *key)
{
    CK_RV rv = alive(true);

    return rv != CKR_OK ? rv : real->C_UnwrapKey(s, m, kek, in, len, t, n, key);
}

static CK_RV fake_DeriveKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE base, CK_ATTRIBUTE *t, CK_ULONG n,
                            CK_OBJECT_HANDLE *key)
{
    CK_RV rv = alive(true);

    return rv != CKR_OK ? rv : real->C_DeriveKey(s, m, base, t, n, key);
}

static CK_SESSION_HANDLE stuck;

static CK_RV fake_SignInit(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    CK_RV rv = alive(true);

    if (stuck == CK_INVALID_HANDLE)
        stuck = s;
    if (is("busy-sign") && s == stuck)
        return CKR_OPERATION_ACTIVE;
    return rv != CKR_OK ? rv : real->C_SignInit(s, m, key);
}

static CK_RV fake_GetAttributeValue(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n)
{
    static const unsigned char point[67] = {
        0x04, 0x41, 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4,
        0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2,
        0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
        0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
    };
    CK_RV rv = alive(false);

    if (rv != CKR_OK || (rv = real->C_GetAttributeValue(s, o, t, n)) != CKR_OK)
        return rv;
    if (is("decrypts") && t->type == CKA_DECRYPT)
        *(CK_BBOOL *)t->pValue = CK_TRUE;
    if (is("other-key") && t->type == CKA_EC_POINT && calls >= from_call)
        memcpy(t->pValue, point, sizeof point);
    return CKR_OK;
}

static CK_RV fake_FindObjectsInit(CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n)
{
    CK_RV rv = alive(false);

    return rv != CKR_OK ? rv : real->C_FindObjectsInit(s, t, n);
}

/* "removed-7.so": the fault, and from which call on. */
static void read_own_name(void)
{
    static const char self; /* any address of this file's own */
    Dl_info info;
    const char *name;
    char *end;
    size_t len;

    if (dladdr(&self, &info) == 0 || (name = strrchr(info.dli_fname, '/')) == NULL)
        return;
    len = strcspn(++name, ".");
    len = len < sizeof fault ? len : sizeof fault - 1;
    memcpy(fault, name, len);
    end = fault + len;
    while (end > fault && strchr("0123456789", end[-1]) != NULL && end[-1] != '\0')
        end--;
    if (end > fault && end[-1] == '-' && *end != '\0') {
        from_call = strtoul(end, NULL, 10);
        end[-1] = '\0';
    }
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
    void *so = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    void *symbol = so == NULL ? NULL : dlsym(so, "C_GetFunctionList");
    CK_C_GetFunctionList get = NULL;

    memcpy(&get, &symbol, sizeof get);
    if (get == NULL || get(&real) != CKR_OK)
        return CKR_FUNCTION_FAILED;
    read_own_name();
    fake = *real;
    fake.C_GetFunctionList = C_GetFunctionList;
    fake.C_Initialize = fake_Initialize;
    fake.C_GetTokenInfo = fake_GetTokenInfo;
    fake.C_GetMechanismInfo = fake_GetMechanismInfo;
    fake.C_Login = fake_Login;
    fake.C_OpenSession = fake_OpenSession;
    fake.C_GenerateKey = fake_GenerateKey;
    fake.C_GenerateKeyPair = fake_GenerateKeyPair;
    fake.C_WrapKey = fake_WrapKey;
    fake.C_UnwrapKey = fake_UnwrapKey;
    fake.C_DeriveKey = fake_DeriveKey;
    fake.C_SignInit = fake_SignInit;
    fake.C_GetAttributeValue = fake_GetAttributeValue;
    fake.C_FindObjectsInit = fake_FindObjectsInit;
    *list = &fake;
    return CKR_OK;
}

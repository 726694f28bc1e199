#include "hsm/template.h"

#include <string.h>

const unsigned char template_p256[10] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };

/* CKA_EC_PARAMS, DER.  Ed25519 has two forms: the OID 1.3.101.112 (RFC 8410 s.3), which we give, and a PrintableString
 * (PKCS#11 v3.0 s.2.3.3), which SoftHSM2 makes of it in the private half. */
struct curve {
    const unsigned char *oid, *name; /* name: NULL, none */
};
static const unsigned char ed25519_oid[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };
static const unsigned char ed25519_name[] = { 0x13, 12, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9' };
/* X25519: the same two forms, 1.3.101.110. */
static const unsigned char x25519_oid[] = { 0x06, 0x03, 0x2b, 0x65, 0x6e };
static const unsigned char x25519_name[] = { 0x13, 10, 'c', 'u', 'r', 'v', 'e', '2', '5', '5', '1', '9' };
static const struct curve p256 = { template_p256, NULL }, ed25519 = { ed25519_oid, ed25519_name },
                          x25519 = { x25519_oid, x25519_name };
static const unsigned char rsa_e[] = { 1, 0, 1 }; /* F4, 65537 */

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

void template_flag(struct template *t, CK_ATTRIBUTE_TYPE type, bool on)
{
    t->at[t->n++] = (CK_ATTRIBUTE){ type, on ? &yes : &no, sizeof yes };
}

void template_number(struct template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    t->number[t->n] = value;
    t->at[t->n] = (CK_ATTRIBUTE){ type, &t->number[t->n], sizeof value };
    t->n++;
}

void template_bytes(struct template *t, CK_ATTRIBUTE_TYPE type, const void *bytes, size_t len)
{
    CK_ATTRIBUTE a = { type, NULL, len };

    memcpy(&a.pValue, &bytes, sizeof bytes); /* PKCS#11 has no const; C_* functions do not write templates they are given */
    t->at[t->n++] = a;
}

void template_set_flag(struct template *t, CK_ATTRIBUTE_TYPE type, bool on)
{
    for (CK_ULONG i = 0; i < t->n; i++)
        if (t->at[i].type == type)
            t->at[i].pValue = on ? &yes : &no;
}

/* ---- token keys: the table ---- */
/* clang-format off */

enum { N = -1 /* not stated, not compared */ };
enum column { C_KEK, C_KEK_COPY, C_SECRET, C_SECRET_COPY, C_MASTER, C_MASTER_COPY, C_SIGNER, C_LOG, C_RA, C_FLEET,
              C_X25519, C_RSA, COLUMNS };

/* Key as made on its first token, and as copied: a copy never leaves again (EXTRACTABLE) and wraps nothing new. */
static const enum column column[][KEY_ORIGINS] = {
    [HSM_KEK] = { C_KEK, C_KEK_COPY },
    [HSM_KEK_SECRET] = { C_SECRET, C_SECRET_COPY },
    [HSM_MASTER] = { C_MASTER, C_MASTER_COPY },
    [HSM_SIGNER] = { C_SIGNER, C_SIGNER }, /* a signer never moves */
    [HSM_LOG_SIGNER] = { C_LOG, C_LOG },
    [HSM_RA] = { C_RA, C_RA },
    [HSM_FLEET] = { C_FLEET, C_FLEET }, /* never moves either: docs/hsm.md says why */
    [HSM_FLEET_X25519] = { C_X25519, C_X25519 },
    [HSM_RSA] = { C_RSA, C_RSA },
    [HSM_TLS] = { C_RA, C_RA }, /* with any y: pair_is_whole */
};

static const struct {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
    signed char is[COLUMNS];
} flags[] = {
    /*                                                  kek    copy   secr   copy   mast   copy   sign   log    ra     fleet  x25    rsa   */
    { CKA_TOKEN, "CKA_TOKEN",                         { 1,     1,     1,     1,     1,     1,     1,     1,     1,     1,     1,     1 } },
    { CKA_PRIVATE, "CKA_PRIVATE",                     { 1,     1,     1,     1,     1,     1,     1,     1,     1,     1,     1,     1 } },
    { CKA_SENSITIVE, "CKA_SENSITIVE",                 { 1,     1,     1,     1,     1,     1,     1,     1,     1,     1,     1,     1 } },
    { CKA_EXTRACTABLE, "CKA_EXTRACTABLE",             { 1,     0,     1,     0,     1,     0,     0,     0,     0,     0,     0,     0 } },
    { CKA_WRAP_WITH_TRUSTED, "CKA_WRAP_WITH_TRUSTED", { 1,     1,     1,     1,     1,     1,     1,     1,     1,     1,     1,     1 } },
    { CKA_MODIFIABLE, "CKA_MODIFIABLE",               { 0,     0,     0,     0,     0,     0,     0,     0,     0,     0,     0,     0 } },
    { CKA_COPYABLE, "CKA_COPYABLE",                   { 0,     0,     0,     0,     0,     0,     0,     0,     0,     0,     0,     0 } },
    { CKA_DESTROYABLE, "CKA_DESTROYABLE",             { 0,     0,     0,     0,     0,     0,     0,     0,     1,     1,     1,     1 } },
    { CKA_WRAP, "CKA_WRAP",                           { 1,     0,     1,     0,     0,     0,     N,     N,     N,     N,     N,     N } },
    { CKA_UNWRAP, "CKA_UNWRAP",                       { 1,     1,     1,     1,     0,     0,     0,     0,     0,     0,     0,     0 } },
    { CKA_ENCRYPT, "CKA_ENCRYPT",                     { 0,     0,     0,     0,     0,     0,     N,     N,     N,     N,     N,     N } },
    { CKA_DECRYPT, "CKA_DECRYPT",                     { 0,     0,     0,     0,     0,     0,     0,     0,     0,     0,     0,     1 } },
    { CKA_SIGN, "CKA_SIGN",                           { 0,     0,     0,     0,     0,     0,     1,     1,     1,     0,     0,     0 } },
    { CKA_VERIFY, "CKA_VERIFY",                       { 0,     0,     0,     0,     0,     0,     N,     N,     N,     N,     N,     N } },
    { CKA_DERIVE, "CKA_DERIVE",                       { 0,     0,     0,     0,     1,     1,     0,     0,     0,     1,     1,     0 } },
};

/* Set by the token itself; only read. */
static const struct {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
    signed char is[COLUMNS];
} history[] = {
    { CKA_LOCAL, "CKA_LOCAL",                         { 1,     0,     1,     0,     1,     0,     1,     1,     1,     1,     1,     1 } },
    { CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE",   { 1,     0,     1,     0,     1,     0,     1,     1,     1,     1,     1,     1 } },
    { CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE", { 0,     0,     0,     0,     0,     0,     1,     1,     1,     1,     1,     1 } },
};

enum { KWP = 0, OAEP = 1, X25519 = 0 }; /* in their places: the profile knows the number */
static const struct {
    CK_ULONG class, type, bytes; /* bytes: CKA_VALUE_LEN, 0: none */
    CK_MECHANISM_TYPE mechanism; /* the only one allowed */
    const struct curve *curve;   /* NULL: none */
} numbers[COLUMNS] = {
    [C_KEK] = { CKO_SECRET_KEY, CKK_AES, 32, KWP, NULL },
    [C_KEK_COPY] = { CKO_SECRET_KEY, CKK_AES, 32, KWP, NULL },
    [C_SECRET] = { CKO_SECRET_KEY, CKK_AES, 32, KWP, NULL },
    [C_SECRET_COPY] = { CKO_SECRET_KEY, CKK_AES, 32, KWP, NULL },
    [C_MASTER] = { CKO_SECRET_KEY, CKK_AES, 32, CKM_AES_ECB_ENCRYPT_DATA, NULL },
    [C_MASTER_COPY] = { CKO_SECRET_KEY, CKK_AES, 32, CKM_AES_ECB_ENCRYPT_DATA, NULL },
    [C_SIGNER] = { CKO_PRIVATE_KEY, CKK_EC, 0, CKM_ECDSA, &p256 },
    [C_LOG] = { CKO_PRIVATE_KEY, CKK_EC_EDWARDS, 0, CKM_EDDSA, &ed25519 },
    [C_RA] = { CKO_PRIVATE_KEY, CKK_EC, 0, CKM_ECDSA, &p256 },
    [C_FLEET] = { CKO_PRIVATE_KEY, CKK_EC, 0, CKM_ECDH1_DERIVE, &p256 },
    [C_X25519] = { CKO_PRIVATE_KEY, X25519, 0, CKM_ECDH1_DERIVE, &x25519 },
    [C_RSA] = { CKO_PRIVATE_KEY, CKK_RSA, 0, OAEP, NULL },
};

/* CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE: what may go out under the key, and what comes in must be. */
struct clause {
    CK_ATTRIBUTE_TYPE type;
    CK_ULONG value;
    bool flag;
};
enum { CLAUSES = 4 };
struct rule {
    struct clause clause[CLAUSES];
    CK_ULONG n;
};
#define SEALED_IN { { { CKA_TOKEN, 0, true }, { CKA_PRIVATE, 1, true }, { CKA_SENSITIVE, 1, true }, \
                      { CKA_EXTRACTABLE, 0, true } }, 4 }
static const struct rule nested[COLUMNS][2] = {
    [C_KEK] = { { { { CKA_CLASS, CKO_PRIVATE_KEY, false }, { CKA_SENSITIVE, 1, true } }, 2 }, SEALED_IN },
    [C_KEK_COPY] = { { .n = 0 }, SEALED_IN },
    /* On the line a device's secret comes back in clear: an interrupted burn needs the same one again. */
    [C_SECRET] = { { { { CKA_CLASS, CKO_SECRET_KEY, false }, { CKA_KEY_TYPE, CKK_GENERIC_SECRET, false } }, 2 },
                   { { { CKA_TOKEN, 0, true }, { CKA_PRIVATE, 1, true } }, 2 } },
    [C_SECRET_COPY] = { { .n = 0 }, SEALED_IN },
};
/* clang-format on */
static const CK_ATTRIBUTE_TYPE nested_type[2] = { CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE };
static const char *const nested_name[2] = { "CKA_WRAP_TEMPLATE", "CKA_UNWRAP_TEMPLATE" };

enum { FLAGS = sizeof flags / sizeof *flags, HISTORY = sizeof history / sizeof *history };

static CK_MECHANISM_TYPE allowed(enum column c, const struct hsm_profile *p)
{
    switch (numbers[c].mechanism) {
    case KWP:
        return p->wrap;
    case OAEP:
        return p->oaep == OAEP_RAW ? CKM_RSA_X_509 : CKM_RSA_PKCS_OAEP;
    default:
        return numbers[c].mechanism;
    }
}

static CK_KEY_TYPE key_type(enum column c, const struct hsm_profile *p)
{
    return c == C_X25519 ? p->x25519 : numbers[c].type;
}

CK_OBJECT_CLASS template_class(enum hsm_key_kind kind)
{
    return numbers[column[kind][KEY_MADE]].class;
}

CK_MECHANISM_TYPE template_mechanism(enum hsm_key_kind kind, const struct hsm_profile *p)
{
    return allowed(column[kind][KEY_MADE], p);
}

static bool flag_of(enum hsm_key_kind kind, CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < FLAGS; i++)
        if (flags[i].type == type)
            return flags[i].is[column[kind][KEY_MADE]] == 1;
    return false;
}

bool template_destroyable(enum hsm_key_kind kind)
{
    return flag_of(kind, CKA_DESTROYABLE);
}

static void add_nested(struct template *t, size_t which, const struct rule *rule)
{
    for (CK_ULONG i = 0; i < rule->n; i++) {
        const struct clause *c = &rule->clause[i];

        t->nested_number[which][i] = c->value;
        t->nested[which][i] = c->flag ? (CK_ATTRIBUTE){ c->type, c->value != 0 ? &yes : &no, sizeof yes }
                                      : (CK_ATTRIBUTE){ c->type, &t->nested_number[which][i], sizeof c->value };
    }
    if (rule->n > 0)
        t->at[t->n++] = (CK_ATTRIBUTE){ nested_type[which], t->nested[which], rule->n * sizeof(CK_ATTRIBUTE) };
}

void template_token_key(struct template *t, enum hsm_key_kind kind, enum key_origin origin, const struct hsm_profile *p,
                        const char *label, const uint8_t id[KEY_ID_BYTES])
{
    enum column c = column[kind][origin];

    t->n = 0;
    template_number(t, CKA_CLASS, numbers[c].class);
    template_number(t, CKA_KEY_TYPE, key_type(c, p));
    if (numbers[c].bytes > 0 && origin == KEY_MADE) /* C_UnwrapKey knows it from what it unwraps */
        template_number(t, CKA_VALUE_LEN, numbers[c].bytes);
    for (size_t i = 0; i < FLAGS; i++)
        if (flags[i].is[c] != N && flags[i].type != CKA_MODIFIABLE)
            template_flag(t, flags[i].type, flags[i].is[c] == 1);
    t->mechanism = allowed(c, p);
    t->at[t->n++] = (CK_ATTRIBUTE){ CKA_ALLOWED_MECHANISMS, &t->mechanism, sizeof t->mechanism };
    for (size_t i = 0; i < 2; i++)
        add_nested(t, i, &nested[c][i]);
    if (label != NULL)
        template_bytes(t, CKA_LABEL, label, strlen(label));
    if (id != NULL)
        template_bytes(t, CKA_ID, id, KEY_ID_BYTES);
    template_flag(t, CKA_MODIFIABLE, false); /* last: SoftHSM2 keeps to it from here, within the same C_UnwrapKey */
}

/* Of a DER element with a one-byte length. */
static size_t der_len(const unsigned char *der)
{
    return 2U + der[1];
}

void template_public(struct template *t, enum hsm_key_kind kind, const char *label, const uint8_t id[KEY_ID_BYTES])
{
    const struct curve *curve = numbers[column[kind][KEY_MADE]].curve;

    t->n = 0;
    template_flag(t, CKA_TOKEN, true);
    template_flag(t, CKA_PRIVATE, false);
    template_flag(t, CKA_VERIFY, flag_of(kind, CKA_SIGN));
    template_flag(t, CKA_MODIFIABLE, false);
    if (curve != NULL) {
        template_bytes(t, CKA_EC_PARAMS, curve->oid, der_len(curve->oid));
    } else {
        template_flag(t, CKA_WRAP, false); /* defaults of SoftHSM2: true */
        template_flag(t, CKA_ENCRYPT, false);
        template_number(t, CKA_MODULUS_BITS, 8 * HSM_RSA_BYTES);
        template_bytes(t, CKA_PUBLIC_EXPONENT, rsa_e, sizeof rsa_e);
    }
    if (label != NULL)
        template_bytes(t, CKA_LABEL, label, strlen(label));
    if (id != NULL)
        template_bytes(t, CKA_ID, id, KEY_ID_BYTES);
}

/* ---- reading back ---- */

struct reader {
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object;
};

/* The attribute is there, of exactly that length, and equal. */
static bool is(const struct reader *r, CK_ATTRIBUTE_TYPE type, const void *want, size_t len)
{
    unsigned char have[32];
    CK_ATTRIBUTE a = { type, have, sizeof have };

    return r->f->C_GetAttributeValue(r->session, r->object, &a, 1) == CKR_OK && a.ulValueLen == len &&
           memcmp(have, want, len) == 0;
}

static bool is_flag(const struct reader *r, CK_ATTRIBUTE_TYPE type, signed char want)
{
    return want == N || is(r, type, want == 1 ? &yes : &no, sizeof yes);
}

static bool is_number(const struct reader *r, CK_ATTRIBUTE_TYPE type, CK_ULONG want)
{
    return is(r, type, &want, sizeof want);
}

static bool is_curve(const struct reader *r, const struct curve *want)
{
    return is(r, CKA_EC_PARAMS, want->oid, der_len(want->oid)) ||
           (want->name != NULL && is(r, CKA_EC_PARAMS, want->name, der_len(want->name)));
}

static bool holds(const CK_ATTRIBUTE *have, CK_ULONG n, const struct clause *c)
{
    for (CK_ULONG i = 0; i < n; i++)
        if (have[i].type == c->type)
            return c->flag
                       ? have[i].ulValueLen == sizeof yes && *(const CK_BBOOL *)have[i].pValue == c->value
                       : have[i].ulValueLen == sizeof c->value && memcmp(have[i].pValue, &c->value, sizeof c->value) == 0;
    return false;
}

/* In three calls, as C_GetAttributeValue has it for templates: how many, which and how long, and the values.  Modules give
 * them in their own order; each gets room for a CK_ULONG. */
static bool is_nested(const struct reader *r, CK_ATTRIBUTE_TYPE type, const struct rule *rule)
{
    CK_ULONG room[8];
    CK_ATTRIBUTE have[8], a = { type, NULL, 0 };
    CK_ULONG n;

    if (r->f->C_GetAttributeValue(r->session, r->object, &a, 1) != CKR_OK)
        return rule->n == 0; /* a module may know no empty ones */
    n = a.ulValueLen / sizeof *have;
    if (n != rule->n || n == 0)
        return n == rule->n;
    memset(have, 0, sizeof have);
    a.pValue = have;
    if (r->f->C_GetAttributeValue(r->session, r->object, &a, 1) != CKR_OK)
        return false;
    for (CK_ULONG i = 0; i < n; i++) {
        have[i].pValue = &room[i];
        have[i].ulValueLen = sizeof room[i];
    }
    if (r->f->C_GetAttributeValue(r->session, r->object, &a, 1) != CKR_OK)
        return false;
    for (CK_ULONG i = 0; i < n; i++)
        if (!holds(have, n, &rule->clause[i]))
            return false;
    return true;
}

const char *template_differs(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, enum hsm_key_kind kind,
                             enum key_origin origin, const struct hsm_profile *p)
{
    const struct reader r = { f, session, object };
    enum column c = column[kind][origin];
    CK_MECHANISM_TYPE mechanism = allowed(c, p);

    if (!is_number(&r, CKA_CLASS, numbers[c].class))
        return "CKA_CLASS";
    if (!is_number(&r, CKA_KEY_TYPE, key_type(c, p)))
        return "CKA_KEY_TYPE";
    if (numbers[c].bytes > 0 && origin == KEY_MADE && !is_number(&r, CKA_VALUE_LEN, numbers[c].bytes))
        return "CKA_VALUE_LEN"; /* SoftHSM2 has none for a copy */
    if (numbers[c].curve != NULL && !is_curve(&r, numbers[c].curve))
        return "CKA_EC_PARAMS";
    for (size_t i = 0; i < FLAGS; i++)
        if (!is_flag(&r, flags[i].type, flags[i].is[c]))
            return flags[i].name;
    for (size_t i = 0; i < HISTORY; i++)
        if (!is_flag(&r, history[i].type, history[i].is[c]))
            return history[i].name;
    if (!is(&r, CKA_ALLOWED_MECHANISMS, &mechanism, sizeof mechanism))
        return "CKA_ALLOWED_MECHANISMS";
    for (size_t i = 0; i < 2; i++)
        if (!is_nested(&r, nested_type[i], &nested[c][i]))
            return nested_name[i];
    return NULL;
}

/* ---- session objects ---- */

static void secret(struct template *t, bool shown)
{
    t->n = 0;
    template_number(t, CKA_CLASS, CKO_SECRET_KEY);
    template_number(t, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    template_flag(t, CKA_TOKEN, false);
    template_flag(t, CKA_PRIVATE, true);
    template_flag(t, CKA_SENSITIVE, !shown);
    template_flag(t, CKA_EXTRACTABLE, shown);
}

void template_shown_secret(struct template *t)
{
    secret(t, true);
    template_number(t, CKA_VALUE_LEN, 32);
}

void template_mac_key(struct template *t)
{
    secret(t, false);
    template_flag(t, CKA_SIGN, true);
    template_number(t, CKA_VALUE_LEN, 32);
}

void template_device_public(struct template *t)
{
    t->n = 0;
    template_flag(t, CKA_TOKEN, false);
    template_flag(t, CKA_PRIVATE, false);
    template_bytes(t, CKA_EC_PARAMS, template_p256, sizeof template_p256);
}

void template_device_private(struct template *t)
{
    t->n = 0;
    template_flag(t, CKA_TOKEN, false);
    template_flag(t, CKA_PRIVATE, true);
    template_flag(t, CKA_SENSITIVE, true);
    template_flag(t, CKA_EXTRACTABLE, true); /* to be wrapped; what comes back by C_UnwrapKey is not */
    template_flag(t, CKA_DERIVE, true);
    template_flag(t, CKA_SIGN, false);
    template_flag(t, CKA_DECRYPT, false);
    template_flag(t, CKA_UNWRAP, false);
}

void template_unwrapped(struct template *t, enum hsm_use use)
{
    if (use != HSM_USE_ECDH) {
        secret(t, use == HSM_USE_VALUE);
        template_flag(t, CKA_SIGN, use == HSM_USE_MAC);
        return;
    }
    t->n = 0;
    template_number(t, CKA_CLASS, CKO_PRIVATE_KEY);
    template_number(t, CKA_KEY_TYPE, CKK_EC);
    template_flag(t, CKA_TOKEN, false);
    template_flag(t, CKA_PRIVATE, true);
    template_flag(t, CKA_SENSITIVE, true);
    template_flag(t, CKA_EXTRACTABLE, false);
    template_flag(t, CKA_DERIVE, true);
    template_flag(t, CKA_SIGN, false);
}

#include "hsm/point.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "hsm/template.h"

const uint8_t point_generator[65] = {
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
    0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f,
    0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce,
    0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
};

bool point_on_curve(const uint8_t pk[65])
{
    static EC_GROUP *group; /* kept to the process's end: making it costs more than the check */
    EC_POINT *p;
    bool on = false;

    if (group == NULL)
        group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    p = group == NULL ? NULL : EC_POINT_new(group);
    if (p != NULL && pk[0] == POINT_CONVERSION_UNCOMPRESSED)
        on = EC_POINT_oct2point(group, p, pk, 65, NULL) == 1; /* checks the equation and the range of x and y */
    EC_POINT_free(p);
    if (!on)
        ERR_clear_error(); /* a refused point is an answer, not an error to leave behind */
    return on;
}

bool point_even(const uint8_t x[32], uint8_t pk[65])
{
    uint8_t compressed[33] = { POINT_CONVERSION_COMPRESSED }; /* SEC 1 s.2.3.3: 2, y is even */
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *p = group == NULL ? NULL : EC_POINT_new(group);
    bool good;

    memcpy(compressed + 1, x, 32);
    good = p != NULL && EC_POINT_oct2point(group, p, compressed, sizeof compressed, NULL) == 1 &&
           EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, pk, 65, NULL) == 65;
    EC_POINT_free(p);
    EC_GROUP_free(group);
    if (!good)
        ERR_clear_error();
    return good;
}

static CK_RV read_point(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, uint8_t *pk, size_t len)
{
    const uint8_t der[2] = { 0x04, (uint8_t)len };
    uint8_t have[80];
    CK_ATTRIBUTE a = { CKA_EC_POINT, have, sizeof have };
    CK_RV rv = f->C_GetAttributeValue(session, object, &a, 1);
    const uint8_t *point = NULL;

    if (rv != CKR_OK)
        return rv;
    if (a.ulValueLen == sizeof der + len && memcmp(have, der, sizeof der) == 0)
        point = have + sizeof der;
    else if (a.ulValueLen == len)
        point = have;
    if (point == NULL)
        return CKR_FUNCTION_FAILED;
    memcpy(pk, point, len);
    return CKR_OK;
}

CK_RV point_read(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, uint8_t pk[65])
{
    uint8_t point[65];
    CK_RV rv = read_point(f, session, object, point, sizeof point);

    if (rv == CKR_OK && point[0] != POINT_CONVERSION_UNCOMPRESSED)
        rv = CKR_FUNCTION_FAILED;
    if (rv == CKR_OK)
        memcpy(pk, point, sizeof point);
    return rv;
}

CK_RV point_read_32(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, uint8_t pk[32])
{
    return read_point(f, session, object, pk, 32);
}

CK_RV point_take_secret(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, uint8_t out[32])
{
    CK_ATTRIBUTE a = { CKA_VALUE, out, 32 };
    CK_RV rv = f->C_GetAttributeValue(session, object, &a, 1);
    CK_RV gone = f->C_DestroyObject(session, object);

    if (rv == CKR_OK && a.ulValueLen != 32)
        rv = CKR_FUNCTION_FAILED;
    if (rv == CKR_OK)
        rv = gone;
    if (rv != CKR_OK)
        explicit_bzero(out, 32);
    return rv;
}

static CK_RV agree(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE d, const uint8_t *pk, size_t len,
                   uint8_t z[32])
{
    uint8_t peer[65];
    CK_ECDH1_DERIVE_PARAMS p = { .kdf = CKD_NULL, .public_data_len = len, .public_data = peer };
    CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
    CK_OBJECT_HANDLE secret;
    struct template t;
    CK_RV rv;

    memcpy(peer, pk, len);
    template_shown_secret(&t);
    if ((rv = f->C_DeriveKey(session, &m, d, t.at, t.n, &secret)) != CKR_OK)
        return rv;
    return point_take_secret(f, session, secret, z);
}

CK_RV point_ecdh(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE d, const uint8_t pk[65], uint8_t z[32])
{
    return agree(f, session, d, pk, 65, z);
}

/* ---- Curve25519 ---- */

const uint8_t point_nine[32] = { 9 };

/* u of the points whose order divides 8, on the curve and its twist; 0, 1 and -1 also unreduced: p, p + 1. */
static const uint8_t small_order[][32] = {
    { 0 },
    { 1 },
    { 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
      0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
    { 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
      0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
    { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
    { 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
    { 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

bool point_is_small_order(const uint8_t u[32])
{
    uint8_t masked[32];

    memcpy(masked, u, sizeof masked);
    masked[31] &= 0x7f; /* RFC 7748 s.5: the last bit is not looked at */
    for (size_t i = 0; i < sizeof small_order / sizeof *small_order; i++)
        if (memcmp(masked, small_order[i], sizeof masked) == 0)
            return true;
    return false;
}

static bool all_zero(const uint8_t z[32])
{
    uint8_t any = 0;

    for (int i = 0; i < 32; i++)
        any |= z[i];
    return any == 0;
}

CK_RV point_x25519(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE d, const uint8_t u[32], uint8_t z[32])
{
    CK_RV rv = agree(f, session, d, u, 32, z);

    return rv == CKR_OK && all_zero(z) ? CKR_FUNCTION_FAILED : rv;
}

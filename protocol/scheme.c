#include "protocol/scheme.h"

enum { NVM = POLICY_NVM_REQUIRED, COMMON = POLICY_ONE_WAY | POLICY_TAG16 | NVM, SIGNED = COMMON | POLICY_SIGN_ALL };
enum { ONE = SUITE_P256_CCM, TWO = SUITE_X25519_CCM, RSA = SUITE_RSA };

static const struct scheme schemes[SCHEME_MAX] = {
    { 1, "sealed", { ONE }, { SLOT_SEAL, SLOT_SECRET }, { [1] = true }, 1, COMMON | POLICY_PSK, false },
    { 2, "sealed-fleet", { ONE, TWO }, { SLOT_SEAL, SLOT_POINT, SLOT_POINT, SLOT_SECRET }, { [3] = true }, 3, COMMON, true },
    { 3, "identity", { ONE, TWO }, { SLOT_SEAL, SLOT_CHIP_MADE, SLOT_POINT, SLOT_CHIP_DIGEST }, { 0 }, 1, SIGNED, true },
    { 4, "secret", { ONE }, { SLOT_SECRET }, { 0 }, 0, COMMON, false },
    { 5, "derived", { ONE }, { SLOT_SECRET }, { 0 }, 0, COMMON, false },
    { 6,
      "session",
      { ONE, TWO, RSA },
      { SLOT_DIGEST, SLOT_SEAL, SLOT_POINT, SLOT_SECRET },
      { true, true },
      3,
      COMMON,
      true },
    { 7, "certificate", { 0 }, { SLOT_CHIP_DIGEST, SLOT_DIGEST, SLOT_CHIP_MADE, SLOT_POINT }, { 0 }, 2, SIGNED, true },
    { 8, "signup", { ONE, TWO }, { SLOT_SEAL, SLOT_CHIP_MADE, SLOT_POINT }, { 0 }, 1, SIGNED | POLICY_FIELD_SIGN_UP, true },
};

/* All others go by their scheme's name. */
static const struct {
    uint8_t scheme, suite;
    const char *name;
} forms[] = { { 6, RSA, "session-rsa" },
              { 2, TWO, "sealed-fleet-x25519" },
              { 3, TWO, "identity-x25519" },
              { 6, TWO, "session-x25519" },
              { 8, TWO, "signup-x25519" } };

const struct scheme *scheme_by_id(uint8_t id)
{
    return id >= 1 && id <= SCHEME_MAX ? &schemes[id - 1] : NULL;
}

static bool same(const char *a, const char *b) /* the chip's libc has mem* only */
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

const struct scheme *scheme_by_name(const char *name)
{
    for (size_t i = 0; i < SCHEME_MAX; i++)
        if (same(schemes[i].name, name))
            return &schemes[i];
    return NULL;
}

bool scheme_spoken(uint8_t scheme, uint8_t suite)
{
    const struct scheme *s = scheme_by_id(scheme);
    return s && suite != 0 && (s->suite[0] == suite || s->suite[1] == suite || s->suite[2] == suite);
}

const char *scheme_form(uint8_t scheme, uint8_t suite)
{
    const struct scheme *s = scheme_by_id(scheme);

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].scheme == scheme && forms[i].suite == suite)
            return forms[i].name;
    return s ? s->name : NULL;
}

const struct scheme *scheme_by_form(const char *name, uint8_t *suite)
{
    *suite = SUITE_P256_CCM;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (same(forms[i].name, name)) {
            *suite = forms[i].suite;
            return scheme_by_id(forms[i].scheme);
        }
    return scheme_by_name(name);
}

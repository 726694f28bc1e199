#include "hsm/uri.h"

#include <string.h>
#include <strings.h>

#include "hsm/fault.h"

void uri_field(char out[33], const unsigned char *field, size_t len)
{
    size_t n = len < 32 ? len : 32;

    while (n > 0 && (field[n - 1] == ' ' || field[n - 1] == '\0'))
        n--;
    for (size_t i = 0; i < n; i++)
        out[i] = field[i] >= 0x20 && field[i] <= 0x7e ? (char)field[i] : '?';
    out[n] = '\0';
}

static enum err_code refuse(struct err *e, const char *why)
{
    return err_set(e, &hsm_fault[HSM_BAD_URI], "uri", NULL, 0, "%s", why);
}

static enum err_code check(struct hsm_uri *u, struct err *e)
{
    CK_TOKEN_INFO *info = p11_kit_uri_get_token_info(u->parsed);
    CK_ULONG attributes = 0;

    if (p11_kit_uri_get_pin_value(u->parsed) != NULL)
        return refuse(e, "pin-value= is refused: a secret does not belong in a configuration; use pin-source=file:/FILE");
    if (p11_kit_uri_any_unrecognized(u->parsed))
        return refuse(e, "it holds an attribute that nobody knows");
    (void)p11_kit_uri_get_attributes(u->parsed, &attributes);
    if (attributes > 0)
        return refuse(e, "object=, id= and type= have no place here: it names a token");
    uri_field(u->who, info->label, sizeof info->label);
    if (u->who[0] == '\0')
        uri_field(u->who, info->serialNumber, sizeof info->serialNumber);
    if (u->who[0] == '\0')
        return refuse(e, "token= and serial= are missing: which token?");
    if (u->module_path == NULL || u->module_path[0] != '/')
        return refuse(e, "module-path= is missing or not absolute");
    return ERR_OK;
}

enum err_code uri_parse(struct hsm_uri *u, const char *text, struct err *e)
{
    enum err_code rc;
    int result;

    *u = (struct hsm_uri){ .parsed = p11_kit_uri_new() };
    if (u->parsed == NULL)
        return refuse(e, "no memory");
    result = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, u->parsed);
    if (result != P11_KIT_URI_OK)
        rc = strcasestr(text, "pin-value") != NULL /* never quote a PIN */
                 ? refuse(e, "not a PKCS#11 URI")
                 : err_set(e, &hsm_fault[HSM_BAD_URI], "uri", "p11-kit", result, "'%s'", text);
    else {
        u->module_path = p11_kit_uri_get_module_path(u->parsed);
        u->pin_source = p11_kit_uri_get_pin_source(u->parsed);
        u->init_args = p11_kit_uri_get_vendor_query(u->parsed, "x-init-args");
        rc = check(u, e);
    }
    if (rc != ERR_OK)
        uri_fini(u);
    return rc;
}

void uri_fini(struct hsm_uri *u)
{
    if (u->parsed != NULL)
        p11_kit_uri_free(u->parsed);
    u->parsed = NULL;
}

bool uri_fits(const struct hsm_uri *u, CK_SLOT_ID slot, const CK_TOKEN_INFO *info)
{
    CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(u->parsed);

    if (wanted != (CK_SLOT_ID)-1 && wanted != slot)
        return false;
    return p11_kit_uri_match_token_info(u->parsed, info) == 1;
}

/* build/vectors/make FOLDER: writes the vectors of docs/protocol.md.  The same bytes each time. */
#include "tests/vectors/docs/make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/p256.h"

struct crypto make_c;

void make_must(bool ok, const char *what, const char *file, int line)
{
    if (ok)
        return;
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    exit(70);
}

void make_bytes(const char *label, uint8_t n, uint8_t out[32])
{
    const struct crypto_part part[] = { { "fuseline TEST", 13 }, { label, strlen(label) }, { &n, 1 } };
    MUST(make_c.sha256(make_c.io, part, 3, out));
}

void make_key_pair(const char *label, bool odd, uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    uint8_t n = 0;
    do
        make_bytes(label, n++, d);
    while (!make_c.p256_public(make_c.io, d, pk) || (pk[P256_PK_LEN - 1] & 1) != odd);
    p256_even_y(pk);
}

void make_even_key(const char *label, uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    make_key_pair(label, false, d, pk);
}

void make_x25519(const char *label, uint8_t d[X25519_LEN], uint8_t u[X25519_LEN])
{
    static const uint8_t base[X25519_LEN] = { 9 };
    make_bytes(label, 0, d);
    MUST(make_c.x25519(make_c.io, d, base, u));
}

/* ---- the files ---- */

#define SUITE SUITE_P256_CCM
static const struct make_row rows[] = {
    { "sealed", 1, SUITE, POLICY_TAG16, 2, 1, 0, false, false, 0 },
    { "sealed-compact", 1, SUITE, 0, 2, 2, 0, false, true, 0 },
    { "sealed-psk", 1, SUITE, POLICY_TAG16 | POLICY_PSK, 4, 1, 0, true, true, 0 },
    { "sealed-psk-compact", 1, SUITE, POLICY_PSK, 4, 2, 0, true, false, 0 },
    { "sealed-fleet", 2, SUITE, POLICY_TAG16, 2, 1, 1, false, true, 0 },
    { "sealed-fleet-compact", 2, SUITE, 0, 4, 1, 24, true, false, 0 },
    { "sealed-fleet-x25519", 2, SUITE_X25519_CCM, POLICY_TAG16, 2, 1, 1, false, false, 0 },
    { "sealed-fleet-x25519-compact", 2, SUITE_X25519_CCM, 0, 2, 1, 24, false, false, 0 },
    { "identity", 3, SUITE, POLICY_TAG16 | POLICY_SIGN_ALL, 2, 1, 1, true, true, 0 },
    { "identity-compact", 3, SUITE, POLICY_SIGN_ALL, 2, 1, 1, true, false, 0 },
    { "identity-unsigned-data", 3, SUITE, POLICY_TAG16, 2, 1, 1, true, false, 0 },
    { "identity-x25519", 3, SUITE_X25519_CCM, POLICY_TAG16 | POLICY_SIGN_ALL, 2, 1, 1, true, false, 0 },
    { "identity-x25519-compact", 3, SUITE_X25519_CCM, 0, 2, 1, 24, true, false, 0 },
    { "secret", 4, SUITE, 0, 2, 1, 0, true, false, 0 },
    { "derived", 5, SUITE, 0, 2, 1, 0, true, false, 0 },
    { "derived-rekeyed", 5, SUITE, 0, 2, 1, 0, true, false, 1 },
    { "session", 6, SUITE, POLICY_TAG16, 2, 1, 1, true, true, 0 },
    { "session-compact", 6, SUITE, 0, 2, 1, 1, true, false, 0 },
    { "session-x25519", 6, SUITE_X25519_CCM, POLICY_TAG16, 2, 1, 1, true, false, 0 },
    { "session-x25519-compact", 6, SUITE_X25519_CCM, 0, 2, 1, 24, true, false, 0 },
    { "session-rsa", 6, SUITE_RSA, 0, 2, 1, 1, true, false, 0 },
    { "signup", 8, SUITE, POLICY_TAG16 | POLICY_SIGN_ALL, 2, 1, 1, true, false, 0 },
    { "signup-compact", 8, SUITE, POLICY_SIGN_ALL, 2, 1, 1, true, true, 0 },
    { "signup-unsigned-data", 8, SUITE, POLICY_TAG16, 2, 1, 1, true, false, 0 },
    { "signup-x25519", 8, SUITE_X25519_CCM, POLICY_TAG16 | POLICY_SIGN_ALL, 2, 1, 1, true, false, 0 },
};

static json_t *new_file(void)
{
    json_t *root = json_object();
    json_object_set_new(root, "source", json_string("docs/protocol.md; made by `make vectors`; all keys are TEST keys"));
    return root;
}

static void write_file(const char *folder, const char *name, json_t *root)
{
    char path[512];
    MUST(snprintf(path, sizeof path, "%s/%s.json", folder, name) < (int)sizeof path);
    FILE *f = fopen(path, "w");
    MUST(f != NULL);
    MUST(json_dumpf(root, f, JSON_INDENT(1)) == 0);
    MUST(fputc('\n', f) == '\n');
    MUST(fclose(f) == 0);
    json_decref(root);
}

static void write_scheme(const char *folder, const struct scheme *scheme)
{
    json_t *root = new_file(), *products = json_array();
    json_object_set_new(root, "scheme", json_string(scheme->name));
    json_object_set_new(root, "products", products);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].scheme == scheme->id) {
            json_t *product = make_product(&rows[i]);
            make_frames(product);
            make_rejects(product);
            json_array_append_new(products, product);
        }
    if (json_array_size(products) > 0)
        write_file(folder, scheme->name, root);
    else
        json_decref(root);
}

int main(int argc, char *argv[])
{
    if (argc != 2) {
        fprintf(stderr, "usage: make FOLDER\n");
        return 64;
    }
    struct hpke_host *host = hpke_host_open(&make_c);
    MUST(host != NULL);
    for (uint8_t id = 1; id <= SCHEME_MAX; id++)
        write_scheme(argv[1], scheme_by_id(id));
    json_t *rotate = new_file(), *rekey = new_file();
    json_object_update(rotate, make_rotates());
    write_file(argv[1], "rotate", rotate);
    json_object_update(rekey, make_rekeys());
    write_file(argv[1], "rekey", rekey);
    hpke_host_close(host);
    return 0;
}

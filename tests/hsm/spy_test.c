#include "tests/hsm/workspace.h"

#include "hsm/point.h"

/* OpenSC's pkcs11-spy stands between us and SoftHSM2 and writes down every call: no value of a private key, KEK, master or
 * sealed secret is ever asked for. */

/* The spy forgets 16 bytes of its own, SoftHSM2 a string at each Ed25519 signature, which the slow unwinder only finds. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:pkcs11-spy.so\nleak:libsofthsm2.so";
}
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

#define SPY "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so"

enum { HANDLES = 4096 };

struct trace {
    char call[64];
    bool shown[HANDLES];      /* objects that are meant to be read: Z, K_root, a device's secret on its way to the chip */
    bool asks_value, exposed; /* exposed: this call's template says CKA_SENSITIVE False */
    unsigned long object;
    unsigned calls, values, wrong;
};

/* A call's report is over: judge it. */
static void judge(struct trace *t)
{
    if (strcmp(t->call, "C_GetAttributeValue") == 0 && t->asks_value) {
        t->values++;
        if (t->object >= HANDLES || !t->shown[t->object])
            t->wrong++;
    }
    t->asks_value = t->exposed = false;
    t->object = HANDLES;
}

static void read_line(struct trace *t, const char *line)
{
    unsigned long number;
    char name[64];

    if (sscanf(line, "%*u: %63s", name) == 1 && strncmp(name, "C_", 2) == 0) {
        judge(t);
        memcpy(t->call, name, sizeof t->call);
        t->calls++;
    }
    if (strstr(line, "CKA_SENSITIVE") != NULL && strstr(line, "False") != NULL)
        t->exposed = true;
    if ((strstr(line, "CKA_VALUE ") != NULL || strstr(line, "CKA_PRIVATE_EXPONENT") != NULL ||
         strstr(line, "CKA_PRIME_") != NULL || strstr(line, "CKA_EXPONENT_") != NULL ||
         strstr(line, "CKA_COEFFICIENT") != NULL) &&
        strcmp(t->call, "C_GetAttributeValue") == 0)
        t->asks_value = true;
    if (sscanf(line, "[in] hObject = 0x%lx", &number) == 1)
        t->object = number;
    if ((sscanf(line, "[out] hKey = 0x%lx", &number) == 1 || sscanf(line, "[out] *phKey = 0x%lx", &number) == 1) &&
        number < HANDLES)
        t->shown[number] = t->exposed;
}

static void read_trace(struct trace *t, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[8192];

    assert_non_null(f);
    memset(t, 0, sizeof *t);
    while (fgets(line, sizeof line, f) != NULL)
        read_line(t, line);
    judge(t);
    fclose(f);
}

static void through_the_spy(const char *uri, char out[1024])
{
    const char *rest = strstr(uri, MODULE) + strlen(MODULE);

    (void)snprintf(out, 1024, "%.*s" SPY "%s", (int)(strstr(uri, MODULE) - uri), uri, rest);
}

static struct hsm *open_spied(const char *uri)
{
    char spied[1024];
    struct hsm *h = NULL;

    through_the_spy(uri, spied);
    assert_ok(hsm_open(&h, spied, &by_uri, ws, &e));
    return h;
}

static enum err_code ignore(void *io, const struct hsm_key_info *k, struct err *err)
{
    (void)io;
    (void)k;
    (void)err;
    return ERR_OK;
}

static void whole_life(struct hsm *line, struct hsm *server, const char *so_uri)
{
    static const struct hsm_key_name all[] = { { HSM_KEK, "kek" }, { HSM_KEK_SECRET, "kek-secret" }, { HSM_MASTER, "m" } };
    uint8_t pk[65], z[32], secret[32], mac[32], sig[64], data[32] = { 7 };
    struct hsm_key *kek, *ks, *master, *signer, *log, *k[6];
    struct hsm_blob key, psk;

    assert_ok(hsm_key_ensure(line, HSM_KEK, "kek", &kek, NULL, &e));
    assert_ok(hsm_key_ensure(line, HSM_KEK_SECRET, "kek-secret", &ks, NULL, &e));
    assert_ok(hsm_key_ensure(line, HSM_MASTER, "m", &master, NULL, &e));
    assert_ok(hsm_key_ensure(line, HSM_SIGNER, "s", &signer, NULL, &e));
    assert_ok(hsm_key_ensure(line, HSM_LOG_SIGNER, "checkpoint", &log, NULL, &e));
    assert_ok(hsm_keys_copy(line, so_uri, &by_uri, server, all, 3, &e));
    assert_ok(hsm_device_key_new(line, kek, pk, &key, &e));
    assert_ok(hsm_device_secret_new(line, ks, secret, &psk, &e));
    assert_ok(hsm_device_secret_get(line, ks, &psk, secret, &e));
    assert_ok(hsm_derive(master, data, secret, &e));
    assert_ok(hsm_sign(signer, data, sig, &e));
    assert_ok(hsm_sign_message(log, data, sizeof data, sig, &e));
    assert_ok(hsm_key_find(server, HSM_KEK, "kek", &k[0], &e));
    assert_ok(hsm_key_find(server, HSM_KEK_SECRET, "kek-secret", &k[1], &e));
    assert_ok(hsm_key_find(server, HSM_MASTER, "m", &k[2], &e));
    assert_ok(hsm_unwrap(server, k[0], &key, HSM_USE_ECDH, &k[3], &e));
    assert_ok(hsm_ecdh(k[3], point_generator, z, &e));
    assert_ok(hsm_unwrap(server, k[1], &psk, HSM_USE_MAC, &k[4], &e));
    assert_ok(hsm_hmac(k[4], data, 32, mac, &e));
    assert_ok(hsm_derive_key(k[2], data, &k[5], &e));
    assert_ok(hsm_hmac(k[5], data, 32, mac, &e));
    for (int i = 0; i < 6; i++)
        hsm_key_free(k[i]);
    hsm_key_free(kek);
    hsm_key_free(ks);
    hsm_key_free(master);
    hsm_key_free(signer);
    hsm_key_free(log);
}

/* What the server and the vault do with the keys of fleets. */
static void life_of_fleets(struct hsm *server)
{
    uint8_t z[32], sig[64], digest[32] = { 7 }, block[HSM_RSA_BYTES] = { [HSM_RSA_BYTES - 1] = 2 }, out[HSM_RSA_BYTES];
    struct hsm_key *fleet, *x, *ra, *rsa;

    assert_ok(hsm_key_ensure(server, HSM_FLEET, "fleet/1/1", &fleet, NULL, &e));
    assert_ok(hsm_key_ensure(server, HSM_FLEET_X25519, "fleet/2/1", &x, NULL, &e));
    assert_ok(hsm_key_ensure(server, HSM_RA, "ra", &ra, NULL, &e));
    assert_ok(hsm_key_ensure(server, HSM_RSA, "rsa/3/1", &rsa, NULL, &e));
    assert_ok(hsm_ecdh(fleet, point_generator, z, &e));
    assert_ok(hsm_x25519(x, point_nine, z, &e));
    assert_ok(hsm_sign(ra, digest, sig, &e));
    assert_ok(hsm_rsa_raw(rsa, block, out, &e));
    assert_ok(hsm_keys(server, ignore, NULL, &e));
    hsm_key_free(fleet);
    hsm_key_free(x);
    hsm_key_free(ra);
    hsm_key_free(rsa);
    assert_ok(hsm_key_destroy(server, HSM_FLEET, "fleet/1/1", NULL, &e));
    assert_ok(hsm_key_destroy(server, HSM_RA, "ra", NULL, &e));
}

static void read_pin(const char *name, char pin[64])
{
    char path[512];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/pins/%s", ws, name);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(pin, 64, f));
    fclose(f);
}

static void test_no_value_of_a_sealed_key_is_ever_asked_for(void **state)
{
    char server_uri[1024], so_uri[1024], log[512];
    struct hsm *line, *server;
    struct trace t;

    (void)state;
    (void)snprintf(log, sizeof log, "%s/spy.log", ws);
    assert_int_equal(setenv("PKCS11SPY", MODULE, 1), 0);
    assert_int_equal(setenv("PKCS11SPY_OUTPUT", log, 1), 0);
    assert_ok(hsm_softhsm_init(ws, "TEST-server", server_uri, sizeof server_uri, NULL, &e));
    assert_ok(hsm_softhsm_so_uri(ws, "TEST-line", so_uri, sizeof so_uri, &e));
    line = open_spied(line_uri);
    server = open_spied(server_uri);
    whole_life(line, server, so_uri);
    life_of_fleets(server);
    hsm_close(line);
    hsm_close(server);
    read_trace(&t, log);
    print_message("# %u calls, %u values read\n", t.calls, t.values);
    assert_true(t.calls > 100);
    assert_true(t.values >= 5); /* the trace is understood: Z, K_root and the secret were read */
    assert_int_equal(t.wrong, 0);
}

/* The judge itself must be able to say no. */
static void test_the_judge_sees_a_value_that_is_asked_for(void **state)
{
    static const char *const lines[] = { "1: C_UnwrapKey",     "    CKA_SENSITIVE         True",
                                         "[out] hKey = 0x9",   "2: C_GetAttributeValue",
                                         "[in] hObject = 0x9", "    CKA_VALUE             0/0" };
    struct trace t;

    (void)state;
    memset(&t, 0, sizeof t);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        read_line(&t, lines[i]);
    judge(&t);
    assert_int_equal(t.wrong, 1);
}

static void test_pins_are_nowhere_but_in_their_files(void **state)
{
    char pin[64], so_pin[64];
    struct hsm *h = open_line();

    (void)state;
    read_pin("TEST-line.pin", pin);
    read_pin("TEST-line.so-pin", so_pin);
    run("! grep -rlE '%s|%s' '%s' --exclude-dir=pins | grep .", pin, so_pin, ws);
    run("! tr '\\0' '\\n' </proc/%d/environ | grep -E '%s|%s'", (int)getpid(), pin, so_pin);
    run("! tr '\\0' '\\n' </proc/%d/cmdline | grep -E '%s|%s'", (int)getpid(), pin, so_pin);
    hsm_close(h);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_workspace, remove_workspace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_value_of_a_sealed_key_is_ever_asked_for),
        cmocka_unit_test(test_the_judge_sees_a_value_that_is_asked_for),
        TEST(test_pins_are_nowhere_but_in_their_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/hsm/workspace.h"

#include "hsm/module.h"

/* NSS softokn as a second implementation: other numbers, another PIN, protections that are taken and ignored. */

#define NSS "/usr/lib/x86_64-linux-gnu/libsoftokn3.so"

static char uri[1024];

/* In a child: C_InitPIN needs the module, and the test opens it as a stranger. */
static void make_database(const char *args)
{
    struct module *m;
    CK_SESSION_HANDLE s;
    CK_RV rv;
    CK_UTF8CHAR pin[] = "TEST-pin";

    if (module_get(&m, NSS, args, &e) != ERR_OK || module_up(m, ws, &rv, &e) != ERR_OK ||
        m->f->C_OpenSession(2, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s) != CKR_OK ||
        m->f->C_Login(s, CKU_SO, pin, 0) != CKR_OK || m->f->C_InitPIN(s, pin, sizeof pin - 1) != CKR_OK)
        _exit(1);
    module_put(m);
    _exit(0);
}

static int make_nss(void **state)
{
    char args[512];
    pid_t child;
    int status;

    if (make_workspace(state) != 0)
        return -1;
    run("mkdir '%s/nss' && umask 077 && echo TEST-pin >'%s/nss-pin'", ws, ws);
    (void)snprintf(args, sizeof args, "configdir='sql:%s/nss' certPrefix='' keyPrefix='' secmod='secmod.db'", ws);
    if ((child = fork()) == 0)
        make_database(args);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)snprintf(
        uri, sizeof uri,
        "pkcs11:token=NSS%%20Certificate%%20DB?module-path=" NSS "&pin-source=file:%s/nss-pin&x-init-args="
        "configdir%%3D%%27sql:%s/nss%%27%%20certPrefix%%3D%%27%%27%%20keyPrefix%%3D%%27%%27%%20secmod%%3D%%27secmod.db%%27",
        ws, ws);
    return 0;
}

static void test_nss_is_known_by_its_answers_and_gets_no_kek(void **state)
{
    struct hsm *h = NULL;
    struct hsm_key *k;

    (void)state;
    assert_ok(hsm_open(&h, uri, &by_uri, ws, &e));
    assert_string_equal(hsm_profile(h), "nss");
    assert_string_equal(hsm_not_enforced(h), "CKA_UNWRAP_TEMPLATE");
    assert_fault(hsm_key_ensure(h, HSM_KEK, "kek", &k, NULL, &e), HSM_NOT_ENFORCED);
    hsm_close(h);
}

static void test_nss_has_no_ed25519_and_the_message_names_what_it_lacks(void **state)
{
    struct hsm *h = NULL;
    struct hsm_key *k;

    (void)state;
    assert_ok(hsm_open(&h, uri, &by_uri, ws, &e));
    assert_fault(hsm_key_ensure(h, HSM_LOG_SIGNER, "checkpoint", &k, NULL, &e), HSM_MECHANISM);
    assert_non_null(strstr(e.subject, "CKM_EC_EDWARDS_KEY_PAIR_GEN"));
    hsm_close(h);
}

/* Its database has no columns for CKA_ALLOWED_MECHANISMS and the like: a key of our template can't be stored, and none that
 * lacks them is made instead. */
static void test_nss_can_keep_no_key_of_a_fleet_and_none_is_left(void **state)
{
    static const enum hsm_key_kind kinds[] = { HSM_FLEET, HSM_RA };
    struct hsm *h = NULL;
    struct hsm_key *k;

    (void)state;
    assert_ok(hsm_open(&h, uri, &by_uri, ws, &e));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_fault(hsm_key_ensure(h, kinds[i], "x", &k, NULL, &e), HSM_CALL);
        assert_fault(hsm_key_find(h, kinds[i], "x", &k, &e), HSM_KEY_MISSING);
    }
    assert_fault(hsm_key_ensure(h, HSM_FLEET_X25519, "u", &k, NULL, &e), HSM_MECHANISM);
    assert_non_null(strstr(e.subject, "CKM_EC_MONTGOMERY_KEY_PAIR_GEN"));
    assert_fault(hsm_can(h, HSM_FLEET_X25519, &e), HSM_MECHANISM);
    assert_non_null(strstr(e.subject, "X25519"));
    hsm_close(h);
}

static void test_nss_and_softhsm2_are_open_side_by_side(void **state)
{
    struct hsm *nss = NULL, *soft = open_line();
    uint8_t a[16];

    (void)state;
    assert_ok(hsm_open(&nss, uri, &by_uri, ws, &e));
    assert_ok(hsm_random(soft, a, sizeof a, &e));
    assert_ok(hsm_random(nss, a, sizeof a, &e));
    hsm_close(soft);
    assert_ok(hsm_random(nss, a, sizeof a, &e));
    hsm_close(nss);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_nss, remove_workspace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nss_is_known_by_its_answers_and_gets_no_kek),
        TEST(test_nss_has_no_ed25519_and_the_message_names_what_it_lacks),
        TEST(test_nss_can_keep_no_key_of_a_fleet_and_none_is_left),
        TEST(test_nss_and_softhsm2_are_open_side_by_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

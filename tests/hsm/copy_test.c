#include "tests/hsm/kill.h"

enum { MANY_KEYS = 40 };

static struct hsm *from, *to;
static char so_uri[1024], to_uri[1024];

static int make_two(void **state)
{
    struct hsm_key *k;

    if (plan(state) != 0)
        return -1;
    assert_ok(hsm_softhsm_init(ws, "TEST-server", to_uri, sizeof to_uri, NULL, &e));
    assert_ok(hsm_softhsm_so_uri(ws, "TEST-line", so_uri, sizeof so_uri, &e));
    from = open_line();
    assert_ok(hsm_open(&to, to_uri, &by_uri, ws, &e));
    assert_ok(hsm_key_ensure(from, HSM_KEK, "kek", &k, NULL, &e));
    hsm_key_free(k);
    assert_ok(hsm_key_ensure(from, HSM_KEK_SECRET, "kek-secret", &k, NULL, &e));
    hsm_key_free(k);
    assert_ok(hsm_key_ensure(from, HSM_MASTER, "master/1", &k, NULL, &e));
    hsm_key_free(k);
    return 0;
}

static int remove_two(void **state)
{
    hsm_close(from);
    hsm_close(to);
    return remove_workspace(state);
}

static const struct hsm_key_name all[] = { { HSM_KEK, "kek" },
                                           { HSM_KEK_SECRET, "kek-secret" },
                                           { HSM_MASTER, "master/1" } };

static void test_blobs_of_the_line_open_on_the_server_after_one_call(void **state)
{
    uint8_t pk[65], secret[32], mac[32];
    struct hsm_blob key, psk;
    struct hsm_key *a, *b, *k;

    (void)state;
    assert_ok(hsm_keys_copy(from, so_uri, &by_uri, to, all, 3, &e));
    assert_ok(hsm_key_find(from, HSM_KEK, "kek", &a, &e));
    assert_ok(hsm_device_key_new(from, a, pk, &key, &e));
    hsm_key_free(a);
    assert_ok(hsm_key_find(from, HSM_KEK_SECRET, "kek-secret", &a, &e));
    assert_ok(hsm_device_secret_new(from, a, secret, &psk, &e));
    hsm_key_free(a);
    assert_ok(hsm_key_find(to, HSM_KEK, "kek", &a, &e));
    assert_ok(hsm_unwrap(to, a, &key, HSM_USE_ECDH, &k, &e));
    hsm_key_free(k);
    assert_ok(hsm_key_find(to, HSM_KEK_SECRET, "kek-secret", &b, &e));
    assert_ok(hsm_unwrap(to, b, &psk, HSM_USE_MAC, &k, &e));
    assert_ok(hsm_hmac(k, pk, sizeof pk, mac, &e));
    /* and the copies do only that */
    assert_fault(hsm_device_secret_get(to, b, &psk, secret, &e), HSM_BLOB_BAD);
    assert_int_not_equal(hsm_device_key_new(to, a, pk, &key, &e), ERR_OK);
    hsm_key_free(k);
    hsm_key_free(a);
    hsm_key_free(b);
}

static void test_a_second_copy_does_nothing_and_nothing_else_is_left_behind(void **state)
{
    (void)state;
    assert_ok(hsm_keys_copy(from, so_uri, &by_uri, to, all, 3, &e));
    run("test $(ls '%s'/tokens/*/*.object | wc -l) = 8", ws); /* two tokens, three keys each: no RSA key */
    assert_ok(hsm_keys_copy(from, "not looked at", &by_uri, to, all, 3, &e));
    run("test $(ls '%s'/tokens/*/*.object | wc -l) = 8", ws);
}

static void test_a_copy_never_moves_on(void **state)
{
    char uri[1024], so[1024];
    struct hsm *third = NULL;

    (void)state;
    assert_ok(hsm_kek_copy(from, so_uri, &by_uri, to, "kek", &e));
    assert_ok(hsm_softhsm_init(ws, "TEST-third", uri, sizeof uri, NULL, &e));
    assert_ok(hsm_softhsm_so_uri(ws, "TEST-server", so, sizeof so, &e));
    assert_ok(hsm_open(&third, uri, &by_uri, ws, &e));
    assert_fault(hsm_kek_copy(to, so, &by_uri, third, "kek", &e), HSM_KEY_WRONG);
    hsm_close(third);
}

static void test_another_kek_in_the_way_is_a_conflict(void **state)
{
    struct hsm_key *k;

    (void)state;
    assert_ok(hsm_key_ensure(to, HSM_KEK, "kek", &k, NULL, &e));
    hsm_key_free(k);
    assert_fault(hsm_kek_copy(from, so_uri, &by_uri, to, "kek", &e), HSM_KEY_AMBIGUOUS);
    assert_int_equal(e.code, ERR_CONFLICT);
}

static void test_a_wrong_so_pin_moves_nothing_and_the_line_works_on(void **state)
{
    struct hsm_key *k;
    struct hsm_blob blob;
    uint8_t pk[65];

    (void)state;
    assert_fault(hsm_kek_copy(from, line_uri, &by_uri, to, "kek", &e), HSM_PIN_WRONG); /* the user's PIN is not the SO's */
    assert_fault(hsm_key_find(to, HSM_KEK, "kek", &k, &e), HSM_KEY_MISSING);
    assert_ok(hsm_key_find(from, HSM_KEK, "kek", &k, &e));
    assert_ok(hsm_device_key_new(from, k, pk, &blob, &e));
    hsm_key_free(k);
}

/* Exits only if it fails. */
static void copy_many(void)
{
    static char labels[MANY_KEYS][HSM_LABEL];
    static struct hsm_key_name names[MANY_KEYS];

    for (unsigned i = 0; i < MANY_KEYS; i++)
        names[i] = (struct hsm_key_name){ HSM_MASTER, nth(labels[i], i) };
    if (hsm_open(&from, line_uri, &by_uri, ws, &e) == ERR_OK && hsm_open(&to, to_uri, &by_uri, ws, &e) == ERR_OK &&
        hsm_keys_copy(from, so_uri, &by_uri, to, names, MANY_KEYS, &e) == ERR_OK)
        return;
    (void)fprintf(stderr, "%s: %s 0x%lx: %s\n", e.fault->name, e.op, (unsigned long)e.native, e.subject);
    _exit(1);
}

static void test_a_copy_killed_anywhere_is_completed_by_the_next(void **state)
{
    char label[HSM_LABEL];
    int cut = 0;

    (void)state;
    for (unsigned i = 0; i < MANY_KEYS; i++) {
        struct hsm_key *k;

        assert_ok(hsm_key_ensure(from, HSM_MASTER, nth(label, i), &k, NULL, &e));
        hsm_key_free(k);
    }
    hsm_close(from);
    hsm_close(to);
    from = to = NULL;
    run("cp -a '%s' '%s.was'", ws, ws);
    for (int round = 0; round < 6; round++) {
        int begun = files_of("*"), status;
        pid_t child = fork();

        if (child == 0) {
            copy_many();
            for (;;) /* the killer is slow */
                (void)pause();
        }
        wait_till_begun(child, begun); /* the RSA key is there and the first copy arrives */
        kill_within(child, 60000);
        if ((child = fork()) == 0) {
            copy_many();
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        cut += files_of("*") > begun + MANY_KEYS;
        run("rm -rf '%s' && cp -a '%s.was' '%s'", ws, ws, ws);
    }
    run("rm -rf '%s.was'", ws);
    print_message("# %d of 6 kills left a half-made copy\n", cut);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_two, remove_two)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_blobs_of_the_line_open_on_the_server_after_one_call),
        TEST(test_a_second_copy_does_nothing_and_nothing_else_is_left_behind),
        TEST(test_a_copy_never_moves_on),
        TEST(test_another_kek_in_the_way_is_a_conflict),
        TEST(test_a_wrong_so_pin_moves_nothing_and_the_line_works_on),
        TEST(test_a_copy_killed_anywhere_is_completed_by_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

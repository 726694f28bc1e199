#include "tests/hsm/workspace.h"

#include <dlfcn.h>

#include "hsm/point.h"
#include "hsm/token.h"

static char uri[1024];

/* The keys are made on the sound token first. */
static int make_keys(void **state)
{
    struct hsm *h;
    struct hsm_key *k;

    if (make_workspace(state) != 0)
        return -1;
    h = open_line();
    assert_ok(hsm_key_ensure(h, HSM_KEK, "kek", &k, NULL, &e));
    hsm_key_free(k);
    assert_ok(hsm_key_ensure(h, HSM_SIGNER, "signer", &k, NULL, &e));
    hsm_key_free(k);
    hsm_close(h);
    return 0;
}

static enum err_code open_fake(const char *name, struct hsm **h)
{
    *h = NULL;
    fake_uri(uri, name);
    return hsm_open(h, uri, &by_uri, ws, &e);
}

static struct hsm *open_with_kek(const char *name, struct hsm_key **kek)
{
    struct hsm *h;

    assert_ok(open_fake(name, &h));
    assert_ok(hsm_key_find(h, HSM_KEK, "kek", kek, &e));
    return h;
}

static unsigned logins(const char *name)
{
    char path[512];
    void *so;
    const unsigned *n;

    (void)snprintf(path, sizeof path, "%s/%s.so", ws, name);
    so = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    assert_non_null(so);
    n = dlsym(so, "fake_logins");
    assert_non_null(n);
    return *n;
}

static void test_the_fake_without_a_fault_is_a_sound_module(void **state)
{
    struct hsm_key *kek;
    struct hsm *h = open_with_kek("plain", &kek);
    struct hsm_blob blob;
    uint8_t pk[65];

    (void)state;
    assert_ok(hsm_device_key_new(h, kek, pk, &blob, &e));
    assert_int_equal(logins("plain"), 1);
    hsm_key_free(kek);
    hsm_close(h);
}

static void test_a_module_that_does_not_start_is_told(void **state)
{
    struct hsm *h;

    (void)state;
    assert_fault(open_fake("init-fails", &h), HSM_MODULE_FAILED);
    assert_non_null(strstr(e.subject, "CKR_DEVICE_ERROR"));
}

static void test_a_locked_token_is_told_and_no_pin_is_tried(void **state)
{
    struct hsm *h;

    (void)state;
    assert_fault(open_fake("locked", &h), HSM_PIN_LOCKED);
    assert_int_equal(e.code, ERR_RIGHTS);
    assert_non_null(strstr(e.subject, "locked"));
    assert_int_equal(logins("locked"), 0);
}

static void test_the_final_try_is_left_to_a_person(void **state)
{
    struct hsm *h;

    (void)state;
    assert_fault(open_fake("final-try", &h), HSM_PIN_LAST_TRY);
    assert_non_null(strstr(e.subject, "final try"));
    assert_int_equal(logins("final-try"), 0);
}

static void test_each_wrong_pin_is_tried_once_and_the_last_one_never(void **state)
{
    static const enum hsm_fault_id told[] = { HSM_PIN_WRONG, HSM_PIN_LAST_TRY, HSM_PIN_LAST_TRY };
    static const char *const flag[] = { "PIN count low", "final try", "final try" };
    static const unsigned tried[] = { 1, 2, 2 };

    (void)state;
    run("cd '%s/pins' && rm -f TEST-line.pin && (umask 0377; echo wrong-pin >TEST-line.pin)", ws);
    for (int i = 0; i < 3; i++) {
        struct hsm *h;

        assert_fault(open_fake("three-tries", &h), told[i]);
        assert_non_null(strstr(e.subject, flag[i]));
        assert_int_equal(logins("three-tries"), tried[i]);
    }
}

static void test_a_reopen_with_a_wrong_pin_is_never_repeated(void **state)
{
    struct hsm_key *kek;
    struct hsm *h = open_with_kek("removed-60", &kek);
    struct hsm_blob blob;
    uint8_t pk[65];
    enum err_code rc = ERR_OK;

    (void)state;
    run("cd '%s/pins' && rm -f TEST-line.pin && (umask 0377; echo wrong-pin >TEST-line.pin)", ws);
    for (int i = 0; i < 60 && rc == ERR_OK; i++)
        rc = hsm_device_key_new(h, kek, pk, &blob, &e);
    assert_int_equal(rc, ERR_RIGHTS);
    assert_int_equal(logins("removed-60"), 2);
    for (int i = 0; i < 5; i++)
        assert_fault(hsm_device_key_new(h, kek, pk, &blob, &e), HSM_PIN_WRONG);
    assert_int_equal(logins("removed-60"), 2);
    hsm_key_free(kek);
    hsm_close(h);
}

/* Whichever call it is that finds the token dead: the caller notices nothing. */
static void survive(const char *kind)
{
    for (int at = 7; at <= 24; at++) {
        char name[32];
        struct hsm_key *kek, *k = NULL;
        struct hsm_blob blob;
        uint8_t pk[65], x[32];
        struct hsm *h;

        (void)snprintf(name, sizeof name, "%s-%d", kind, at);
        h = open_with_kek(name, &kek);
        for (int i = 0; i < 5; i++) {
            assert_ok(hsm_device_key_new(h, kek, pk, &blob, &e));
            hsm_key_free(k);
            assert_ok(hsm_unwrap(h, kek, &blob, HSM_USE_ECDH, &k, &e));
            assert_ok(hsm_ecdh(k, point_generator, x, &e));
            assert_memory_equal(x, pk + 1, 32);
        }
        assert_int_equal(h->module->life, 2);
        assert_int_equal(logins(name), 2);
        hsm_key_free(k);
        hsm_key_free(kek);
        hsm_close(h);
    }
}

static void test_a_device_removed_and_put_back_at_any_call_is_not_noticed(void **state)
{
    (void)state;
    survive("removed");
}

static void test_a_session_that_dies_at_any_call_is_not_noticed(void **state)
{
    (void)state;
    survive("session");
}

static void test_a_device_that_stays_away_is_told_after_one_attempt(void **state)
{
    struct hsm_key *kek;
    struct hsm *h = open_with_kek("gone-12", &kek);
    struct hsm_blob blob;
    uint8_t pk[65], untouched[65];
    enum err_code rc = ERR_OK;

    (void)state;
    for (int i = 0; i < 10 && rc == ERR_OK; i++) {
        memset(pk, 0x55, sizeof pk);
        rc = hsm_device_key_new(h, kek, pk, &blob, &e);
    }
    memset(untouched, 0x55, sizeof untouched);
    assert_int_equal(rc, ERR_RETRY);
    assert_ptr_equal(e.fault, &hsm_fault[HSM_TOKEN_GONE]);
    assert_non_null(strstr(e.subject, "CKR_DEVICE_REMOVED"));
    assert_memory_equal(pk, untouched, sizeof pk);
    hsm_key_free(kek);
    hsm_close(h);
}

static void test_a_pin_from_a_descriptor_cannot_log_in_again_and_the_cause_is_told(void **state)
{
    struct hsm_pin_source fd = { HSM_PIN_FD, -1 };
    struct hsm *h = NULL;
    uint8_t pk[65];
    struct hsm_blob blob;
    struct hsm_key *kek;
    int ends[2];
    enum err_code rc = ERR_OK;
    char pin[512];
    FILE *f;

    (void)state;
    fake_uri(uri, "removed-40");
    (void)snprintf(pin, sizeof pin, "%s/pins/TEST-line.pin", ws);
    f = fopen(pin, "r");
    assert_non_null(f);
    assert_non_null(fgets(pin, sizeof pin, f));
    fclose(f);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], pin, strlen(pin)), (ssize_t)strlen(pin));
    close(ends[1]);
    fd.fd = ends[0];
    assert_ok(hsm_open(&h, uri, &fd, ws, &e));
    assert_ok(hsm_key_find(h, HSM_KEK, "kek", &kek, &e));
    for (int i = 0; i < 40 && rc == ERR_OK; i++)
        rc = hsm_device_key_new(h, kek, pk, &blob, &e);
    assert_int_equal(rc, ERR_RETRY);
    assert_ptr_equal(e.fault, &hsm_fault[HSM_TOKEN_GONE]);
    assert_int_equal(logins("removed-40"), 1);
    hsm_key_free(kek);
    hsm_close(h);
    close(ends[0]);
}

static void test_an_operation_that_hangs_in_a_session_is_left_behind_with_it(void **state)
{
    uint8_t digest[32] = { 1 }, sig[64];
    struct hsm_key *signer;
    struct hsm *h;

    (void)state;
    assert_ok(open_fake("busy-sign", &h));
    assert_ok(hsm_key_find(h, HSM_SIGNER, "signer", &signer, &e));
    assert_ok(hsm_sign(signer, digest, sig, &e));
    assert_int_equal(logins("busy-sign"), 1);
    hsm_key_free(signer);
    hsm_close(h);
}

static void test_a_module_without_key_wrap_fails_the_self_test(void **state)
{
    struct hsm *h;

    (void)state;
    assert_fault(open_fake("no-kwp", &h), HSM_SELF_TEST);
    assert_non_null(strstr(e.subject, "CKR_MECHANISM_INVALID"));
}

static void test_a_number_that_means_another_wrap_is_found_out_by_its_answer(void **state)
{
    struct hsm *h;

    (void)state;
    assert_fault(open_fake("other-210a", &h), HSM_SELF_TEST);
}

static void test_a_module_that_ignores_protections_gets_no_kek(void **state)
{
    struct hsm_key *k;
    struct hsm *h;

    (void)state;
    assert_ok(open_fake("unenforced", &h));
    assert_string_equal(hsm_not_enforced(h), "CKA_UNWRAP_TEMPLATE");
    assert_fault(hsm_key_ensure(h, HSM_KEK, "kek-2", &k, NULL, &e), HSM_NOT_ENFORCED);
    assert_fault(hsm_key_find(h, HSM_KEK, "kek", &k, &e), HSM_NOT_ENFORCED);
    assert_fault(hsm_key_find(h, HSM_KEK, "kek-2", &k, &e), HSM_KEY_MISSING); /* none was made */
    assert_ok(hsm_key_find(h, HSM_SIGNER, "signer", &k, &e));                 /* a signer needs none of them */
    hsm_key_free(k);
    hsm_close(h);
}

static void test_a_module_without_ed25519_says_which_mechanism_it_lacks(void **state)
{
    static const struct {
        const char *fake, *lacks;
    } rows[] = { { "no-edwards", "CKM_EC_EDWARDS_KEY_PAIR_GEN" }, { "no-eddsa", "CKM_EDDSA" } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hsm *h;
        struct hsm_key *k;

        assert_ok(open_fake(rows[i].fake, &h));
        assert_fault(hsm_key_ensure(h, HSM_LOG_SIGNER, "checkpoint", &k, NULL, &e), HSM_MECHANISM);
        assert_int_equal(e.code, ERR_UNAVAILABLE);
        assert_non_null(strstr(e.subject, rows[i].lacks));
        assert_fault(hsm_key_find(h, HSM_LOG_SIGNER, "checkpoint", &k, &e), HSM_KEY_MISSING); /* nothing was made */
        hsm_close(h);
    }
}

static void test_an_attribute_that_reads_back_wrong_is_named(void **state)
{
    struct hsm_key *k;
    struct hsm *h;

    (void)state;
    assert_ok(open_fake("decrypts", &h));
    assert_fault(hsm_key_find(h, HSM_KEK, "kek", &k, &e), HSM_KEY_WRONG);
    assert_non_null(strstr(e.subject, "CKA_DECRYPT"));
    hsm_close(h);
}

static void test_a_public_key_that_is_not_the_wrapped_keys_is_never_given_out(void **state)
{
    struct hsm_key *kek;
    struct hsm *h = open_with_kek("other-key-8", &kek);
    struct hsm_blob blob;
    uint8_t pk[65];

    (void)state;
    assert_fault(hsm_device_key_new(h, kek, pk, &blob, &e), HSM_SELF_TEST);
    hsm_key_free(kek);
    hsm_close(h);
}

static void test_a_label_of_noise_is_found_by_serial_and_shown_as_question_marks(void **state)
{
    char serial[64], path[512];
    struct hsm *h = NULL;
    FILE *p;

    (void)state;
    fake_uri(uri, "garbage-label");
    (void)snprintf(path, sizeof path, "ls '%s/tokens' | tr -d - | cut -c17-32", ws);
    p = popen(path, "r");
    assert_non_null(p);
    assert_non_null(fgets(serial, sizeof serial, p));
    pclose(p);
    serial[strcspn(serial, "\n")] = '\0';
    (void)snprintf(uri, sizeof uri, "pkcs11:serial=%s?module-path=%s/garbage-label.so&pin-source=file:%s/pins/TEST-line.pin",
                   serial, ws, ws);
    assert_ok(hsm_open(&h, uri, &by_uri, ws, &e));
    assert_string_equal(hsm_token_label(h), "????????????????????????????????");
    hsm_close(h);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_keys, remove_workspace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_fake_without_a_fault_is_a_sound_module),
        TEST(test_a_module_that_does_not_start_is_told),
        TEST(test_a_locked_token_is_told_and_no_pin_is_tried),
        TEST(test_the_final_try_is_left_to_a_person),
        TEST(test_each_wrong_pin_is_tried_once_and_the_last_one_never),
        TEST(test_a_reopen_with_a_wrong_pin_is_never_repeated),
        TEST(test_a_device_removed_and_put_back_at_any_call_is_not_noticed),
        TEST(test_a_session_that_dies_at_any_call_is_not_noticed),
        TEST(test_a_device_that_stays_away_is_told_after_one_attempt),
        TEST(test_a_pin_from_a_descriptor_cannot_log_in_again_and_the_cause_is_told),
        TEST(test_an_operation_that_hangs_in_a_session_is_left_behind_with_it),
        TEST(test_a_module_without_key_wrap_fails_the_self_test),
        TEST(test_a_number_that_means_another_wrap_is_found_out_by_its_answer),
        TEST(test_a_module_that_ignores_protections_gets_no_kek),
        TEST(test_a_module_without_ed25519_says_which_mechanism_it_lacks),
        TEST(test_an_attribute_that_reads_back_wrong_is_named),
        TEST(test_a_public_key_that_is_not_the_wrapped_keys_is_never_given_out),
        TEST(test_a_label_of_noise_is_found_by_serial_and_shown_as_question_marks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

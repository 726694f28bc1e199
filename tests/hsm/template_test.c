#include "tests/hsm/workspace.h"

#include "hsm/token.h"

static struct hsm *h;
static struct hsm_key *kek;

static int make_kek(void **state)
{
    if (make_workspace(state) != 0)
        return -1;
    h = open_line();
    assert_ok(hsm_key_ensure(h, HSM_KEK, "kek", &kek, NULL, &e));
    return 0;
}

static int remove_kek(void **state)
{
    hsm_key_free(kek);
    hsm_close(h);
    return remove_workspace(state);
}

static void test_ensure_finds_what_it_made(void **state)
{
    struct hsm_key *again;
    uint8_t a[3], b[3];
    bool made = true;

    (void)state;
    assert_ok(hsm_key_ensure(h, HSM_KEK, "kek", &again, &made, &e));
    assert_false(made);
    assert_ok(hsm_key_kcv(kek, a, &e));
    assert_ok(hsm_key_kcv(again, b, &e));
    assert_memory_equal(a, b, 3);
    hsm_key_free(again);
}

static void test_a_key_that_is_not_there_is_told_and_not_made(void **state)
{
    struct hsm_key *k;

    (void)state;
    assert_fault(hsm_key_find(h, HSM_MASTER, "master/9", &k, &e), HSM_KEY_MISSING);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_fault(hsm_key_find(h, HSM_MASTER, "", &k, &e), HSM_KEY_MISSING);
    assert_fault(hsm_key_ensure(h, HSM_MASTER, "a-label-of-more-than-thirty-two-characters", &k, NULL, &e), HSM_KEY_MISSING);
}

/* By hand what a careless ceremony would do. */
static void make_key(const char *label, const CK_ATTRIBUTE *change, bool wraps)
{
    static const uint8_t id[KEY_ID_BYTES] = "by hand";
    CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
    struct template t;
    CK_OBJECT_HANDLE o;

    template_token_key(&t, wraps ? HSM_KEK : HSM_MASTER, KEY_MADE, &h->module->profile, label, id);
    for (CK_ULONG i = 0; change != NULL && i < t.n; i++)
        if (t.at[i].type == change->type)
            t.at[i] = *change;
    assert_int_equal(h->f->C_GenerateKey(h->work, &m, t.at, t.n, &o), CKR_OK);
}

static void test_two_keys_of_one_label_are_refused(void **state)
{
    struct hsm_key *k;

    (void)state;
    make_key("kek", NULL, true);
    assert_fault(hsm_key_find(h, HSM_KEK, "kek", &k, &e), HSM_KEY_AMBIGUOUS);
    assert_fault(hsm_key_ensure(h, HSM_KEK, "kek", &k, NULL, &e), HSM_KEY_AMBIGUOUS);
}

static void test_a_kek_with_any_other_attribute_is_refused_and_the_attribute_named(void **state)
{
    static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    static CK_MECHANISM_TYPE two[] = { CKM_AES_KEY_WRAP_PAD, CKM_AES_CBC };
    static CK_ULONG short_key = 16;
    static CK_ATTRIBUTE wraps_any[] = { { CKA_SENSITIVE, &yes, sizeof yes } };
    static CK_ATTRIBUTE unwraps_any[] = { { CKA_TOKEN, &no, sizeof no } };
    static const struct {
        CK_ATTRIBUTE is;
        const char *name;
    } changes[] = {
        { { CKA_DECRYPT, &yes, sizeof yes }, "CKA_DECRYPT" },
        { { CKA_ENCRYPT, &yes, sizeof yes }, "CKA_ENCRYPT" },
        { { CKA_DERIVE, &yes, sizeof yes }, "CKA_DERIVE" },
        { { CKA_SIGN, &yes, sizeof yes }, "CKA_SIGN" },
        { { CKA_SENSITIVE, &no, sizeof no }, "CKA_SENSITIVE" },
        { { CKA_WRAP_WITH_TRUSTED, &no, sizeof no }, "CKA_WRAP_WITH_TRUSTED" },
        { { CKA_MODIFIABLE, &yes, sizeof yes }, "CKA_MODIFIABLE" },
        { { CKA_COPYABLE, &yes, sizeof yes }, "CKA_COPYABLE" },
        { { CKA_DESTROYABLE, &yes, sizeof yes }, "CKA_DESTROYABLE" },
        { { CKA_EXTRACTABLE, &no, sizeof no }, "CKA_" },
        { { CKA_VALUE_LEN, &short_key, sizeof short_key }, "CKA_VALUE_LEN" },
        { { CKA_ALLOWED_MECHANISMS, two, sizeof two }, "CKA_ALLOWED_MECHANISMS" },
        { { CKA_WRAP_TEMPLATE, wraps_any, sizeof wraps_any }, "CKA_WRAP_TEMPLATE" },
        { { CKA_UNWRAP_TEMPLATE, unwraps_any, sizeof unwraps_any }, "CKA_UNWRAP_TEMPLATE" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char label[HSM_LABEL];
        struct hsm_key *k;

        (void)snprintf(label, sizeof label, "bad-%zu", i);
        make_key(label, &changes[i].is, true);
        assert_fault(hsm_key_find(h, HSM_KEK, label, &k, &e), HSM_KEY_WRONG);
        assert_int_equal(e.code, ERR_CONFLICT);
        assert_non_null(strstr(e.subject, changes[i].name));
    }
}

static void test_a_key_of_another_kind_is_refused(void **state)
{
    struct hsm_key *k;

    (void)state;
    make_key("master/1", NULL, false);
    assert_fault(hsm_key_find(h, HSM_KEK, "master/1", &k, &e), HSM_KEY_WRONG);
    assert_fault(hsm_key_find(h, HSM_MASTER, "kek", &k, &e), HSM_KEY_WRONG);
    assert_fault(hsm_key_find(h, HSM_KEK_SECRET, "kek", &k, &e), HSM_KEY_WRONG);
}

static void test_the_pin_holder_cannot_get_a_device_key_out_in_clear(void **state)
{
    CK_MECHANISM kwp = { CKM_AES_KEY_WRAP_PAD, NULL, 0 }, ecb = { CKM_AES_ECB, NULL, 0 };
    static CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE decrypt = { CKA_DECRYPT, &yes, sizeof yes };
    struct template t;
    struct hsm_blob blob;
    CK_OBJECT_HANDLE o;
    uint8_t pk[65];

    (void)state;
    assert_ok(hsm_device_key_new(h, kek, pk, &blob, &e));
    template_unwrapped(&t, HSM_USE_ECDH);
    template_set_flag(&t, CKA_EXTRACTABLE, true);
    assert_int_not_equal(h->f->C_UnwrapKey(h->work, &kwp, kek->handle, blob.bytes, blob.len, t.at, t.n, &o), CKR_OK);
    assert_int_not_equal(h->f->C_DecryptInit(h->work, &ecb, kek->handle), CKR_OK);
    assert_int_not_equal(h->f->C_SetAttributeValue(h->work, kek->handle, &decrypt, 1), CKR_OK);
    assert_int_not_equal(h->f->C_DestroyObject(h->work, kek->handle), CKR_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_kek, remove_kek)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ensure_finds_what_it_made),
        TEST(test_a_key_that_is_not_there_is_told_and_not_made),
        TEST(test_two_keys_of_one_label_are_refused),
        TEST(test_a_kek_with_any_other_attribute_is_refused_and_the_attribute_named),
        TEST(test_a_key_of_another_kind_is_refused),
        TEST(test_the_pin_holder_cannot_get_a_device_key_out_in_clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

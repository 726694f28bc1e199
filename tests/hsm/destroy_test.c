/* Keys that are retired, and the list of what a token holds. */
#include "tests/hsm/workspace.h"

#include "hsm/keep.h"
#include "hsm/token.h"

/* SoftHSM2 forgets a string of OpenSSL's at each use of an X25519 key.  Its frames are seen by the slow unwinder only. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libsofthsm2.so";
}
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

static struct hsm *h;

static int open_token(void **state)
{
    if (make_workspace(state) != 0)
        return -1;
    h = open_line();
    return 0;
}

static int close_token(void **state)
{
    hsm_close(h);
    return remove_workspace(state);
}

static void make(enum hsm_key_kind kind, const char *label)
{
    struct hsm_key *k;

    assert_ok(hsm_key_ensure(h, kind, label, &k, NULL, &e));
    hsm_key_free(k);
    assert_ok(hsm_softhsm_keep(ws, "", &e));
}

static void objects(unsigned n) /* in tokens/ and in keep/, beside the token's own */
{
    run("test $(ls '%s'/tokens/*/*.object | wc -l) = %u", ws, n + 1);
    run("test $(ls '%s'/keep/*/*.object | wc -l) = %u", ws, n + 1);
}

static void is_gone(enum hsm_key_kind kind, const char *label)
{
    struct hsm_key *k;

    assert_fault(hsm_key_find(h, kind, label, &k, &e), HSM_KEY_MISSING);
}

static void test_a_destroyed_key_is_gone_from_token_and_kept_copy(void **state)
{
    unsigned n = 9;

    (void)state;
    make(HSM_FLEET, "fleet/1/1");
    make(HSM_FLEET, "fleet/1/2");
    make(HSM_FLEET_X25519, "fleet/2/1");
    make(HSM_RA, "ra");
    objects(8);
    assert_ok(hsm_key_destroy(h, HSM_FLEET, "fleet/1/1", &n, &e));
    assert_int_equal(n, 2);
    objects(6);
    is_gone(HSM_FLEET, "fleet/1/1");
    assert_ok(hsm_key_destroy(h, HSM_FLEET_X25519, "fleet/2/1", NULL, &e));
    assert_ok(hsm_key_destroy(h, HSM_RA, "ra", NULL, &e));
    objects(2);
    assert_ok(hsm_key_destroy(h, HSM_FLEET, "fleet/1/1", &n, &e)); /* again: nothing to do */
    assert_int_equal(n, 0);
    objects(2);
    struct hsm_key *k;
    assert_ok(hsm_key_find(h, HSM_FLEET, "fleet/1/2", &k, &e));
    hsm_key_free(k);
}

static void test_a_destroyed_key_stays_so_when_its_token_is_mended_from_the_kept_copy(void **state)
{
    (void)state;
    make(HSM_FLEET, "fleet/1/1");
    make(HSM_FLEET, "fleet/1/2");
    assert_ok(hsm_key_destroy(h, HSM_FLEET, "fleet/1/1", NULL, &e));
    hsm_close(h);
    run("for f in '%s'/tokens/*/token.object; do : >\"$f\"; done", ws);
    assert_ok(hsm_softhsm_mend(ws, &e));
    h = open_line();
    is_gone(HSM_FLEET, "fleet/1/1");
    objects(2);
    assert_ok(hsm_softhsm_keep(ws, "", &e));
    objects(2);
}

static const char *serial(void)
{
    static char text[33];
    CK_TOKEN_INFO info;

    assert_int_equal(h->f->C_GetTokenInfo(h->slot, &info), CKR_OK);
    uri_field(text, info.serialNumber, sizeof info.serialNumber);
    return text;
}

/* Both halves by hand, as destroy does it, up to where the power goes. */
static void destroy_by_hand(const char *label, bool public_too)
{
    CK_OBJECT_CLASS classes[2] = { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY };

    for (int i = 0; i < 1 + public_too; i++) {
        struct template t = { .n = 0 };
        CK_OBJECT_HANDLE o;
        CK_ULONG n = 0;

        template_number(&t, CKA_CLASS, classes[i]);
        template_bytes(&t, CKA_LABEL, label, strlen(label));
        assert_ok(key_objects(h, &t, &o, 1, &n, &e));
        assert_int_equal(n, 1);
        assert_int_equal(h->f->C_DestroyObject(h->work, o), CKR_OK);
    }
}

static void test_cut_after_the_token_and_before_the_kept_copy_the_next_start_ends_it(void **state)
{
    (void)state;
    make(HSM_FLEET, "fleet/1/1");
    make(HSM_FLEET, "fleet/1/2");
    assert_ok(keep_forget_begin(ws, serial(), &e));
    destroy_by_hand("fleet/1/1", true);
    run("test $(ls '%s'/keep/*/*.object | wc -l) = 5", ws);
    hsm_close(h);
    h = open_line();
    objects(2);
    is_gone(HSM_FLEET, "fleet/1/1");
}

static void test_cut_between_the_halves_it_is_repeated(void **state)
{
    unsigned n;

    (void)state;
    make(HSM_FLEET, "fleet/1/1");
    assert_ok(keep_forget_begin(ws, serial(), &e));
    destroy_by_hand("fleet/1/1", false);
    is_gone(HSM_FLEET, "fleet/1/1");
    assert_ok(hsm_key_destroy(h, HSM_FLEET, "fleet/1/1", &n, &e));
    assert_int_equal(n, 1);
    objects(0);
}

/* A file that the token lost in another way keeps its copy: it may be the last. */
static void test_the_copy_of_a_key_that_was_lost_is_kept(void **state)
{
    (void)state;
    make(HSM_FLEET, "fleet/1/1");
    make(HSM_FLEET, "fleet/1/2");
    run("mv \"$(ls '%s'/tokens/*/*.object | grep -v token.object | head -n 1)\" '%s/lost'", ws, ws);
    hsm_close(h);
    h = open_line();
    assert_ok(hsm_softhsm_keep(ws, "", &e));
    run("test $(ls '%s'/keep/*/*.object | wc -l) = 5", ws);
}

static void test_keys_that_others_hang_on_are_never_destroyed(void **state)
{
    static const struct {
        enum hsm_key_kind kind;
        const char *label;
    } kept[] = {
        { HSM_KEK, "kek" },   { HSM_KEK_SECRET, "kek-secret" }, { HSM_MASTER, "master/1" },
        { HSM_SIGNER, "ca" }, { HSM_LOG_SIGNER, "checkpoint" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct hsm_key *k;

        make(kept[i].kind, kept[i].label);
        assert_fault(hsm_key_destroy(h, kept[i].kind, kept[i].label, NULL, &e), HSM_KEY_KEPT);
        assert_ok(hsm_key_find(h, kept[i].kind, kept[i].label, &k, &e));
        hsm_key_free(k);
    }
}

static void test_a_key_of_another_kind_is_not_destroyed(void **state)
{
    struct hsm_key *k;

    (void)state;
    make(HSM_SIGNER, "ra");
    make(HSM_FLEET, "fleet/1/1");
    assert_fault(hsm_key_destroy(h, HSM_RA, "ra", NULL, &e), HSM_KEY_WRONG);
    assert_fault(hsm_key_destroy(h, HSM_FLEET_X25519, "fleet/1/1", NULL, &e), HSM_KEY_WRONG);
    assert_fault(hsm_key_destroy(h, HSM_RSA, "fleet/1/1", NULL, &e), HSM_KEY_WRONG);
    assert_ok(hsm_key_find(h, HSM_SIGNER, "ra", &k, &e));
    hsm_key_free(k);
    objects(4);
}

static void test_a_handle_of_a_destroyed_key_says_that_it_is_gone(void **state)
{
    struct hsm_key *k;
    uint8_t pk[65], z[32];

    (void)state;
    assert_ok(hsm_key_ensure(h, HSM_FLEET, "fleet/1/1", &k, NULL, &e));
    assert_ok(hsm_public(k, pk, &e));
    assert_ok(hsm_key_destroy(h, HSM_FLEET, "fleet/1/1", NULL, &e));
    assert_fault(hsm_ecdh(k, pk, z, &e), HSM_KEY_MISSING);
    hsm_key_free(k);
}

/* ---- the list ---- */

struct seen {
    unsigned n, whole, foreign, cut;
    char labels[256];
    struct hsm_key_info last;
};

static enum err_code see(void *io, const struct hsm_key_info *k, struct err *err)
{
    struct seen *s = io;

    (void)err;
    s->n++;
    s->whole += k->state == HSM_KEY_WHOLE;
    s->foreign += k->state == HSM_KEY_FOREIGN;
    s->cut += k->state == HSM_KEY_CUT;
    (void)snprintf(s->labels + strlen(s->labels), sizeof s->labels - strlen(s->labels), "%d:%s ", (int)k->kind, k->label);
    s->last = *k;
    return ERR_OK;
}

static void has(const struct seen *s, enum hsm_key_kind kind, const char *label)
{
    char want[64];

    (void)snprintf(want, sizeof want, "%d:%s ", (int)kind, label);
    if (strstr(s->labels, want) == NULL)
        fail_msg("no '%s' in '%s'", want, s->labels);
}

static void test_the_list_has_each_key_once_with_its_kind_and_public_half(void **state)
{
    struct seen s = { .n = 0 };
    struct hsm_key *k;
    uint8_t pk[65], kcv[3];

    (void)state;
    assert_ok(hsm_keys(h, see, &s, &e));
    assert_int_equal(s.n, 0);
    make(HSM_FLEET, "fleet/1/1");
    assert_ok(hsm_keys(h, see, &s, &e));
    assert_int_equal(s.n, 1);
    assert_ok(hsm_key_find(h, HSM_FLEET, "fleet/1/1", &k, &e));
    assert_ok(hsm_public(k, pk, &e));
    assert_ok(hsm_key_kcv(k, kcv, &e));
    assert_int_equal(s.last.pk_len, 65);
    assert_memory_equal(s.last.pk, pk, 65);
    assert_memory_equal(s.last.kcv, kcv, 3);
    hsm_key_free(k);
    make(HSM_KEK, "kek");
    make(HSM_KEK_SECRET, "kek-secret");
    make(HSM_MASTER, "master/1");
    make(HSM_SIGNER, "ca");
    make(HSM_LOG_SIGNER, "checkpoint");
    make(HSM_RA, "ra");
    make(HSM_FLEET_X25519, "fleet/2/1");
    s = (struct seen){ .n = 0 };
    assert_ok(hsm_keys(h, see, &s, &e));
    assert_int_equal(s.n, 8);
    assert_int_equal(s.whole, 8);
    has(&s, HSM_FLEET, "fleet/1/1");
    has(&s, HSM_KEK, "kek");
    has(&s, HSM_KEK_SECRET, "kek-secret");
    has(&s, HSM_MASTER, "master/1");
    has(&s, HSM_SIGNER, "ca");
    has(&s, HSM_LOG_SIGNER, "checkpoint");
    has(&s, HSM_RA, "ra");
    has(&s, HSM_FLEET_X25519, "fleet/2/1");
}

static void test_the_list_tells_a_foreign_key_and_one_whose_public_half_is_gone(void **state)
{
    CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
    struct template t = { .n = 0 };
    CK_OBJECT_HANDLE o, found[4];
    struct seen s = { .n = 0 };
    CK_ULONG n = 0;

    (void)state;
    template_flag(&t, CKA_TOKEN, true);
    template_number(&t, CKA_VALUE_LEN, 16);
    template_bytes(&t, CKA_LABEL, "a stranger", 10);
    assert_int_equal(h->f->C_GenerateKey(h->work, &m, t.at, t.n, &o), CKR_OK);
    make(HSM_RA, "ra"); /* of a fleet key the private one gives it again */
    t.n = 0;
    template_number(&t, CKA_CLASS, CKO_PUBLIC_KEY);
    assert_ok(key_objects(h, &t, found, 4, &n, &e));
    assert_int_equal(h->f->C_DestroyObject(h->work, found[0]), CKR_OK);
    assert_ok(hsm_keys(h, see, &s, &e));
    assert_int_equal(s.n, 2);
    assert_int_equal(s.foreign, 1);
    assert_int_equal(s.cut, 1);
    has(&s, HSM_KEY_KINDS, "a stranger");
    has(&s, HSM_RA, "ra");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_token, close_token)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_destroyed_key_is_gone_from_token_and_kept_copy),
        TEST(test_a_destroyed_key_stays_so_when_its_token_is_mended_from_the_kept_copy),
        TEST(test_cut_after_the_token_and_before_the_kept_copy_the_next_start_ends_it),
        TEST(test_cut_between_the_halves_it_is_repeated),
        TEST(test_the_copy_of_a_key_that_was_lost_is_kept),
        TEST(test_keys_that_others_hang_on_are_never_destroyed),
        TEST(test_a_key_of_another_kind_is_not_destroyed),
        TEST(test_a_handle_of_a_destroyed_key_says_that_it_is_gone),
        TEST(test_the_list_has_each_key_once_with_its_kind_and_public_half),
        TEST(test_the_list_tells_a_foreign_key_and_one_whose_public_half_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

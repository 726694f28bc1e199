/* docs/vectors: devices make exactly those bytes, servers open exactly those texts, and what is refused there is
 * refused for the reason that stands there.  The files are written by `make vectors`; a second implementation starts from
 * them too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "protocol/cose.h"
#include "protocol/kem.h"
#include "protocol/derive.h"
#include "protocol/rekey.h"
#include "protocol/rotate.h"
#include "tests/vectors/docs/docs.h"

static const char *const SCHEMES[] = { "sealed", "sealed-fleet", "identity", "secret", "derived", "session", "signup" };
enum { N_SCHEMES = sizeof SCHEMES / sizeof *SCHEMES, PRODUCTS = 25 };

static bool seen[256]; /* header bytes of good frames */

static json_t *load(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "docs/vectors/%s.json", name);
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    return root;
}

static const json_t *list(const json_t *o, const char *key)
{
    return json_object_get(o, key);
}

/* The first frame of the session that a frame belongs to; NULL: it is one. */
static const json_t *first_of(const json_t *product, const json_t *frame)
{
    const json_t *under = json_object_get(frame, "under");
    return under ? json_array_get(list(product, "frames"), (size_t)json_integer_value(under)) : NULL;
}

/* Every product of every file; returns how many. */
static size_t each_product(void (*check)(struct docs_product *p, const json_t *product))
{
    size_t i, n = 0;
    for (unsigned k = 0; k < N_SCHEMES; k++) {
        json_t *root = load(SCHEMES[k]), *product;
        json_array_foreach(list(root, "products"), i, product)
        {
            struct docs_product p;
            assert_true(docs_open(&p, product));
            check(&p, product);
            docs_close(&p);
            n++;
        }
        json_decref(root);
    }
    return n;
}

static void makes(struct docs_product *p, const json_t *product)
{
    size_t i;
    json_t *o;
    uint8_t frame[FRAME_MAX];
    json_array_foreach(list(product, "frames"), i, o)
    {
        size_t n = docs_make(p, first_of(product, o), o, frame);
        assert_true(docs_same(o, "frame", frame, n));
        assert_int_equal(docs_number(o, "bytes"), n);
        seen[frame[0]] = true;
    }
    assert_true(i >= 6);
}

static void test_both_sides_make_exactly_these_bytes(void **state)
{
    (void)state;
    assert_int_equal(each_product(makes), PRODUCTS);
}

static void check_keys(const json_t *o, const struct peer_session *s, bool sid)
{
    assert_true(docs_same(o, "key", s->keys.key, sizeof s->keys.key));
    assert_true(docs_same(o, "iv", s->keys.iv, sizeof s->keys.iv));
    assert_true(docs_same(o, "dkey", s->keys.dkey, sizeof s->keys.dkey));
    assert_true(docs_same(o, "div", s->keys.div, sizeof s->keys.div));
    assert_true(!sid || docs_same(o, "sid8", s->keys.sid, sizeof s->keys.sid));
}

static void opens(struct docs_product *p, const json_t *product)
{
    size_t i;
    json_t *o;
    json_array_foreach(list(product, "frames"), i, o)
    {
        uint8_t frame[FRAME_MAX];
        struct peer_session s;
        struct peer_text text;
        const json_t *first = first_of(product, o);
        size_t n = docs_hex(o, "frame", frame, sizeof frame);
        assert_string_equal(docs_take(p, first, o, frame, n, &s, &text), "sealed-ok");
        assert_true(docs_same(o, "data", text.data, text.data_len));
        assert_true(!text.sig || docs_same(o, "sig64", text.sig, FRAME_SIG_LEN));
        if (!first)
            check_keys(o, &s, p->on_device->sid);
    }
}

static void test_both_sides_open_exactly_these_texts(void **state)
{
    (void)state;
    assert_int_equal(each_product(opens), PRODUCTS);
}

static void refuses(struct docs_product *p, const json_t *product)
{
    static const char *const lists[] = { "rejects", "accepts" };
    size_t i, n = 0;
    json_t *o;
    for (unsigned k = 0; k < 2; k++)
        json_array_foreach(list(product, lists[k]), i, o)
        {
            uint8_t frame[FRAME_MAX];
            struct peer_session s;
            struct peer_text text;
            size_t len = docs_hex(o, "frame", frame, sizeof frame);
            const char *want = json_string_value(json_object_get(o, "answer"));
            assert_string_equal(docs_take(p, first_of(product, o), o, frame, len, &s, &text), want);
            assert_int_equal(strcmp(want, "sealed-ok") == 0, k == 1);
            n++;
        }
    assert_true(n >= 12);
}

static void test_what_is_refused_is_refused_for_the_stated_reason(void **state)
{
    (void)state;
    assert_int_equal(each_product(refuses), PRODUCTS);
}

static unsigned odd, even;

static void count_parity(struct docs_product *p, const json_t *product)
{
    size_t i;
    json_t *o;
    (void)p;
    odd += docs_is(product, "skR_y", "odd");
    even += docs_is(product, "skR_y", "even");
    json_array_foreach(list(product, "frames"), i, o)
    {
        odd += docs_is(o, "skE_y", "odd");
        even += docs_is(o, "skE_y", "even");
    }
}

static void test_server_and_ephemeral_keys_of_both_signs_are_there(void **state)
{
    (void)state;
    each_product(count_parity);
    assert_true(odd >= 20 && even >= 20);
}

/* Any input counts: with another one the bytes are others. */
static void spoils(struct docs_product *p, const json_t *product)
{
    json_t *o = json_deep_copy(json_array_get(list(product, "frames"), 0));
    uint8_t frame[FRAME_MAX];
    json_object_set_new(o, "boot", json_integer(77));
    size_t n = docs_make(p, NULL, o, frame);
    assert_true(n > 0 && !docs_same(o, "frame", frame, n));
    json_decref(o);
}

static void test_another_boot_number_makes_other_bytes(void **state)
{
    (void)state;
    each_product(spoils);
}

/* ---- ROTATE and REKEY ---- */

static struct crypto c;
static struct hpke_host *host;

static int setup(void **state)
{
    (void)state;
    host = hpke_host_open(&c);
    return host ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hpke_host_close(host);
    return 0;
}

static void check_rotate(const json_t *fleet, const json_t *o, const uint8_t image[OTP_IMAGE_LEN])
{
    const struct profile p = { .scheme = (uint8_t)docs_number(fleet, "scheme"),
                               .suite = (uint8_t)docs_number(fleet, "suite"),
                               .fleet = (uint16_t)docs_number(fleet, "fleet") };
    const struct rotate_mark want = { (uint8_t)docs_number(o, "v"), (uint8_t)docs_number(o, "epoch1") };
    uint8_t frame[ROTATE_LEN], x[P256_LEN], d[P256_LEN], digest[SHA256_LEN], sig[ECDSA_LEN], pk[P256_PK_LEN];
    uint8_t tbs[ROTATE_TBS_MAX], cose[ROTATE_COSE_MAX], full[COSE_EXPANDED_MAX];
    struct rotate_mark mark;
    struct frame f;
    assert_int_equal(docs_hex(o, "x32", x, sizeof x), sizeof x);
    assert_int_equal(docs_hex(fleet, want.v ? "backup_ra_d" : "ra_d", d, sizeof d), sizeof d);
    assert_int_equal(rotate_digest(&c, &p, want, x, digest), SEALED_OK);
    assert_true(c.ecdsa_sign(c.io, d, digest, sig));
    rotate_put(want, x, sig, frame);
    assert_true(docs_same(o, "frame", frame, sizeof frame));
    assert_true(docs_same(o, "sig_structure", tbs, rotate_sig_structure(&p, want, x, tbs)));
    assert_true(docs_same(o, "cose", cose, rotate_cose(p.suite, frame, cose)));
    assert_int_equal(rotate_verify_image(&c, image, false, frame, sizeof frame, &mark, pk), SEALED_OK);
    assert_true(mark.v == want.v && mark.epoch == want.epoch && memcmp(pk + kem_of(p.suite)->name, x, sizeof x) == 0);
    assert_int_equal(frame_parse(frame, sizeof frame, &f), FRAME_OK);
    assert_true(docs_same(o, "cose", full, cose_expand(&f, p.suite, full, sizeof full)));
    seen[frame[0]] = true;
}

static void test_rotates_are_made_taken_and_refused_as_written(void **state)
{
    (void)state;
    size_t i, k, frames = 0, rejects = 0;
    json_t *root = load("rotate"), *fleet, *o;
    json_array_foreach(list(root, "fleets"), i, fleet)
    {
        uint8_t image[OTP_IMAGE_LEN], frame[FRAME_MAX], pk[P256_PK_LEN];
        struct rotate_mark mark;
        assert_int_equal(docs_hex(fleet, "image", image, sizeof image), sizeof image);
        json_array_foreach(list(fleet, "frames"), k, o)
        {
            check_rotate(fleet, o, image);
            frames++;
        }
        json_array_foreach(list(fleet, "rejects"), k, o)
        {
            size_t n = docs_hex(o, "frame", frame, sizeof frame);
            bool revoked = json_is_true(json_object_get(o, "ra_revoked"));
            enum sealed_result r = rotate_verify_image(&c, image, revoked, frame, n, &mark, pk);
            assert_true(docs_is(o, "answer", sealed_result_name(r)) && r != SEALED_OK);
            rejects++;
        }
    }
    assert_int_equal(i, 7);
    assert_true(frames >= 16 && rejects >= 52);
    json_decref(root);
}

static void test_rekeys_are_made_taken_and_refused_as_written(void **state)
{
    (void)state;
    size_t k;
    json_t *root = load("rekey"), *o;
    const struct profile p = { .scheme = 5, .suite = SUITE_P256_CCM, .fleet = (uint16_t)docs_number(root, "fleet") };
    uint8_t serial[OTP_SERIAL_LEN], K_root[DERIVE_KEY_LEN], frame[FRAME_MAX], input[REKEY_INPUT_LEN], mac[SHA256_LEN];
    struct rekey in, out;
    assert_int_equal(docs_hex(root, "serial8", serial, sizeof serial), sizeof serial);
    assert_int_equal(docs_hex(root, "K_root", K_root, sizeof K_root), sizeof K_root);
    json_array_foreach(list(root, "frames"), k, o)
    {
        const struct crypto_part part = { input, sizeof input };
        uint8_t loss = (uint8_t)docs_number(o, "nvm_loss1");
        in.gen = (uint8_t)docs_number(o, "gen1");
        assert_int_equal(docs_hex(o, "salt16", in.salt, sizeof in.salt), sizeof in.salt);
        rekey_head(serial, &in, frame);
        rekey_input(&p, loss, frame, input);
        assert_true(docs_same(o, "mac_input", input, sizeof input));
        assert_true(c.hmac_sha256(c.io, K_root, sizeof K_root, &part, 1, mac));
        rekey_finish(mac, frame);
        assert_true(docs_same(o, "frame", frame, REKEY_LEN));
        assert_int_equal(rekey_check(&c, &p, serial, K_root, loss, (uint8_t)(in.gen - 1), frame, REKEY_LEN, &out),
                         SEALED_OK);
        assert_true(out.gen == in.gen && memcmp(out.salt, in.salt, sizeof in.salt) == 0);
        seen[frame[0]] = true;
    }
    assert_int_equal(k, 2);
    json_array_foreach(list(root, "rejects"), k, o)
    {
        size_t n = docs_hex(o, "frame", frame, sizeof frame);
        enum sealed_result r = rekey_check(&c, &p, serial, K_root, (uint8_t)docs_number(o, "nvm_loss1"),
                                           (uint8_t)docs_number(o, "stored_gen1"), frame, n, &out);
        assert_true(docs_is(o, "answer", sealed_result_name(r)) && r != SEALED_OK);
    }
    assert_true(k >= 6);
    json_decref(root);
}

/* Runs last. */
static void test_every_header_byte_but_those_of_certificate_is_there(void **state)
{
    (void)state;
    for (unsigned hdr = 0; hdr < 256; hdr++) {
        const struct frame_form *form = frame_form((uint8_t)hdr);
        assert_int_equal(seen[hdr], form && form->scheme != 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_sides_make_exactly_these_bytes),
        cmocka_unit_test(test_both_sides_open_exactly_these_texts),
        cmocka_unit_test(test_what_is_refused_is_refused_for_the_stated_reason),
        cmocka_unit_test(test_server_and_ephemeral_keys_of_both_signs_are_there),
        cmocka_unit_test(test_another_boot_number_makes_other_bytes),
        cmocka_unit_test(test_rotates_are_made_taken_and_refused_as_written),
        cmocka_unit_test(test_rekeys_are_made_taken_and_refused_as_written),
        cmocka_unit_test(test_every_header_byte_but_those_of_certificate_is_there),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

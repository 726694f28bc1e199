/* Schemes 1, 2, 3, 6 (small form) and 8 from device to server and back: what opens, and that nothing else does. */
#include "tests/protocol/family.h"

#include "protocol/cose.h"
#include "protocol/sealing.h"
#include "protocol/signing.h"

static const uint8_t TEXT[16] = "sixteen bytes ..";
static const uint8_t CHALLENGE[CHALLENGE_LEN] = { 0xC4 };

static size_t make_open(struct family *f, uint32_t boot, size_t len, uint8_t *frame, struct device_session *s)
{
    uint8_t data[FRAME_DATA_MAX];
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)i;
    assert_int_equal(f->k->device->open(&f->r.c, &f->r.device, boot, data, len, frame, FRAME_MAX, &n, s), SEALED_OK);
    return n;
}

static size_t make_data(struct family *f, const struct device_session *s, uint32_t counter, uint8_t *frame)
{
    size_t n = 0;
    assert_int_equal(f->k->device->data(&f->r.c, &f->r.device, s, counter, TEXT, sizeof TEXT, frame, FRAME_MAX, &n),
                     SEALED_OK);
    return n;
}

static size_t make_proof(struct family *f, uint32_t boot, uint8_t *frame, uint8_t proof[PROOF_LEN])
{
    uint8_t digest[SHA256_LEN];
    size_t n = 0;
    assert_true(otp_image_digest(&f->r.c, f->r.image, digest));
    profile_proof(CHALLENGE, digest, proof);
    assert_int_equal(f->k->device->proof(&f->r.c, &f->r.device, boot, CHALLENGE, digest, frame, FRAME_MAX, &n), SEALED_OK);
    return n;
}

#define EACH(f)                                                                                   \
    for (unsigned i_ = 0; i_ < KINDS * FORMS; i_++)                                               \
        for (bool once_ = (family_init(&(f), &kinds[i_ / FORMS], i_ % FORMS, 0x11), true); once_; \
             once_ = (family_fini(&(f)), false))

static void test_frames_have_the_sizes_of_the_table(void **state)
{
    (void)state;
    struct family f;
    EACH(f)
    {
        struct device_session s;
        uint8_t frame[FRAME_MAX];
        assert_int_equal(make_open(&f, 1, 16, frame, &s), f.compact ? f.k->first_compact : f.k->first);
        assert_int_equal(make_data(&f, &s, 1, frame), f.k->later + (size_t)(f.sid_len - 2) + (size_t)(f.ctr_len - 1));
    }
}

static void test_server_opens_what_the_device_seals(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 16, 512 };
    struct family f;
    EACH(f)
    {
        for (unsigned k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            struct device_session s;
            struct peer_session server;
            struct peer_text text;
            uint8_t frame[FRAME_MAX];
            size_t n = make_open(&f, 0x040506 + k, sizes[k], frame, &s);
            assert_int_equal(family_open(&f, frame, n, NULL, &server, &text), SEALED_OK);
            assert_memory_equal(&s.keys, &server.keys, sizeof s.keys);
            assert_memory_equal(s.open.x, server.open.x, P256_LEN);
            assert_int_equal(server.open.boot, f.k->signs ? s.open.boot : 0);
            assert_int_equal(text.data_len, sizes[k]);
            for (size_t b = 0; b < text.data_len; b++)
                assert_int_equal(text.data[b], (uint8_t)b);
            bool named = f.k->device->id == 2 || f.k->signs;
            assert_int_equal(text.serial_len, !named ? 0 : f.compact ? 4 : 8);
            if (named)
                assert_memory_equal(text.serial, f.r.peer.serial + 8 - text.serial_len, text.serial_len);
            assert_int_equal(text.pk != NULL, f.k->device->id == 8);
            if (text.pk)
                assert_memory_equal(text.pk, f.r.device.sign_x, P256_LEN);
            n = make_data(&f, &s, 7, frame);
            assert_int_equal(family_data(&f, &server, frame, n, &text), SEALED_OK);
            assert_int_equal(text.data_len, sizeof TEXT);
            assert_memory_equal(text.data, TEXT, sizeof TEXT);
        }
    }
}

/* With an odd y in the key pair the HSM holds; about half of all keys. */
static void test_server_keys_of_either_sign_work(void **state)
{
    (void)state;
    unsigned odd = 0;
    for (unsigned i = 0; i < KINDS; i++)
        for (uint8_t key = 1; key <= 8; key++) {
            struct family f;
            struct device_session s;
            struct peer_session server;
            struct peer_text text;
            uint8_t frame[FRAME_MAX], pk[P256_PK_LEN];
            family_init(&f, &kinds[i], 0, key);
            assert_true(f.r.c.p256_public(&f.r, f.r.skR, pk));
            odd += pk[P256_PK_LEN - 1] & 1;
            size_t n = make_open(&f, 1, 16, frame, &s);
            assert_int_equal(family_open(&f, frame, n, NULL, &server, &text), SEALED_OK);
            family_fini(&f);
        }
    assert_true(odd > 0 && odd < 8 * KINDS);
}

static void test_every_bit_flip_and_truncation_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++)
        for (unsigned form = 0; form < 2; form++) {
            struct family f;
            struct device_session s;
            struct peer_session server, other;
            static struct peer_text text;
            uint8_t open[FRAME_MAX + 1] = { 0 }, later[FRAME_MAX + 1] = { 0 };
            family_init(&f, &kinds[i], form, 0x11);
            size_t n = make_open(&f, 1, 16, open, &s), m = make_data(&f, &s, 5, later);
            assert_int_equal(family_open(&f, open, n, NULL, &server, &text), SEALED_OK);
            for (size_t bit = 0; bit < n * 8; bit++) {
                open[bit / 8] ^= (uint8_t)(1 << bit % 8);
                assert_int_not_equal(family_open(&f, open, n, NULL, &other, &text), SEALED_OK);
                open[bit / 8] ^= (uint8_t)(1 << bit % 8);
            }
            for (size_t bit = 0; bit < m * 8; bit++) {
                later[bit / 8] ^= (uint8_t)(1 << bit % 8);
                assert_int_not_equal(family_data(&f, &server, later, m, &text), SEALED_OK);
                later[bit / 8] ^= (uint8_t)(1 << bit % 8);
            }
            for (size_t cut = 0; cut <= n + 1; cut++)
                assert_int_equal(family_open(&f, open, cut, NULL, &other, &text) == SEALED_OK, cut == n);
            for (size_t cut = 0; cut <= m + 1; cut++)
                assert_int_equal(family_data(&f, &server, later, cut, &text) == SEALED_OK, cut == m);
            family_fini(&f);
        }
}

/* Scheme, form, tag and lengths come from the registry: a frame can't choose. */
static void test_a_frame_of_another_scheme_form_or_suite_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS * 2; i++)
        for (unsigned k = 0; k < KINDS * 2; k++) {
            struct family a, b;
            struct device_session s;
            struct peer_session server;
            static struct peer_text text;
            uint8_t frame[FRAME_MAX];
            family_init(&a, &kinds[i / 2], i % 2, 0x11);
            family_init(&b, &kinds[k / 2], k % 2, 0x11);
            size_t n = make_open(&a, 1, 16, frame, &s);
            bool same =
                a.k->device == b.k->device && a.k->psk == b.k->psk && a.compact == b.compact && a.k->suite == b.k->suite;
            assert_int_equal(family_open(&b, frame, n, NULL, &server, &text) == SEALED_OK, same);
            if (same && i == k) {
                static const uint8_t suites[] = { SUITE_P256_CCM, SUITE_X25519_CCM, SUITE_P256_CHACHA };
                for (unsigned j = 0; j < sizeof suites; j++) {
                    b.r.peer.profile.suite = suites[j];
                    assert_int_equal(family_open(&b, frame, n, NULL, &server, &text) == SEALED_OK, suites[j] == a.k->suite);
                }
                b.r.peer.profile.suite = a.k->suite;
                b.r.peer.profile.fleet ^= 1;
                assert_int_not_equal(family_open(&b, frame, n, NULL, &server, &text), SEALED_OK);
                b.r.peer.profile.fleet ^= 1;
                b.r.peer.epoch ^= 1;
                b.r.peer.serial[7] ^= 1;
                assert_int_equal(family_open(&b, frame, n, NULL, &server, &text), SEALED_SERIAL);
            }
            family_fini(&a);
            family_fini(&b);
        }
}

static void test_signed_and_unsigned_data_are_not_mixed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct family f;
        struct device_session s;
        struct peer_session server;
        struct peer_text text;
        uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX] = { 0 };
        if (!kinds[i].signs)
            continue;
        family_init(&f, &kinds[i], 0, 0x11);
        size_t n = make_open(&f, 1, 16, frame, &s), m = 0;
        assert_int_equal(family_open(&f, frame, n, NULL, &server, &text), SEALED_OK);
        n = make_data(&f, &s, 1, frame);
        f.r.peer.profile.sign_all = !f.r.peer.profile.sign_all;
        enum sealed_result r = family_data(&f, &server, frame, n, &text);
        if (!f.r.peer.profile.sign_all)
            assert_true(r == SEALED_OK && text.data_len == 16 + FRAME_SIG_LEN && !text.sig); /* a profile that changed */
        else
            assert_int_equal(r, SEALED_RANGE); /* shorter than a signature */
        f.r.device.profile.sign_all = true;
        f.r.peer.profile.sign_all = false;
        assert_int_equal(f.k->device->data(&f.r.c, &f.r.device, &s, 2, data, sizeof data, frame, FRAME_MAX, &m), SEALED_OK);
        assert_int_equal(family_data(&f, &server, frame, m, &text), SEALED_RANGE); /* 576 bytes are no unsigned data */
        family_fini(&f);
    }
}

static void test_a_proof_is_good_for_its_challenge_and_image_and_never_telemetry(void **state)
{
    (void)state;
    struct family f;
    EACH(f)
    {
        struct device_session s;
        struct peer_session server;
        struct peer_text text;
        uint8_t frame[FRAME_MAX], proof[PROOF_LEN];
        size_t n = make_proof(&f, 1, frame, proof);
        assert_int_equal(n, (f.compact ? f.k->first_compact : f.k->first) - 16);
        assert_int_equal(family_open(&f, frame, n, proof, &server, &text), SEALED_OK);
        assert_int_equal(family_open(&f, frame, n, NULL, &server, &text), SEALED_AUTH);
        for (size_t b = PROOF_LABEL_LEN; b < PROOF_LEN; b += 11) {
            proof[b] ^= 1;
            assert_int_equal(family_open(&f, frame, n, proof, &server, &text), SEALED_AUTH);
            proof[b] ^= 1;
        }
        n = make_open(&f, 2, 0, frame, &s);
        assert_int_equal(family_open(&f, frame, n, proof, &server, &text), SEALED_AUTH);
        n = make_open(&f, 3, 16, frame, &s);
        assert_int_equal(family_open(&f, frame, n, proof, &server, &text), SEALED_FORM);
    }
}

/* What the holder of every server key can do: seal a text of his own under a session that he knows.  It opens, and the
 * signature tells. */
static void test_a_forged_signature_is_refused_with_all_server_keys_in_hand(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct family f;
        struct device_session s;
        struct peer_session server;
        struct peer_text text;
        uint8_t frame[FRAME_MAX], no_point[P256_LEN] = { [31] = 1 };
        struct device_side thief;
        size_t n = 0;
        if (!kinds[i].signs)
            continue;
        family_init(&f, &kinds[i], 0, 0x11);
        thief = f.r.device;
        memset(thief.sign_key, 0x55, sizeof thief.sign_key); /* all but the device's own key */
        assert_int_equal(f.k->device->open(&f.r.c, &thief, 9, TEXT, 16, frame, FRAME_MAX, &n, &s), SEALED_OK);
        assert_int_equal(family_open(&f, frame, n, NULL, &server, &text), SEALED_SIGNATURE);
        memcpy(thief.sign_key, f.r.device.sign_key, sizeof thief.sign_key); /* control: with it, it succeeds */
        assert_int_equal(f.k->device->open(&f.r.c, &thief, 9, TEXT, 16, frame, FRAME_MAX, &n, &s), SEALED_OK);
        assert_int_equal(family_open(&f, frame, n, NULL, &server, &text), SEALED_OK);

        /* the inner signature of a true frame, put into another: other data, boot, counter; a proof's into an OPEN */
        uint8_t sig[FRAME_SIG_LEN];
        memcpy(sig, text.sig, sizeof sig);
        const struct peer_scheme *p = f.k->peer;
        text.text[0] ^= 1;
        assert_int_equal(p->verify(&f.r.c, &f.r.peer, &server, 0, NULL, &text, thief.sign_x), SEALED_SIGNATURE);
        text.text[0] ^= 1;
        server.open.boot++;
        assert_int_equal(p->verify(&f.r.c, &f.r.peer, &server, 0, NULL, &text, thief.sign_x), SEALED_SIGNATURE);
        server.open.boot--;
        assert_int_equal(p->verify(&f.r.c, &f.r.peer, &server, 1, NULL, &text, thief.sign_x), SEALED_SIGNATURE);
        server.open.x[0] ^= 1;
        assert_int_equal(p->verify(&f.r.c, &f.r.peer, &server, 0, NULL, &text, thief.sign_x), SEALED_SIGNATURE);
        server.open.x[0] ^= 1;
        assert_int_equal(p->verify(&f.r.c, &f.r.peer, &server, 0, NULL, &text, no_point), SEALED_POINT);
        uint8_t proof[PROOF_LEN];
        n = make_proof(&f, 10, frame, proof);
        assert_int_equal(family_open(&f, frame, n, proof, &server, &text), SEALED_OK);
        assert_int_equal(p->verify(&f.r.c, &f.r.peer, &server, 0, NULL, &text, thief.sign_x), SEALED_SIGNATURE);

        /* n - s is as good as s */
        n = make_open(&f, 11, 16, frame, &s);
        assert_int_equal(family_open(&f, frame, n, NULL, &server, &text), SEALED_OK);
        p256_negate(text.text + (text.sig - text.text) + P256_LEN);
        assert_int_equal(p->verify(&f.r.c, &f.r.peer, &server, 0, NULL, &text, thief.sign_x), SEALED_OK);
        family_fini(&f);
    }
}

static void test_the_signing_key_is_the_one_with_even_y(void **state)
{
    (void)state;
    struct rig r;
    unsigned negated = 0;
    rig_open_host(&r);
    for (unsigned i = 0; i < 64; i++) {
        uint8_t seed[SLOT_LEN], d[P256_LEN], x[P256_LEN], pk[P256_PK_LEN], raw[P256_LEN], zero = 0;
        const struct crypto_part part[] = { { "fl1 sig", 7 }, { &zero, 1 } };
        memset(seed, (int)i, sizeof seed);
        assert_true(signing_key(&r.c, seed, d, x));
        assert_true(r.c.p256_public(&r, d, pk));
        assert_memory_equal(pk + 1, x, sizeof x);
        assert_int_equal(pk[P256_PK_LEN - 1] & 1, 0);
        assert_true(r.c.hmac_sha256(&r, seed, sizeof seed, part, 2, raw));
        negated += memcmp(raw, d, sizeof d) != 0;
    }
    assert_true(negated > 16 && negated < 48);
    rig_fini(&r);
}

static void test_down_opens_once_in_its_session_and_only_upwards(void **state)
{
    (void)state;
    struct family f;
    EACH(f)
    {
        struct device_session s, other;
        struct peer_session server;
        struct peer_text text;
        uint8_t frame[FRAME_MAX], down[2][FRAME_MAX], data[FRAME_DATA_MAX];
        const struct device_scheme *d = f.k->device;
        size_t n = make_open(&f, 1, 16, frame, &s), m[2] = { 0 }, len = 0;
        assert_int_equal(family_open(&f, frame, n, NULL, &server, &text), SEALED_OK);
        for (uint32_t i = 0; i < 2; i++)
            assert_int_equal(f.k->peer->down(&f.r.c, &f.r.peer, &server, i + 1, TEXT, 16, down[i], FRAME_MAX, &m[i]),
                             SEALED_OK);
        assert_int_equal(down[0][0], f.sid_len == 2 ? 0x69 : 0x71);
        assert_int_equal(m[0], 28 + f.sid_len - 2);
        (void)make_open(&f, 2, 16, frame, &other);
        assert_int_equal(d->down(&f.r.c, &f.r.device, &other, down[0], m[0], data, &len), SEALED_SERIAL);
        memcpy(other.keys.sid, s.keys.sid, sizeof s.keys.sid);
        assert_int_equal(d->down(&f.r.c, &f.r.device, &other, down[0], m[0], data, &len), SEALED_AUTH);
        for (size_t bit = 0; bit < m[1] * 8; bit++) {
            down[1][bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal(d->down(&f.r.c, &f.r.device, &s, down[1], m[1], data, &len), SEALED_OK);
            down[1][bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t cut = 0; cut < m[1]; cut++)
            assert_int_not_equal(d->down(&f.r.c, &f.r.device, &s, down[1], cut, data, &len), SEALED_OK);
        assert_int_equal(s.down, 0);
        assert_int_equal(d->down(&f.r.c, &f.r.device, &s, down[1], m[1], data, &len), SEALED_OK);
        assert_true(len == 16 && memcmp(data, TEXT, 16) == 0);
        assert_int_equal(d->down(&f.r.c, &f.r.device, &s, down[1], m[1], data, &len), SEALED_COUNTER);
        assert_int_equal(d->down(&f.r.c, &f.r.device, &s, down[0], m[0], data, &len), SEALED_COUNTER);
        n = make_data(&f, &s, 3, frame); /* up is not down, whoever echoes it */
        assert_int_equal(d->down(&f.r.c, &f.r.device, &s, frame, n, data, &len), SEALED_FORM);
        assert_int_equal(f.k->peer->down(&f.r.c, &f.r.peer, &server, 0, TEXT, 16, frame, FRAME_MAX, &n), SEALED_RANGE);
        assert_int_equal(f.k->peer->down(&f.r.c, &f.r.peer, &server, 255, TEXT, 16, frame, FRAME_MAX, &n), SEALED_OK);
        assert_int_equal(f.k->peer->down(&f.r.c, &f.r.peer, &server, 256, TEXT, 16, frame, FRAME_MAX, &n), SEALED_RANGE);
    }
}

static void test_counters_boots_and_lengths_out_of_range_are_not_sealed(void **state)
{
    (void)state;
    struct family f;
    EACH(f)
    {
        struct device_session s;
        uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX + 1] = { 0 };
        const struct device_scheme *d = f.k->device;
        const struct crypto *c = &f.r.c;
        uint32_t last = f.ctr_len == 1 ? 0xFF : 0xFFFF;
        size_t n = 0, need = make_open(&f, 1, 16, frame, &s);
        assert_int_equal(d->data(c, &f.r.device, &s, 0, TEXT, 16, frame, FRAME_MAX, &n), SEALED_RANGE);
        assert_int_equal(d->data(c, &f.r.device, &s, last, TEXT, 16, frame, FRAME_MAX, &n), SEALED_OK);
        assert_int_equal(d->data(c, &f.r.device, &s, last + 1, TEXT, 16, frame, FRAME_MAX, &n), SEALED_RANGE);
        assert_int_equal(d->data(c, &f.r.device, &s, 1, data, 513, frame, FRAME_MAX, &n), SEALED_RANGE);
        assert_int_equal(d->data(c, &f.r.device, &s, 1, data, 512, frame, FRAME_MAX, &n), SEALED_OK);
        assert_int_equal(d->open(c, &f.r.device, 0, data, 1, frame, FRAME_MAX, &n, &s), SEALED_RANGE);
        assert_int_equal(d->open(c, &f.r.device, 0x1000000, data, 1, frame, FRAME_MAX, &n, &s), SEALED_RANGE);
        assert_int_equal(d->open(c, &f.r.device, 1, data, 513, frame, FRAME_MAX, &n, &s), SEALED_RANGE);
        assert_int_equal(d->open(c, &f.r.device, 1, data, 16, frame, need - 1, &n, &s), SEALED_RANGE);
        assert_int_equal(d->open(c, &f.r.device, 1, data, 16, frame, need, &n, &s), SEALED_OK);
    }
}

/* Each call of the table fails once: no frame is reported, no session key is left. */
static void test_a_failing_back_end_leaves_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct family f;
        struct device_session s;
        uint8_t frame[FRAME_MAX];
        size_t n;
        long calls = 0;
        family_init(&f, &kinds[i], 0, 0x11);
        for (;; calls++) {
            f.r.fail_after = calls;
            memset(&s, 0xEE, sizeof s);
            enum sealed_result r = f.k->device->open(&f.r.c, &f.r.device, 1, TEXT, 16, frame, FRAME_MAX, &n, &s);
            if (r == SEALED_OK)
                break;
            assert_int_equal(r, SEALED_CRYPTO);
            assert_true(bytes_all(&s, sizeof s, 0));
        }
        assert_true(calls > 12);
        family_fini(&f);
    }
}

static void test_both_sides_of_scheme_6_know_the_id(void **state)
{
    (void)state;
    struct family f;
    struct device_session s;
    struct frame frame;
    uint8_t bytes[FRAME_MAX], id[32] = { 0 }, again[32] = { 0 };
    family_init(&f, &kinds[6], 0, 0x11);
    size_t n = make_open(&f, 1, 0, bytes, &s);
    assert_int_equal(n, 50);
    assert_int_equal(frame_parse(bytes, n, &frame), FRAME_OK);
    assert_int_equal(peer_session_id(&f.r.c, &f.r.peer, &f.token, &frame, id), SEALED_OK);
    n = make_open(&f, 2, 0, bytes, &s);
    assert_int_equal(frame_parse(bytes, n, &frame), FRAME_OK);
    assert_int_equal(peer_session_id(&f.r.c, &f.r.peer, &f.token, &frame, again), SEALED_OK);
    assert_memory_not_equal(id, again, sizeof id);
    family_fini(&f);
}

/* RFC 9052 4.4, put together by hand from the expanded forms: what a third party needs beside the key. */
static void test_a_signed_frame_is_a_cose_sign1_in_a_cose_encrypt0(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct family f;
        struct device_session s;
        struct peer_session server;
        struct peer_text text;
        uint8_t frame[FRAME_MAX], cose[COSE_EXPANDED_MAX], h[SHA256_LEN], digest[SHA256_LEN], pk[P256_PK_LEN];
        struct frame parsed;
        if (!kinds[i].signs)
            continue;
        family_init(&f, &kinds[i], 0, 0x11);
        const struct crypto *c = &f.r.c;
        size_t n = make_open(&f, 1, 16, frame, &s);
        assert_int_equal(frame_parse(frame, n, &parsed), FRAME_OK);
        size_t len = cose_expand(&parsed, SUITE_P256_CCM, cose, sizeof cose); /* kid is the epoch, one byte */
        assert_memory_equal(cose, "\x83\x44\xA1\x01\x18\x1E\xA2\x04\x41\x07\x23\x58\x20", 13);
        assert_memory_equal(cose + 13, frame + 2, P256_LEN);
        assert_memory_equal(cose + len - (n - 34), frame + 34, n - 34);

        assert_int_equal(family_open(&f, frame, n, NULL, &server, &text), SEALED_OK);
        len = cose_sign1(text.text, (size_t)(text.sig - text.text), text.sig, cose, sizeof cose);
        assert_memory_equal(cose, "\x84\x43\xA1\x01\x28\xA0", 6);
        const struct signing in = { &f.r.peer.profile, frame_form(frame[0]), f.r.peer.pkRm, &server.open };
        assert_true(signing_external(c, &in, 0, h));
        const struct crypto_part part[] = { { "\x84\x6ASignature1\x43\xA1\x01\x28\x58\x20", 18 },
                                            { h, sizeof h },
                                            { cose + 6, len - 6 - 2 - FRAME_SIG_LEN } }; /* the payload with its head */
        assert_true(c->sha256(c->io, part, 3, digest));
        assert_true(c->p256_decompress(c->io, f.r.device.sign_x, pk));
        assert_true(c->ecdsa_verify(c->io, pk, digest, cose + len - FRAME_SIG_LEN));
        assert_true(cose[len - P256_LEN] <= 0x7F); /* low s */
        family_fini(&f);
    }
}

static void test_the_table_finds_each_scheme_in_its_suite(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        assert_ptr_equal(peer_scheme_of(kinds[i].device->id, kinds[i].suite), kinds[i].peer);
        assert_null(peer_scheme_of(kinds[i].device->id, SUITE_P256_CHACHA));
    }
    static const uint8_t own[] = { 1, 4, 5 }; /* no fleet's key */
    for (unsigned i = 0; i < sizeof own; i++)
        assert_null(peer_scheme_of(own[i], SUITE_X25519_CCM));
    assert_null(peer_scheme_of(7, SUITE_P256_CCM));
    assert_null(peer_scheme_of(0, SUITE_P256_CCM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_have_the_sizes_of_the_table),
        cmocka_unit_test(test_server_opens_what_the_device_seals),
        cmocka_unit_test(test_server_keys_of_either_sign_work),
        cmocka_unit_test(test_every_bit_flip_and_truncation_is_refused),
        cmocka_unit_test(test_a_frame_of_another_scheme_form_or_suite_is_refused),
        cmocka_unit_test(test_signed_and_unsigned_data_are_not_mixed),
        cmocka_unit_test(test_a_proof_is_good_for_its_challenge_and_image_and_never_telemetry),
        cmocka_unit_test(test_a_forged_signature_is_refused_with_all_server_keys_in_hand),
        cmocka_unit_test(test_the_signing_key_is_the_one_with_even_y),
        cmocka_unit_test(test_down_opens_once_in_its_session_and_only_upwards),
        cmocka_unit_test(test_counters_boots_and_lengths_out_of_range_are_not_sealed),
        cmocka_unit_test(test_a_failing_back_end_leaves_nothing),
        cmocka_unit_test(test_both_sides_of_scheme_6_know_the_id),
        cmocka_unit_test(test_a_signed_frame_is_a_cose_sign1_in_a_cose_encrypt0),
        cmocka_unit_test(test_the_table_finds_each_scheme_in_its_suite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

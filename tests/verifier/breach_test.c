/* What a breach costs (docs/schemes.md), against the real verifier with keys in SoftHSM2 and rows in a registry. */
#include "tests/verifier/breach.h"

enum { TAG16 = POLICY_TAG16, SIGN = POLICY_SIGN_ALL, S0 = 1 << 0, S1 = 1 << 1 };

/* 6 with RSA: rsa_test.c, where its key is. */
static const struct breach rows[] = {
    { { &device_sealed, TAG16, 0 }, S0, 0, "sealed-auth", READ_NOTHING }, /* S0 is public: who has it writes */
    { { &device_sealed, TAG16 | POLICY_PSK, 0 }, S0 | S1, S0, "sealed-auth", READ_NOTHING },
    { { &device_fleet, TAG16, 0 }, 0, 0, NULL, READ_NOTHING },
    { { &device_identity, TAG16 | SIGN, 0 }, S1, 0, "sealed-signature", READ_NOTHING },
    { { &device_secret, 0, 0 }, S0, 0, "sealed-auth", READ_BOTH },
    { { &device_derived, 0, 0 }, S0, 0, "sealed-auth", READ_BOTH },
    { { &device_session, TAG16, 1 }, 0, 0, NULL, READ_NOTHING },
    { { &device_signup, TAG16 | SIGN, 0 }, S1, 0, "key-conflict", READ_NOTHING },
};
static void each(void (*claim)(struct scene *s))
{
    breach_each(rows, sizeof rows / sizeof *rows, claim);
}

static void test_a_board_opened_completely_reads_nothing_of_another(void **state)
{
    (void)state;
    each(claim_reads_nothing);
}

static void test_a_board_opened_completely_writes_nothing_in_anothers_name(void **state)
{
    (void)state;
    each(claim_writes_nothing);
}

static void test_with_the_others_own_slot_it_does(void **state)
{
    (void)state;
    each(claim_one_more_slot_writes);
}

static void test_another_boards_running_session_takes_nothing_without_its_keys(void **state)
{
    (void)state;
    each(claim_session_is_closed);
}

static void test_the_registry_read_opens_no_stored_frame(void **state)
{
    (void)state;
    each(claim_registry_is_shut);
}

/* ---- 1 with PSK: two keys, and one is not enough ---- */

static void test_the_servers_key_alone_reads_no_board_with_a_psk(void **state)
{
    struct scene s;

    (void)state;
    scene_set(&s, &rows[1]);
    struct guess g = { .of = &s.b, .skR = peer_of(&s.b)->skR, .mac = s.a.side.secret };
    assert_int_equal(read_with(&s.b, &s.h, &g), READ_NOTHING);
    g.mac = s.b.side.secret;
    assert_int_equal(read_with(&s.b, &s.h, &g), READ_BOTH);
}

/* ---- 5: the master is every board of its line ---- */

static void test_the_lines_master_reads_and_writes_for_every_board(void **state)
{
    struct loot l = { .len = 0 };
    uint8_t K_root[SLOT_LEN];
    struct board thief;
    struct scene s;

    (void)state;
    scene_set(&s, &rows[5]);
    derive_secret(s.b.serial, K_root);
    loot_add(&l, K_root, sizeof K_root);
    assert_int_equal(loot_reads(&l, &s.b, &s.h, NULL), READ_BOTH);
    poses_as(&thief, &s.a, &s.b, 0);
    struct otp_image in = fields_of(&thief);
    memcpy(in.slot[0], K_root, SLOT_LEN);
    thief = with_fields(&thief, &in);
    starts(&thief);
    writes(&thief, &s, NULL);
}

/* ---- 3, 8: what all keys of the server do not write ---- */

static const struct breach *const signs[] = { &rows[3], &rows[7] };

/* The signed text of a frame, as the server's keys show it. */
static void read_signed(const struct scene *s, const struct sent *sent, struct peer_session *live, struct peer_text *text)
{
    const struct peer_scheme *scheme = peer_scheme_of(s->b.product.scheme, s->b.product.suite);
    const struct peer_side p = public_side(&s->b);
    struct frame f;

    assert_int_equal(frame_parse(sent->frame, sent->len, &f), FRAME_OK);
    assert_int_equal(f.counter == 0 ? scheme->open(&site.crypto, &p, live, &f, NULL, text)
                                    : scheme->data(&site.crypto, &p, live, &f, text),
                     SEALED_OK);
    assert_non_null(text->sig);
}

/* The same frame with another text of that length. */
static void seal_again(struct sent *sent, const struct session *keys, const uint8_t *text)
{
    struct frame f;

    assert_int_equal(frame_parse(sent->frame, sent->len, &f), FRAME_OK);
    memcpy(sent->frame + f.head_len, text, f.data_len);
    assert_int_equal(session_seal(&site.crypto, session_up(keys), f.form, f.counter, NULL, f.data_len, sent->frame),
                     SEALED_OK);
}

static void is_refused(const struct sent *f)
{
    offer(f);
    expect_refused("sealed-signature");
}

/* The thief's boards: b but for its seed, in b's own running session. */
static void signs_nothing(struct scene *s)
{
    struct peer_session live;
    struct peer_text first, second;
    struct sent f;

    token_session(&s->b, &s->h.first, &live);
    read_signed(s, &s->h.first, &live, &first);
    read_signed(s, &s->h.second, &live, &second);
    struct board thief = s->b;
    thief.session.keys = live.keys;
    memset(thief.side.sign_key, 0x55, sizeof thief.side.sign_key);

    const long stored = frames_stored();
    opens(&thief, "not from b", &f);
    is_refused(&f);
    thief.session = s->b.session;
    sends(&thief, 2, "not from b", &f);
    is_refused(&f);
    opens(&thief, "the first secret of b", &f); /* b's own word, in a new session */
    seal_again(&f, &thief.session.keys, first.text);
    is_refused(&f);
    thief.session = s->b.session;
    sends(&thief, 3, "the second secret of b", &f); /* ... and said again, later */
    seal_again(&f, &live.keys, second.text);
    is_refused(&f);
    memset(second.text + second.data_len, 0, FRAME_SIG_LEN);
    seal_again(&f, &live.keys, second.text);
    is_refused(&f);
    assert_int_equal(frames_stored(), stored);
    assert_int_equal(device_of(s->b.serial).state, DEV_DONE);

    f = s->h.first; /* controls: sealed again it is what it was; and with b's seed both are b's */
    seal_again(&f, &live.keys, first.text);
    offer(&f);
    expect(&s->b, FRAME_IS_DUPLICATE, "the first secret of b");
    memcpy(thief.side.sign_key, s->b.side.sign_key, sizeof thief.side.sign_key);
    sends(&thief, 3, "not from b", &f);
    offer(&f);
    expect(&s->b, FRAME_OPENED, "not from b");
    writes(&thief, s, NULL);
}

static void test_all_keys_of_the_server_sign_nothing_in_a_boards_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (i > 0) {
            (void)site_down(NULL);
            (void)site_up(NULL);
        }
        breach_each(signs[i], 1, signs_nothing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_board_opened_completely_reads_nothing_of_another),
        T(test_a_board_opened_completely_writes_nothing_in_anothers_name),
        T(test_with_the_others_own_slot_it_does),
        T(test_another_boards_running_session_takes_nothing_without_its_keys),
        T(test_the_registry_read_opens_no_stored_frame),
        T(test_the_servers_key_alone_reads_no_board_with_a_psk),
        T(test_the_lines_master_reads_and_writes_for_every_board),
        T(test_all_keys_of_the_server_sign_nothing_in_a_boards_name),
    };
    return cmocka_run_group_tests(tests, site_group_up, site_group_down);
}

/* tests/verifier/breach.h - what a breach costs, scheme by scheme (docs/schemes.md): the claims, for the tests that run them
 * over every scheme.  Each has its control, in which one more asset makes the same attempt succeed. */
#ifndef TESTS_VERIFIER_BREACH_H
#define TESTS_VERIFIER_BREACH_H

#include "tests/verifier/stored.h"

struct breach {
    struct kind kind;
    unsigned asset; /* B's slots (bit i) with which A's owner writes in B's name */
    unsigned less;  /* of these, what does not do; 0: nothing */
    /* Why a frame in B's name is refused that is made of A's secrets.  NULL: it is not, nor one that is made of no secret at
     * all, for the scheme says of nobody who he is. */
    const char *forged;
    unsigned own; /* what a board's own OTP opens of its past: READ_ */
};

/* Two boards of one product: a, opened, and b, which sent two frames that the server took. */
struct scene {
    const struct breach *row;
    struct board a, b;
    struct heard_frames h;
};

static inline void scene_set(struct scene *s, const struct breach *row)
{
    struct fleet_key k;
    struct sent hers;

    s->row = row;
    one_board(&s->a, &row->kind);
    const bool fleet = way_of(s->a.product.scheme)->of_fleet;
    if (fleet)
        assert_ok(registry_fleet_key_active(site.registry, s->a.product.fleet, &k, &e));
    make_board(&s->b, &row->kind, &s->a.product, fleet ? &k : NULL);
    opens(&s->a, "from a", &hers);
    opens(&s->b, "the first secret of b", &s->h.first);
    sends(&s->b, later(&s->b, 1), "the second secret of b", &s->h.second);
    offer(&s->h.first);
    expect(&s->b, FRAME_OPENED, "the first secret of b");
    offer(&s->h.second);
    expect(&s->b, FRAME_OPENED, "the second secret of b");
}

/* ---- reading ---- */

static inline void claim_reads_nothing(struct scene *s)
{
    const uint8_t *psk = s->a.side.profile.psk ? s->a.side.secret : NULL;
    struct loot a = { .len = 0 }, b = { .len = 0 };

    loot_board(&a, &s->a);
    loot_memory(&a, &s->a);
    assert_int_equal(loot_reads(&a, &s->b, &s->h, psk), READ_NOTHING);

    loot_board(&b, &s->b); /* its past, too, where the keys died with the session */
    assert_int_equal(loot_reads(&b, &s->b, &s->h, s->b.side.profile.psk ? s->b.side.secret : NULL), s->row->own);
    loot_memory(&b, &s->b); /* control: the keys of the live session, found in the same way */
    assert_true(loot_reads(&b, &s->b, &s->h, NULL) & 2);
    assert_int_equal(token_reads(&s->b, &s->h), READ_BOTH); /* control: the server's key */
}

/* ---- writing ---- */

static inline void writes(struct board *thief, const struct scene *s, const char *refused)
{
    struct sent f;

    opens(thief, "not from b", &f);
    offer_of(s->b.product.fleet, &f);
    if (refused != NULL)
        expect_refused(refused);
    else
        expect(&s->b, FRAME_OPENED, "not from b");
}

static inline void claim_writes_nothing(struct scene *s)
{
    struct board thief;

    poses_as(&thief, &s->a, &s->b, s->row->less);
    writes(&thief, s, s->row->forged);
    if (s->row->forged == NULL) { /* the documented limit: A's secrets are not what it takes */
        poses_with_nothing(&thief, &s->b);
        writes(&thief, s, NULL);
    }
}

static inline void claim_one_more_slot_writes(struct scene *s)
{
    struct board thief;

    poses_as(&thief, &s->a, &s->b, s->row->asset);
    writes(&thief, s, NULL);
}

/* Into B's running session, whose sid everybody hears: under A's keys, then under B's. */
static inline void claim_session_is_closed(struct scene *s)
{
    struct board thief;
    struct sent f;

    if (!s->b.kind->device->sid) /* a boot is named by its serial: claim_writes_nothing */
        return;
    poses_as(&thief, &s->a, &s->b, 0);
    memcpy(thief.session.keys.sid, s->b.session.keys.sid, sizeof thief.session.keys.sid);
    sends(&thief, 2, "not from b", &f);
    offer(&f);
    expect_refused("sealed-auth");

    poses_as(&thief, &s->a, &s->b, s->row->asset);
    thief.session = s->b.session;
    sends(&thief, 2, "not from b", &f);
    offer(&f);
    expect(&s->b, FRAME_OPENED, "not from b");
}

/* ---- the registry read ---- */

static inline void file_tells_nothing(const struct file *f, const struct board *b)
{
    const struct scheme *s = scheme_by_id(b->product.scheme);
    const struct otp_image in = fields_of(b);
    const struct session *k = &b->session.keys;

    for (unsigned i = 0; i < SLOTS; i++)
        if ((s->slot[i] == SLOT_SECRET || s->slot[i] == SLOT_CHIP_MADE) && !bytes_all(in.slot[i], SLOT_LEN, 0xFF))
            assert_false(file_holds(f, in.slot[i], SLOT_LEN));
    if (!bytes_all(b->side.sign_key, P256_LEN, 0))
        assert_false(file_holds(f, b->side.sign_key, P256_LEN));
    assert_false(file_holds(f, k->key, sizeof k->key));
    assert_false(file_holds(f, k->iv, sizeof k->iv));
    assert_false(file_holds(f, k->dkey, sizeof k->dkey));
    assert_false(file_holds(f, "secret of b", strlen("secret of b")));
}

/* Controls.  Of the search: what is stored is found, and a session's key would be.  Of the keys: the server's token, by its
 * KEK, its master or its fleet key, opens both frames from the same rows. */
static inline void claim_registry_is_shut(struct scene *s)
{
    struct file f = file_read(site.db);
    unsigned blobs = 0;

    assert_true(file_holds(&f, s->h.first.frame, SHA256_LEN));
    assert_true(file_holds(&f, s->h.second.frame, s->h.second.len < SHA256_LEN ? s->h.second.len : SHA256_LEN));
    assert_true(file_holds(&f, s->b.side.serial, OTP_SERIAL_LEN)); /* hex, in the log */
    file_tells_nothing(&f, &s->a);
    file_tells_nothing(&f, &s->b);
    free(f.bytes);
    assert_int_equal(rows_read(&s->b, &s->h, &blobs), READ_NOTHING);
    assert_in_range(blobs, 8, 1000); /* images, frames, digests */
    restart();
    assert_int_equal(token_reads(&s->b, &s->h), READ_BOTH);

    struct loot l = { .len = 0 };
    loot_memory(&l, &s->b);
    rows_leak(l.bytes);
    f = file_read(site.db);
    assert_true(file_holds(&f, s->b.session.keys.key, sizeof s->b.session.keys.key));
    free(f.bytes);
    assert_true(rows_read(&s->b, &s->h, &blobs) & 2);
}

/* Every claim about these rows, each in a registry of its own. */
static inline void breach_each(const struct breach *rows, size_t n, void (*claim)(struct scene *s))
{
    for (size_t i = 0; i < n; i++) {
        struct scene s;
        if (i > 0) {
            (void)site_down(NULL);
            (void)site_up(NULL);
        }
        scene_set(&s, &rows[i]);
        claim(&s);
    }
}

#endif

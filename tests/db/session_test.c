#include "tests/db/schemes.h"

#include "db/fleet.h"

enum { LOSS = 1 << 18 }; /* one nvm_loss in a boot number */

static struct frame_row signed_open(uint64_t serial, uint8_t scheme, uint8_t session, uint32_t boot, uint8_t content)
{
    struct frame_row f = frame(serial, scheme, session, 0, content);

    f.boot = boot;
    f.epoch = 1;
    return f;
}

/* Schemes 4 and 5: no OPEN; every frame names its boot. */
static struct frame_row boot_frame(uint64_t serial, uint8_t scheme, uint8_t gen, uint32_t boot, uint64_t ctr,
                                   uint8_t content)
{
    struct frame_row f = frame(serial, scheme, 0xEE, ctr, content);

    f.gen = gen;
    f.boot = boot;
    return f;
}

static void test_a_frame_comes_back_as_it_was_recorded(void **state)
{
    struct bench *b = *state;
    struct frame_row f = signed_open(done(b, 3), 3, 0x31, 5 * LOSS + 9, 1), got;
    bool found = false;

    assert_int_equal(record(b, &f), FRAME_NEW);
    assert_int_equal(registry_frame_find(b->other, f.frame, f.frame_len, &got, &found, &b->e), ERR_OK);
    assert_true(found);
    assert_int_equal(got.serial, f.serial);
    assert_int_equal(got.fleet, 3);
    assert_int_equal(got.scheme, 3);
    assert_int_equal(got.epoch, 1);
    assert_int_equal(got.boot, 5 * LOSS + 9);
    assert_memory_equal(got.session, f.session, sizeof f.session);
    assert_memory_equal(got.sid, f.sid, sizeof f.sid);

    f = boot_frame(done(b, 4), 4, 0, 0x123456, 7, 2);
    assert_int_equal(record(b, &f), FRAME_NEW);
    assert_int_equal(registry_frame_find(b->other, f.frame, f.frame_len, &got, &found, &b->e), ERR_OK);
    assert_int_equal(got.boot, 0x123456);
    assert_int_equal(got.ctr, 7);
    registry_boot_session(f.serial, 0, 0x123456, f.session);
    assert_memory_equal(got.session, f.session, sizeof f.session);
    assert_int_equal(f.session[7], (uint8_t)f.serial);
    assert_true(bytes_all(got.sid, sizeof got.sid, 0));
}

static void test_each_scheme_knows_its_replays(void **state)
{
    struct bench *b = *state;

    for (uint8_t scheme = 1; scheme <= 8; scheme++) {
        const bool by_boot = scheme == 4 || scheme == 5;
        const uint64_t serial = done(b, scheme);
        struct frame_row f = by_boot ? boot_frame(serial, scheme, 0, 1, 1, scheme)
                                     : signed_open(serial, scheme, scheme, 1, 1),
                         other = f;
        f.frame[5] = other.frame[5] = scheme;
        other.frame[6] = 0xFF;
        assert_int_equal(record(b, &f), FRAME_NEW);
        assert_int_equal(record_at(b, b->other, &f), FRAME_DUPLICATE);
        assert_int_equal(record_at(b, b->other, &other), FRAME_REPLAY);
    }
    assert_int_equal(events(b, "frame.replay"), 8);
    assert_int_equal(ask(b, "SELECT count(*) FROM frame"), 8);
}

static void test_a_frame_that_nobody_names_belongs_to_its_fleet(void **state)
{
    struct bench *b = *state;
    struct frame_row f = frame(0, 6, 0x61, 0, 1), other = frame(0, 6, 0x61, 0, 2), got;
    bool found = false;

    f.fleet = other.fleet = 6;
    assert_int_equal(record(b, &f), FRAME_NEW);
    assert_int_equal(record(b, &f), FRAME_DUPLICATE);
    assert_int_equal(record(b, &other), FRAME_REPLAY);
    assert_int_equal(ask(b, "SELECT count(*) FROM event WHERE canonical LIKE '%frame.replay%\"fleet\":\"6\"%'"), 1);
    assert_int_equal(registry_frame_find(b->r, f.frame, f.frame_len, &got, &found, &b->e), ERR_OK);
    assert_int_equal(got.serial, 0);
    assert_int_equal(got.fleet, 6);
    f = frame(0, 6, 0x62, 0, 3);
    f.fleet = 99;
    assert_int_not_equal(registry_frame_record(b->r, &f, &(enum frame_record){ FRAME_NEW }, &b->e), ERR_OK);
}

/* ---- clones ---- */

static enum err_code count_live(void *io, const struct frame_row *f, struct err *e)
{
    (void)f, (void)e;
    ++*(int *)io;
    return ERR_OK;
}

static int live(struct bench *b, uint16_t fleet, uint8_t session)
{
    const uint8_t sid[2] = { session, session };
    int n = 0;

    assert_int_equal(registry_fleet_sessions(b->r, fleet, sid, sizeof sid, count_live, &n, &b->e), ERR_OK);
    return n;
}

static void test_a_second_open_at_a_boot_is_a_clone_and_not_live(void **state)
{
    static const uint8_t schemes[] = { 3, 7, 8 };
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof schemes; i++) {
        const uint8_t s = schemes[i];
        const uint64_t serial = done(b, s);
        struct frame_row first = signed_open(serial, s, (uint8_t)(0x10 + s), 5, s),
                         second = signed_open(serial, s, (uint8_t)(0x20 + s), 5, (uint8_t)(0x20 + s)),
                         next = signed_open(serial, s, (uint8_t)(0x30 + s), 6, (uint8_t)(0x30 + s));
        assert_int_equal(record(b, &first), FRAME_NEW);
        assert_int_equal(record_at(b, b->other, &second), FRAME_CLONE);
        assert_int_equal(record(b, &second), FRAME_CLONE); /* a phone's retry: one alarm */
        assert_int_equal(record(b, &first), FRAME_DUPLICATE);
        assert_int_equal(record(b, &next), FRAME_NEW);
        assert_int_equal(live(b, 0, (uint8_t)(0x10 + s)), 1);
        assert_int_equal(live(b, s, (uint8_t)(0x10 + s)), 1);
        assert_int_equal(live(b, 1, (uint8_t)(0x10 + s)), 0); /* of another fleet alone */
        assert_int_equal(live(b, 0, (uint8_t)(0x20 + s)), 0);
    }
    assert_int_equal(events(b, "frame.clone"), 3);
    assert_int_equal(ask(b, "SELECT count(*) FROM evidence"), 3);
    assert_int_equal(ask(b, "SELECT count(*) FROM device WHERE state = 'QUARANTINED'"), 0); /* the caller decides */
}

static void test_schemes_without_a_boot_in_their_open_have_no_clones(void **state)
{
    struct bench *b = *state;

    for (uint8_t s = 1; s <= 2; s++) {
        const uint64_t serial = done(b, s);
        struct frame_row f = frame(serial, s, (uint8_t)(0x10 + s), 0, s),
                         g = frame(serial, s, (uint8_t)(0x20 + s), 0, (uint8_t)(0x20 + s));
        assert_int_equal(record(b, &f), FRAME_NEW);
        assert_int_equal(record(b, &g), FRAME_NEW);
    }
}

static enum err_code note_evidence(void *io, const struct evidence *v, struct err *e)
{
    (void)e;
    assert_string_equal(v->kind, "clone");
    assert_int_equal(v->frame_len, 28);
    assert_int_equal(strlen(v->received), REG_TIME - 1);
    ++*(int *)io;
    return ERR_OK;
}

static void test_evidence_of_a_device_is_bounded(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 8);
    struct frame_row f = signed_open(serial, 8, 1, 1, 1);
    int kept = 0;

    assert_int_equal(record(b, &f), FRAME_NEW);
    for (uint8_t i = 2; i < 100; i++) {
        f = signed_open(serial, 8, i, 1, i);
        assert_int_equal(record(b, &f), FRAME_CLONE);
    }
    assert_int_equal(events(b, "frame.clone"), EVIDENCE_MAX);
    assert_int_equal(registry_evidence(b->r, serial, note_evidence, &kept, &b->e), ERR_OK);
    assert_int_equal(kept, EVIDENCE_MAX);
    ask(b, "UPDATE evidence SET frame = zeroblob(28) WHERE digest = (SELECT min(digest) FROM evidence)");
    assert_int_equal(differences(b), 1);
    ask(b, "DELETE FROM evidence WHERE frame = zeroblob(28)");
}

/* ---- boots ---- */

static void test_the_highest_nvm_loss_is_kept(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 4);
    struct device_seen s;
    struct frame_row f[] = { boot_frame(serial, 4, 0, 1, 1, 1), boot_frame(serial, 4, 0, 2 * LOSS + 1, 1, 2),
                             boot_frame(serial, 4, 0, LOSS + 1, 1, 3), boot_frame(serial, 4, 0, 2 * LOSS + 1, 2, 4) };

    for (size_t i = 0; i < sizeof f / sizeof *f; i++)
        assert_int_equal(record(b, &f[i]), FRAME_NEW);
    assert_int_equal(registry_seen(b->r, serial, &s, &b->e), ERR_OK);
    assert_int_equal(s.nvm_loss, 2);
}

static void test_a_frame_refused_moves_nothing(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 3);
    struct frame_row first = signed_open(serial, 3, 1, 5, 1), clone = signed_open(serial, 3, 2, 5, 2);
    struct device_seen s;

    clone.epoch = 9;
    assert_int_equal(record(b, &first), FRAME_NEW);
    assert_int_equal(record(b, &clone), FRAME_CLONE);
    assert_int_equal(registry_seen(b->r, serial, &s, &b->e), ERR_OK);
    assert_int_equal(s.epoch, 1);
}

/* Each has its row or has not, whatever came before it in the batch. */
static void offer_four(struct bench *b, uint64_t serial)
{
    struct frame_row good = frame(serial, 1, 1, 0, 1), next = frame(serial, 1, 1, 1, 2), other = frame(serial, 1, 1, 1, 3),
                     stranger = frame(serial + 1000, 1, 2, 0, 4);

    assert_int_equal(record(b, &good), FRAME_NEW);
    assert_int_equal(registry_frame_record(b->r, &stranger, &(enum frame_record){ FRAME_NEW }, &b->e), ERR_INTERNAL);
    assert_int_equal(record(b, &next), FRAME_NEW);
    assert_int_equal(record(b, &good), FRAME_DUPLICATE);
    assert_int_equal(record(b, &other), FRAME_REPLAY);
}

static void test_in_a_batch_a_frame_refused_takes_no_other_with_it(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 1);
    static const char alarms[] = "SELECT count(*) FROM event WHERE canonical LIKE '%frame.replay%'";

    for (int commit = 0; commit < 2; commit++) {
        assert_int_equal(registry_batch_begin(b->r, &b->e), ERR_OK);
        offer_four(b, serial);
        assert_int_equal(ask(b, "SELECT count(*) FROM frame"), 0); /* seen from outside */
        if (commit == 0)
            registry_batch_drop(b->r);
    }
    assert_int_equal(registry_batch_commit(b->r, &b->e), ERR_OK);
    assert_int_equal(ask(b, "SELECT count(*) FROM frame"), 2);
    assert_int_equal(ask(b, alarms), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_frame_comes_back_as_it_was_recorded),
        T(test_each_scheme_knows_its_replays),
        T(test_a_frame_that_nobody_names_belongs_to_its_fleet),
        T(test_a_second_open_at_a_boot_is_a_clone_and_not_live),
        T(test_schemes_without_a_boot_in_their_open_have_no_clones),
        T(test_evidence_of_a_device_is_bounded),
        T(test_the_highest_nvm_loss_is_kept),
        T(test_a_frame_refused_moves_nothing),
        T(test_in_a_batch_a_frame_refused_takes_no_other_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/db/schemes.h"

#include "db/fleet.h"
#include "db/generation.h"

enum { LOSS = 1 << 18 };

static const uint8_t *salt_of(uint8_t fill)
{
    static uint8_t salt[REG_SALT];

    return memset(salt, fill, sizeof salt);
}

static struct generations now(struct bench *b, uint64_t serial)
{
    struct generations g;

    assert_int_equal(registry_gen(b->other, serial, &g, &b->e), ERR_OK);
    return g;
}

static struct frame_row at(uint64_t serial, uint8_t gen, uint32_t boot, uint8_t content)
{
    struct frame_row f = frame(serial, 5, 0, 1, content);

    f.gen = gen;
    f.boot = boot;
    return f;
}

static void rekey(struct bench *b, uint64_t serial, uint8_t salt)
{
    struct generations g;

    assert_int_equal(registry_rekey_begin(b->r, serial, salt_of(salt), &g, &b->e), ERR_OK);
    assert_int_equal(g.pending_salt[0], salt);
}

static void test_a_device_starts_at_generation_0_with_a_salt_of_zeros(void **state)
{
    struct bench *b = *state;
    const struct generations g = now(b, done(b, 5));

    assert_int_equal(g.gen, 0);
    assert_false(g.has_pending);
    assert_true(bytes_all(g.salt, sizeof g.salt, 0));
}

static void test_there_is_one_pending_generation_whoever_asks(void **state)
{
    struct bench *b = *state;
    struct generations g;
    const uint64_t serial = done(b, 5);

    rekey(b, serial, 0x11);
    assert_int_equal(registry_rekey_begin(b->other, serial, salt_of(0x22), &g, &b->e),
                     ERR_OK); /* another server, same time */
    assert_int_equal(g.pending_salt[0], 0x11);
    assert_true(g.has_pending);
    assert_int_equal(events(b, "device.rekey"), 1);
    refused(b, registry_rekey_begin(b->r, 99, salt_of(0x22), &g, &b->e), DB_DEVICE_UNKNOWN);
}

static void test_the_first_good_frame_ends_the_generation_before(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 5);
    struct frame_row before = at(serial, 0, 1, 1), late = at(serial, 0, 2, 2), first = at(serial, 1, 3, 3);

    assert_int_equal(record(b, &before), FRAME_NEW);
    rekey(b, serial, 0x11);
    assert_int_equal(record_at(b, b->other, &first), FRAME_NEW);
    struct generations g = now(b, serial);
    assert_int_equal(g.gen, 1);
    assert_int_equal(g.salt[0], 0x11);
    assert_false(g.has_pending);
    assert_int_equal(record(b, &late), FRAME_ENDED); /* another worker opened it meanwhile: a gap */
    assert_int_equal(record(b, &before), FRAME_DUPLICATE);
    assert_int_equal(events(b, "device.rekeyed"), 1);
    assert_int_equal(events(b, "frame.replay"), 0); /* no alarm */
    assert_int_equal(ask(b, "SELECT count(*) FROM frame"), 2);
}

static void test_frames_of_the_current_generation_leave_the_pending_one(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 5);
    struct frame_row f = at(serial, 0, 1, 1);

    rekey(b, serial, 0x11);
    assert_int_equal(record(b, &f), FRAME_NEW);
    assert_true(now(b, serial).has_pending);
}

static void test_a_frame_that_is_not_stored_confirms_nothing(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 5);
    struct frame_row f = at(serial, 1, 3, 3);

    rekey(b, serial, 0x11);
    assert_int_equal(registry_batch_begin(b->r, &b->e), ERR_OK);
    assert_int_equal(record(b, &f), FRAME_NEW);
    registry_batch_drop(b->r); /* or a cut */
    assert_true(now(b, serial).has_pending);
    f.gen = 2; /* nobody announced it */
    refused(b, registry_frame_record(b->r, &f, &(enum frame_record){ FRAME_NEW }, &b->e), DB_GENERATION_OTHER);
    assert_int_equal(ask(b, "SELECT count(*) FROM frame"), 0);
}

static void test_a_generation_is_confirmed_in_order_and_once(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 5);

    refused(b, registry_gen_confirmed(b->r, serial, 1, &b->e), DB_GENERATION_OTHER);
    rekey(b, serial, 0x11);
    refused(b, registry_gen_confirmed(b->r, serial, 2, &b->e), DB_GENERATION_OTHER);
    assert_int_equal(registry_gen_confirmed(b->r, serial, 1, &b->e), ERR_OK);
    assert_int_equal(registry_gen_confirmed(b->other, serial, 1, &b->e), ERR_OK);
    refused(b, registry_gen_confirmed(b->r, serial, 0, &b->e), DB_GENERATION_OTHER);
    assert_int_equal(events(b, "device.rekeyed"), 1);
}

static void test_after_255_generations_there_is_no_next(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 5);
    struct generations g;

    for (unsigned gen = 1; gen <= 255; gen++) {
        rekey(b, serial, (uint8_t)gen);
        assert_int_equal(registry_gen_confirmed(b->r, serial, (uint8_t)gen, &b->e), ERR_OK);
    }
    refused(b, registry_rekey_begin(b->r, serial, salt_of(1), &g, &b->e), DB_GENERATIONS_USED_UP);
    assert_int_equal(now(b, serial).gen, 255);
}

static void test_a_lost_flash_is_told_once_for_each_loss(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 5);
    struct device_seen s;
    struct frame_row f = at(serial, 0, 2 * LOSS + 1, 1);

    for (int again = 0; again < 3; again++) {
        assert_int_equal(registry_flash_lost(b->r, serial, 1, &b->e), ERR_OK);
        assert_int_equal(registry_flash_lost(b->other, serial, 2, &b->e), ERR_OK);
    }
    assert_int_equal(events(b, "device.flash-lost"), 2);
    assert_int_equal(registry_seen(b->r, serial, &s, &b->e), ERR_OK);
    assert_int_equal(s.lost, 2);
    assert_int_equal(s.nvm_loss, 0); /* a REKEY that got lost can be asked for again */
    assert_int_equal(record(b, &f), FRAME_NEW);
    assert_int_equal(registry_seen(b->r, serial, &s, &b->e), ERR_OK);
    assert_int_equal(s.nvm_loss, 2);
    assert_int_equal(s.lost, 2);
}

static void test_a_forged_generation_is_told(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = done(b, 5);

    rekey(b, serial, 0x11);
    ask(b, "UPDATE generation SET pending_salt = zeroblob(16)");
    assert_int_equal(differences(b), 1);
    ask(b, "UPDATE generation SET pending = NULL, pending_salt = NULL");
    assert_int_equal(differences(b), 2); /* that, and its salt */
    ask(b, "DELETE FROM generation");
    assert_int_equal(differences(b), 2);
    ask(b, "INSERT INTO generation SELECT serial, 0, zeroblob(16), 1, X'11111111111111111111111111111111' FROM device");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_device_starts_at_generation_0_with_a_salt_of_zeros),
        T(test_there_is_one_pending_generation_whoever_asks),
        T(test_the_first_good_frame_ends_the_generation_before),
        T(test_frames_of_the_current_generation_leave_the_pending_one),
        T(test_a_frame_that_is_not_stored_confirms_nothing),
        T(test_a_generation_is_confirmed_in_order_and_once),
        T(test_after_255_generations_there_is_no_next),
        T(test_a_lost_flash_is_told_once_for_each_loss),
        T(test_a_forged_generation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

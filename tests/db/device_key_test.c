#include "tests/db/schemes.h"

#include "db/device_key.h"

static const uint8_t *x_of(uint8_t fill)
{
    static uint8_t x[4][32];
    static unsigned at;

    return memset(x[at++ % 4], fill, 32);
}

static enum device_key_state state_of(struct bench *b, uint64_t serial, uint8_t *first)
{
    enum device_key_state state;
    uint8_t x[32];

    assert_int_equal(registry_device_key(b->other, serial, x, &state, &b->e), ERR_OK);
    *first = x[0];
    return state;
}

static uint64_t pinned(struct bench *b, uint8_t scheme, uint8_t x)
{
    const uint64_t serial = done(b, scheme);

    assert_int_equal(registry_pin(b->r, serial, x_of(x), "line", &b->e), ERR_OK);
    return serial;
}

static void test_done_and_the_pin_are_one_record(void **state)
{
    struct bench *b = *state;
    uint8_t x;
    const uint64_t serial = burning(b, 8);

    refused(b, registry_done_pinned(b->r, serial, x_of(1), NULL, &b->e), DB_STATE_CHANGED);
    assert_int_equal(state_of(b, serial, &x), DEVICE_KEY_NONE);
    advance(b, serial, DEV_BURNING, DEV_LOCKED);
    assert_int_equal(registry_done_pinned(b->r, serial, x_of(1), NULL, &b->e), ERR_OK);
    assert_int_equal(device(b, serial).state, DEV_DONE);
    assert_int_equal(state_of(b, serial, &x), DEVICE_KEY_PINNED);
    assert_int_equal(x, 1);
    assert_int_equal(ask(b, "SELECT count(*) FROM ballast"), 0);
}

static void test_a_key_of_another_device_stops_done(void **state)
{
    struct bench *b = *state;
    uint8_t x;
    const uint64_t first = pinned(b, 8, 1), serial = burning(b, 8);

    advance(b, serial, DEV_BURNING, DEV_LOCKED);
    refused(b, registry_done_pinned(b->r, serial, x_of(1), NULL, &b->e), DB_KEY_KNOWN);
    assert_int_equal(device(b, serial).state, DEV_LOCKED); /* nothing half */
    assert_int_equal(state_of(b, serial, &x), DEVICE_KEY_NONE);
    assert_int_equal(state_of(b, first, &x), DEVICE_KEY_PINNED);
    assert_int_equal(events(b, "device.done"), 1);
}

static void test_a_key_is_pinned_once_and_for_ever(void **state)
{
    struct bench *b = *state;
    uint8_t x;
    const uint64_t serial = pinned(b, 3, 1);

    assert_int_equal(registry_pin(b->r, serial, x_of(1), "open", &b->e), ERR_OK); /* again: nothing */
    refused(b, registry_pin(b->r, serial, x_of(2), "open", &b->e), DB_KEY_PINNED);
    assert_int_equal(events(b, "device.pinned"), 1);
    assert_int_equal(state_of(b, serial, &x), DEVICE_KEY_PINNED);
    assert_int_equal(x, 1);
    refused(b, registry_pin(b->r, 99, x_of(3), "open", &b->e), DB_DEVICE_UNKNOWN);
}

static void test_what_the_chip_made_is_kept_until_done(void **state)
{
    struct bench *b = *state;
    uint8_t image[REG_IMAGE], x;
    const uint64_t serial = burning(b, 3), other = burning(b, 3);

    make_image(&b->p[3], serial, image);
    image[REG_IMAGE - 1] = 0x77; /* its otp_mac */
    assert_int_equal(registry_chip_made(b->r, serial, x_of(1), image, &b->e), ERR_OK);
    assert_int_equal(registry_chip_made(b->r, serial, x_of(1), image, &b->e), ERR_OK); /* asked again */
    assert_int_equal(events(b, "device.chip-made"), 1);
    assert_int_equal(device(b, serial).image[REG_IMAGE - 1], 0x77);
    assert_int_equal(state_of(b, serial, &x), DEVICE_KEY_MADE);
    image[REG_IMAGE - 1] = 0x78;
    refused(b, registry_chip_made(b->r, serial, x_of(2), image, &b->e), DB_KEY_PINNED);
    assert_int_equal(device(b, serial).image[REG_IMAGE - 1], 0x77);
    make_image(&b->p[3], other, image);
    refused(b, registry_chip_made(b->r, other, x_of(1), image, &b->e), DB_KEY_KNOWN);
    advance(b, serial, DEV_BURNING, DEV_LOCKED);
    make_image(&b->p[3], serial, image);
    refused(b, registry_chip_made(b->r, serial, x_of(1), image, &b->e), DB_STATE_CHANGED);
    refused(b, registry_done_pinned(b->r, serial, x_of(2), NULL, &b->e), DB_KEY_PINNED); /* another than it told */
    assert_int_equal(registry_done_pinned(b->r, serial, x_of(1), NULL, &b->e), ERR_OK);
    assert_int_equal(state_of(b, serial, &x), DEVICE_KEY_PINNED);
}

/* A new device of scheme 3 whose key the line drew, KEYED. */
static uint64_t injected(struct bench *b, uint8_t x, enum err_code want)
{
    struct wrapped_key k = { .role = REG_SIGN_SEED, .blob_len = 8, .profile = "x", .kek = "kek-secret" };
    uint8_t uid[REG_UID] = { 0x54, ++b->boards };
    struct device d;
    bool fresh;

    memset(k.digest, b->boards, sizeof k.digest);
    memset(k.public_x, x, sizeof k.public_x);
    assert_int_equal(registry_reserve(b->r, b->p[3].name, uid, 3, 2516, &d, &fresh, &b->e), ERR_OK);
    assert_int_equal(registry_keyed(b->r, d.serial, &k, 1, &b->e), want);
    return d.serial;
}

static size_t wrapped(struct bench *b, uint64_t serial)
{
    struct wrapped_key key[REG_KEYS_MAX];
    size_t n = 0;

    assert_int_equal(registry_keys(b->r, serial, key, &n, &b->e), ERR_OK);
    return n;
}

static void test_an_injected_key_is_known_from_keyed_on_and_its_seed_ends_with_the_burn(void **state)
{
    static const uint8_t none[32];
    struct bench *b = *state;
    uint8_t image[REG_IMAGE], x;
    const uint64_t serial = injected(b, 1, ERR_OK);

    assert_int_equal(state_of(b, serial, &x), DEVICE_KEY_MADE);
    assert_int_equal(x, 1);
    const uint64_t same = injected(b, 1, ERR_CONFLICT); /* another seed of the same key */
    assert_ptr_equal(b->e.fault, &db_fault[DB_KEY_KNOWN]);
    assert_int_equal(device(b, same).state, DEV_RESERVED);
    assert_int_equal(wrapped(b, same), 0);
    make_image(&b->p[3], serial, image);
    assert_int_equal(registry_intent(b->r, serial, image, none, &b->e), ERR_OK);
    assert_int_equal(wrapped(b, serial), 1);
    assert_int_equal(differences(b), 0);
    advance(b, serial, DEV_BURNING, DEV_VERIFIED);
    assert_int_equal(wrapped(b, serial), 0);
    assert_int_equal(events(b, "device.seed-destroyed"), 1);
    advance(b, serial, DEV_VERIFIED, DEV_LOCKED);
    assert_int_equal(registry_done_pinned(b->r, serial, x_of(1), NULL, &b->e), ERR_OK);
    assert_int_equal(state_of(b, serial, &x), DEVICE_KEY_PINNED);
    assert_int_equal(registry_advance(b->r, serial, DEV_DONE, DEV_VERIFIED, "rework", &b->e), ERR_OK);
    assert_int_equal(events(b, "device.seed-destroyed"), 1); /* there is none any more */
}

static void test_who_ends_on_the_way_leaves_no_seed(void **state)
{
    struct bench *b = *state;
    const uint64_t void_one = injected(b, 1, ERR_OK), scrap = injected(b, 2, ERR_OK), cut = injected(b, 3, ERR_OK);

    assert_int_equal(registry_advance(b->r, void_one, DEV_KEYED, DEV_VOID, NULL, &b->e), ERR_OK);
    assert_int_equal(registry_quarantine(b->r, scrap, DEV_KEYED, "board-torn", &b->e), ERR_OK);
    assert_int_equal(wrapped(b, void_one) + wrapped(b, scrap), 0);
    assert_int_equal(events(b, "device.seed-destroyed"), 2);
    assert_int_equal(wrapped(b, cut), 1);
    assert_int_equal(differences(b), 0);
    ask(b, "CREATE TABLE kept AS SELECT * FROM wrapped_key");
    ask(b, "DELETE FROM wrapped_key"); /* gone, and the log does not say so */
    assert_int_equal(differences(b), 1);
    ask(b, "INSERT INTO wrapped_key SELECT * FROM kept");
    ask(b, "UPDATE wrapped_key SET serial = (SELECT min(serial) FROM device WHERE state = 'QUARANTINED')");
    assert_true(differences(b) >= 2); /* and there again, though the log says that it is gone */
    ask(b, "DELETE FROM wrapped_key");
    ask(b, "INSERT INTO wrapped_key SELECT * FROM kept");
    ask(b, "DROP TABLE kept");
}

static void test_a_second_key_quarantines_the_serial_and_both_keys(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = pinned(b, 8, 1), other = done(b, 8);

    assert_int_equal(registry_pin_conflict(b->r, serial, x_of(2), &b->e), ERR_OK);
    assert_int_equal(device(b, serial).state, DEV_QUARANTINED);
    assert_string_equal(device(b, serial).reason, "key-conflict");
    assert_int_equal(events(b, "device.key-conflict"), 1);
    assert_int_equal(ask(b, "SELECT count(*) FROM event WHERE canonical LIKE '%\"pinned_x\":\"0101%' AND"
                            " canonical LIKE '%\"x\":\"0202%'"),
                     1);
    refused(b, registry_pin(b->r, other, x_of(2), "open", &b->e), DB_KEY_KNOWN); /* neither key serves another serial */
    refused(b, registry_pin(b->r, other, x_of(1), "open", &b->e), DB_KEY_KNOWN);
    refused(b, registry_pin_conflict(b->r, other, x_of(3), &b->e), DB_STATE_CHANGED); /* nothing is pinned there */
    refused(b, registry_pin_conflict(b->r, serial, x_of(1), &b->e), DB_STATE_CHANGED);
}

static void test_conflicts_of_a_device_are_bounded(void **state)
{
    struct bench *b = *state;
    const uint64_t serial = pinned(b, 8, 1);

    for (uint8_t i = 2; i < 60; i++)
        for (int again = 0; again < 2; again++)
            assert_int_equal(registry_pin_conflict(b->r, serial, x_of(i), &b->e), ERR_OK);
    assert_int_equal(events(b, "device.key-conflict"), PIN_CONFLICTS_MAX);
    assert_int_equal(events(b, "device.quarantined"), 1);
    assert_int_equal(ask(b, "SELECT count(*) FROM device_key"), 1 + PIN_CONFLICTS_MAX);
}

static void test_of_two_first_opens_one_pins(void **state)
{
    struct bench *b = *state;
    uint8_t x;
    const uint64_t serial = done(b, 8);
    struct frame_row f = frame(serial, 8, 0x51, 0, 1);

    assert_int_equal(registry_batch_begin(b->r, &b->e), ERR_OK); /* a field sign-up: key and frame, both or none */
    assert_int_equal(registry_pin(b->r, serial, x_of(1), "open", &b->e), ERR_OK);
    assert_int_equal(record(b, &f), FRAME_NEW);
    registry_batch_drop(b->r);
    assert_int_equal(state_of(b, serial, &x), DEVICE_KEY_NONE);
    assert_int_equal(registry_pin(b->other, serial, x_of(2), "open", &b->e), ERR_OK);
    refused(b, registry_pin(b->r, serial, x_of(1), "open", &b->e), DB_KEY_PINNED);
    assert_int_equal(registry_pin_conflict(b->r, serial, x_of(1), &b->e), ERR_OK);
    assert_int_equal(state_of(b, serial, &x), DEVICE_KEY_PINNED);
    assert_int_equal(x, 2);
    assert_int_equal(device(b, serial).state, DEV_QUARANTINED);
}

static void test_a_forged_pin_is_told(void **state)
{
    struct bench *b = *state;

    pinned(b, 3, 1);
    ask(b, "UPDATE device_key SET x = zeroblob(32)");
    assert_int_equal(differences(b), 1);
    ask(b, "DELETE FROM device_key");
    assert_int_equal(differences(b), 2); /* neither key nor state */
    ask(b,
        "INSERT INTO device_key SELECT X'0101010101010101010101010101010101010101010101010101010101010101', serial, 'MADE',"
        " created FROM device");
    assert_int_equal(differences(b), 1);
    ask(b, "UPDATE device_key SET state = 'PINNED'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_done_and_the_pin_are_one_record),
        T(test_a_key_of_another_device_stops_done),
        T(test_a_key_is_pinned_once_and_for_ever),
        T(test_what_the_chip_made_is_kept_until_done),
        T(test_an_injected_key_is_known_from_keyed_on_and_its_seed_ends_with_the_burn),
        T(test_who_ends_on_the_way_leaves_no_seed),
        T(test_a_second_key_quarantines_the_serial_and_both_keys),
        T(test_conflicts_of_a_device_are_bounded),
        T(test_of_two_first_opens_one_pins),
        T(test_a_forged_pin_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

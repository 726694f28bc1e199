/* What follows the receipts: messages, ROTATE and REKEY, through the engine, each once a request. */
#include "tests/verifier/site.h"

#include "db/down.h"
#include "server/engine.h"

static const struct kind fleet = { &device_fleet, POLICY_TAG16, 0 };
static const struct kind derived = { &device_derived, 0, 0 };

static struct engine *engine;
static struct metrics metrics;
static struct answer reply;
static struct {
    uint8_t bytes[BODY_MAX];
    size_t len;
} request;

static enum err_code make_verifier(void *io, struct verifier **v, struct err *err)
{
    (void)io;
    return verifier_open(v, site.registry, site.h, &site.crypto, err);
}

static enum err_code show(void *io, const struct opened_frame *o, struct err *err)
{
    (void)io, (void)o, (void)err;
    return ERR_OK;
}

static int up(void **state)
{
    (void)site_up(state);
    const struct engine_parts parts = {
        .registry = site.registry, .verifier = make_verifier, .show = show, .down = &down_verifier, .metrics = &metrics
    };
    request.len = 0;
    return engine_open(&engine, &parts, &e) == ERR_OK ? 0 : -1;
}

static int down(void **state)
{
    engine_close(engine);
    return site_down(state);
}

static void add(const struct sent *s)
{
    put16(request.bytes + request.len, (uint16_t)s->len);
    memcpy(request.bytes + request.len + 2, s->frame, s->len);
    request.len += 2 + s->len;
}

static void ask(long at)
{
    assert_int_equal(engine_request(engine, at, request.bytes, request.len, &reply, &e), ENGINE_ANSWER);
    request.len = 0;
}

static void test_a_rotate_serves_all_devices_of_a_request_and_is_there_once(void **state)
{
    const struct product p = add_product(&fleet, "fleet");
    const struct fleet_key first = add_fleet_key(&p);
    struct board b[3];
    struct sent s;

    (void)state;
    for (int i = 0; i < 3; i++)
        make_board(&b[i], &fleet, &p, &first);
    const struct fleet_key second = add_fleet_key(&p);
    for (int i = 0; i < 3; i++) {
        opens(&b[i], "hello", &s);
        add(&s);
    }
    ask(p.fleet);
    assert_int_equal(reply.refused, 0);
    assert_int_equal(reply.len, 3 * RECEIPT_LEN + 2 + REG_ROTATE);
    assert_memory_equal(reply.bytes + 3 * RECEIPT_LEN + 2, second.rotate, REG_ROTATE);
}

static void test_the_fleet_of_the_path_is_where_a_key_is_looked_for(void **state)
{
    const struct product p = add_product(&fleet, "fleet");
    const struct fleet_key k = add_fleet_key(&p);
    struct board b;
    struct sent s;

    (void)state;
    make_board(&b, &fleet, &p, &k);
    opens(&b, "hello", &s);
    add(&s);
    ask(p.fleet + 1);
    assert_int_equal(reply.refused, 1);
    assert_int_equal(frames_stored(), 0);
    add(&s);
    ask(NO_FLEET);
    assert_int_equal(reply.refused, 0);
    assert_int_equal(frames_stored(), 1);
}

static void test_a_device_that_lost_its_flash_gets_a_receipt_and_its_rekey(void **state)
{
    uint8_t salt[REG_SALT] = { 7 };
    struct generations g;
    struct board b;
    struct sent s;

    (void)state;
    one_board(&b, &derived);
    assert_ok(registry_rekey_begin(site.registry, b.serial, salt, &g, &e));
    b.side.gen = 1;
    memcpy(b.side.salt, salt, sizeof salt);
    opens(&b, "moved", &s);
    add(&s);
    ask(NO_FLEET);
    assert_int_equal(reply.len, RECEIPT_LEN);
    b.side.gen = 0;
    memset(b.side.salt, 0, sizeof b.side.salt);
    opens_at(&b, (1 << 18) + 1, "lost", &s);
    add(&s);
    ask(NO_FLEET);
    assert_int_equal(reply.refused, 0);
    assert_int_equal(reply.bytes[0], 1);
    assert_int_equal(reply.len, RECEIPT_LEN + 2 + REKEY_LEN);
    assert_int_equal(reply.bytes[RECEIPT_LEN + 2], HDR_REKEY);
    assert_int_equal(frames_stored(), 1);
}

/* The session of a message ends when the device obeys what stands behind it. */
static void test_a_message_stands_before_the_rekey_and_a_damaged_one_holds_nothing_up(void **state)
{
    static const uint8_t order[] = "TEST order";
    uint8_t salt[REG_SALT] = { 7 };
    struct hsm_key *key = NULL;
    struct generations g;
    struct board b;
    struct sent s;
    uint64_t id;

    (void)state;
    one_board(&b, &derived);
    assert_ok(hsm_key_ensure(site.h, HSM_MASTER, verifier_down_key, &key, NULL, &e));
    hsm_key_free(key);
    assert_ok(registry_rekey_begin(site.registry, b.serial, salt, &g, &e));
    assert_ok(verifier_message_queue(site.verifier, b.serial, order, sizeof order, 3, &id, &e));
    opens(&b, "hello", &s);
    add(&s);
    ask(NO_FLEET);
    const size_t down_len = 1 + 4 + 1 + sizeof order + 8;
    assert_int_equal(reply.len, RECEIPT_LEN + 2 + down_len + 2 + REKEY_LEN);
    assert_int_equal(reply.bytes[RECEIPT_LEN + 2], 0x71);
    assert_int_equal(reply.bytes[RECEIPT_LEN + 2 + down_len + 2], HDR_REKEY);
    assert_int_equal(metrics.down_failed, 0);

    assert_ok(registry_down_queue(site.registry, b.serial, salt, sizeof salt, 3, &id, &e)); /* nothing that unwraps */
    opens(&b, "hello", &s);
    add(&s);
    ask(NO_FLEET); /* the first one again, in a new session */
    sends(&b, later(&b, 1), "more", &s);
    add(&s);
    ask(NO_FLEET);
    assert_int_equal(reply.refused, 0);
    assert_int_equal(reply.len, RECEIPT_LEN + 2 + REKEY_LEN);
    assert_int_equal(metrics.down_failed, 1);
}

#define TD(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TD(test_a_rotate_serves_all_devices_of_a_request_and_is_there_once),
        TD(test_the_fleet_of_the_path_is_where_a_key_is_looked_for),
        TD(test_a_device_that_lost_its_flash_gets_a_receipt_and_its_rekey),
        TD(test_a_message_stands_before_the_rekey_and_a_damaged_one_holds_nothing_up),
    };
    return cmocka_run_group_tests(tests, site_group_up, site_group_down);
}

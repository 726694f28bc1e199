#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/fault.h"
#include "db/registry.h"

struct bench { /* a registry of its own for each test */
    char dir[64], path[96];
    struct registry *r;
    struct err e;
};

static uint64_t fixed_clock(void *io)
{
    (void)io;
    return 1795248000123; /* 2026-11-21T08:00:00.123Z */
}

static void open_registry(struct bench *b, enum registry_mode mode)
{
    assert_int_equal(registry_open(&b->r, b->path, mode, &b->e), ERR_OK);
    registry_clock(b->r, fixed_clock, NULL);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    (void)snprintf(b->dir, sizeof b->dir, "/tmp/fuseline-db-XXXXXX");
    if (mkdtemp(b->dir) == NULL)
        return -1;
    (void)snprintf(b->path, sizeof b->path, "%s/registry.db", b->dir);
    open_registry(b, REGISTRY_CREATE);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    char journal[128];

    registry_close(b->r);
    (void)snprintf(journal, sizeof journal, "%s-journal", b->path);
    unlink(journal);
    unlink(b->path);
    rmdir(b->dir);
    free(b);
    return 0;
}

static struct product sample_product(const char *name)
{
    struct product p = { .chip = "stm32l476", .scheme = 1, .suite = 1, .model = 7, .policy = 8, .sid_len = 2, .ctr_len = 1 };

    (void)snprintf(p.name, sizeof p.name, "%s", name);
    return p;
}

static struct product add_product(struct bench *b, const char *name)
{
    struct product p = sample_product(name);

    assert_int_equal(registry_product_add(b->r, &p, &b->e), ERR_OK);
    return p;
}

static struct device reserve(struct bench *b, const char *product, uint8_t uid_byte)
{
    struct device d;
    bool fresh;
    uint8_t uid[REG_UID];

    memset(uid, uid_byte, sizeof uid);
    assert_int_equal(registry_reserve(b->r, product, uid, 1, 2516, &d, &fresh, &b->e), ERR_OK);
    return d;
}

static struct wrapped_key sample_key(uint8_t seed)
{
    struct wrapped_key k = { .role = "server", .blob_len = 80, .mechanism = 0x210A, .profile = "softhsm2", .kek = "kek" };

    memset(k.blob, seed, k.blob_len);
    memset(k.digest, seed, sizeof k.digest);
    memset(k.public_x, seed, sizeof k.public_x);
    return k;
}

static struct device bring_to_burning(struct bench *b, uint8_t seed)
{
    struct device d = reserve(b, "meter", seed);
    struct wrapped_key k = sample_key(seed);
    uint8_t image[REG_IMAGE], digest[32] = { 0 };

    memset(image, seed, sizeof image);
    assert_int_equal(registry_keyed(b->r, d.serial, &k, 1, &b->e), ERR_OK);
    assert_int_equal(registry_intent(b->r, d.serial, image, digest, &b->e), ERR_OK);
    return d;
}

static enum device_state state_of(struct bench *b, uint64_t serial)
{
    struct device d;

    assert_int_equal(registry_device(b->r, serial, &d, &b->e), ERR_OK);
    return d.state;
}

static void test_a_product_is_kept_as_given(void **state)
{
    struct bench *b = *state;
    struct product p = add_product(b, "meter"), q;

    assert_int_equal(p.fleet, 1);
    assert_int_equal(p.serial_first, 1);
    assert_string_equal(p.created, "2026-11-21T08:00:00.123Z");
    assert_int_equal(registry_product_get(b->r, "meter", &q, &b->e), ERR_OK);
    assert_memory_equal(&p, &q, sizeof p);
    assert_int_equal(registry_product_by_fleet(b->r, 1, &q, &b->e), ERR_OK);
    assert_string_equal(q.name, "meter");
}

static void test_products_never_share_fleet_or_serials(void **state)
{
    struct bench *b = *state;
    struct product p = add_product(b, "meter"), q = add_product(b, "valve"), clash = sample_product("lamp");

    assert_int_equal(q.fleet, 2);
    assert_true(q.serial_first > p.serial_last);
    clash.serial_first = p.serial_last;
    clash.serial_last = p.serial_last;
    assert_int_equal(registry_product_add(b->r, &clash, &b->e), ERR_CONFLICT);
    assert_ptr_equal(b->e.fault, &db_fault[DB_SERIALS_TAKEN]);
    clash = sample_product("meter");
    assert_int_equal(registry_product_add(b->r, &clash, &b->e), ERR_CONFLICT);
    assert_ptr_equal(b->e.fault, &db_fault[DB_PRODUCT_EXISTS]);
}

static void test_the_same_chip_always_gets_the_same_serial(void **state)
{
    struct bench *b = *state;
    struct device again;
    bool fresh = true;

    add_product(b, "meter");
    add_product(b, "valve");
    struct device d = reserve(b, "meter", 0x11), other = reserve(b, "meter", 0x22);
    assert_int_equal(d.serial, UINT64_C(0x0001000700000001));
    assert_int_equal(other.serial, UINT64_C(0x0001000700000002));
    assert_int_equal(registry_reserve(b->r, "meter", d.uid, 9, 9999, &again, &fresh, &b->e), ERR_OK);
    assert_false(fresh);
    assert_memory_equal(&again, &d, sizeof d); /* day and station are frozen too */
    assert_int_equal(registry_reserve(b->r, "valve", d.uid, 1, 1, &again, &fresh, &b->e), ERR_CONFLICT);
    assert_ptr_equal(b->e.fault, &db_fault[DB_UID_OTHER_PRODUCT]);
}

static void test_used_up_serials_are_refused_before_anything_is_reserved(void **state)
{
    struct bench *b = *state;
    struct product p = sample_product("few");
    struct device d;
    bool fresh;
    uint8_t uid[REG_UID] = { 3 };

    p.serial_first = 100;
    p.serial_last = 101;
    assert_int_equal(registry_product_add(b->r, &p, &b->e), ERR_OK);
    reserve(b, "few", 1);
    reserve(b, "few", 2);
    assert_int_equal(registry_reserve(b->r, "few", uid, 1, 1, &d, &fresh, &b->e), ERR_NO);
    assert_ptr_equal(b->e.fault, &db_fault[DB_SERIALS_USED_UP]);
    assert_int_equal(registry_device_by_uid(b->r, uid, &d, &b->e), ERR_NOINPUT);
}

static void test_a_void_serial_is_never_given_again(void **state)
{
    struct bench *b = *state;

    add_product(b, "meter");
    struct device d = reserve(b, "meter", 1);
    assert_int_equal(registry_advance(b->r, d.serial, DEV_RESERVED, DEV_VOID, "ticket ended", &b->e), ERR_OK);
    assert_int_equal(reserve(b, "meter", 2).serial, d.serial + 1);
}

static void test_the_steps_run_in_order_and_only_so(void **state)
{
    struct bench *b = *state;

    add_product(b, "meter");
    struct device d = bring_to_burning(b, 0x31);
    assert_int_equal(registry_advance(b->r, d.serial, DEV_BURNING, DEV_DONE, NULL, &b->e), ERR_CONFLICT);
    assert_int_equal(registry_advance(b->r, d.serial, DEV_VERIFIED, DEV_PROVED, NULL, &b->e), ERR_CONFLICT);
    assert_int_equal(state_of(b, d.serial), DEV_BURNING);
    for (enum device_state s = DEV_BURNING; s < DEV_DONE; s++)
        assert_int_equal(registry_advance(b->r, d.serial, s, s + 1, NULL, &b->e), ERR_OK);
    assert_int_equal(state_of(b, d.serial), DEV_DONE);
    assert_int_equal(registry_device(b->r, d.serial, &d, &b->e), ERR_OK);
    assert_true(d.has_image);
    assert_int_equal(d.image[175], 0x31);
}

static void test_one_key_never_serves_two_devices(void **state)
{
    struct bench *b = *state;
    struct wrapped_key k = sample_key(5), got[REG_KEYS_MAX];
    size_t n;

    add_product(b, "meter");
    struct device d = reserve(b, "meter", 1), other = reserve(b, "meter", 2);
    assert_int_equal(registry_keyed(b->r, d.serial, &k, 1, &b->e), ERR_OK);
    assert_int_equal(registry_keyed(b->r, other.serial, &k, 1, &b->e), ERR_CONFLICT);
    assert_ptr_equal(b->e.fault, &db_fault[DB_KEY_KNOWN]);
    assert_int_equal(state_of(b, other.serial), DEV_RESERVED);
    assert_int_equal(registry_keys(b->r, d.serial, got, &n, &b->e), ERR_OK);
    assert_int_equal(n, 1);
    assert_memory_equal(&got[0], &k, sizeof k);
}

static void test_quarantine_keeps_serial_and_uid_taken(void **state)
{
    struct bench *b = *state;

    add_product(b, "meter");
    struct device d = bring_to_burning(b, 0x41);
    assert_int_equal(registry_quarantine(b->r, d.serial, DEV_KEYED, "late", &b->e), ERR_CONFLICT); /* of yesterday */
    assert_int_equal(registry_quarantine(b->r, d.serial, DEV_BURNING, "otp-readback", &b->e), ERR_OK);
    assert_int_equal(registry_device(b->r, d.serial, &d, &b->e), ERR_OK);
    assert_int_equal(d.state, DEV_QUARANTINED);
    assert_string_equal(d.reason, "otp-readback");
    assert_int_equal(reserve(b, "meter", 0x41).serial, d.serial);
}

static enum err_code count_event(void *io, const struct event_row *ev, struct err *e)
{
    uint64_t *n = io;
    uint8_t leaf[512] = { 0 }, hash[32];

    (void)e;
    assert_int_equal(ev->n, *n);
    memcpy(leaf + 1, ev->canonical, ev->len);
    assert_int_equal(EVP_Digest(leaf, ev->len + 1, hash, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(hash, ev->leaf_hash, 32); /* RFC 6962 s.2.1 */
    ++*n;
    return ERR_OK;
}

static enum err_code keep_first(void *io, const struct event_row *ev, struct err *e)
{
    (void)e;
    if (ev->n == 0)
        (void)snprintf(io, 512, "%s", ev->canonical);
    return ERR_OK;
}

static void test_every_step_leaves_its_event_with_its_leaf_hash(void **state)
{
    struct bench *b = *state;
    uint64_t n = 0;
    char first[512];

    add_product(b, "meter");
    bring_to_burning(b, 1);
    assert_int_equal(registry_events(b->r, 0, count_event, &n, &b->e), ERR_OK);
    assert_int_equal(n, 4); /* product.added, reserved, keyed, burning */
    assert_int_equal(registry_events(b->r, 0, keep_first, first, &b->e), ERR_OK);
    assert_string_equal(
        first, "{\"at\":\"2026-11-21T08:00:00.123Z\",\"chip\":\"stm32l476\",\"event\":\"product.added\",\"fleet\":\"1\","
               "\"n\":0,\"product\":\"meter\",\"serials\":\"00000001-000f4240\"}");
}

static struct frame_row sample_frame(const struct device *d, uint8_t session, uint64_t ctr, uint8_t fill)
{
    struct frame_row f = { .serial = d->serial, .scheme = 1, .ctr = ctr, .frame_len = 28 };

    memset(f.session, session, sizeof f.session);
    memset(f.sid, session, sizeof f.sid);
    memset(f.frame, fill, f.frame_len);
    return f;
}

static enum err_code count_session(void *io, const struct frame_row *f, struct err *e)
{
    (void)e;
    assert_int_equal(f->ctr, 0);
    ++*(int *)io;
    return ERR_OK;
}

static void test_a_frame_is_recorded_once_and_a_replay_raises_an_alarm(void **state)
{
    struct bench *b = *state;
    enum frame_record what;
    struct frame_row got;
    bool found;
    int sessions = 0;
    static const uint8_t prefix[2] = { 0x77, 0x77 };

    add_product(b, "meter");
    struct device d = bring_to_burning(b, 1);
    struct frame_row open = sample_frame(&d, 0x77, 0, 0xA0), other = sample_frame(&d, 0x77, 0, 0xA1),
                     data = sample_frame(&d, 0x77, 1, 0xA2);
    assert_int_equal(registry_frame_record(b->r, &open, &what, &b->e), ERR_OK);
    assert_int_equal(what, FRAME_NEW);
    assert_int_equal(registry_frame_record(b->r, &data, &what, &b->e), ERR_OK);
    assert_int_equal(what, FRAME_NEW);
    struct frame_row again = sample_frame(&d, 0x77, 0, 0xA0);
    assert_int_equal(registry_frame_record(b->r, &again, &what, &b->e), ERR_OK);
    assert_int_equal(what, FRAME_DUPLICATE);
    assert_string_equal(again.received, open.received);
    assert_int_equal(registry_frame_record(b->r, &other, &what, &b->e), ERR_OK);
    assert_int_equal(what, FRAME_REPLAY);
    assert_int_equal(registry_frame_find(b->r, open.frame, open.frame_len, &got, &found, &b->e), ERR_OK);
    assert_true(found);
    assert_memory_equal(got.frame, open.frame, open.frame_len);
    assert_string_equal(got.received, open.received);
    assert_int_equal(registry_frame_find(b->r, other.frame, other.frame_len, &got, &found, &b->e), ERR_OK);
    assert_false(found);
    assert_int_equal(registry_sessions(b->r, prefix, sizeof prefix, count_session, &sessions, &b->e), ERR_OK);
    assert_int_equal(sessions, 1);
}

static void test_everything_is_there_after_a_restart(void **state)
{
    struct bench *b = *state;

    add_product(b, "meter");
    struct device d = bring_to_burning(b, 1), got;
    registry_close(b->r);
    open_registry(b, REGISTRY_WRITE);
    assert_int_equal(registry_device(b->r, d.serial, &got, &b->e), ERR_OK);
    assert_int_equal(got.state, DEV_BURNING);
}

static void test_a_newer_schema_is_refused_and_not_touched(void **state)
{
    struct bench *b = *state;
    sqlite3 *db;

    registry_close(b->r);
    b->r = NULL;
    assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO fuseline_schema VALUES (99, 'x')", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(registry_open(&b->r, b->path, REGISTRY_WRITE, &b->e), ERR_CONFIG);
    assert_ptr_equal(b->e.fault, &db_fault[DB_NEWER]);
    assert_null(b->r);
}

static void test_a_foreign_file_is_refused_and_not_touched(void **state)
{
    struct bench *b = *state;
    char path[128];
    struct registry *r;
    sqlite3 *db;

    (void)snprintf(path, sizeof path, "%s/other.db", b->dir);
    assert_int_equal(registry_open(&r, path, REGISTRY_WRITE, &b->e), ERR_UNAVAILABLE);
    assert_ptr_equal(b->e.fault, &db_fault[DB_MISSING]);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE device (x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(registry_open(&r, path, REGISTRY_CREATE, &b->e), ERR_CONFIG);
    assert_ptr_equal(b->e.fault, &db_fault[DB_NO_REGISTRY]);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++)
        fputs("this is a shopping list\n", f);
    fclose(f);
    assert_int_equal(registry_open(&r, path, REGISTRY_CREATE, &b->e), ERR_CONFIG);
    assert_ptr_equal(b->e.fault, &db_fault[DB_NO_REGISTRY]);
    unlink(path);
}

static void test_a_batch_is_recorded_whole_or_not_at_all(void **state)
{
    struct bench *b = *state;
    struct device d;
    uint8_t uid[REG_UID] = { 0x55 };
    bool fresh;

    add_product(b, "meter");
    assert_int_equal(registry_batch_begin(b->r, &b->e), ERR_OK);
    assert_int_equal(registry_reserve(b->r, "meter", uid, 1, 1, &d, &fresh, &b->e), ERR_OK);
    registry_batch_drop(b->r);
    assert_int_equal(registry_device_by_uid(b->r, uid, &d, &b->e), ERR_NOINPUT);

    assert_int_equal(registry_batch_begin(b->r, &b->e), ERR_OK);
    assert_int_equal(registry_reserve(b->r, "nothing", uid, 1, 1, &d, &fresh, &b->e), ERR_NOINPUT); /* fails alone */
    assert_int_equal(registry_reserve(b->r, "meter", uid, 1, 1, &d, &fresh, &b->e), ERR_OK);
    assert_int_equal(registry_batch_commit(b->r, &b->e), ERR_OK);
    registry_close(b->r);
    open_registry(b, REGISTRY_READ);
    assert_int_equal(registry_device_by_uid(b->r, uid, &d, &b->e), ERR_OK);
}

struct nested {
    struct bench *b;
    unsigned seen;
    bool inner;
};

static enum err_code count_nested(void *io, const struct device *d, struct err *e)
{
    struct nested *n = io;
    struct nested inner = { n->b, 0, true };
    enum err_code rc = n->inner ? ERR_OK : registry_devices(n->b->r, "meter", DEV_STATES, count_nested, &inner, e);

    (void)d;
    n->seen += 1 + inner.seen;
    return rc;
}

static void test_a_query_asked_while_its_rows_are_read_is_another_one(void **state)
{
    struct bench *b = *state;
    struct nested n = { .b = b };
    struct device d;
    bool fresh;

    add_product(b, "meter");
    for (uint8_t i = 1; i <= 3; i++) {
        const uint8_t uid[REG_UID] = { i };
        assert_int_equal(registry_reserve(b->r, "meter", uid, 1, 1, &d, &fresh, &b->e), ERR_OK);
    }
    assert_int_equal(registry_devices(b->r, "meter", DEV_STATES, count_nested, &n, &b->e), ERR_OK);
    assert_int_equal(n.seen, 3 + 9);
}

static void test_the_next_serial_is_told_without_taking_it(void **state)
{
    struct bench *b = *state;
    struct product p = add_product(b, "meter");
    uint64_t first = 0, second = 0;

    assert_int_equal(registry_next_serial(b->r, &p, &first, &b->e), ERR_OK);
    assert_int_equal(registry_next_serial(b->r, &p, &second, &b->e), ERR_OK);
    assert_int_equal(first, second);
    assert_int_equal(reserve(b, "meter", 1).serial, first);
}

static void test_two_processes_never_draw_the_same_serial(void **state)
{
    struct bench *b = *state;
    enum { EACH = 40 };

    int ready[2], go[2]; /* both have it open before the first draws */

    add_product(b, "meter");
    registry_close(b->r);
    b->r = NULL;
    assert_int_equal(pipe(ready) | pipe(go), 0);
    for (int child = 0; child < 2; child++)
        if (fork() == 0) {
            struct registry *r;
            struct device d;
            char c = 0;
            bool fresh, ok = registry_open(&r, b->path, REGISTRY_WRITE, &b->e) == ERR_OK;
            close(go[1]);
            ok = ok && write(ready[1], &c, 1) == 1;
            close(ready[1]);
            ok = ok && read(go[0], &c, 1) == 0;
            for (int i = 0; i < EACH && ok; i++) {
                uint8_t uid[REG_UID] = { (uint8_t)child, (uint8_t)i };
                ok = registry_reserve(r, "meter", uid, 1, 1, &d, &fresh, &b->e) == ERR_OK && fresh;
            }
            _exit(ok ? 0 : 1); /* the UNIQUE constraints refuse a serial drawn twice */
        }
    close(ready[1]);
    for (char c, n = 0; n < 2 && read(ready[0], &c, 1) == 1; n++)
        ;
    close(ready[0]);
    close(go[0]);
    close(go[1]);
    for (int child = 0; child < 2; child++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    open_registry(b, REGISTRY_WRITE);
    assert_int_equal(reserve(b, "meter", 0xEE).serial, UINT64_C(0x0001000700000000) + 2 * EACH + 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_a_product_is_kept_as_given),
        T(test_products_never_share_fleet_or_serials),
        T(test_the_same_chip_always_gets_the_same_serial),
        T(test_used_up_serials_are_refused_before_anything_is_reserved),
        T(test_a_void_serial_is_never_given_again),
        T(test_the_steps_run_in_order_and_only_so),
        T(test_one_key_never_serves_two_devices),
        T(test_quarantine_keeps_serial_and_uid_taken),
        T(test_every_step_leaves_its_event_with_its_leaf_hash),
        T(test_a_frame_is_recorded_once_and_a_replay_raises_an_alarm),
        T(test_everything_is_there_after_a_restart),
        T(test_a_newer_schema_is_refused_and_not_touched),
        T(test_a_foreign_file_is_refused_and_not_touched),
        T(test_a_batch_is_recorded_whole_or_not_at_all),
        T(test_a_query_asked_while_its_rows_are_read_is_another_one),
        T(test_the_next_serial_is_told_without_taking_it),
        T(test_two_processes_never_draw_the_same_serial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

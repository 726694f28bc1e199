#include "tests/db/schemes.h"

#include <openssl/evp.h>

#include "db/fleet.h"

enum { FLEET = 2, OTHER_FLEET = 3 };

static struct fleet_key key(uint16_t fleet, uint8_t epoch, uint8_t x)
{
    struct fleet_key k = { .fleet = fleet, .epoch = epoch, .suite = 1, .has_rotate = epoch != 1, .deadline = "" };

    memset(k.x, x, sizeof k.x);
    memset(k.rotate, k.has_rotate ? x : 0, sizeof k.rotate);
    (void)snprintf(k.label, sizeof k.label, "fleet/%u/%u", fleet, epoch);
    return k;
}

static void add(struct bench *b, uint16_t fleet, uint8_t epoch, uint8_t x)
{
    struct fleet_key k = key(fleet, epoch, x);

    assert_int_equal(registry_fleet_key_add(b->r, &k, &b->e), ERR_OK);
    assert_int_equal(k.epoch, epoch);
}

static void add_refused(struct bench *b, struct registry *r, struct fleet_key k, enum db_fault_id fault)
{
    refused(b, registry_fleet_key_add(r, &k, &b->e), fault);
}

static void test_a_product_keeps_its_authorities_and_its_master(void **state)
{
    struct bench *b = *state;
    struct product p = b->p[2], q;

    (void)snprintf(p.name, sizeof p.name, "TEST-ra");
    (void)snprintf(p.master, sizeof p.master, "line-1");
    p.fleet = 0;
    p.serial_first = 0;
    p.has_ra = p.has_backup_ra = true;
    memset(p.ra_x, 0xA1, sizeof p.ra_x);
    memset(p.backup_ra_x, 0xB2, sizeof p.backup_ra_x);
    assert_int_equal(registry_product_add(b->r, &p, &b->e), ERR_OK);
    assert_int_equal(registry_product_get(b->r, "TEST-ra", &q, &b->e), ERR_OK);
    assert_memory_equal(&p, &q, sizeof p);
    assert_int_equal(registry_product_get(b->r, "TEST-2", &q, &b->e), ERR_OK);
    assert_false(q.has_ra || q.has_backup_ra);
    assert_int_equal(q.epoch, 1);
    ask(b, "UPDATE product SET ra_x = backup_ra_x WHERE name = 'TEST-ra'");
    assert_int_equal(differences(b), 1); /* the log knows who may rotate */
    ask(b,
        "UPDATE product SET ra_x = X'A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1' WHERE name = 'TEST-ra'");
}

static struct fleet_key rsa_key(void)
{
    struct fleet_key k = key(FLEET, 0, 0x11);
    uint8_t pk[REG_RSA_N + REG_RSA_E];

    k.suite = 0x10;
    k.has_rsa = true;
    memset(k.rsa_n, 0xC5, sizeof k.rsa_n);
    k.rsa_e[3] = 3;
    memcpy(pk, k.rsa_n, REG_RSA_N);
    memcpy(pk + REG_RSA_N, k.rsa_e, REG_RSA_E);
    assert_int_equal(EVP_Digest(pk, sizeof pk, k.x, NULL, EVP_sha256(), NULL), 1);
    k.has_rotate = false;
    memset(k.rotate, 0, sizeof k.rotate);
    return k;
}

static void test_an_rsa_key_that_is_not_its_digests_is_told(void **state)
{
    struct bench *b = *state;
    struct fleet_key k = rsa_key();

    assert_int_equal(registry_fleet_key_add(b->r, &k, &b->e), ERR_OK);
    assert_int_equal(differences(b), 0);
    ask(b, "UPDATE fleet_key SET rsa_e = X'00000005'"); /* the station would put it into devices */
    assert_int_equal(differences(b), 1);
    ask(b, "UPDATE fleet_key SET rsa_e = X'00000003'");
}

static void test_a_key_is_kept_as_given(void **state)
{
    struct bench *b = *state;
    struct fleet_key k = rsa_key(), got;

    (void)snprintf(k.deadline, sizeof k.deadline, "2027-01-01T00:00:00.000Z");
    assert_int_equal(registry_fleet_key_add(b->r, &k, &b->e), ERR_OK);
    assert_int_equal(k.epoch, 1);
    assert_int_equal(registry_fleet_key_get(b->r, FLEET, 1, &got, &b->e), ERR_OK);
    assert_memory_equal(&got, &k, sizeof k);
    refused(b, registry_fleet_key_get(b->r, FLEET, 2, &got, &b->e), DB_FLEET_KEY_UNKNOWN);
    refused(b, registry_fleet_key_active(b->r, OTHER_FLEET, &got, &b->e), DB_FLEET_KEY_UNKNOWN);
    add_refused(b, b->r, key(99, 1, 0x12), DB_PRODUCT_UNKNOWN);
}

static void test_an_epoch_is_used_once_whoever_signs(void **state)
{
    struct bench *b = *state;
    struct fleet_key backup = key(FLEET, 3, 0x33);

    add(b, FLEET, 1, 0x11);
    add(b, FLEET, 2, 0x22);
    add_refused(b, b->r, key(FLEET, 2, 0x44), DB_EPOCH_USED);
    add_refused(b, b->r, key(FLEET, 1, 0x44), DB_EPOCH_USED);
    backup.signer = 1;
    assert_int_equal(registry_fleet_key_add(b->r, &backup, &b->e), ERR_OK);
    add_refused(b, b->r, key(FLEET, 4, 0x44), DB_RA_REVOKED); /* no device listens to the RA any more */
    add(b, OTHER_FLEET, 1, 0x44);                             /* a fleet's numbers are its own */
    assert_int_equal(ask(b, "SELECT count(*) FROM fleet_key"), 4);
    assert_int_equal(events(b, "fleet.key-added"), 4);
}

static void test_two_servers_never_use_one_epoch_twice(void **state)
{
    struct bench *b = *state;
    struct fleet_key k = key(FLEET, 2, 0x23);
    uint8_t mine = 0, theirs = 0;

    add(b, FLEET, 1, 0x11);
    assert_int_equal(registry_fleet_epoch_next(b->r, FLEET, &mine, &b->e), ERR_OK);
    assert_int_equal(registry_fleet_epoch_next(b->other, FLEET, &theirs, &b->e), ERR_OK);
    assert_int_equal(mine, theirs); /* both sign a ROTATE for it: one of them is recorded */
    add(b, FLEET, mine, 0x22);
    add_refused(b, b->other, k, DB_EPOCH_USED);
    assert_int_equal(registry_fleet_key_active(b->other, FLEET, &k, &b->e), ERR_OK);
    assert_int_equal(k.x[0], 0x22);
}

static void test_a_key_serves_one_fleet_and_one_epoch(void **state)
{
    struct bench *b = *state;
    struct fleet_key k;

    add(b, FLEET, 1, 0x11);
    add_refused(b, b->r, key(OTHER_FLEET, 1, 0x11), DB_FLEET_KEY_KNOWN);
    add_refused(b, b->r, key(FLEET, 2, 0x11), DB_FLEET_KEY_KNOWN);
    assert_int_equal(registry_fleet_key_active(b->r, FLEET, &k, &b->e), ERR_OK); /* it was not put aside by half an add */
    assert_int_equal(k.epoch, 1);
    assert_int_equal(k.state, FLEET_KEY_ACTIVE);
}

static void test_after_255_epochs_there_is_no_next(void **state)
{
    struct bench *b = *state;
    uint8_t epoch;

    add(b, FLEET, 255, 0x11);
    refused(b, registry_fleet_epoch_next(b->r, FLEET, &epoch, &b->e), DB_EPOCHS_USED_UP);
    add_refused(b, b->r, key(FLEET, 0, 0x22), DB_EPOCHS_USED_UP);
}

static void test_the_newest_rotate_answers_old_epochs(void **state)
{
    struct bench *b = *state;
    struct fleet_key k;
    bool found = true;

    add(b, FLEET, 1, 0x11);
    assert_int_equal(registry_fleet_rotate(b->r, FLEET, &k, &found, &b->e), ERR_OK);
    assert_false(found); /* nobody announced the first key */
    add(b, FLEET, 2, 0x22);
    add(b, FLEET, 3, 0x33);
    assert_int_equal(registry_fleet_rotate(b->r, FLEET, &k, &found, &b->e), ERR_OK);
    assert_true(found);
    assert_int_equal(k.epoch, 3);
    assert_true(bytes_all(k.rotate, sizeof k.rotate, 0x33));
}

static enum err_code note_epoch(void *io, const struct fleet_key *k, struct err *e)
{
    char *text = io;
    const size_t len = strlen(text);

    (void)e;
    (void)snprintf(text + len, 64 - len, "%u/%u ", k->fleet, k->epoch);
    return ERR_OK;
}

static void test_a_frame_without_a_fleet_meets_usable_keys_alone(void **state)
{
    struct bench *b = *state;
    char text[64] = "";

    add(b, FLEET, 1, 0x11);
    add(b, FLEET, 2, 0x22);
    add(b, OTHER_FLEET, 1, 0x33);
    add(b, OTHER_FLEET, 2, 0x44);
    assert_int_equal(registry_fleet_key_state(b->r, OTHER_FLEET, 1, FLEET_KEY_PREVIOUS, FLEET_KEY_RETIRED, NULL, &b->e),
                     ERR_OK);
    assert_int_equal(registry_fleet_key_usable(b->r, 1, 1, note_epoch, text, &b->e), ERR_OK);
    assert_string_equal(text, "2/1 ");
    text[0] = '\0';
    assert_int_equal(registry_fleet_key_usable(b->r, 0, 0x10, note_epoch, text, &b->e), ERR_OK);
    assert_string_equal(text, "");
    assert_int_equal(registry_fleet_key_list(b->r, 0, note_epoch, text, &b->e), ERR_OK);
    assert_string_equal(text, "2/1 2/2 3/1 3/2 ");
}

static void test_a_key_goes_only_by_its_steps(void **state)
{
    struct bench *b = *state;
    const enum fleet_key_state active = FLEET_KEY_ACTIVE, previous = FLEET_KEY_PREVIOUS, retired = FLEET_KEY_RETIRED,
                               destroyed = FLEET_KEY_DESTROYED;

    add(b, FLEET, 1, 0x11);
    add(b, FLEET, 2, 0x22);
    refused(b, registry_fleet_key_state(b->r, FLEET, 1, previous, destroyed, "x", &b->e), DB_FLEET_KEY_STATE);
    refused(b, registry_fleet_key_state(b->r, FLEET, 1, active, retired, "x", &b->e), DB_FLEET_KEY_STATE);
    assert_int_equal(registry_fleet_key_state(b->r, FLEET, 1, previous, retired, "deadline", &b->e), ERR_OK);
    refused(b, registry_fleet_key_state(b->other, FLEET, 1, previous, retired, "deadline", &b->e), DB_FLEET_KEY_STATE);
    assert_int_equal(registry_fleet_key_state(b->r, FLEET, 1, retired, previous, "too early", &b->e), ERR_OK);
    assert_int_equal(registry_fleet_key_state(b->r, FLEET, 1, previous, retired, "deadline", &b->e), ERR_OK);
    assert_int_equal(registry_fleet_key_state(b->r, FLEET, 1, retired, destroyed, "deadline", &b->e), ERR_OK);
    refused(b, registry_fleet_key_state(b->r, FLEET, 1, destroyed, retired, "x", &b->e), DB_FLEET_KEY_STATE);
    assert_int_equal(events(b, "fleet.key-retired") + events(b, "fleet.key-restored") + events(b, "fleet.key-destroyed"), 4);
}

static void test_a_forged_key_of_a_fleet_is_told(void **state)
{
    struct bench *b = *state;

    add(b, FLEET, 1, 0x11);
    ask(b, "UPDATE fleet_key SET x = zeroblob(32)");
    assert_int_equal(differences(b), 1);
    ask(b,
        "UPDATE fleet_key SET x = X'1111111111111111111111111111111111111111111111111111111111111111', state = 'PREVIOUS'");
    assert_int_equal(differences(b), 1);
    ask(b, "UPDATE fleet_key SET state = 'ACTIVE', epoch = 2");
    assert_int_equal(differences(b), 2); /* one too many, one missing */
    ask(b, "UPDATE fleet_key SET epoch = 1");
}

/* ---- progress ---- */

static enum frame_record open_at(struct bench *b, uint64_t serial, uint8_t scheme, uint8_t epoch, uint8_t n)
{
    struct frame_row f = frame(serial, scheme, n, 0, n);

    f.epoch = epoch;
    f.boot = n;
    return record(b, &f);
}

static void test_the_acknowledged_epoch_never_moves_back(void **state)
{
    struct bench *b = *state;
    struct device_seen s;
    const uint64_t serial = done(b, 3);

    assert_int_equal(registry_seen(b->r, serial, &s, &b->e), ERR_OK);
    assert_int_equal(s.epoch, 0);
    assert_int_equal(open_at(b, serial, 3, 2, 1), FRAME_NEW);
    assert_int_equal(open_at(b, serial, 3, 1, 2), FRAME_NEW); /* a phone brings it late */
    assert_int_equal(registry_seen(b->r, serial, &s, &b->e), ERR_OK);
    assert_int_equal(s.epoch, 2);
    assert_int_equal(events(b, "device.epoch"), 1);
    ask(b, "UPDATE device_seen SET epoch = 7");
    assert_int_equal(differences(b), 1);
    ask(b, "UPDATE device_seen SET epoch = 2");
}

static enum err_code note_serial(void *io, uint64_t serial, const struct device_seen *s, struct err *e)
{
    uint64_t *at = io;

    (void)e;
    at[++at[0]] = serial;
    assert_int_equal(s->epoch, at[0] == 1 ? 1 : 0);
    return ERR_OK;
}

static void test_progress_tells_who_answered_and_who_is_silent(void **state)
{
    struct bench *b = *state;
    struct rotation_progress p;
    uint64_t behind[8] = { 0 };
    const uint64_t old = done(b, 2), moved = done(b, 2), silent = done(b, 2);

    burning(b, 2); /* is not out yet */
    open_at(b, old, 2, 1, 1);
    open_at(b, moved, 2, 1, 2);
    open_at(b, moved, 2, 2, 3);
    assert_int_equal(registry_rotation_progress(b->r, 2, &p, &b->e), ERR_OK);
    assert_false(p.is_known); /* scheme 2: a serial can be claimed */
    assert_int_equal(p.devices, 3);
    assert_int_equal(p.silent, 1);
    assert_int_equal(p.at[1], 1);
    assert_int_equal(p.at[2], 1);
    assert_int_equal(registry_rotation_behind(b->r, 2, 2, note_serial, behind, &b->e), ERR_OK);
    assert_int_equal(behind[0], 2);
    assert_int_equal(behind[1], old);
    assert_int_equal(behind[2], silent);
    assert_int_equal(registry_rotation_progress(b->r, 8, &p, &b->e), ERR_OK);
    assert_true(p.is_known);
    assert_int_equal(p.devices, 0);
    refused(b, registry_rotation_progress(b->r, 99, &p, &b->e), DB_PRODUCT_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_product_keeps_its_authorities_and_its_master),
        T(test_an_rsa_key_that_is_not_its_digests_is_told),
        T(test_a_key_is_kept_as_given),
        T(test_an_epoch_is_used_once_whoever_signs),
        T(test_two_servers_never_use_one_epoch_twice),
        T(test_a_key_serves_one_fleet_and_one_epoch),
        T(test_after_255_epochs_there_is_no_next),
        T(test_the_newest_rotate_answers_old_epochs),
        T(test_a_frame_without_a_fleet_meets_usable_keys_alone),
        T(test_a_key_goes_only_by_its_steps),
        T(test_a_forged_key_of_a_fleet_is_told),
        T(test_the_acknowledged_epoch_never_moves_back),
        T(test_progress_tells_who_answered_and_who_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

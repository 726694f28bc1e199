/* Every call of registry, token and chip fails once: before it did its work, or after, when only the answer is lost.  Linked
 * with --wrap for each name of fail_test.wrap. */
#include "tests/station/line.h"

#include "db/fault.h"

/* ---- the k-th call fails ---- */

static struct plan {
    unsigned countdown; /* 0: disarmed; 1: the next call */
    bool late;          /* the work is done, the answer is lost */
    unsigned calls;
    const char *failed; /* name of the call that did */
} plan;

static const struct fault injected = { "test-injected", ERR_RETRY, "a test made this call fail", "none", FATE_BY_CODE };

static bool due(const char *name)
{
    plan.calls++;
    if (plan.countdown == 0 || --plan.countdown > 0)
        return false;
    plan.failed = name;
    return true;
}

/* Nobody could free the key of a lost answer: these fail early. */
static bool gives_key(const char *name)
{
    return strcmp(name, "hsm_key_find") == 0 || strcmp(name, "hsm_unwrap") == 0;
}

/* A pulse whose answer is lost is never told as "try again, nothing happened": flash/chip.h, chip_otp_program. */
static enum err_code lose(struct err *err)
{
    if (plan.late && strcmp(plan.failed, "chip_otp_program") == 0)
        return err_set(err, &flash_fault[FLASH_CONTACT_LOST], "test", NULL, 0, "%s", plan.failed);
    return err_set(err, &injected, "test", NULL, 0, "%s", plan.failed);
}

#define WRAP(name, params, args)                                                         \
    enum err_code __real_##name params;                                                  \
    enum err_code __wrap_##name params;                                                  \
    enum err_code __wrap_##name params                                                   \
    {                                                                                    \
        const bool now = due(#name);                                                     \
        enum err_code rc = now && (!plan.late || gives_key(#name)) ? ERR_RETRY : ERR_OK; \
                                                                                         \
        if (rc == ERR_OK)                                                                \
            rc = __real_##name args;                                                     \
        return now ? lose(err) : rc;                                                     \
    }

/* clang-format off */
WRAP(registry_device_by_uid, (struct registry *r, const uint8_t *uid, struct device *d, struct err *err), (r, uid, d, err))
WRAP(registry_reserve, (struct registry *r, const char *p, const uint8_t *uid, uint16_t s, uint16_t day, struct device *d, bool *f, struct err *err), (r, p, uid, s, day, d, f, err))
WRAP(registry_keyed, (struct registry *r, uint64_t s, const struct wrapped_key *k, size_t n, struct err *err), (r, s, k, n, err))
WRAP(registry_keys, (struct registry *r, uint64_t s, struct wrapped_key *k, size_t *n, struct err *err), (r, s, k, n, err))
WRAP(registry_intent, (struct registry *r, uint64_t s, const uint8_t *i, const uint8_t *h, struct err *err), (r, s, i, h, err))
WRAP(registry_advance, (struct registry *r, uint64_t s, enum device_state a, enum device_state b, const char *d, struct err *err), (r, s, a, b, d, err))
WRAP(registry_quarantine, (struct registry *r, uint64_t s, enum device_state f, const char *why, struct err *err), (r, s, f, why, err))
WRAP(registry_device, (struct registry *r, uint64_t s, struct device *d, struct err *err), (r, s, d, err))
WRAP(hsm_key_find, (struct hsm *h, enum hsm_key_kind kind, const char *l, struct hsm_key **k, struct err *err), (h, kind, l, k, err))
WRAP(hsm_key_kcv, (struct hsm_key *k, uint8_t *kcv, struct err *err), (k, kcv, err))
WRAP(hsm_device_key_new, (struct hsm *h, struct hsm_key *k, uint8_t *pk, struct hsm_blob *b, struct err *err), (h, k, pk, b, err))
WRAP(hsm_device_secret_new, (struct hsm *h, struct hsm_key *k, uint8_t *s, struct hsm_blob *b, struct err *err), (h, k, s, b, err))
WRAP(hsm_device_secret_get, (struct hsm *h, struct hsm_key *k, const struct hsm_blob *b, uint8_t *s, struct err *err), (h, k, b, s, err))
WRAP(hsm_unwrap, (struct hsm *h, struct hsm_key *k, const struct hsm_blob *b, enum hsm_use u, struct hsm_key **o, struct err *err), (h, k, b, u, o, err))
WRAP(hsm_ecdh, (struct hsm_key *k, const uint8_t *pk, uint8_t *z, struct err *err), (k, pk, z, err))
WRAP(hsm_hmac, (struct hsm_key *k, const uint8_t *d, size_t n, uint8_t *m, struct err *err), (k, d, n, m, err))
WRAP(hsm_random, (struct hsm *h, void *o, size_t n, struct err *err), (h, o, n, err))
WRAP(chip_probe, (struct chip *c, struct chip_identity *id, struct err *err), (c, id, err))
WRAP(chip_otp_read, (struct chip *c, uint32_t a, uint32_t n, uint8_t *b, enum otp_cell_state *s, struct err *err), (c, a, n, b, s, err))
WRAP(chip_otp_locks, (struct chip *c, uint32_t *l, struct err *err), (c, l, err))
WRAP(chip_otp_lock_bytes, (struct chip *c, uint32_t *l, uint32_t *t, struct err *err), (c, l, t, err))
WRAP(chip_otp_program, (struct chip *c, uint32_t i, const uint8_t *b, struct err *err), (c, i, b, err))
WRAP(chip_otp_lock, (struct chip *c, uint32_t b, struct err *err), (c, b, err))
WRAP(chip_flash_write, (struct chip *c, const struct fw_segment *s, size_t n, struct err *err), (c, s, n, err))
WRAP(chip_mem_read, (struct chip *c, uint32_t a, void *b, size_t n, struct err *err), (c, a, b, n, err))
WRAP(chip_mem_write, (struct chip *c, uint32_t a, const void *b, size_t n, struct err *err), (c, a, b, n, err))
WRAP(chip_wipe_ram, (struct chip *c, struct err *err), (c, err))
WRAP(chip_run, (struct chip *c, struct err *err), (c, err))
WRAP(chip_rdp_set, (struct chip *c, unsigned l, struct err *err), (c, l, err))
/* clang-format on */

/* ---- what must hold whatever fails ---- */

static enum err_code count(void *io, const struct device *d, struct err *err)
{
    (void)d;
    (void)err;
    ++*(unsigned *)io;
    return ERR_OK;
}

static unsigned devices(void)
{
    unsigned n = 0;

    assert_ok(registry_devices(line.registry, NULL, DEV_STATES, count, &n, &e));
    return n;
}

/* The journal is never behind the chip: what is burned was intended, what is locked was proved. */
static void chip_and_journal_agree(void)
{
    struct device d = { .state = DEV_RESERVED };
    struct silicon_stats s;
    enum err_code rc;

    silicon_stats_get(inproc_silicon(line.chip), &s);
    rc = registry_device_by_uid(line.registry, silicon_uid(inproc_silicon(line.chip)), &d, &e);
    assert_true(rc == ERR_OK || rc == ERR_NOINPUT);
    if (s.otp_pulses > 0)
        assert_true(d.has_image && d.state >= DEV_BURNING);
    if (silicon_rdp(inproc_silicon(line.chip)) != 0)
        assert_true(d.state >= DEV_PROVED);
}

/* One board; call number k fails.  False: there are fewer calls. */
static bool fail_once(unsigned k, bool late)
{
    enum err_code rc;
    unsigned before;
    uint64_t serial = 0;
    bool known;

    plan.countdown = 0;
    new_board();
    line.boot = 0;
    before = devices();
    plan.countdown = k;
    plan.late = late;
    plan.failed = NULL;
    rc = provision(true);
    plan.countdown = 0;
    if (plan.failed == NULL) {
        assert_int_equal(rc, ERR_OK);
        return false;
    }
    if (rc == ERR_OK)
        fail_msg("%s failed, and nobody noticed", plan.failed);
    assert_true(line.r.verdict == VERDICT_REFUSED || line.r.verdict == VERDICT_FAIL);
    if (line.r.verdict == VERDICT_FAIL && pulses() > 0)
        assert_true(err_exit_status(e.code) >= 80); /* no promise that nothing was burned */
    known = line.r.has_device;
    serial = line.r.serial;
    chip_and_journal_agree();
    assert_in_range(devices(), before, before + 1);

    power_cycle();
    rc = provision(true);
    if (rc != ERR_OK)
        fail_msg("after %s (%s, call %u): %s %s", plan.failed, late ? "late" : "early", k, e.fault->name, e.subject);
    assert_int_equal(line.r.state, DEV_DONE);
    assert_true(!known || line.r.serial == serial);
    assert_int_equal(devices(), before + 1); /* one board, one serial */
    chip_and_journal_agree();
    return true;
}

static void sweep(bool late)
{
    unsigned k = 1;

    while (fail_once(k, late))
        k++;
    assert_true(k > 40); /* the wrapping is in force */
}

static void test_any_call_that_fails_leaves_a_board_that_can_be_repeated(void **state)
{
    (void)state;
    sweep(false);
}

static void test_any_answer_that_is_lost_leaves_a_board_that_can_be_repeated(void **state)
{
    (void)state;
    sweep(true);
}

/* DONE is committed before PASS. */
static void test_a_record_that_fails_turns_pass_into_fail(void **state)
{
    unsigned calls, last = 0;

    (void)state;
    plan.calls = 0;
    expect_pass();
    calls = plan.calls - 1; /* expect_pass looks into the registry, too */
    assert_true(calls > 0);
    for (unsigned k = calls; k > 0 && last == 0; k--) {
        new_board();
        line.boot = 0;
        plan = (struct plan){ .countdown = k };
        (void)provision(true);
        plan.countdown = 0;
        if (plan.failed != NULL && strcmp(plan.failed, "registry_advance") == 0)
            last = k;
    }
    assert_int_equal(line.r.verdict, VERDICT_FAIL);
    assert_int_equal(line.r.state, DEV_LOCKED);
    assert_ptr_equal(e.fault, &station_fault[STATION_INTERRUPTED]);
    assert_string_equal(line.r.code, "test-injected");
    power_cycle();
    expect_pass();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_ALL(test_any_call_that_fails_leaves_a_board_that_can_be_repeated),
        ON_ALL(test_any_answer_that_is_lost_leaves_a_board_that_can_be_repeated),
        ON_ALL(test_a_record_that_fails_turns_pass_into_fail),
    };
    return cmocka_run_group_tests(tests, line_group_up, line_group_down);
}

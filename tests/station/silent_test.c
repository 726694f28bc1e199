/* RDP level 2 in every scheme: the debug port is silent, and only a proof over the console says which board this is. */
#include "tests/station/far_end.h"
#include "tests/station/scheme_line.h"

static int silent_up(void **state)
{
    if (up(state) != 0)
        return -1;
    far_up();
    far.cycle_at = 3;
    return 0;
}

static int silent_down(void **state)
{
    far_down();
    return line_down(state);
}

static const struct chip_ops *whole;
static struct chip_ops cut;

static enum err_code lock_and_lose(struct chip *c, unsigned level, struct err *err)
{
    const enum err_code rc = whole->rdp_set(c, level, err);

    return rc != ERR_OK ? rc : err_set(err, &flash_fault[FLASH_CONTACT_LOST], "test", NULL, 0, "cut");
}

static uint64_t cut_between_lock_and_record(void)
{
    whole = line.chip->ops;
    cut = *whole;
    cut.rdp_set = lock_and_lose;
    line.chip->ops = &cut;
    assert_int_equal(provision(true), ERR_INCOMPLETE);
    assert_int_equal(row().state, DEV_PROVED);
    line.chip->ops = whole;
    return line.r.serial;
}

static void test_it_is_found_among_those_that_wait_to_be_finished(void **state)
{
    uint64_t serial;

    (void)state;
    (void)cut_between_lock_and_record(); /* another one, that went away */
    new_board();
    inproc_on_run(line.chip, far_runs, NULL);
    line.boot = 0;
    serial = cut_between_lock_and_record();
    far_cycle();
    expect_pass();
    assert_string_equal(line.r.code, "done");
    assert_int_equal(line.r.serial, serial);
    assert_false(line.r.has_identity);
}

static void test_a_proof_of_nobody_is_refused(void **state)
{
    const uint64_t serial = cut_between_lock_and_record();

    (void)state;
    assert_ok(registry_quarantine(line.registry, serial, DEV_PROVED, "test", &e));
    far_cycle();
    assert_int_not_equal(provision(true), ERR_OK);
    assert_int_equal(line.r.verdict, line.r.has_device ? VERDICT_FAIL : VERDICT_REFUSED);
    assert_true(e.fault == &station_fault[STATION_CONSOLE_PROOF] || e.fault == &station_fault[STATION_QUARANTINED]);
}

#define EACH(test, n)                                              \
    {                                                              \
#test " [" #n "]", test, silent_up, silent_down, &kinds[n] \
    }
#define EACH_KIND(test) EACH(test, 0), EACH(test, 1), EACH(test, 2)

int main(void)
{
    static struct kind kinds[] = {
        { &device_fleet, "stm32l476", POLICY_TAG16, 2, false },
        { &device_secret, "stm32l476", 0, 2, false },
        { &device_identity, "stm32l476", POLICY_SIGN_ALL, 2, false },
    };
    const struct CMUnitTest tests[] = {
        EACH_KIND(test_it_is_found_among_those_that_wait_to_be_finished),
        EACH_KIND(test_a_proof_of_nobody_is_refused),
    };
    return cmocka_run_group_tests(tests, group_up, line_group_down);
}

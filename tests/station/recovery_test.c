#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "station/recovery.h"

/* Read off docs/recovery.md, not off the code. */
struct expected {
    enum otp_found chip;
    unsigned journal;
    enum recovery_action action;
    int first;
    int fault;
};
#define GO(step) RECOVER_GO_ON, STEP_##step, STATION_NO_FAULT
#define REFUSED(f) RECOVER_REFUSE, STATION_STEPS, STATION_##f
#define QUARANTINE(f) RECOVER_QUARANTINE, STATION_STEPS, STATION_##f
#define ALREADY RECOVER_ALREADY, STATION_STEPS, STATION_NO_FAULT

static const struct expected rows[] = {
    { FOUND_BLANK, JOURNAL_NONE, GO(KEY) },
    { FOUND_BLANK, DEV_RESERVED, GO(KEY) },
    { FOUND_BLANK, DEV_KEYED, GO(KEY) },
    { FOUND_BLANK, DEV_BURNING, GO(CHIP_KEY) },
    { FOUND_BLANK, DEV_VERIFIED, QUARANTINE(EXCHANGED) },
    { FOUND_BLANK, DEV_PROVED, QUARANTINE(EXCHANGED) },
    { FOUND_BLANK, DEV_LOCKED, QUARANTINE(EXCHANGED) },
    { FOUND_BLANK, DEV_DONE, QUARANTINE(EXCHANGED) },
    { FOUND_PREFIX, DEV_BURNING, GO(CHIP_KEY) },
    { FOUND_PREFIX, DEV_VERIFIED, QUARANTINE(EXCHANGED) },
    { FOUND_PREFIX, DEV_DONE, QUARANTINE(EXCHANGED) },
    { FOUND_WHOLE, DEV_BURNING, GO(CHIP_KEY) },
    { FOUND_WHOLE, DEV_VERIFIED, GO(FIRMWARE) },
    { FOUND_WHOLE, DEV_PROVED, GO(FIRMWARE) },
    { FOUND_WHOLE, DEV_LOCKED, GO(FIRMWARE) },
    { FOUND_WHOLE, DEV_DONE, ALREADY },
    { FOUND_WHOLE_UNFIT, DEV_DONE, RECOVER_REWORK, STEP_FIRMWARE, STATION_NO_FAULT },
    { FOUND_OTHER, JOURNAL_NONE, REFUSED(FOREIGN) },
    { FOUND_OTHER, DEV_RESERVED, QUARANTINE(FOREIGN) },
    { FOUND_OTHER, DEV_KEYED, QUARANTINE(FOREIGN) },
    { FOUND_OTHER, DEV_BURNING, QUARANTINE(UNLIKE) },
    { FOUND_OTHER, DEV_VERIFIED, QUARANTINE(UNLIKE) },
    { FOUND_OTHER, DEV_PROVED, QUARANTINE(UNLIKE) },
    { FOUND_OTHER, DEV_LOCKED, QUARANTINE(UNLIKE) },
    { FOUND_OTHER, DEV_DONE, QUARANTINE(UNLIKE) },
    { FOUND_TORN, JOURNAL_NONE, REFUSED(TORN) },
    { FOUND_TORN, DEV_KEYED, QUARANTINE(TORN) },
    { FOUND_TORN, DEV_BURNING, QUARANTINE(TORN) },
    { FOUND_TORN, DEV_DONE, QUARANTINE(TORN) },
    { FOUND_CLOSED, JOURNAL_NONE, REFUSED(CLOSED) },
    { FOUND_CLOSED, DEV_KEYED, QUARANTINE(CLOSED) },
    { FOUND_CLOSED, DEV_BURNING, QUARANTINE(CLOSED) },
    { FOUND_CLOSED, DEV_VERIFIED, QUARANTINE(CLOSED) },
    { FOUND_CLOSED, DEV_PROVED, GO(LOCK) },
    { FOUND_CLOSED, DEV_LOCKED, GO(LOCK) },
    { FOUND_CLOSED, DEV_DONE, RECOVER_ALREADY, STEP_CONSOLE, STATION_NO_FAULT },
    { FOUND_SILENT, JOURNAL_NONE, REFUSED(CONSOLE_PROOF) },
    { FOUND_SILENT, DEV_RESERVED, REFUSED(CONSOLE_PROOF) },
    { FOUND_SILENT, DEV_KEYED, REFUSED(CONSOLE_PROOF) },
    { FOUND_SILENT, DEV_BURNING, REFUSED(CONSOLE_PROOF) },
    { FOUND_SILENT, DEV_VERIFIED, QUARANTINE(CLOSED) },
    { FOUND_SILENT, DEV_PROVED, GO(LOCK) },
    { FOUND_SILENT, DEV_LOCKED, GO(LOCK) },
    { FOUND_SILENT, DEV_DONE, ALREADY },
};

static void test_each_row_says_what_the_document_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct recovery_row *r = recovery_find(rows[i].chip, rows[i].journal);
        if (r->action != rows[i].action || (int)r->first != rows[i].first || (int)r->fault != rows[i].fault)
            fail_msg("row %zu: chip %d, journal %u: action %d, step %d, fault %d", i, rows[i].chip, rows[i].journal,
                     r->action, r->first, r->fault);
    }
}

static void test_every_pair_of_chip_and_journal_has_one_row(void **state)
{
    (void)state;
    for (int chip = 0; chip < FOUND_KINDS; chip++)
        for (unsigned journal = 0; journal <= JOURNAL_NONE; journal++) {
            unsigned n = 0;
            for (size_t i = 0; i < recovery_rows; i++)
                n += (int)recovery_table[i].chip == chip && (recovery_table[i].journal >> journal & 1) != 0;
            assert_int_equal(n, journal == DEV_QUARANTINED || journal == DEV_VOID ? 0 : 1);
            assert_non_null(recovery_find((enum otp_found)chip, journal));
        }
}

static void test_what_was_quarantined_or_given_up_stays_so_whatever_the_chip_holds(void **state)
{
    (void)state;
    for (int chip = 0; chip < FOUND_KINDS; chip++) {
        assert_int_equal(recovery_find((enum otp_found)chip, DEV_QUARANTINED)->action, RECOVER_REFUSE);
        assert_int_equal(recovery_find((enum otp_found)chip, DEV_QUARANTINED)->fault, STATION_QUARANTINED);
        assert_int_equal(recovery_find((enum otp_found)chip, DEV_VOID)->action, RECOVER_REFUSE);
        assert_int_equal(recovery_find((enum otp_found)chip, DEV_VOID)->fault, STATION_VOID);
    }
}

static void test_a_key_is_drawn_only_for_a_blank_chip_without_an_intent(void **state)
{
    (void)state;
    for (size_t i = 0; i < recovery_rows; i++)
        if (recovery_table[i].first == STEP_KEY)
            assert_int_equal(recovery_table[i].chip, FOUND_BLANK);
    assert_int_equal(recovery_find(FOUND_BLANK, DEV_BURNING)->first, STEP_CHIP_KEY);
}

static void test_who_is_told_nothing_to_do_has_been_done(void **state)
{
    (void)state;
    for (int chip = 0; chip < FOUND_KINDS; chip++)
        for (unsigned journal = 0; journal <= JOURNAL_NONE; journal++)
            if (recovery_find((enum otp_found)chip, journal)->action == RECOVER_ALREADY)
                assert_int_equal(journal, DEV_DONE);
}

static void test_every_fault_has_a_name_of_its_own_a_cause_and_an_action(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATION_FAULTS; i++) {
        assert_non_null(station_fault[i].name);
        assert_int_not_equal(station_fault[i].code, ERR_OK);
        assert_non_null(station_fault[i].cause);
        assert_non_null(station_fault[i].action);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(station_fault[i].name, station_fault[k].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_row_says_what_the_document_says),
        cmocka_unit_test(test_every_pair_of_chip_and_journal_has_one_row),
        cmocka_unit_test(test_what_was_quarantined_or_given_up_stays_so_whatever_the_chip_holds),
        cmocka_unit_test(test_a_key_is_drawn_only_for_a_blank_chip_without_an_intent),
        cmocka_unit_test(test_who_is_told_nothing_to_do_has_been_done),
        cmocka_unit_test(test_every_fault_has_a_name_of_its_own_a_cause_and_an_action),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every code of every room: cli/fault.h. */
#include "cli/fault.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_every_code_has_name_cause_and_action(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct fault *f; (f = code_walk(n)) != NULL; n++) {
        assert_non_null(f->name);
        assert_non_null(f->cause);
        assert_non_null(f->action);
        assert_true(strlen(f->cause) > 5);
        assert_true(strlen(f->action) > 5);
        assert_true(f->code < ERR_CODES);
        assert_true((f->code == ERR_OK) == (n < CLI_GOODS));
        assert_ptr_equal(code_find(f->name), f);
    }
    assert_true(n > 40); /* the walk crosses the rooms */
    assert_null(code_find("never-heard-of"));
}

static void test_names_are_unique_and_fit_for_machines(void **state)
{
    (void)state;
    for (size_t i = 0; code_walk(i) != NULL; i++) {
        const char *name = code_walk(i)->name;

        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(name));
        assert_true(isalpha((unsigned char)name[0]) && name[strlen(name) - 1] != '-' && strstr(name, "--") == NULL);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(name, code_walk(j)->name);
    }
}

static void test_texts_have_no_full_stop_and_no_line_end(void **state)
{
    (void)state;
    for (size_t i = 0; code_walk(i) != NULL; i++) {
        const char *text[] = { code_walk(i)->cause, code_walk(i)->action };

        for (int t = 0; t < 2; t++) {
            char last = text[t][strlen(text[t]) - 1];

            assert_true(last != '.' && last != '!');
            assert_null(strchr(text[t], '\n'));
        }
    }
}

/* ---- what becomes of the board ---- */

static void fates_allowed(const struct fault *f)
{
    const enum board_fate fate = fault_fate(f);

    assert_true(fate > FATE_BY_CODE && fate < BOARD_FATES);
    assert_true((fate == FATE_SHIP) <= (f->code == ERR_OK)); /* no failure ships */
    switch (f->code) {
    case ERR_DAMAGED: /* a repeat finds the same part again */
        assert_int_not_equal(fate, FATE_RETRY);
        break;
    case ERR_OK:
    case ERR_NO:
    case ERR_CONFLICT:
        break;
    default: /* our side failed: no board is thrown away for it */
        assert_int_equal(fate, FATE_RETRY);
    }
}

static void test_no_code_contradicts_what_becomes_of_the_board(void **state)
{
    (void)state;
    for (size_t i = 0; code_walk(i) != NULL; i++)
        fates_allowed(code_walk(i));
}

/* The hand follows the text: it must name the bin that the fate names. */
static void test_the_action_names_the_bin(void **state)
{
    (void)state;
    for (size_t i = 0; code_walk(i) != NULL; i++) {
        const struct fault *f = code_walk(i);
        const bool aside = strstr(f->action, "quarantine") != NULL || strstr(f->action, "set the board aside") != NULL;
        const bool out = strstr(f->action, "bench") != NULL || strstr(f->action, "take the board out:") != NULL;

        assert_true(aside == (fault_fate(f) == FATE_SCRAP));
        assert_true(out == (fault_fate(f) == FATE_REWORK));
        assert_null(
            strstr(f->action, "; if it stays so")); /* one action: what three failures mean is said once, in --help */
    }
}

/* A part whose OTP is not as the line wants it can't be mended by doing it again. */
static void test_a_board_with_spoiled_otp_is_never_put_back(void **state)
{
    static const char *const spoiled[] = { "otp-foreign",     "otp-unlike",   "otp-conflict", "otp-unreadable",
                                           "otp-refused",     "otp-readback", "otp-torn",     "board-torn",
                                           "board-exchanged", "board-closed", "serial-void",  "board-quarantined" };

    (void)state;
    for (size_t i = 0; i < sizeof spoiled / sizeof *spoiled; i++) {
        assert_non_null(code_find(spoiled[i]));
        assert_int_equal(fault_fate(code_find(spoiled[i])), FATE_SCRAP);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_name_cause_and_action),
        cmocka_unit_test(test_names_are_unique_and_fit_for_machines),
        cmocka_unit_test(test_texts_have_no_full_stop_and_no_line_end),
        cmocka_unit_test(test_no_code_contradicts_what_becomes_of_the_board),
        cmocka_unit_test(test_the_action_names_the_bin),
        cmocka_unit_test(test_a_board_with_spoiled_otp_is_never_put_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

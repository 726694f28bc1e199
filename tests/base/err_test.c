#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"

static const struct fault fault = { "board-gone", ERR_UNAVAILABLE, "the board is gone", "put it back", FATE_BY_CODE };

static void test_err_set_returns_the_code_of_its_fault(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(err_set(&e, &fault, "probe", "openocd", -4, "slot '%s'", "A"), ERR_UNAVAILABLE);
    assert_ptr_equal(e.fault, &fault);
    assert_string_equal(e.subject, "slot 'A'");
    assert_int_equal(e.native, -4);
}

static void test_control_bytes_never_reach_the_screen(void **state)
{
    struct err e;

    (void)state;
    err_set(&e, &fault, "probe", NULL, 0, "label '%s'", "a\033[2Jb\nc");
    assert_string_equal(e.subject, "label 'a?[2Jb?c'");
    /* C1 controls, as one byte and in UTF-8; what is no UTF-8 at all; letters stay */
    err_set(&e, &fault, "probe", NULL, 0, "%s",
            "\x9b"
            "2J \xc2\x9b"
            "2J \xff\xc3 \xc3\xa4\xe2\x82\xac\xc3");
    assert_string_equal(e.subject, "?2J ??2J ?? \xc3\xa4\xe2\x82\xac?");
}

static void test_a_long_subject_is_cut_and_terminated(void **state)
{
    struct err e;
    char long_name[1000];

    (void)state;
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    err_set(&e, &fault, "probe", NULL, 0, "%s", long_name);
    assert_int_equal(strlen(e.subject), sizeof e.subject - 1);
}

static void test_err_errno_keeps_the_number(void **state)
{
    struct err e;

    (void)state;
    errno = ENOSPC;
    assert_int_equal(err_errno(&e, &fault, "write", "file"), ERR_UNAVAILABLE);
    assert_int_equal(e.native, ENOSPC);
    assert_string_equal(e.source, "errno");
}

static void test_exit_statuses_are_distinct_and_explained(void **state)
{
    (void)state;
    for (int a = 0; a < ERR_CODES; a++) {
        assert_true(strlen(err_code_meaning((enum err_code)a)) > 3);
        for (int b = 0; b < a; b++)
            assert_int_not_equal(err_exit_status((enum err_code)a), err_exit_status((enum err_code)b));
    }
    assert_int_equal(err_exit_status(ERR_CONFLICT), 80);
    assert_int_equal(err_exit_status(ERR_INCOMPLETE), 81);
    assert_int_equal(err_exit_status(ERR_DAMAGED), 82);
}

static void test_a_fault_that_says_nothing_of_the_board_gets_the_fate_of_its_code(void **state)
{
    struct fault f = { "x", ERR_DAMAGED, "x", "x", FATE_BY_CODE };

    (void)state;
    assert_int_equal(fault_fate(&f), FATE_SCRAP);
    f.fate = FATE_REWORK;
    assert_int_equal(fault_fate(&f), FATE_REWORK);
    f.fate = FATE_BY_CODE;
    for (int code = 0; code < ERR_CODES; code++) {
        f.code = (enum err_code)code;
        assert_true(fault_fate(&f) > FATE_BY_CODE && fault_fate(&f) < BOARD_FATES);
        assert_true((fault_fate(&f) == FATE_SHIP) == (code == ERR_OK));
    }
    assert_string_equal(board_fate_name(FATE_SHIP), "ship");
    assert_string_equal(board_fate_name(FATE_RETRY), "retry");
    assert_string_equal(board_fate_name(FATE_REWORK), "rework");
    assert_string_equal(board_fate_name(FATE_SCRAP), "scrap");
}

static void test_the_worst_of_many_boards_wins(void **state)
{
    (void)state;
    assert_int_equal(err_worse(ERR_OK, ERR_RETRY), ERR_RETRY);
    assert_int_equal(err_worse(ERR_RETRY, ERR_IO), ERR_RETRY);
    assert_int_equal(err_worse(ERR_RETRY, ERR_INCOMPLETE), ERR_INCOMPLETE);
    assert_int_equal(err_worse(ERR_CONFLICT, ERR_INCOMPLETE), ERR_CONFLICT);
    assert_int_equal(err_worse(ERR_CONFLICT, ERR_DAMAGED), ERR_DAMAGED);
    assert_int_equal(err_worse(ERR_DAMAGED, ERR_OK), ERR_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_set_returns_the_code_of_its_fault),
        cmocka_unit_test(test_control_bytes_never_reach_the_screen),
        cmocka_unit_test(test_a_long_subject_is_cut_and_terminated),
        cmocka_unit_test(test_err_errno_keeps_the_number),
        cmocka_unit_test(test_exit_statuses_are_distinct_and_explained),
        cmocka_unit_test(test_a_fault_that_says_nothing_of_the_board_gets_the_fate_of_its_code),
        cmocka_unit_test(test_the_worst_of_many_boards_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every fault of every room: cli/fault.h. */
#include "cli/fault.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_every_fault_has_name_cause_and_action(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct fault *f; (f = fault_walk(n)) != NULL; n++) {
        assert_non_null(f->name);
        assert_non_null(f->cause);
        assert_non_null(f->action);
        assert_true(strlen(f->cause) > 5);
        assert_true(strlen(f->action) > 5);
        assert_true(f->code > ERR_OK && f->code < ERR_CODES);
    }
    assert_true(n > 40); /* the walk crosses the rooms */
}

static void test_names_are_unique_and_fit_for_machines(void **state)
{
    (void)state;
    for (size_t i = 0; fault_walk(i) != NULL; i++) {
        const char *name = fault_walk(i)->name;

        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(name));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(name, fault_walk(j)->name);
    }
}

static void test_texts_have_no_full_stop_and_no_line_end(void **state)
{
    (void)state;
    for (size_t i = 0; fault_walk(i) != NULL; i++) {
        const char *text[] = { fault_walk(i)->cause, fault_walk(i)->action };

        for (int t = 0; t < 2; t++) {
            char last = text[t][strlen(text[t]) - 1];

            assert_true(last != '.' && last != '!');
            assert_null(strchr(text[t], '\n'));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_fault_has_name_cause_and_action),
        cmocka_unit_test(test_names_are_unique_and_fit_for_machines),
        cmocka_unit_test(test_texts_have_no_full_stop_and_no_line_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

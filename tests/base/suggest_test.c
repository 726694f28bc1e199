/* Did-you-mean: base/suggest.h. */
#include "base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *nearest(const char *word)
{
    static const char *const known[] = { "chip list", "chip show", "otp read", "otp plan", "otp burn", "doctor" };
    struct suggest s;

    suggest_init(&s, word);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        suggest_offer(&s, known[i]);
    return suggest_best(&s);
}

static void test_distance_counts_each_kind_of_edit_as_one(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("adapter", "adapter"), 0);
    assert_int_equal(suggest_distance("adapter", "adaptr"), 1);
    assert_int_equal(suggest_distance("adapter", "adaptter"), 1);
    assert_int_equal(suggest_distance("adapter", "adopter"), 1);
    assert_int_equal(suggest_distance("adapter", "adpater"), 1);
    assert_int_equal(suggest_distance("kitten", "sitting"), 3);
    assert_int_equal(suggest_distance("", "abc"), 3);
    assert_int_equal(suggest_distance("abc", ""), 3);
    assert_int_equal(suggest_distance("", ""), 0);
}

static void test_distance_is_the_same_both_ways(void **state)
{
    static const char *const word[] = { "", "a", "ab", "ba", "slot", "solt", "console", "timeout_ms" };
    size_t n = sizeof word / sizeof *word;

    (void)state;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            assert_int_equal(suggest_distance(word[i], word[j]), suggest_distance(word[j], word[i]));
}

static void test_a_near_word_is_suggested(void **state)
{
    (void)state;
    assert_string_equal(nearest("dcotor"), "doctor");
    assert_string_equal(nearest("chip lst"), "chip list");
    assert_string_equal(nearest("otp brun"), "otp burn");
}

static void test_the_nearest_wins_over_the_first(void **state)
{
    (void)state;
    assert_string_equal(nearest("chip shwo"), "chip show");
    assert_string_equal(nearest("otp pland"), "otp plan");
}

static void test_a_far_word_gets_no_suggestion(void **state)
{
    (void)state;
    assert_null(nearest("provision"));
    assert_null(nearest("x"));
    assert_null(nearest(""));
}

static void test_words_of_any_length_are_safe(void **state)
{
    char longest[SUGGEST_WORD_MAX + 1], longer[SUGGEST_WORD_MAX + 2];

    (void)state;
    memset(longest, 'a', sizeof longest - 1);
    longest[SUGGEST_WORD_MAX] = '\0';
    memset(longer, 'a', sizeof longer - 1);
    longer[SUGGEST_WORD_MAX + 1] = '\0';
    assert_int_equal(suggest_distance(longest, ""), SUGGEST_WORD_MAX);
    assert_true(suggest_distance(longer, "") == SIZE_MAX);
    assert_true(suggest_distance("", longer) == SIZE_MAX);
    assert_null(nearest(longer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance_counts_each_kind_of_edit_as_one),
        cmocka_unit_test(test_distance_is_the_same_both_ways),
        cmocka_unit_test(test_a_near_word_is_suggested),
        cmocka_unit_test(test_the_nearest_wins_over_the_first),
        cmocka_unit_test(test_a_far_word_gets_no_suggestion),
        cmocka_unit_test(test_words_of_any_length_are_safe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

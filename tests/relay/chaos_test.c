/* Tricks from a seed: relay/chaos.h. */
#include "relay/chaos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N = 1000, ROOM = 2 * N };

static size_t len[N];
static struct passage a[ROOM], b[ROOM];

static int lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++)
        len[i] = 1 + i % 100;
    return 0;
}

static struct chaos tricks(uint64_t seed, double drop, double duplicate, double delay, double reorder, double flip)
{
    return (struct chaos){ { drop, duplicate, delay, reorder, flip }, seed };
}

static bool same(const struct passage *p, const struct passage *q, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i].index != q[i].index || p[i].delay_ms != q[i].delay_ms || p[i].flip != q[i].flip)
            return false;
    return true;
}

static void test_no_tricks_pass_everything_as_it_is(void **state)
{
    struct chaos c = tricks(1, 0, 0, 0, 0, 0);

    (void)state;
    assert_int_equal(chaos_pass(&c, len, N, a, ROOM), N);
    for (size_t i = 0; i < N; i++)
        assert_true(a[i].index == i && a[i].delay_ms == 0 && a[i].flip == 0);
    assert_int_equal(c.state, 1); /* nothing was drawn */
}

static void test_the_same_seed_draws_the_same_another_seed_another(void **state)
{
    struct chaos c = tricks(7, .1, .1, .1, .1, .1), again = c, other = tricks(8, .1, .1, .1, .1, .1);
    size_t n = chaos_pass(&c, len, N, a, ROOM);

    (void)state;
    assert_int_equal(chaos_pass(&again, len, N, b, ROOM), n);
    assert_true(same(a, b, n));
    size_t m = chaos_pass(&other, len, N, b, ROOM);
    assert_false(m == n && same(a, b, n));
    m = chaos_pass(&c, len, N, b, ROOM); /* it goes on, it doesn't begin anew */
    assert_false(m == n && same(a, b, n));
}

static void test_what_always_strikes_always_does(void **state)
{
    struct chaos drop = tricks(1, 1, 1, 1, 1, 1), twice = tricks(1, 0, 1, 0, 0, 0), bad = tricks(1, 0, 0, 1, 0, 1);

    (void)state;
    assert_int_equal(chaos_pass(&drop, len, N, a, ROOM), 0);
    assert_int_equal(chaos_pass(&twice, len, N, a, ROOM), 2 * N);
    for (size_t i = 0; i < 2 * N; i++)
        assert_int_equal(a[i].index, i / 2);
    assert_int_equal(chaos_pass(&bad, len, N, a, ROOM), N);
    for (size_t i = 0; i < N; i++) {
        assert_in_range(a[i].delay_ms, 1, CHAOS_DELAY_MS);
        assert_in_range(a[i].flip, 1, 8 * len[a[i].index]);
    }
}

static void test_probabilities_are_kept_about(void **state)
{
    struct chaos c = tricks(3, .25, 0, 0, 0, .5);
    size_t n = chaos_pass(&c, len, N, a, ROOM), flipped = 0;

    (void)state;
    assert_in_range(n, 650, 850);
    for (size_t i = 0; i < n; i++)
        flipped += a[i].flip > 0;
    assert_in_range(flipped, n / 3, 2 * n / 3);
}

static void test_reordering_loses_and_invents_nothing(void **state)
{
    struct chaos c = tricks(5, 0, 0, 0, .5, 0);
    unsigned seen[N] = { 0 }, moved = 0;

    (void)state;
    assert_int_equal(chaos_pass(&c, len, N, a, ROOM), N);
    for (size_t i = 0; i < N; i++) {
        seen[a[i].index]++;
        moved += a[i].index != i;
    }
    for (size_t i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    assert_in_range(moved, N / 4, N);
}

static void test_no_more_than_there_is_room_for(void **state)
{
    struct chaos c = tricks(1, 0, 1, 0, .5, 0);

    (void)state;
    assert_int_equal(chaos_pass(&c, len, N, a, 7), 7);
    assert_int_equal(chaos_pass(&c, len, 0, a, 7), 0);
}

static void test_a_flip_is_one_bit(void **state)
{
    uint8_t bytes[4] = { 0 };

    (void)state;
    chaos_flip(bytes, 0);
    assert_memory_equal(bytes, "\0\0\0\0", 4);
    for (size_t bit = 1; bit <= 32; bit++) {
        unsigned n = 0;

        chaos_flip(bytes, bit);
        for (size_t i = 0; i < 4; i++)
            n += (unsigned)__builtin_popcount(bytes[i]);
        assert_int_equal(n, 1);
        chaos_flip(bytes, bit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_tricks_pass_everything_as_it_is),
        cmocka_unit_test(test_the_same_seed_draws_the_same_another_seed_another),
        cmocka_unit_test(test_what_always_strikes_always_does),
        cmocka_unit_test(test_probabilities_are_kept_about),
        cmocka_unit_test(test_reordering_loses_and_invents_nothing),
        cmocka_unit_test(test_no_more_than_there_is_room_for),
        cmocka_unit_test(test_a_flip_is_one_bit),
    };

    return cmocka_run_group_tests(tests, lengths, NULL);
}

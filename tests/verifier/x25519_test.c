/* Suite 2: fleets whose key in the token is X25519.  Otherwise nothing differs: tests/verifier/schemes_test.c. */
#include "tests/verifier/site.h"

/* SoftHSM2 forgets a string of OpenSSL's at each use of an X25519 key.  Its frames are seen by the slow unwinder only. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libsofthsm2.so";
}
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

static const struct kind kinds[] = {
    { &device_fleet, POLICY_TAG16, 0 },
    { &device_identity, POLICY_TAG16 | POLICY_SIGN_ALL, 0 },
    { &device_session, 0, 1 },
    { &device_signup, POLICY_TAG16, 0 },
};

static void test_what_a_device_sends_opens_once_and_its_session_is_made_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct board b;
        struct sent first, second, third;
        if (i > 0) {
            (void)site_down(NULL);
            (void)site_up(NULL);
        }
        site.x25519 = true;
        one_board(&b, &kinds[i]);
        assert_int_equal(b.product.suite, SUITE_X25519_CCM);
        opens(&b, "hello", &first);
        sends(&b, 1, "again", &second);
        sends(&b, 2, "cold", &third);
        offer(&first);
        expect(&b, FRAME_OPENED, "hello");
        offer(&second);
        expect(&b, FRAME_OPENED, "again");
        offer(&first);
        expect(&b, FRAME_IS_DUPLICATE, "hello");
        restart();
        offer(&third);
        expect(&b, FRAME_OPENED, "cold");
        assert_int_equal(frames_stored(), 3);
        first.frame[first.len - 1] ^= 1;
        offer(&first);
        assert_int_equal(out.status, FRAME_REFUSED);
        assert_int_equal(frames_stored(), 3);
    }
}

/* A fleet of each suite, both in epoch 1: whose frame it is, the keys tell. */
static void test_a_frame_is_looked_for_in_fleets_of_both_suites(void **state)
{
    struct board two, one;
    struct sent a, b;

    (void)state;
    site.x25519 = true;
    one_board(&two, &kinds[1]);
    site.x25519 = false;
    const struct product p = add_product(&kinds[1], "suite-1");
    const struct fleet_key k = add_fleet_key(&p);
    make_board(&one, &kinds[1], &p, &k);
    opens(&two, "two", &a);
    opens(&one, "one", &b);
    offer(&a);
    expect(&two, FRAME_OPENED, "two");
    offer(&b);
    expect(&one, FRAME_OPENED, "one");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_a_device_sends_opens_once_and_its_session_is_made_again, site_up,
                                        site_down),
        cmocka_unit_test_setup_teardown(test_a_frame_is_looked_for_in_fleets_of_both_suites, site_up, site_down),
    };
    return cmocka_run_group_tests(tests, site_group_up, site_group_down);
}

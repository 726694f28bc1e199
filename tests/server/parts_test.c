/* The parts of the receiver that need no engine: body, routes, token buckets, metrics. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/bytes.h"
#include "protocol/frame.h"
#include "server/body.h"
#include "server/down.h"
#include "server/engine.h"
#include "server/metrics.h"
#include "server/rate.h"
#include "server/route.h"

static struct body body;
static uint8_t bytes[BODY_MAX + 1];

/* ---- body ---- */

static size_t put_frame(size_t at, uint16_t len)
{
    put16(bytes + at, len);
    memset(bytes + at + 2, 0x20, len);
    return at + 2 + len;
}

static void test_frames_lie_in_the_body_in_order(void **state)
{
    size_t len = put_frame(put_frame(put_frame(0, 1), FRAME_MAX), 28);

    (void)state;
    assert_true(body_parse(bytes, len, &body));
    assert_int_equal(body.n, 3);
    assert_ptr_equal(body.frame[0].at, bytes + 2);
    assert_int_equal(body.frame[0].len, 1);
    assert_int_equal(body.frame[1].len, FRAME_MAX);
    assert_ptr_equal(body.frame[2].at, bytes + len - 28);
    assert_int_equal(body.frame[2].len, 28);
}

static void test_an_empty_body_is_no_frames(void **state)
{
    (void)state;
    assert_true(body_parse(bytes, 0, &body));
    assert_int_equal(body.n, 0);
}

static void test_a_body_cut_anywhere_but_between_frames_is_bad(void **state)
{
    size_t len = put_frame(put_frame(0, 5), 7);

    (void)state;
    for (size_t n = 1; n < len; n++)
        assert_true(body_parse(bytes, n, &body) == (n == 7));
}

static void test_lengths_of_0_and_over_a_frame_are_bad(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof bytes);
    assert_false(body_parse(bytes, 2, &body));
    assert_true(body_parse(bytes, put_frame(0, FRAME_MAX), &body));
    assert_false(body_parse(bytes, put_frame(0, FRAME_MAX + 1), &body));
}

static void test_256_frames_fit_and_257_do_not(void **state)
{
    size_t len = 0;

    (void)state;
    for (int i = 0; i < BODY_FRAMES_MAX; i++)
        len = put_frame(len, 3);
    assert_true(body_parse(bytes, len, &body));
    assert_int_equal(body.n, BODY_FRAMES_MAX);
    assert_false(body_parse(bytes, put_frame(len, 3), &body));
}

static void test_64_kib_fit_and_a_byte_more_does_not(void **state)
{
    size_t len = 0;

    (void)state;
    while (BODY_MAX - len >= 2 * (FRAME_MAX + 2))
        len = put_frame(len, FRAME_MAX);
    len = put_frame(len, FRAME_MAX);
    len = put_frame(len, (uint16_t)(BODY_MAX - len - 2));
    assert_int_equal(len, BODY_MAX);
    assert_true(body_parse(bytes, len, &body));
    assert_false(body_parse(bytes, len + 1, &body));
}

static void test_the_list_of_down_frames_ends_where_it_is_full(void **state)
{
    static struct down_list list;
    static const uint8_t frame[FRAME_MAX] = { 0x69 };
    unsigned n = 0;

    (void)state;
    assert_false(down_add(&list, frame, 0));
    assert_false(down_add(&list, frame, FRAME_MAX + 1));
    while (down_add(&list, frame, 500))
        n++;
    assert_int_equal(n, DOWN_BYTES_MAX / 502);
    assert_int_equal(list.n, n);
    assert_int_equal(list.len, n * 502);
    assert_true(body_parse(list.bytes, list.len, &body)); /* the same form as on the way up */
    assert_int_equal(body.n, n);
}

/* ---- routes ---- */

static void test_each_path_has_its_methods(void **state)
{
    static const struct {
        const char *method, *path;
        unsigned status;
        long fleet;
    } rows[] = {
        { "POST", "/v1/frames", 0, NO_FLEET },
        { "POST", "/v1/frames/0", 0, 0 },
        { "POST", "/v1/frames/65535", 0, 65535 },
        { "POST", "/v1/frames/65536", 404, 0 },
        { "POST", "/v1/frames/", 404, 0 },
        { "POST", "/v1/frames/01", 404, 0 },
        { "POST", "/v1/frames/-1", 404, 0 },
        { "POST", "/v1/frames/1/", 404, 0 },
        { "POST", "/v1/frames/1a", 404, 0 },
        { "POST", "/v1/framesx", 404, 0 },
        { "POST", "/v1/frames/99999999999", 404, 0 },
        { "GET", "/v1/frames", 405, NO_FLEET },
        { "PUT", "/v1/frames/7", 405, 7 },
        { "post", "/v1/frames", 405, NO_FLEET },
        { "GET", "/healthz", 0, NO_FLEET },
        { "HEAD", "/healthz", 0, NO_FLEET },
        { "POST", "/healthz", 405, NO_FLEET },
        { "GET", "/metrics", 0, NO_FLEET },
        { "DELETE", "/metrics", 405, NO_FLEET },
        { "GET", "/", 404, 0 },
        { "GET", "", 404, 0 },
        { "GET", "/HEALTHZ", 404, 0 },
    };
    struct route_match m;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (route_find(rows[i].method, rows[i].path, &m) != rows[i].status)
            fail_msg("%s %s: not %u", rows[i].method, rows[i].path, rows[i].status);
        assert_true((m.allow == NULL) == (rows[i].status == 404));
        if (rows[i].status != 404)
            assert_int_equal(m.fleet, rows[i].fleet);
    }
}

/* ---- token buckets ---- */

#define S UINT64_C(1000000000)

static struct rate *rate_of(unsigned second)
{
    static struct rate r;

    memset(&r, 0, sizeof r);
    r.seed = 42;
    r.second = second;
    return &r;
}

static const struct sockaddr *v4(const char *text)
{
    static struct sockaddr_in a;

    a = (struct sockaddr_in){ .sin_family = AF_INET };
    assert_int_equal(inet_pton(AF_INET, text, &a.sin_addr), 1);
    return (const struct sockaddr *)&a;
}

static const struct sockaddr *v6(const char *text)
{
    static struct sockaddr_in6 a;

    a = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
    assert_int_equal(inet_pton(AF_INET6, text, &a.sin6_addr), 1);
    return (const struct sockaddr *)&a;
}

static unsigned taken(struct rate *r, const struct sockaddr *a, uint64_t now, unsigned tries)
{
    unsigned n = 0;

    for (unsigned i = 0; i < tries; i++)
        n += rate_take(r, a, 1, now);
    return n;
}

static void test_a_bucket_gives_its_burst_and_then_what_flows_in(void **state)
{
    struct rate *r = rate_of(10);

    (void)state;
    assert_int_equal(taken(r, v4("192.0.2.1"), 100 * S, 100), 20);
    assert_int_equal(taken(r, v4("192.0.2.1"), 101 * S, 100), 10);
    assert_int_equal(taken(r, v4("192.0.2.1"), 500 * S, 100), 20); /* never more than full */
}

static void test_addresses_have_buckets_of_their_own_and_ipv6_one_per_64(void **state)
{
    struct rate *r = rate_of(1);

    (void)state;
    assert_int_equal(taken(r, v4("192.0.2.1"), S, 9), 2);
    assert_int_equal(taken(r, v4("192.0.2.2"), S, 9), 2);
    assert_int_equal(taken(r, v6("::ffff:192.0.2.2"), S, 9), 0);
    assert_int_equal(taken(r, v6("2001:db8::1"), S, 9), 2);
    assert_int_equal(taken(r, v6("2001:db8::2:1"), S, 9), 0);
    assert_int_equal(taken(r, v6("2001:db8:0:1::1"), S, 9), 2);
}

static void test_a_debt_is_paid_before_anything_is_given(void **state)
{
    struct rate *r = rate_of(10);

    (void)state;
    rate_charge(r, v4("192.0.2.1"), 50, S);
    assert_int_equal(taken(r, v4("192.0.2.1"), S, 9), 0);
    assert_int_equal(taken(r, v4("192.0.2.1"), 4 * S, 9), 0);
    assert_int_equal(taken(r, v4("192.0.2.1"), 5 * S, 9), 9);
}

static void test_no_limit_is_none(void **state)
{
    struct rate *r = rate_of(0);

    (void)state;
    rate_charge(r, v4("192.0.2.1"), 1000, S);
    assert_int_equal(taken(r, v4("192.0.2.1"), S, 5000), 5000);
}

static void test_a_flood_of_addresses_neither_blocks_a_new_one_nor_ends(void **state)
{
    struct rate *r = rate_of(1);
    char text[32];

    (void)state;
    for (unsigned i = 0; i < 3 * RATE_PLACES; i++) {
        (void)snprintf(text, sizeof text, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        assert_true(rate_take(r, v4(text), 1, S));
    }
}

/* ---- metrics ---- */

static char *printed(const struct metrics *const *block, size_t n)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    metrics_print(out, block, n, 2, 1);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void expect_line(const char *text, const char *line)
{
    const char *at = strstr(text, line);

    if (at == NULL || (at != text && at[-1] != '\n') || at[strlen(line)] != '\n')
        fail_msg("no line '%s' in\n%s", line, text);
    assert_null(strstr(at + 1, line)); /* once */
}

static void test_the_blocks_of_all_workers_are_added_up(void **state)
{
    static struct metrics a, b;
    const struct metrics *const block[] = { &a, &b };

    (void)state;
    metrics_add(&a.opened, 3);
    metrics_add(&b.opened, 4);
    metrics_reason(&a, "sealed-auth");
    metrics_reason(&b, "no-session");
    metrics_reason(&b, "sealed-auth");
    metrics_reason(&b, "sealed-auth");
    metrics_request(&a, 200, 2000000);
    metrics_request(&b, 200, 260000000);
    metrics_request(&b, 418, 1);
    char *text = printed(block, 2);
    expect_line(text, "fuseline_frames_total{result=\"opened\"} 7");
    expect_line(text, "fuseline_frames_refused_total{reason=\"sealed-auth\"} 3");
    expect_line(text, "fuseline_frames_refused_total{reason=\"no-session\"} 1");
    expect_line(text, "fuseline_alarms_total 3");
    expect_line(text, "fuseline_requests_total{status=\"200\"} 2");
    expect_line(text, "fuseline_requests_total{status=\"other\"} 1");
    expect_line(text, "fuseline_request_seconds_bucket{le=\"0.001\"} 1");
    expect_line(text, "fuseline_request_seconds_bucket{le=\"0.005\"} 2");
    expect_line(text, "fuseline_request_seconds_bucket{le=\"0.5\"} 3");
    expect_line(text, "fuseline_request_seconds_count 3");
    expect_line(text, "fuseline_workers 2");
    expect_line(text, "fuseline_worker_restarts_total 1");
    free(text);
}

static void test_more_reasons_than_places_are_still_counted(void **state)
{
    static struct metrics m;
    char name[16];

    (void)state;
    for (unsigned i = 0; i < METRICS_REASONS + 5; i++) {
        (void)snprintf(name, sizeof name, "reason-%u", i);
        metrics_reason(&m, name);
    }
    assert_int_equal(m.reasons, METRICS_REASONS);
    assert_int_equal(m.reason[METRICS_REASONS - 1].n, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_lie_in_the_body_in_order),
        cmocka_unit_test(test_an_empty_body_is_no_frames),
        cmocka_unit_test(test_a_body_cut_anywhere_but_between_frames_is_bad),
        cmocka_unit_test(test_lengths_of_0_and_over_a_frame_are_bad),
        cmocka_unit_test(test_256_frames_fit_and_257_do_not),
        cmocka_unit_test(test_64_kib_fit_and_a_byte_more_does_not),
        cmocka_unit_test(test_the_list_of_down_frames_ends_where_it_is_full),
        cmocka_unit_test(test_each_path_has_its_methods),
        cmocka_unit_test(test_a_bucket_gives_its_burst_and_then_what_flows_in),
        cmocka_unit_test(test_addresses_have_buckets_of_their_own_and_ipv6_one_per_64),
        cmocka_unit_test(test_a_debt_is_paid_before_anything_is_given),
        cmocka_unit_test(test_no_limit_is_none),
        cmocka_unit_test(test_a_flood_of_addresses_neither_blocks_a_new_one_nor_ends),
        cmocka_unit_test(test_the_blocks_of_all_workers_are_added_up),
        cmocka_unit_test(test_more_reasons_than_places_are_still_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

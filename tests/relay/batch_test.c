/* One POST and its answer: relay/batch.h. */
#include "relay/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relay/digest.h"

enum { N = 3, RECEIPTS = N * RECEIPT_LEN, MAX = RECEIPTS + 2000 };

static struct batch batch;
static uint8_t answer[MAX];
static size_t len;

static void append(const void *bytes, size_t n)
{
    memcpy(answer + len, bytes, n);
    len += n;
}

/* Three frames of 20, 21 and 22 bytes, and the answer 01 00 01 with two frames for devices. */
static int exchange(void **state)
{
    (void)state;
    batch_init(&batch);
    len = 0;
    for (uint8_t i = 0; i < N; i++) {
        uint8_t frame[32], digest[DIGEST_LEN], status = i != 1;

        memset(frame, 0x49 + i, sizeof frame);
        assert_true(batch_add(&batch, 10u + i, i != 2, frame, 20u + i));
        digest_of(frame, 20u + i, digest);
        append(&status, 1);
        append(digest, RECEIPT_DIGEST);
    }
    append("\0\3\x69xy\0\1\x80", 8);
    return 0;
}

static void test_a_body_is_the_frames_behind_their_lengths(void **state)
{
    (void)state;
    assert_int_equal(batch.n, 3);
    assert_int_equal(batch.len, 3 * 2 + 20 + 21 + 22);
    assert_memory_equal(batch.body, "\0\x14\x49\x49", 4);
    assert_memory_equal(batch.body + 22, "\0\x15\x4a\x4a", 4);
    assert_int_equal(batch.item[2].order, 12);
    assert_false(batch.item[2].whole);
}

static void test_a_batch_ends_at_256_frames_and_at_64_KiB(void **state)
{
    uint8_t frame[FRAME_MAX] = { 0x20 };
    unsigned n = 0;

    (void)state;
    batch_init(&batch);
    while (batch_add(&batch, n, true, frame, 2))
        n++;
    assert_int_equal(n, BATCH_FRAMES);
    batch_init(&batch);
    for (n = 0; batch_add(&batch, n, true, frame, sizeof frame);)
        n++;
    assert_int_equal(n, 63);
    assert_true(batch_add(&batch, n, true, frame, BATCH_BYTES - 63 * (2 + FRAME_MAX) - 2)); /* to the last byte */
    assert_int_equal(batch.len, BATCH_BYTES);
    assert_false(batch_add(&batch, n, true, frame, 1));
}

static void test_an_answer_gives_each_frame_its_receipt_and_devices_theirs(void **state)
{
    struct reply r;
    const uint8_t *frame;
    size_t n;

    (void)state;
    assert_int_equal(reply_parse(&batch, answer, len, &r), REPLY_OK);
    assert_true(r.accepted[0] && !r.accepted[1] && r.accepted[2]);
    assert_true(reply_down(&r, &frame, &n));
    assert_int_equal(n, 3);
    assert_memory_equal(frame, "\x69xy", 3);
    assert_true(reply_down(&r, &frame, &n));
    assert_int_equal(n, 1);
    assert_false(reply_down(&r, &frame, &n));
}

static void test_an_answer_cut_anywhere_is_refused_but_behind_a_whole_part(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        struct reply r = { .down = answer };
        uint8_t *exact = malloc(cut + 1); /* the sanitizer sees a look behind it */
        bool whole = cut == RECEIPTS || cut == RECEIPTS + 5;

        assert_non_null(exact);
        memcpy(exact, answer, cut);
        assert_int_equal(reply_parse(&batch, exact, cut, &r) == REPLY_OK, whole);
        assert_true(whole || r.down == answer); /* untouched */
        free(exact);
    }
}

static void test_every_bit_of_the_receipts_counts(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 8 * RECEIPTS; bit++) {
        struct reply r;
        const bool status = bit / 8 % RECEIPT_LEN == 0 && bit % 8 == 0; /* 00 is another good answer than 01 */

        answer[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(reply_parse(&batch, answer, len, &r) == REPLY_OK, status);
        answer[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void test_receipts_in_another_order_are_refused(void **state)
{
    uint8_t kept[RECEIPT_LEN];
    struct reply r;

    (void)state;
    memcpy(kept, answer, RECEIPT_LEN);
    memcpy(answer, answer + 2 * RECEIPT_LEN, RECEIPT_LEN);
    memcpy(answer + 2 * RECEIPT_LEN, kept, RECEIPT_LEN);
    assert_int_equal(reply_parse(&batch, answer, len, &r), REPLY_DIGEST);
}

static void test_a_frame_for_a_device_has_1_to_1024_bytes(void **state)
{
    struct reply r;

    (void)state;
    for (size_t n = 0; n <= FRAME_MAX + 1; n++) {
        answer[RECEIPTS] = (uint8_t)(n >> 8);
        answer[RECEIPTS + 1] = (uint8_t)n;
        assert_int_equal(reply_parse(&batch, answer, RECEIPTS + 2 + n, &r) == REPLY_OK, n > 0 && n <= FRAME_MAX);
    }
}

static void test_only_five_headers_are_for_devices_and_only_two_types_for_servers(void **state)
{
    unsigned down = 0, up = 0;

    (void)state;
    for (unsigned h = 0; h < 256; h++) {
        uint8_t frame[2] = { (uint8_t)h };

        down += is_down(frame, 2);
        up += is_up(frame, 2);
        assert_false(is_up(frame, 2) && is_down(frame, 2));
        assert_true(h >= 0x20 || (!is_up(frame, 2) && !is_down(frame, 2))); /* local records */
    }
    assert_int_equal(down, 5);
    assert_int_equal(up, 64);
    assert_false(is_up((const uint8_t *)"", 0));
    assert_false(is_down((const uint8_t *)"", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_body_is_the_frames_behind_their_lengths, exchange),
        cmocka_unit_test(test_a_batch_ends_at_256_frames_and_at_64_KiB),
        cmocka_unit_test_setup(test_an_answer_gives_each_frame_its_receipt_and_devices_theirs, exchange),
        cmocka_unit_test_setup(test_an_answer_cut_anywhere_is_refused_but_behind_a_whole_part, exchange),
        cmocka_unit_test_setup(test_every_bit_of_the_receipts_counts, exchange),
        cmocka_unit_test_setup(test_receipts_in_another_order_are_refused, exchange),
        cmocka_unit_test_setup(test_a_frame_for_a_device_has_1_to_1024_bytes, exchange),
        cmocka_unit_test(test_only_five_headers_are_for_devices_and_only_two_types_for_servers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

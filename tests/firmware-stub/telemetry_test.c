/* What a good device sends: OPEN first, then DATA, and the server opens each; on both chips, in each form. */
#include "tests/firmware-stub/dut.h"

#include "relay/line.h"

static void sends_open_then_data(const char *chip, bool psk, bool compact)
{
    struct dut d;
    struct peer_session s;
    uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX];
    size_t len;
    dut_open(&d, chip, "sealed-fast", psk, compact);
    dut_start(&d);
    size_t n = dut_expect_open(&d, frame, &s);
    assert_int_equal(n, compact ? 61 : 73);
    assert_int_equal(dut_boot(&d), 1);
    assert_false(dut_cell_blank(&d, CELL_NVM_INITIALISED));
    for (uint32_t i = 1; i <= 12; i++) {
        n = dut_receive(&d, frame, sizeof frame, DUT_WAIT_MS);
        assert_int_equal(n, 28);
        assert_true(rig_receive_data(&d.rig, &s.keys, frame, n, data, &len));
        assert_int_equal(frame[3], i);
        assert_int_equal(get32(data), i + 1); /* samples go on */
    }
    assert_int_equal(dut_boot(&d), 1); /* one number a session */
    dut_close(&d);
}

static void test_base_device_sends_open_then_data_on_both_chips(void **state)
{
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++)
        sends_open_then_data(dut_chips[i], false, true);
}

static void test_psk_device_sends_open_then_data_on_both_chips(void **state)
{
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++)
        sends_open_then_data(dut_chips[i], true, false);
}

/* As a phone reads the wire across a power loss in mid-frame: the rest of that frame must not take the next OPEN along. */
static void power_goes_in_a_frame(const char *chip)
{
    enum { CUT = 20, OPEN = 61, ENOUGH = CUT + 200 };
    struct dut d;
    struct line l;
    struct peer_session s;
    uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX];
    size_t len, n = 0, used = 0, at = 0;
    enum line_kind kind = LINE_MORE;
    dut_open(&d, chip, "sealed-fast", false, true);
    dut_start(&d);
    while (d.line_len < CUT) {
        board_run(d.board, 50);
        d.line_len += usart_take(periph_usart(board_periph(d.board)), d.line + d.line_len, sizeof d.line - d.line_len);
    }
    assert_null(memchr(d.line + 1, 0, d.line_len - 1)); /* within the first frame */
    board_power(d.board, false);
    board_power(d.board, true);
    while (d.line_len < ENOUGH)
        dut_turn(&d);
    line_init(&l, LINE_COBS, false);
    for (; at < d.line_len && (kind != LINE_FRAME || n < OPEN); at += used) /* cut at a zero byte, a piece decodes too */
        kind = line_feed(&l, d.line + at, d.line_len - at, &used, frame, &n);
    assert_int_equal(kind, LINE_FRAME);
    assert_true(rig_receive_open(&d.rig, frame, n, &s, data, &len));
    dut_close(&d);
}

static void test_power_lost_in_a_frame_costs_that_frame_alone(void **state)
{
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++)
        power_goes_in_a_frame(dut_chips[i]);
}

/* The time in the next sample, by the device's own clock: this machine's halts are not in it. */
static uint32_t next_sample_ms(struct dut *d, struct peer_session *s)
{
    uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX];
    size_t len, n = dut_receive(d, frame, sizeof frame, DUT_WAIT_MS);
    assert_int_equal(n, 28);
    assert_true(rig_receive_data(&d->rig, &s->keys, frame, n, data, &len));
    return get32(data + 4);
}

/* The interval of the product's own build is a second: by its clock always, by ours unless we were halted each time. */
static void test_product_build_sends_once_a_second(void **state)
{
    struct dut d;
    struct peer_session s;
    uint8_t frame[FRAME_MAX];
    bool by_ours = false;
    (void)state;
    dut_open(&d, "stm32l476", "sealed", false, true);
    dut_start(&d);
    (void)dut_expect_open(&d, frame, &s);
    uint32_t last = next_sample_ms(&d, &s);
    for (int i = 0; i < 5 && !by_ours; i++) {
        uint64_t before = clock_mono_ns();
        uint32_t next = next_sample_ms(&d, &s);
        uint64_t ms = (clock_mono_ns() - before) / 1000000;
        assert_in_range(next - last, 1000, 1100);
        by_ours = ms >= 300 && ms <= 3000;
        last = next;
    }
    assert_true(by_ours);
    dut_close(&d);
}

static void test_when_ctr_is_used_up_a_new_open_follows(void **state)
{
    struct dut d;
    struct peer_session s;
    uint8_t frame[FRAME_MAX], data[FRAME_DATA_MAX], first[FRAME_MAX];
    size_t len, n;
    (void)state;
    dut_open(&d, "stm32l476", "sealed-fast", false, true);
    dut_start(&d);
    (void)dut_expect_open(&d, first, &s);
    for (unsigned i = 1; i <= 255; i++) {
        n = dut_receive(&d, frame, sizeof frame, DUT_WAIT_MS);
        assert_true(rig_receive_data(&d.rig, &s.keys, frame, n, data, &len));
        assert_int_equal(frame[3], i);
    }
    (void)dut_expect_open(&d, frame, &s);
    assert_memory_not_equal(frame, first, 61);
    assert_int_equal(dut_boot(&d), 2);
    dut_close(&d);
}

static void test_one_way_device_repeats_its_open_after_data_8(void **state)
{
    struct dut d;
    struct peer_session s;
    uint8_t frame[FRAME_MAX], first[FRAME_MAX];
    (void)state;
    dut_open(&d, "stm32f407", "sealed-fast", false, true);
    struct otp_image in = rig_fields(&d.rig, false, true);
    in.policy |= POLICY_ONE_WAY;
    assert_int_equal(otp_image_encode(&d.rig.c, &in, d.rig.image), OTP_OK);
    assert_true(silicon_plant(dut_silicon(&d), d.desc->otp.base, d.rig.image, OTP_IMAGE_LEN));
    dut_start(&d);
    size_t n = dut_expect_open(&d, first, &s);
    for (unsigned i = 1; i <= 8; i++)
        assert_int_equal(dut_receive(&d, frame, sizeof frame, DUT_WAIT_MS), 28);
    assert_int_equal(dut_receive(&d, frame, sizeof frame, DUT_WAIT_MS), n);
    assert_memory_equal(frame, first, n);
    assert_int_equal(dut_receive(&d, frame, sizeof frame, DUT_WAIT_MS), 28); /* DATA 9 */
    assert_int_equal(frame[3], 9);
    dut_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_device_sends_open_then_data_on_both_chips),
        cmocka_unit_test(test_psk_device_sends_open_then_data_on_both_chips),
        cmocka_unit_test(test_power_lost_in_a_frame_costs_that_frame_alone),
        cmocka_unit_test(test_product_build_sends_once_a_second),
        cmocka_unit_test(test_when_ctr_is_used_up_a_new_open_follows),
        cmocka_unit_test(test_one_way_device_repeats_its_open_after_data_8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

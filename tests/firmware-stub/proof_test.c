/* The proof: through the mailbox before the lock, over the console after it; once a start, under a boot number of its own.
 */
#include "tests/firmware-stub/dut.h"

static const uint8_t challenge[CHALLENGE_LEN] = "TEST challenge of thirty-two by";

/* Would the station accept this frame over that challenge and this image? */
static bool proves(struct dut *d, const uint8_t *frame, size_t len, const uint8_t *over)
{
    struct peer_session s;
    struct frame f;
    uint8_t digest[SHA256_LEN];
    return frame_parse(frame, len, &f) == FRAME_OK && rig_session(&d->rig, &f, &s) == SEALED_OK &&
           otp_image_digest(&d->rig.c, d->rig.image, digest) && rig_read_proof(&d->rig, &s, &f, over, digest) == SEALED_OK;
}

static void mailbox_proof(const char *chip, bool psk, bool before)
{
    struct dut d;
    uint8_t record[FRAME_MAX], other[CHALLENGE_LEN] = { 0 };
    struct peer_session s;
    dut_open(&d, chip, "sealed-fast", psk, true);
    dut_start(&d);
    if (before) { /* the request waits in RAM while the part is reset */
        dut_ask(&d, MAILBOX_PROOF, challenge, sizeof challenge);
        board_reset(d.board);
    } else {
        (void)dut_expect_open(&d, record, &s);
        dut_ask(&d, MAILBOX_PROOF, challenge, sizeof challenge);
    }
    struct mailbox_view v = dut_answer(&d);
    assert_int_equal(v.state, MAILBOX_ANSWER);
    assert_true(proves(&d, v.data, v.len, challenge));
    assert_false(proves(&d, v.data, v.len, other));
    assert_false(rig_receive_open(&d.rig, v.data, v.len, &s, record, &(size_t){ 0 })); /* never telemetry */
    assert_int_equal(dut_boot(&d), before ? 1 : 2);
    while (dut_receive(&d, record, sizeof record, 1) > 0) /* what was on its way */
        ;
    assert_int_equal(dut_receive(&d, record, sizeof record, DUT_SILENCE_MS), 0); /* silent until a reset */
    uint32_t boot = dut_boot(&d);

    dut_ask(&d, MAILBOX_PROOF, challenge, sizeof challenge);
    v = dut_answer(&d);
    assert_int_equal(v.state, MAILBOX_ERROR);
    assert_int_equal(v.data[0], DEVICE_REQUEST); /* one per start */
    assert_int_equal(dut_boot(&d), boot);

    memset(dut_ram(&d, d.mailbox, MAILBOX_LEN), 0, MAILBOX_LEN); /* as the station wipes it */
    board_reset(d.board);
    (void)dut_expect_open(&d, record, &s);
    assert_int_equal(dut_boot(&d), boot + 1);
    dut_close(&d);
}

static void test_request_before_the_start_is_proved_and_nothing_else_is_sent(void **state)
{
    (void)state;
    mailbox_proof("stm32l476", false, true);
    mailbox_proof("stm32f407", true, true);
}

static void test_request_to_a_running_device_is_proved_and_telemetry_stops(void **state)
{
    (void)state;
    mailbox_proof("stm32l476", true, false);
    mailbox_proof("stm32f407", false, false);
}

static void test_console_challenge_is_proved_once_and_telemetry_goes_on(void **state)
{
    struct dut d;
    struct peer_session s;
    struct local l;
    uint8_t record[FRAME_MAX], out[FRAME_DATA_MAX];
    (void)state;
    for (int i = 0; i < DUT_CHIPS; i++) {
        dut_open(&d, dut_chips[i], "sealed-fast", false, true);
        dut_start(&d);
        (void)dut_expect_open(&d, record, &s);
        size_t n, data = 0, proofs = 0, refused = 0;
        for (int k = 0; k < 2; k++) {
            dut_send(&d, out, local_challenge(challenge, out, sizeof out));
            while (proofs + refused < (size_t)k + 1 && (n = dut_receive(&d, record, sizeof record, DUT_WAIT_MS)) > 0) {
                if (!local_is(record, n)) {
                    data++;
                    continue;
                }
                assert_true(local_parse(record, n, &l));
                if (l.type == LOCAL_PROOF && l.rdp == 0 && proves(&d, l.body, l.len, challenge))
                    proofs++;
                else if (l.type == LOCAL_ERROR && l.code == DEVICE_REQUEST)
                    refused++;
                else
                    fail_msg("an odd record");
            }
        }
        assert_int_equal(proofs, 1);
        assert_int_equal(refused, 1);
        assert_int_equal(dut_boot(&d), 2);
        assert_int_equal(dut_receive(&d, record, sizeof record, DUT_WAIT_MS), 28); /* DATA of the same session */
        assert_true(rig_receive_data(&d.rig, &s.keys, record, 28, out, &n));
        dut_close(&d);
    }
}

static void test_malformed_requests_are_refused_and_cost_no_boot_number(void **state)
{
    struct dut d;
    struct local l;
    uint8_t record[FRAME_MAX], junk[40] = { LOCAL_CHALLENGE };
    static const struct {
        uint32_t cmd;
        size_t len;
    } bad[] = { { MAILBOX_PROOF, 31 }, { MAILBOX_PROOF, 33 }, { MAILBOX_PROOF, 0 }, { MAILBOX_MAKE_KEY, 176 }, { 99, 32 } };
    static const uint8_t data[176];
    (void)state;
    dut_open(&d, "stm32l476", "sealed-fast", false, true);
    dut_start(&d);
    dut_ask(&d, (enum mailbox_cmd)bad[0].cmd, data, bad[0].len); /* before the start: no telemetry either */
    board_reset(d.board);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        dut_ask(&d, (enum mailbox_cmd)bad[i].cmd, data, bad[i].len);
        struct mailbox_view v = dut_answer(&d);
        assert_int_equal(v.state, MAILBOX_ERROR);
        assert_int_equal(v.data[0], DEVICE_REQUEST);
        assert_memory_equal(v.data + 1, "request", 7);
    }
    uint8_t *len = dut_ram(&d, d.mailbox + MAILBOX_OFF_LEN, 4);
    dut_ask(&d, MAILBOX_PROOF, data, 32);
    memset(len, 0xFF, 4);
    assert_int_equal(dut_answer(&d).state, MAILBOX_ERROR);
    static const uint8_t lens[] = { 1, 2, 32, 34, 40 };
    for (size_t i = 0; i < sizeof lens; i++) {
        dut_send(&d, junk, lens[i]);
        size_t n = dut_receive(&d, record, sizeof record, DUT_WAIT_MS);
        assert_true(local_parse(record, n, &l) && l.type == LOCAL_ERROR && l.code == DEVICE_REQUEST);
    }
    uint8_t flood[120];
    memset(flood, 0x55, sizeof flood);
    dut_send(&d, flood, sizeof flood); /* too long: skipped in silence */
    assert_int_equal(dut_receive(&d, record, sizeof record, DUT_SILENCE_MS), 0);
    assert_int_equal(dut_boot(&d), 0);
    dut_send(&d, junk, 33); /* all that has broken nothing: a good one is served */
    size_t n = dut_receive(&d, record, sizeof record, DUT_WAIT_MS);
    assert_true(local_parse(record, n, &l) && l.type == LOCAL_PROOF);
    assert_true(proves(&d, l.body, l.len, junk + 1));
    dut_close(&d);
}

/* A mailbox without the magic is no request, and a request that a reset cut short is answered as failed. */
static void test_only_a_whole_request_counts(void **state)
{
    struct dut d;
    struct peer_session s;
    uint8_t record[FRAME_MAX];
    (void)state;
    dut_open(&d, "stm32f407", "sealed", false, true);
    dut_start(&d);
    dut_ask(&d, MAILBOX_PROOF, challenge, sizeof challenge);
    dut_ram(&d, d.mailbox, 4)[0] ^= 1;
    board_reset(d.board);
    (void)dut_expect_open(&d, record, &s);
    assert_int_equal(dut_ram(&d, d.mailbox, MAILBOX_LEN)[MAILBOX_OFF_STATE], MAILBOX_REQUEST);
    dut_ask(&d, MAILBOX_PROOF, challenge, sizeof challenge);
    dut_ram(&d, d.mailbox, MAILBOX_LEN)[MAILBOX_OFF_STATE] = MAILBOX_BUSY;
    board_reset(d.board);
    struct mailbox_view v = dut_answer(&d);
    assert_int_equal(v.state, MAILBOX_ERROR);
    assert_int_equal(v.data[0], DEVICE_REQUEST);
    dut_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_before_the_start_is_proved_and_nothing_else_is_sent),
        cmocka_unit_test(test_request_to_a_running_device_is_proved_and_telemetry_stops),
        cmocka_unit_test(test_console_challenge_is_proved_once_and_telemetry_goes_on),
        cmocka_unit_test(test_malformed_requests_are_refused_and_cost_no_boot_number),
        cmocka_unit_test(test_only_a_whole_request_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

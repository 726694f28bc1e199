/* The control socket's commands: what is refused changes nothing, what is taken answers ok. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flash/vchip/command.h"

static struct reply reply;
static bool dropped, ended;

static void on_drop(void *io)
{
    (void)io;
    dropped = true;
}

static void on_quit(void *io)
{
    (void)io;
    ended = true;
}

static int open_hands(void **state)
{
    static struct hands hands;
    struct err e;

    hands = (struct hands){ .drop = on_drop, .quit = on_quit };
    if (board_open(&hands.board, chip_desc_find("stm32l476"), NULL, &e) != ERR_OK)
        return -1;
    *state = &hands;
    return 0;
}

static int close_hands(void **state)
{
    struct hands *h = *state;

    board_close(h->board);
    return 0;
}

static const char *say(struct hands *h, const char *text)
{
    char line[COMMAND_LINE_MAX];

    (void)snprintf(line, sizeof line, "%s", text);
    command_run(h, line, &reply);
    return reply.text;
}

static void expect_ok(struct hands *h, const char *text)
{
    if (strncmp(say(h, text), "ok", 2) != 0)
        fail_msg("%s: %s", text, reply.text);
}

static void test_what_is_refused_says_why_and_changes_nothing(void **state)
{
    struct hands *h = *state;
    static const char *const bad[] = {
        "",
        "   ",
        "nwe",
        "xyzzy",
        "new 1",
        "new uid=1234",
        "new uid=00112233445566778899aab",
        "new uid=00112233445566778899aagg",
        "new uid=00112233445566778899aabb more",
        "insert x",
        "power",
        "power up",
        "power off off",
        "cut",
        "cut otp",
        "cut otp -1",
        "cut otp 1 maybe",
        "cut otp 1x",
        "cut ram 1",
        "cut clocks 5 partial",
        "cut otp 99999999999999999999",
        "tear",
        "tear 0x20000000",
        "tear 0x100000000",
        "stick 0x1fff7000 8 0",
        "stick 0x1fff7000 0 2",
        "stick 0x20000000 0 0",
        "weak 0x1fff7000 0 0",
        "plant 0x1fff7000",
        "plant 0x1fff7000 1",
        "plant 0x1fff7000 gg",
        "plant 0x1fff73ff 0000",
        "plant 0x20000000 00",
        "idcode",
        "idcode maybe",
        "wait -1",
        "drop later",
        "drop after",
        "gone",
        "gone after x",
        "gone before 3",
        "busy fast",
        "busy 1000001",
        "rng maybe",
        "peek 0x08000000",
        "peek 0x08000000 32769",
        "peek 0x60000000 4",
        "peek 0x20017fff 2",
        "find",
        "find 1",
        "stats all",
        "1 2 3 4 5 6 7 8 9",
    };
    uint8_t uid[CHIP_UID_LEN];
    struct board_stats s;

    memcpy(uid, silicon_uid(board_silicon(h->board)), sizeof uid);
    dropped = ended = false;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        say(h, bad[i]);
        if (strncmp(reply.text, "error: ", 7) != 0 || strlen(reply.text) < 12 || strchr(reply.text, '\n') != NULL)
            fail_msg("'%s': '%s'", bad[i], reply.text);
    }
    board_stats_get(h->board, &s);
    assert_true(s.powered && s.inserted && !dropped && !ended);
    assert_memory_equal(uid, silicon_uid(board_silicon(h->board)), sizeof uid);
    assert_string_equal(say(h, "peek 0x1fff7000 8"), "ok ffffffffffffffff");
}

static void test_a_mistyped_command_is_suggested(void **state)
{
    assert_non_null(strstr(say(*state, "nwe"), "'new'"));
}

static void test_new_answers_the_uid_it_was_given(void **state)
{
    struct hands *h = *state;

    assert_string_equal(say(h, "new uid=00112233445566778899AAbb"), "ok uid=00112233445566778899aabb");
    assert_string_equal(say(h, "uid"), "ok 00112233445566778899aabb");
    assert_string_equal(say(h, "peek 0x1fff7590 12"), "ok 00112233445566778899aabb");
}

static void test_power_and_contact_are_what_stats_says(void **state)
{
    struct hands *h = *state;
    static const struct {
        const char *command, *expect;
    } step[] = {
        { "power off", "power=off present=yes" }, { "power on", "power=on present=yes" },
        { "remove", "power=off present=no" },     { "power cycle", "power=off present=no" },
        { "insert", "power=on present=yes" },     { "power off", "power=off present=yes" },
        { "new", "power=on present=yes" },
    };

    for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
        expect_ok(h, step[i].command);
        if (strstr(say(h, "stats"), step[i].expect) == NULL)
            fail_msg("after %s: %s, not %s", step[i].command, reply.text, step[i].expect);
    }
}

static void test_planted_stuck_and_torn_cells_are_what_peek_and_reads_see(void **state)
{
    struct hands *h = *state;
    uint32_t v;

    expect_ok(h, "plant 0x1fff7008 0011223344556677");
    assert_string_equal(say(h, "peek 0x1fff7008 8"), "ok 0011223344556677");
    expect_ok(h, "stick 0x1fff7000 3 0");
    assert_int_equal(bus_read(board_bus(h->board), BUS_DEBUG, 0x1FFF7000, 1, &v), BUS_OK);
    assert_int_equal(v, 0xF7);
    expect_ok(h, "tear 0x1fff7010");
}

static void test_found_bytes_are_counted_and_located(void **state)
{
    struct hands *h = *state;

    assert_string_equal(say(h, "find c0ffee01"), "ok 0");
    for (uint32_t at = 0x20000100; at <= 0x20000200; at += 0x100)
        assert_int_equal(bus_write(board_bus(h->board), BUS_DEBUG, at, 4, 0x01EEFFC0), BUS_OK);
    assert_string_equal(say(h, "find c0ffee01"), "ok 2 first=0x20000100");
    assert_string_equal(say(h, "peek 0x20000100 4"), "ok c0ffee01");
}

static void test_every_command_has_a_help_text_and_is_in_help(void **state)
{
    struct hands *h = *state;

    expect_ok(h, "help");
    for (size_t i = 0; i < commands_n; i++) {
        assert_true(strlen(commands[i].help) > 10);
        assert_non_null(strstr(reply.text, commands[i].name));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(commands[i].name, commands[k].name);
    }
}

static void test_the_longest_peek_fits_into_the_answer(void **state)
{
    struct hands *h = *state;

    expect_ok(h, "peek 0x08000000 32768");
    assert_int_equal(strlen(reply.text), 3 + 2 * 32768);
}

static void test_drop_and_quit_reach_the_program(void **state)
{
    struct hands *h = *state;

    dropped = ended = false;
    expect_ok(h, "drop");
    assert_true(dropped);
    expect_ok(h, "quit");
    assert_true(ended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused_says_why_and_changes_nothing),
        cmocka_unit_test(test_a_mistyped_command_is_suggested),
        cmocka_unit_test(test_new_answers_the_uid_it_was_given),
        cmocka_unit_test(test_power_and_contact_are_what_stats_says),
        cmocka_unit_test(test_planted_stuck_and_torn_cells_are_what_peek_and_reads_see),
        cmocka_unit_test(test_found_bytes_are_counted_and_located),
        cmocka_unit_test(test_every_command_has_a_help_text_and_is_in_help),
        cmocka_unit_test(test_the_longest_peek_fits_into_the_answer),
        cmocka_unit_test(test_drop_and_quit_reach_the_program),
    };

    return cmocka_run_group_tests(tests, open_hands, close_hands);
}

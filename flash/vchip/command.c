#include "flash/vchip/command.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "base/suggest.h"
#include "flash/vchip/reply.h"

enum { WORDS_MAX = 8 };

/* ---- the fixture's hands ---- */

static void cmd_new(struct hands *h, struct reply *r, int argc, char *argv[])
{
    uint8_t uid[CHIP_UID_LEN];
    char text[2 * CHIP_UID_LEN + 1];

    if (argc == 1 && (strncmp(argv[0], "uid=", 4) != 0 || hex_decode(argv[0] + 4, uid, sizeof uid) != CHIP_UID_LEN)) {
        reply_error(r, "the argument must be uid= and 24 hexadecimal digits, not '%.40s'", argv[0]);
        return;
    }
    board_new_part(h->board, argc == 1 ? uid : NULL);
    hex_encode(silicon_uid(board_silicon(h->board)), CHIP_UID_LEN, text);
    reply_ok(r, "uid=%s", text);
}

static void cmd_insert(struct hands *h, struct reply *r, int argc, char *argv[])
{
    (void)argc, (void)argv;
    board_insert(h->board, true);
    reply_ok(r, "%s", "");
}

static void cmd_remove(struct hands *h, struct reply *r, int argc, char *argv[])
{
    (void)argc, (void)argv;
    board_insert(h->board, false);
    reply_ok(r, "%s", "");
}

static void cmd_power(struct hands *h, struct reply *r, int argc, char *argv[])
{
    static const char *const words[] = { "on", "off", "cycle" };
    unsigned w;

    (void)argc;
    if (!reply_word(r, "power", argv[0], words, 3, &w))
        return;
    if (w != 0)
        board_power(h->board, false);
    if (w != 1)
        board_power(h->board, true);
    reply_ok(r, "%s", "");
}

static void cmd_reset(struct hands *h, struct reply *r, int argc, char *argv[])
{
    (void)argc, (void)argv;
    board_reset(h->board);
    reply_ok(r, "%s", "");
}

/* ---- faults ---- */

static void cut_pulse(struct hands *h, struct reply *r, enum silicon_cut_kind kind, const char *k, const char *tear)
{
    static const char *const words[] = { "none", "done", "partial" };
    static const enum silicon_tear tears[] = { TEAR_NONE, TEAR_DONE, TEAR_PARTIAL };
    uint64_t n;
    unsigned t;

    if (!reply_number(r, "K", k, UINT64_MAX, &n) || !reply_word(r, "the pulse", tear, words, 3, &t))
        return;
    silicon_arm_cut(board_silicon(h->board), kind, n, tears[t]);
    reply_ok(r, "%s", "");
}

static void cmd_cut(struct hands *h, struct reply *r, int argc, char *argv[])
{
    static const char *const words[] = { "otp", "flash", "clocks" };
    uint64_t n;
    unsigned w;

    if (!reply_word(r, "cut", argv[0], words, 3, &w))
        return;
    if (w < 2) {
        cut_pulse(h, r, w == 0 ? CUT_OTP : CUT_FLASH, argv[1], argc == 3 ? argv[2] : "partial");
        return;
    }
    if (argc == 3) {
        reply_error(r, "cut clocks takes K only");
        return;
    }
    if (!reply_number(r, "K", argv[1], UINT64_MAX, &n))
        return;
    board_alarm(h->board, ALARM_CUT, n);
    reply_ok(r, "%s", "");
}

static void cmd_tear(struct hands *h, struct reply *r, int argc, char *argv[])
{
    uint32_t addr;

    (void)argc;
    if (!reply_number32(r, "ADDR", argv[0], &addr))
        return;
    if (silicon_tear_cell(board_silicon(h->board), addr))
        reply_ok(r, "%s", "");
    else
        reply_error(r, "0x%08x is neither OTP nor flash", addr);
}

static void cmd_stick(struct hands *h, struct reply *r, int argc, char *argv[])
{
    uint32_t addr;
    uint64_t bit, value;

    (void)argc;
    if (!reply_number32(r, "ADDR", argv[0], &addr) || !reply_number(r, "BIT", argv[1], 7, &bit) ||
        !reply_number(r, "the value", argv[2], 1, &value))
        return;
    if (silicon_stick_bit(board_silicon(h->board), addr, (unsigned)bit, value == 1))
        reply_ok(r, "%s", "");
    else
        reply_error(r, "0x%08x is neither OTP nor flash, or the part has no room for more faults", addr);
}

static void cmd_weak(struct hands *h, struct reply *r, int argc, char *argv[])
{
    uint32_t addr;
    uint64_t bit, period;

    (void)argc;
    if (!reply_number32(r, "ADDR", argv[0], &addr) || !reply_number(r, "BIT", argv[1], 7, &bit) ||
        !reply_number(r, "PERIOD", argv[2], 1000000, &period))
        return;
    if (period > 0 && silicon_weak_bit(board_silicon(h->board), addr, (unsigned)bit, (unsigned)period))
        reply_ok(r, "%s", "");
    else
        reply_error(r, "0x%08x is neither OTP nor flash, PERIOD is 0, or the part has no room for more faults", addr);
}

static void cmd_plant(struct hands *h, struct reply *r, int argc, char *argv[])
{
    uint32_t addr;
    uint8_t data[CHIP_OTP_MAX];
    size_t len;

    (void)argc;
    if (!reply_number32(r, "ADDR", argv[0], &addr) || !reply_bytes(r, argv[1], data, sizeof data, &len))
        return;
    if (silicon_plant(board_silicon(h->board), addr, data, (uint32_t)len))
        reply_ok(r, "%s", "");
    else
        reply_error(r, "%zu bytes at 0x%08x are not in the part's OTP and lock bytes, or not whole cells", len, addr);
}

static void cmd_idcode(struct hands *h, struct reply *r, int argc, char *argv[])
{
    uint32_t idcode = 0;

    (void)argc;
    if (strcmp(argv[0], "off") != 0 && !reply_number32(r, "IDCODE", argv[0], &idcode))
        return;
    jtag_set_idcode(board_jtag(h->board), idcode);
    reply_ok(r, "%s", "");
}

static void cmd_wait(struct hands *h, struct reply *r, int argc, char *argv[])
{
    uint64_t n;

    (void)argc;
    if (!reply_number(r, "N", argv[0], UINT32_MAX, &n))
        return;
    jtag_inject_wait(board_jtag(h->board), (unsigned)n);
    reply_ok(r, "%s", "");
}

/* "after K", for drop and gone. */
static bool after(struct reply *r, int argc, char *argv[], uint64_t *k)
{
    if (argc == 2 && strcmp(argv[0], "after") == 0)
        return reply_number(r, "K", argv[1], UINT64_MAX, k);
    reply_error(r, "must be followed by: after K (JTAG clocks)");
    return false;
}

static void cmd_drop(struct hands *h, struct reply *r, int argc, char *argv[])
{
    uint64_t k;

    if (argc == 0)
        h->drop(h->io);
    else if (after(r, argc, argv, &k))
        board_alarm(h->board, ALARM_DROP, k);
    else
        return;
    reply_ok(r, "%s", "");
}

static void cmd_gone(struct hands *h, struct reply *r, int argc, char *argv[])
{
    uint64_t k;

    if (!after(r, argc, argv, &k))
        return;
    board_alarm(h->board, ALARM_GONE, k);
    reply_ok(r, "%s", "");
}

static void cmd_busy(struct hands *h, struct reply *r, int argc, char *argv[])
{
    uint64_t n;

    (void)argc;
    if (!reply_number(r, "PERMILLE", argv[0], 1000000, &n))
        return;
    silicon_busy_scale(board_silicon(h->board), (unsigned)n);
    reply_ok(r, "%s", "");
}

static void cmd_rng(struct hands *h, struct reply *r, int argc, char *argv[])
{
    static const char *const words[] = { "ok", "stuck", "error" };
    static const enum rng_mode modes[] = { RNG_OK, RNG_STUCK, RNG_ERROR };
    unsigned w;

    (void)argc;
    if (!reply_word(r, "rng", argv[0], words, 3, &w))
        return;
    rng_set_mode(periph_rng(board_periph(h->board)), modes[w]);
    reply_ok(r, "%s", "");
}

/* ---- looking ---- */

static void cmd_peek(struct hands *h, struct reply *r, int argc, char *argv[])
{
    static uint8_t data[REPLY_BYTES_MAX];
    uint32_t addr;
    uint64_t len;

    (void)argc;
    if (!reply_number32(r, "ADDR", argv[0], &addr) || !reply_number(r, "LEN", argv[1], REPLY_BYTES_MAX, &len))
        return;
    if (!board_peek(h->board, addr, data, (uint32_t)len)) {
        reply_error(r, "%s bytes at %s are not all memory", argv[1], argv[0]);
        return;
    }
    reply_ok(r, "%s", " ");
    hex_encode(data, (size_t)len, r->text + 3);
}

static void cmd_find(struct hands *h, struct reply *r, int argc, char *argv[])
{
    uint8_t pattern[256];
    size_t len;
    uint32_t at = 0;

    (void)argc;
    if (!reply_bytes(r, argv[0], pattern, sizeof pattern, &len))
        return;
    unsigned n = board_find(h->board, pattern, len, &at);
    if (n > 0)
        reply_ok(r, "%u first=0x%08x", n, at);
    else
        reply_ok(r, "0");
}

static void cmd_rdp(struct hands *h, struct reply *r, int argc, char *argv[])
{
    (void)argc, (void)argv;
    reply_ok(r, "%u", silicon_rdp(board_silicon(h->board)));
}

static void cmd_uid(struct hands *h, struct reply *r, int argc, char *argv[])
{
    char text[2 * CHIP_UID_LEN + 1];

    (void)argc, (void)argv;
    hex_encode(silicon_uid(board_silicon(h->board)), CHIP_UID_LEN, text);
    reply_ok(r, "%s", text);
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* cannot fail with a clock that exists */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void cmd_stats(struct hands *h, struct reply *r, int argc, char *argv[])
{
    struct silicon_stats s;
    struct board_stats b;

    if (argc == 1 && strcmp(argv[0], "clear") != 0) {
        reply_error(r, "stats takes nothing or 'clear', not '%.40s'", argv[0]);
        return;
    }
    if (argc == 1) {
        board_stats_clear(h->board);
        h->cpu_ns_base = cpu_ns();
        reply_ok(r, "%s", "");
        return;
    }
    silicon_stats_get(board_silicon(h->board), &s);
    board_stats_get(h->board, &b);
    reply_ok(
        r,
        "tck=%llu otp_pulses=%llu flash_pulses=%llu otp_refused=%llu erases=%llu busy_ns=%llu cpu_ns=%llu instructions=%llu "
        "core=%s power=%s present=%s",
        (unsigned long long)b.tck, (unsigned long long)s.otp_pulses, (unsigned long long)s.flash_pulses,
        (unsigned long long)s.otp_refused, (unsigned long long)s.erases, (unsigned long long)s.busy_ns,
        (unsigned long long)(cpu_ns() - h->cpu_ns_base), (unsigned long long)b.instructions, b.core,
        b.powered ? "on" : "off", b.inserted ? "yes" : "no");
}

static void cmd_help(struct hands *h, struct reply *r, int argc, char *argv[])
{
    (void)h, (void)argc, (void)argv;
    reply_ok(r, "%s", " ");
    for (size_t i = 0; i < commands_n; i++) {
        size_t n = strlen(r->text);
        (void)snprintf(r->text + n, sizeof r->text - n, "%s%s", i > 0 ? " " : "", commands[i].name);
    }
}

static void cmd_quit(struct hands *h, struct reply *r, int argc, char *argv[])
{
    (void)argc, (void)argv;
    h->quit(h->io);
    reply_ok(r, "%s", "");
}

const struct command commands[] = {
    { "new", "[uid=HEX24]", "another board: blank part, this or a random UID, no faults; inserted, powered", 0, 1, cmd_new },
    { "insert", "", "put the board into the fixture: contact, and power if the supply is on", 0, 0, cmd_insert },
    { "remove", "", "take the board out: no contact, no power", 0, 0, cmd_remove },
    { "power", "on|off|cycle", "the supply; RAM is lost; needed after a cut", 1, 1, cmd_power },
    { "reset", "", "a pulse on the part's nRST pin", 0, 0, cmd_reset },
    { "cut", "otp|flash K [none|done|partial] | clocks K",
      "power goes at the K-th program pulse from now (before it, behind it, or in\nits middle: default), or after K more JTAG clocks; K = 0: "
      "never mind",
      2, 3, cmd_cut },
    { "tear", "ADDR", "tear this OTP or flash cell, as power going in its pulse would", 1, 1, cmd_tear },
    { "stick", "ADDR BIT 0|1", "this bit (0..7) of the byte reads and stays so", 3, 3, cmd_stick },
    { "weak", "ADDR BIT PERIOD", "this bit reads wrong on every PERIOD-th read of its byte", 3, 3, cmd_weak },
    { "plant", "ADDR HEX", "OTP or lock bytes that were there before", 2, 2, cmd_plant },
    { "idcode", "IDCODE|off", "the JTAG-DP names itself so (a number, 0x...)", 1, 1, cmd_idcode },
    { "wait", "N", "answer the next N memory accesses of the debug port with WAIT", 1, 1, cmd_wait },
    { "drop", "[after K]", "close the JTAG link now, or after K more clocks (0: never mind)", 0, 2, cmd_drop },
    { "gone", "after K", "remove the board after K more JTAG clocks (0: never mind)", 2, 2, cmd_gone },
    { "busy", "PERMILLE", "flash busy times: 1000 data sheet (default), 0 none, 10000 a worn part", 1, 1, cmd_busy },
    { "rng", "ok|stuck|error", "random numbers, one word for ever, or a seed error", 1, 1, cmd_rng },
    { "peek", "ADDR LEN", "RAM, flash or OTP (at most 32768 bytes) past all protection, as hex digits", 2, 2, cmd_peek },
    { "find", "HEX", "how often these bytes are in RAM, and where first", 1, 1, cmd_find },
    { "rdp", "", "readout protection level in force", 0, 0, cmd_rdp },
    { "uid", "", "the part's unique ID, 24 hex digits in address order", 0, 0, cmd_uid },
    { "stats", "[clear]",
      "KEY=VALUE ... since start or clear: tck, otp_pulses, flash_pulses,\notp_refused, erases, busy_ns (simulated), cpu_ns (this "
      "program's own),\ninstructions; and core, power, present as they are now",
      0, 1, cmd_stats },
    { "help", "", "the names of the commands", 0, 0, cmd_help },
    { "quit", "", "end vchip; the part stays in the state file", 0, 0, cmd_quit },
};
const size_t commands_n = sizeof commands / sizeof *commands;

/* ---- dispatch ---- */

static int split(char *line, char *words[WORDS_MAX])
{
    int n = 0;

    for (char *w; (w = strsep(&line, " \t\r")) != NULL;) {
        if (*w == '\0')
            continue;
        if (n == WORDS_MAX)
            return -1;
        words[n++] = w;
    }
    return n;
}

static void unknown(struct reply *r, const char *name)
{
    struct suggest s;

    suggest_init(&s, name);
    for (size_t i = 0; i < commands_n; i++)
        suggest_offer(&s, commands[i].name);
    if (suggest_best(&s) != NULL)
        reply_error(r, "no command '%.40s'; did you mean '%s'?", name, suggest_best(&s));
    else
        reply_error(r, "no command '%.40s'; 'help' lists them", name);
}

void command_run(struct hands *h, char *line, struct reply *r)
{
    char *words[WORDS_MAX];
    int n = split(line, words);

    if (n == 0) {
        reply_error(r, "an empty line is no command; 'help' lists them");
        return;
    }
    if (n < 0) {
        reply_error(r, "more than %d words", WORDS_MAX);
        return;
    }
    for (size_t i = 0; i < commands_n; i++) {
        const struct command *c = &commands[i];
        if (strcmp(words[0], c->name) != 0)
            continue;
        if (n - 1 < c->min || n - 1 > c->max)
            reply_error(r, "usage: %s%s%s", c->name, *c->args != '\0' ? " " : "", c->args);
        else
            c->run(h, r, n - 1, words + 1);
        return;
    }
    unknown(r, words[0]);
}

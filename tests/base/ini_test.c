/* The strict INI reader: base/ini.h. */
#include "base/ini.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/ini_test.XXXXXX";
static char path[64];

struct seen {
    char text[4096]; /* "LINE section [key=value]" lines */
    unsigned stop_at_line;
};

static enum err_code note(void *io, const struct ini_item *item, struct err *e)
{
    static const struct fault refused = { "refused", ERR_NO, "refused", "none", FATE_BY_CODE };
    struct seen *s = io;
    size_t len = strlen(s->text);

    assert_ptr_equal(item->file, path);
    if (item->line == s->stop_at_line)
        return err_set(e, &refused, "note", NULL, 0, "%u", item->line);
    (void)snprintf(s->text + len, sizeof s->text - len, item->key != NULL ? "%u %s %s=%s\n" : "%u %s\n", item->line,
                   item->section, item->key, item->value);
    return ERR_OK;
}

static void write_file(const void *bytes, size_t len)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static enum err_code walk(const char *text, struct seen *s, struct err *e)
{
    write_file(text, strlen(text));
    s->text[0] = '\0';
    return ini_walk(path, note, s, e);
}

static void refuses(const char *text, enum ini_fault_id id, unsigned line)
{
    struct seen s = { 0 };
    struct err e = { 0 };
    char at[96];

    assert_int_equal(walk(text, &s, &e), ini_fault[id].code);
    assert_ptr_equal(e.fault, &ini_fault[id]);
    (void)snprintf(at, sizeof at, "%s:%u: ", path, line);
    assert_memory_equal(e.subject, at, strlen(at));
}

static void accepts(const char *text, const char *items)
{
    struct seen s = { 0 };
    struct err e = { 0 };

    assert_int_equal(walk(text, &s, &e), ERR_OK);
    assert_string_equal(s.text, items);
}

static void test_items_come_in_order_with_their_lines(void **state)
{
    (void)state;
    accepts("# first\n\n[station]\nopenocd = /usr/bin/openocd\n; more\n[slot a]\nchip=stm32l476\nadapter: a b.cfg\n",
            "3 station\n4 station openocd=/usr/bin/openocd\n6 slot a\n7 slot a chip=stm32l476\n8 slot a adapter=a b.cfg\n");
}

static void test_a_section_without_keys_is_seen(void **state)
{
    (void)state;
    accepts("[a]\n[b]", "1 a\n2 b\n");
}

static void test_indentation_means_nothing(void **state)
{
    (void)state;
    accepts("[a]\nx = 1\n  y = 2\n\tz = 3\n", "1 a\n2 a x=1\n3 a y=2\n4 a z=3\n");
}

static void test_a_value_keeps_its_semicolons(void **state)
{
    (void)state;
    accepts("[a]\nx = pkcs11:token=a;object=b ; words\n", "1 a\n2 a x=pkcs11:token=a;object=b\n");
}

static void test_a_long_section_name_is_not_cut(void **state)
{
    (void)state;
    accepts("[slot 0123456789012345678901234567890123456789012345678901234567890]\nx=1\n",
            "1 slot 0123456789012345678901234567890123456789012345678901234567890\n"
            "2 slot 0123456789012345678901234567890123456789012345678901234567890 x=1\n");
}

static void test_windows_line_ends_and_a_byte_order_mark_are_fine(void **state)
{
    (void)state;
    accepts("\xEF\xBB\xBF[a]\r\nx = 1\r\n", "1 a\n2 a x=1\n");
}

static void test_an_empty_file_has_no_items(void **state)
{
    (void)state;
    accepts("", "");
}

static void test_a_line_of_199_bytes_is_whole_and_one_of_200_is_refused(void **state)
{
    char text[512], value[256];
    struct seen s = { 0 };
    struct err e = { 0 };

    (void)state;
    memset(value, 'v', sizeof value);
    (void)snprintf(text, sizeof text, "[a]\nx=%.*s\ny=1\n", INI_LINE_MAX - 2, value);
    assert_int_equal(walk(text, &s, &e), ERR_OK);
    assert_int_equal(strlen(s.text), strlen("1 a\n") + strlen("2 a x=\n") + INI_LINE_MAX - 2 + strlen("3 a y=1\n"));
    (void)snprintf(text, sizeof text, "[a]\nx=%.*s\ny=1\n", INI_LINE_MAX - 1, value);
    refuses(text, INI_LONG_LINE, 2);
    (void)snprintf(text, sizeof text, "[a]\n#%.*s\n", INI_LINE_MAX, value);
    refuses(text, INI_LONG_LINE, 2);
    (void)snprintf(text, sizeof text, "[a]\n%240sx=1\n", "");
    refuses(text, INI_LONG_LINE, 2);
}

static void test_a_doubled_key_is_refused_within_a_section_only(void **state)
{
    (void)state;
    accepts("[a]\nx=1\n[b]\nx=2\n", "1 a\n2 a x=1\n3 b\n4 b x=2\n");
    refuses("[a]\nx=1\ny=1\nx=1\n", INI_DOUBLED_KEY, 4);
}

static void test_a_doubled_section_is_refused(void **state)
{
    (void)state;
    refuses("[a]\nx=1\n[b]\n\n[a]\ny=1\n", INI_DOUBLED_SECTION, 5);
}

static void test_a_key_before_the_first_section_is_refused(void **state)
{
    (void)state;
    refuses("# c\nx=1\n[a]\n", INI_OUTSIDE, 2);
}

static void test_what_is_no_ini_is_refused(void **state)
{
    (void)state;
    refuses("[a]\nwords\n", INI_SYNTAX, 2);
    refuses("[a]\n=1\n", INI_SYNTAX, 2);
    refuses("[a]\n:1\n", INI_SYNTAX, 2);
    refuses("[a\nx=1\n", INI_SYNTAX, 1);
    refuses("[a] x=1\n", INI_SYNTAX, 1);
    refuses("[a]\nx ; = 1\n", INI_SYNTAX, 2);
}

static void test_the_first_wrong_line_wins(void **state)
{
    struct seen s = { .stop_at_line = 2 };
    struct err e = { 0 };

    (void)state;
    refuses("[a]\nx=1\nx=2\nwords\n", INI_DOUBLED_KEY, 3);
    refuses("[a]\nwords\nx=1\nx=2\n", INI_SYNTAX, 2);
    assert_int_equal(walk("[a]\nx=1\nwords\n", &s, &e), ERR_NO);
    assert_string_equal(e.subject, "2");
    assert_string_equal(s.text, "1 a\n");
}

static void test_control_bytes_are_refused(void **state)
{
    static const char nul[] = "[a]\nx=1\0y=2\n";
    struct seen s = { 0 };
    struct err e = { 0 };

    (void)state;
    refuses("[a]\nx=\033[31m\n", INI_CONTROL_BYTE, 2);
    refuses("[a]\nx=1\ry=2\n", INI_CONTROL_BYTE, 2);
    write_file(nul, sizeof nul - 1);
    assert_int_equal(ini_walk(path, note, &s, &e), ERR_CONFIG);
    assert_ptr_equal(e.fault, &ini_fault[INI_CONTROL_BYTE]);
}

static void test_what_is_no_readable_file_is_refused(void **state)
{
    struct seen s = { 0 };
    struct err e = { 0 };

    (void)state;
    (void)unlink(path);
    assert_int_equal(ini_walk(path, note, &s, &e), ERR_NOINPUT);
    assert_int_equal(mkfifo(path, 0600), 0); /* must not hang */
    assert_int_equal(ini_walk(path, note, &s, &e), ERR_IO);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(ini_walk(path, note, &s, &e), ERR_IO);
    assert_int_equal(rmdir(path), 0);
    write_file("", 0);
    assert_int_equal(truncate(path, INI_FILE_MAX + 1), 0);
    assert_int_equal(ini_walk(path, note, &s, &e), ERR_IO);
    assert_ptr_equal(e.fault, &ini_fault[INI_UNREADABLE]);
}

/* Every bit of a good file flipped, every length cut: an answer each time, and a fault of ours with it when it is no. */
static void test_no_mutation_of_a_file_is_unanswered(void **state)
{
    static const char good[] = "[station]\nopenocd = /usr/bin/openocd ; c\ntimeout_ms = 500\n\n# comment\n"
                               "[slot a-1]\nchip = stm32l476\nadapter = board.cfg\nconsole: /dev/ttyUSB0\n";
    char bytes[sizeof good - 1];
    size_t answers[ERR_CODES] = { 0 };

    (void)state;
    for (size_t i = 0; i < 9 * sizeof bytes; i++) {
        size_t len = i < 8 * sizeof bytes ? sizeof bytes : i - 8 * sizeof bytes;
        struct seen s = { 0 };
        struct err e = { 0 };

        memcpy(bytes, good, sizeof bytes);
        if (len == sizeof bytes)
            bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << (i % 8));
        write_file(bytes, len);
        enum err_code rc = ini_walk(path, note, &s, &e);
        assert_true(rc == ERR_OK || (rc == ERR_CONFIG && e.fault != NULL && e.code == rc));
        answers[rc]++;
    }
    assert_true(answers[ERR_OK] > 100);
    assert_true(answers[ERR_CONFIG] > 100);
}

static int make_dir(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/x.conf", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items_come_in_order_with_their_lines),
        cmocka_unit_test(test_a_section_without_keys_is_seen),
        cmocka_unit_test(test_indentation_means_nothing),
        cmocka_unit_test(test_a_value_keeps_its_semicolons),
        cmocka_unit_test(test_a_long_section_name_is_not_cut),
        cmocka_unit_test(test_windows_line_ends_and_a_byte_order_mark_are_fine),
        cmocka_unit_test(test_an_empty_file_has_no_items),
        cmocka_unit_test(test_a_line_of_199_bytes_is_whole_and_one_of_200_is_refused),
        cmocka_unit_test(test_a_doubled_key_is_refused_within_a_section_only),
        cmocka_unit_test(test_a_doubled_section_is_refused),
        cmocka_unit_test(test_a_key_before_the_first_section_is_refused),
        cmocka_unit_test(test_what_is_no_ini_is_refused),
        cmocka_unit_test(test_the_first_wrong_line_wins),
        cmocka_unit_test(test_control_bytes_are_refused),
        cmocka_unit_test(test_what_is_no_readable_file_is_refused),
        cmocka_unit_test(test_no_mutation_of_a_file_is_unanswered),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

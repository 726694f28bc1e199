#include "tests/hsm/workspace.h"

#include <fcntl.h>

#include "hsm/uri.h"

static void refuse(const char *uri, enum hsm_fault_id id)
{
    struct hsm *h = NULL;

    assert_fault(hsm_open(&h, uri, &by_uri, ws, &e), id);
    assert_null(h);
}

static void with_pin_source(char uri[1024], const char *source)
{
    (void)snprintf(uri, 1024, "pkcs11:token=TEST-line?module-path=" MODULE "&pin-source=%s", source);
}

static void test_the_embedded_token_opens_with_profile_softhsm2(void **state)
{
    struct hsm *h = open_line();

    (void)state;
    assert_string_equal(hsm_profile(h), "softhsm2");
    assert_string_equal(hsm_token_label(h), "TEST-line");
    assert_null(hsm_not_enforced(h));
    hsm_close(h);
}

static void test_init_is_idempotent_and_its_files_are_ours_alone(void **state)
{
    static const char *const pins[] = { "TEST-line.pin", "TEST-line.so-pin" };
    char uri[1024], path[512];
    struct stat st;
    bool made = true;

    (void)state;
    assert_ok(hsm_softhsm_init(ws, "TEST-line", uri, sizeof uri, &made, &e));
    assert_false(made);
    assert_string_equal(uri, line_uri);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/pins/%s", ws, pins[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0400);
        assert_int_equal(st.st_size, 32);
    }
}

static void test_two_tokens_share_one_module(void **state)
{
    struct hsm *line, *log = NULL;
    uint8_t a[16], b[16];
    char uri[1024];

    (void)state;
    assert_ok(hsm_softhsm_init(ws, "TEST-log", uri, sizeof uri, NULL, &e));
    line = open_line();
    assert_ok(hsm_open(&log, uri, &by_uri, ws, &e));
    hsm_close(line);
    assert_ok(hsm_random(log, a, sizeof a, &e)); /* the other's close did not finalise it */
    assert_ok(hsm_random(log, b, sizeof b, &e));
    assert_memory_not_equal(a, b, sizeof a);
    hsm_close(log);
}

static void test_uris_that_name_no_token_or_carry_a_pin_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "line",
        "https://example.org",
        "pkcs11:",
        "pkcs11:token=TEST-line",
        "pkcs11:token=TEST-line?module-path=libsofthsm2.so",
        "pkcs11:?module-path=" MODULE,
        "pkcs11:token=%zz?module-path=" MODULE,
        "pkcs11:token=TEST-line;object=kek?module-path=" MODULE,
        "pkcs11:token=TEST-line;nonsense=1?module-path=" MODULE,
        "pkcs11:token=TEST-line?module-path=" MODULE "&pin-value=123456SECRET",
        "pkcs11:token=%zz?pin-value=123456SECRET",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refuse(bad[i], HSM_BAD_URI);
        assert_null(strstr(e.subject, "SECRET"));
    }
}

static void test_a_missing_module_is_told(void **state)
{
    (void)state;
    refuse("pkcs11:token=TEST-line?module-path=/nowhere/at-all.so&pin-source=file:/x", HSM_MODULE_MISSING);
    assert_non_null(strstr(e.subject, "/nowhere/at-all.so"));
}

static void test_a_library_that_is_no_module_is_told(void **state)
{
    (void)state;
    refuse("pkcs11:token=TEST-line?module-path=/lib/x86_64-linux-gnu/libm.so.6&pin-source=file:/x", HSM_NOT_A_MODULE);
}

static void test_a_text_file_and_a_directory_are_no_modules(void **state)
{
    (void)state;
    refuse("pkcs11:token=TEST-line?module-path=/etc/passwd&pin-source=file:/x", HSM_NOT_A_MODULE);
    refuse("pkcs11:token=TEST-line?module-path=/etc&pin-source=file:/x", HSM_NOT_A_MODULE);
}

static void test_a_missing_token_is_told(void **state)
{
    char uri[1024];

    (void)state;
    (void)snprintf(uri, sizeof uri, "pkcs11:token=other?module-path=" MODULE "&pin-source=file:%s/pins/TEST-line.pin", ws);
    refuse(uri, HSM_TOKEN_MISSING);
    assert_non_null(strstr(e.subject, "'other'"));
}

static void test_two_tokens_of_one_label_are_told_apart_by_serial_only(void **state)
{
    char uri[1024];

    (void)state;
    run("cd '%s' && SOFTHSM2_CONF=softhsm2.conf softhsm2-util --init-token --free --label TEST-line --pin 1234 --so-pin 1234 "
        ">/dev/null",
        ws);
    refuse(line_uri, HSM_TOKEN_AMBIGUOUS);
    (void)snprintf(uri, sizeof uri,
                   "pkcs11:token=TEST-line;serial=0123?module-path=" MODULE "&pin-source=file:%s/pins/TEST-line.pin", ws);
    refuse(uri, HSM_TOKEN_MISSING);
}

static void test_a_wrong_pin_is_refused_and_never_quoted(void **state)
{
    char uri[1024], source[512];

    (void)state;
    run("umask 077; echo 0123456789abcdef >'%s/wrong'", ws);
    (void)snprintf(source, sizeof source, "file:%s/wrong", ws);
    with_pin_source(uri, source);
    refuse(uri, HSM_PIN_WRONG);
    assert_int_equal(e.native, 0xa0);
    assert_non_null(strstr(e.subject, "TEST-line"));
    assert_non_null(strstr(e.subject, "PIN count low")); /* SoftHSM2 sets the flag at the first wrong one */
    assert_null(strstr(e.subject, "0123456789abcdef"));
    hsm_close(open_line()); /* and the right one still opens */
}

static void pin_file(const char *make, enum hsm_fault_id id)
{
    char uri[1024], source[512];

    run("cd '%s' && rm -rf pin && umask 077 && %s", ws, make);
    (void)snprintf(source, sizeof source, "file:%s/pin", ws);
    with_pin_source(uri, source);
    refuse(uri, id);
}

static void test_a_pin_file_of_mode_0644_is_refused(void **state)
{
    (void)state;
    pin_file("cp pins/TEST-line.pin pin && chmod 0644 pin", HSM_PIN_SOURCE_OPEN_TO_OTHERS);
}

static void test_a_pin_file_that_is_a_symlink_is_refused(void **state)
{
    (void)state;
    pin_file("ln -s pins/TEST-line.pin pin", HSM_PIN_SOURCE_OPEN_TO_OTHERS);
}

static void test_a_pin_file_that_is_a_directory_is_refused(void **state)
{
    (void)state;
    pin_file("mkdir pin", HSM_PIN_SOURCE_OPEN_TO_OTHERS);
}

static void test_a_pin_file_that_is_a_fifo_is_refused_at_once(void **state)
{
    (void)state;
    pin_file("mkfifo pin", HSM_PIN_SOURCE_OPEN_TO_OTHERS);
}

static void test_an_empty_or_missing_or_endless_pin_file_is_refused(void **state)
{
    (void)state;
    pin_file(": >pin", HSM_PIN_SOURCE);
    pin_file("echo >pin", HSM_PIN_SOURCE);
    pin_file(":", HSM_PIN_SOURCE);
    pin_file("head -c 100000 /dev/zero | tr '\\0' 1 >pin", HSM_PIN_SOURCE);
}

static void test_one_newline_behind_the_pin_is_taken_off(void **state)
{
    char uri[1024], source[512];
    struct hsm *h = NULL;

    (void)state;
    run("cd '%s' && umask 077 && { cat pins/TEST-line.pin; echo; } >pin", ws);
    (void)snprintf(source, sizeof source, "file://%s/pin", ws);
    with_pin_source(uri, source);
    assert_ok(hsm_open(&h, uri, &by_uri, ws, &e));
    hsm_close(h);
}

static void test_a_pin_comes_from_a_descriptor(void **state)
{
    struct hsm_pin_source fd = { HSM_PIN_FD, -1 };
    struct hsm *h = NULL;
    char path[512];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/pins/TEST-line.pin", ws);
    fd.fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd.fd >= 0);
    assert_ok(hsm_open(&h, "pkcs11:token=TEST-line?module-path=" MODULE, &fd, ws, &e));
    hsm_close(h);
    close(fd.fd);
}

static void test_without_a_pin_source_the_uri_is_not_enough(void **state)
{
    (void)state;
    refuse("pkcs11:token=TEST-line?module-path=" MODULE, HSM_PIN_SOURCE);
}

static void test_a_workspace_without_room_for_the_lock_is_told(void **state)
{
    struct hsm *h = NULL;

    (void)state;
    assert_fault(hsm_open(&h, line_uri, &by_uri, "/proc/nothing", &e), HSM_LOCK);
}

static void test_labels_that_are_no_file_names_are_refused(void **state)
{
    static const char *const bad[] = { "", "../x", "a/b", ".hidden", "a b", "123456789012345678901234567890123" };
    char uri[1024];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fault(hsm_softhsm_init(ws, bad[i], uri, sizeof uri, NULL, &e), HSM_INIT);
}

static void test_a_token_whose_pin_file_is_gone_is_not_made_anew(void **state)
{
    char uri[1024];

    (void)state;
    run("rm -f '%s/pins/TEST-line.pin'", ws);
    assert_fault(hsm_softhsm_init(ws, "TEST-line", uri, sizeof uri, NULL, &e), HSM_PIN_SOURCE);
}

static void test_paths_with_blanks_and_signs_go_through_the_uri(void **state)
{
    char odd[300], uri[1024];
    struct hsm *h = NULL;

    (void)state;
    (void)snprintf(odd, sizeof odd, "%s/a b;c&d%%e", ws);
    assert_ok(hsm_softhsm_init(odd, "TEST-odd", uri, sizeof uri, NULL, &e));
    assert_ok(hsm_open(&h, uri, &by_uri, odd, &e));
    hsm_close(h);
}

static void test_labels_of_noise_are_shown_as_question_marks(void **state)
{
    char out[33];

    (void)state;
    uri_field(out, (const unsigned char *)"a\033[2J\xff\"b   ", 11);
    assert_string_equal(out, "a?[2J?\"b");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_workspace, remove_workspace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_embedded_token_opens_with_profile_softhsm2),
        TEST(test_init_is_idempotent_and_its_files_are_ours_alone),
        TEST(test_two_tokens_share_one_module),
        TEST(test_uris_that_name_no_token_or_carry_a_pin_are_refused),
        TEST(test_a_missing_module_is_told),
        TEST(test_a_library_that_is_no_module_is_told),
        TEST(test_a_text_file_and_a_directory_are_no_modules),
        TEST(test_a_missing_token_is_told),
        TEST(test_two_tokens_of_one_label_are_told_apart_by_serial_only),
        TEST(test_a_wrong_pin_is_refused_and_never_quoted),
        TEST(test_a_pin_file_of_mode_0644_is_refused),
        TEST(test_a_pin_file_that_is_a_symlink_is_refused),
        TEST(test_a_pin_file_that_is_a_directory_is_refused),
        TEST(test_a_pin_file_that_is_a_fifo_is_refused_at_once),
        TEST(test_an_empty_or_missing_or_endless_pin_file_is_refused),
        TEST(test_one_newline_behind_the_pin_is_taken_off),
        TEST(test_a_pin_comes_from_a_descriptor),
        TEST(test_without_a_pin_source_the_uri_is_not_enough),
        TEST(test_a_workspace_without_room_for_the_lock_is_told),
        TEST(test_labels_that_are_no_file_names_are_refused),
        TEST(test_a_token_whose_pin_file_is_gone_is_not_made_anew),
        TEST(test_paths_with_blanks_and_signs_go_through_the_uri),
        cmocka_unit_test(test_labels_of_noise_are_shown_as_question_marks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

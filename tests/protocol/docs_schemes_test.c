/* docs/schemes.md says which schemes this version provisions; protocol/scheme.c decides it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "protocol/scheme.h"

static char page[32 * 1024];

static int setup(void **state)
{
    (void)state;
    FILE *f = fopen("docs/schemes.md", "r");
    size_t n = f ? fread(page, 1, sizeof page - 1, f) : 0;
    if (f)
        fclose(f);
    return n > 0 && n < sizeof page - 1 ? 0 : -1;
}

/* The row `| 1 | `sealed` | yes |` is there, and in no other form. */
static void says(unsigned id, const char *suite, const char *name, bool ready)
{
    char row[64];
    snprintf(row, sizeof row, "\n| %u%s | `%s` | %s |\n", id, suite, name, ready ? "yes" : "not yet");
    if (!strstr(page, row))
        fail_msg("not in docs/schemes.md, \"What this version provisions\": %s", row + 1);
}

static void test_the_page_says_of_each_scheme_whether_it_is_ready(void **state)
{
    (void)state;
    for (uint8_t id = 1; id <= SCHEME_MAX; id++)
        says(id, "", scheme_by_id(id)->name, scheme_spoken(id, SUITE_P256_CCM));
    says(6, " RSA", "session-rsa", scheme_spoken(6, SUITE_RSA));
    for (uint8_t id = 1; id <= SCHEME_MAX; id++) {
        char name[32];
        snprintf(name, sizeof name, "%s-x25519", scheme_by_id(id)->name);
        if (scheme_spoken(id, SUITE_X25519_CCM))
            says(id, " X25519", name, true);
    }
}

static void test_each_scheme_that_is_spoken_has_a_section(void **state)
{
    (void)state;
    char head[64];
    for (uint8_t id = 1; id <= SCHEME_MAX; id++) {
        snprintf(head, sizeof head, "\n## %u `%s`\n", id, scheme_by_id(id)->name);
        assert_int_equal(strstr(page, head) != NULL, scheme_spoken(id, SUITE_P256_CCM));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_page_says_of_each_scheme_whether_it_is_ready),
        cmocka_unit_test(test_each_scheme_that_is_spoken_has_a_section),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}

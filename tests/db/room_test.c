/* The disk fills up at the worst moment: what the intent set aside must carry the records up to DONE, however full the
 * pages of the file happen to be.  The limit is RLIMIT_FSIZE of a child, on registry and journal alike: neither file may
 * grow any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/device_key.h"
#include "db/registry.h"

enum { FILLS = 48, FILL_STEP = 90 }; /* events of growing number shift where the pages end: more than a page of them */

static char dir[64], path[96];
static struct err e;

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/fuseline-room-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/registry.db", dir);
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static void expect(enum err_code rc)
{
    if (rc != ERR_OK) {
        (void)fprintf(stderr, "# %s: %s %s\n", e.fault->name, e.op, e.subject);
        _exit(2);
    }
}

/* A device with its intent, in a registry with so much more in its log. */
static uint64_t intent(struct registry *r, uint8_t scheme, int fill)
{
    static const uint8_t image[REG_IMAGE] = { 1 }, digest[32] = { 2 }, uid[REG_UID] = { 3 };
    struct product p = { .name = "meter",
                         .chip = "stm32l476",
                         .scheme = scheme,
                         .suite = 1,
                         .sid_len = 2,
                         .ctr_len = 1,
                         .injected = scheme == 3 };
    struct wrapped_key k = { .role = "server", .blob_len = 40, .kek = "kek", .profile = "softhsm2" };
    char text[FILL_STEP + 1];
    struct device d;
    bool fresh;

    memset(text, 'x', FILL_STEP);
    text[FILL_STEP] = '\0';
    expect(registry_product_add(r, &p, &e));
    for (int i = 0; i < fill; i++)
        expect(registry_event(r, "test.fill", (const char *const[]){ "text", text, NULL }, &e));
    expect(registry_reserve(r, "meter", uid, 1, 1, &d, &fresh, &e));
    if (p.injected)
        (void)snprintf(k.role, sizeof k.role, "%s", REG_SIGN_SEED);
    expect(registry_keyed(r, d.serial, &k, 1, &e));
    expect(registry_intent(r, d.serial, image, digest, &e));
    return d.serial;
}

static void no_file_grows(void)
{
    char journal[128];
    struct stat db, j;

    (void)snprintf(journal, sizeof journal, "%s-journal", path);
    if (stat(path, &db) != 0 || stat(journal, &j) != 0)
        _exit(3);
    /* One limit for both: the longer file's length.  The shorter one gets no room that the longer has not. */
    const rlim_t most = (rlim_t)(db.st_size > j.st_size ? db.st_size : j.st_size);
    const struct rlimit limit = { most, most };
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        _exit(4);
}

/* Scheme 8: the chip tells its key after the intent, and it is pinned with the last record.  3: an injected key, whose seed
 * goes on the way. */
static void child(uint8_t scheme, int fill)
{
    static const enum device_state way[] = { DEV_BURNING, DEV_VERIFIED, DEV_PROVED, DEV_LOCKED, DEV_DONE };
    static const uint8_t none[32], x[32] = { 4 }, image[REG_IMAGE] = { 5 };
    struct registry *r = NULL;

    expect(registry_open(&r, path, REGISTRY_CREATE, &e));
    const uint64_t serial = intent(r, scheme, fill);
    no_file_grows();
    if (scheme == 8)
        expect(registry_chip_made(r, serial, x, image, &e));
    for (size_t i = 1; i < sizeof way / sizeof *way; i++)
        if (scheme != 1 && way[i] == DEV_DONE)
            expect(registry_done_pinned(r, serial, scheme == 8 ? x : none, "rdp 1", &e));
        else
            expect(registry_advance(r, serial, way[i - 1], way[i], "rdp 1", &e));
    registry_close(r);
    _exit(0);
}

static void to_done(uint8_t scheme)
{
    for (int fill = 0; fill < FILLS; fill++) {
        char journal[128];
        int status;
        const pid_t pid = fork();
        if (pid == 0)
            child(scheme, fill);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (status != 0)
            fail_msg("with %d more events: status %x", fill, (unsigned)status);
        (void)snprintf(journal, sizeof journal, "%s-journal", path);
        assert_int_equal(unlink(path), 0);
        (void)unlink(journal);
    }
}

static void test_after_an_intent_the_records_up_to_done_need_no_more_room(void **state)
{
    (void)state;
    to_done(1);
}

static void test_after_an_intent_the_chips_key_and_its_pin_need_no_more_room(void **state)
{
    (void)state;
    to_done(8);
}

static void test_after_an_intent_the_end_of_an_injected_seed_needs_no_more_room(void **state)
{
    (void)state;
    to_done(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_after_an_intent_the_records_up_to_done_need_no_more_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_after_an_intent_the_chips_key_and_its_pin_need_no_more_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_after_an_intent_the_end_of_an_injected_seed_needs_no_more_room, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

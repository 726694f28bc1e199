/* A power cut before and behind every call of `rotate` and `key retire` that leaves something: the same command completes
 * it.  Each command is a process of its own, as on a line; SoftHSM2 and SQLite are real.
 * The linker puts the __wrap_ functions in the place of the calls: tests/cli/rotate_test.wrap. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cmd.h"
#include "cli/config.h"
#include "cli/prepare.h"
#include "cli/token.h"
#include "cli/ui/report.h"
#include "db/fleet.h"
#include "hsm/hpke_host.h"
#include "hsm/hsm.h"
#include "protocol/rotate.h"

enum { FLEET = 7, CUT = 99, NEVER = -1, POINTS_MAX = 60 };

extern const struct cmd cmd_init, cmd_rotate, cmd_key_retire;

static char dir[64];
static int points = NEVER; /* to go until the cut */

/* ---- the cut ---- */

static void point(void)
{
    if (points >= 0 && points-- == 0)
        _exit(CUT);
}

#define WRAP(name, declared, passed)             \
    enum err_code __real_##name declared;        \
    enum err_code __wrap_##name declared;        \
    enum err_code __wrap_##name declared         \
    {                                            \
        point();                                 \
        enum err_code rc = __real_##name passed; \
        point();                                 \
        return rc;                               \
    }

WRAP(hsm_key_ensure,
     (struct hsm * h, enum hsm_key_kind kind, const char *label, struct hsm_key **out, bool *made, struct err *e),
     (h, kind, label, out, made, e))
WRAP(hsm_key_destroy, (struct hsm * h, enum hsm_key_kind kind, const char *label, unsigned *n, struct err *e),
     (h, kind, label, n, e))
WRAP(hsm_softhsm_keep, (const char *workspace, const char *label, struct err *e), (workspace, label, e))
WRAP(hsm_sign, (struct hsm_key * k, const uint8_t digest[32], uint8_t sig[64], struct err *e), (k, digest, sig, e))
WRAP(registry_event, (struct registry * r, const char *kind, const char *const *details, struct err *e),
     (r, kind, details, e))
WRAP(registry_fleet_key_add, (struct registry * r, struct fleet_key *k, struct err *e), (r, k, e))
WRAP(registry_fleet_key_state,
     (struct registry * r, uint16_t fleet, uint8_t epoch, enum fleet_key_state from, enum fleet_key_state to,
      const char *reason, struct err *e),
     (r, fleet, epoch, from, to, reason, e))
WRAP(registry_batch_commit, (struct registry * r, struct err *e), (r, e))

/* ---- processes ---- */

static int exit_of(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void child_run(struct app *app, int cut)
{
    struct err e = { 0 };
    enum err_code rc = prepare(app, app->cmd->needs, &e);

    points = cut;
    if (rc == ERR_OK)
        rc = app->cmd->run(app, &e);
    points = NEVER;
    if (rc != ERR_OK && e.fault != NULL)
        report_text(stderr, &e);
    registry_close(app->registry);
    _exit(err_exit_status(rc));
}

/* The command, really (--burn), with one option and its word; its exit status, or CUT. */
static int command(int cut, const struct cmd *c, enum opt_id id, const char *word, const char *epoch)
{
    struct app app = { .dir = dir, .cmd = c, .operand = { word }, .operands = 1 };
    pid_t child = fork();

    if (child == 0) {
        const int null = open("/dev/null", O_WRONLY);

        (void)dup2(null, STDOUT_FILENO);
        if (getenv("SHOW") == NULL)
            (void)dup2(null, STDERR_FILENO);
        app.opt[id] = word;
        app.opt[OPT_EPOCH] = epoch;
        app.opt[OPT_BURN] = "";
        child_run(&app, cut);
    }
    return exit_of(child);
}

static const struct cmd inside = { .name = "inside", .needs = CMD_RECORDS };

/* A look or a step of the test's own, in a process that has the registry and both tokens open; false: it failed. */
static bool in_process(enum err_code (*step)(struct app *app, struct hsm *server, struct hsm *vault, struct err *e))
{
    struct app app = { .dir = dir, .cmd = &inside };
    struct err e = { 0 };
    pid_t child = fork();

    if (child == 0) {
        struct hsm *server = NULL, *vault = NULL;
        enum err_code rc = prepare(&app, inside.needs, &e);

        if (rc == ERR_OK && (rc = token_open(&app, ROLE_SERVER, false, &server, &e)) == ERR_OK &&
            (rc = token_open(&app, ROLE_VAULT, false, &vault, &e)) == ERR_OK)
            rc = step(&app, server, vault, &e);
        if (rc != ERR_OK && e.fault != NULL)
            report_text(stderr, &e);
        registry_close(app.registry);
        _exit(rc == ERR_OK ? 0 : 1);
    }
    return exit_of(child) == 0;
}

/* ---- the fleet ---- */

static enum err_code make_fleet(struct app *app, struct hsm *server, struct hsm *vault, struct err *e)
{
    struct product p = { .name = "f",
                         .chip = "stm32l476",
                         .scheme = 2,
                         .suite = 1,
                         .fleet = FLEET,
                         .policy = 8,
                         .sid_len = 2,
                         .ctr_len = 1,
                         .epoch = 1,
                         .has_ra = true };
    struct fleet_key k = { .fleet = FLEET, .epoch = 1, .suite = 1, .label = "fleet/7/1" };
    struct hsm_key *ra, *first;
    uint8_t pk[65];
    enum err_code rc;

    if ((rc = hsm_key_ensure(vault, HSM_RA, "ra", &ra, NULL, e)) != ERR_OK || (rc = hsm_public(ra, pk, e)) != ERR_OK)
        return rc;
    memcpy(p.ra_x, pk + 1, sizeof p.ra_x);
    if ((rc = registry_product_add(app->registry, &p, e)) != ERR_OK ||
        (rc = hsm_key_ensure(server, HSM_FLEET, k.label, &first, NULL, e)) != ERR_OK ||
        (rc = hsm_public(first, pk, e)) != ERR_OK)
        return rc;
    memcpy(k.x, pk + 1, sizeof k.x);
    return registry_fleet_key_add(app->registry, &k, e);
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/fuseline-rotate-XXXXXX");
    if (mkdtemp(dir) == NULL || command(NEVER, &cmd_init, OPT_OPERAND, dir, NULL) != 0 || !in_process(make_fleet))
        return -1;
    return 0;
}

static int teardown(void **state)
{
    char text[96];

    (void)state;
    (void)snprintf(text, sizeof text, "rm -rf '%s'", dir);
    return system(text);
}

struct tally {
    struct hsm *server;
    unsigned recorded, live;
    bool bad;
};

static enum err_code count_key(void *io, const struct hsm_key_info *k, struct err *e)
{
    struct tally *t = io;

    (void)e;
    t->live -= strncmp(k->label, "fleet/", 6) == 0;
    t->bad = t->bad || k->state != HSM_KEY_WHOLE;
    return ERR_OK;
}

static enum err_code check_row(void *io, const struct fleet_key *f, struct err *e)
{
    struct tally *t = io;
    struct hsm_key *k = NULL;
    uint8_t pk[65];
    enum err_code rc = ERR_OK;

    t->recorded++;
    if (f->state == FLEET_KEY_DESTROYED)
        return ERR_OK;
    t->live++;
    if ((rc = hsm_key_find(t->server, HSM_FLEET, f->label, &k, e)) == ERR_OK && (rc = hsm_public(k, pk, e)) == ERR_OK)
        t->bad = t->bad || memcmp(pk + 1, f->x, sizeof f->x) != 0;
    hsm_key_free(k);
    return rc;
}

static uint8_t wanted; /* the ACTIVE epoch */

/* One key for each recorded epoch that is not destroyed, none besides; the newest one's ROTATE is one that devices take. */
static enum err_code look(struct app *app, struct hsm *server, struct hsm *vault, struct err *e)
{
    struct tally t = { .server = server };
    struct fleet_key k;
    struct product p;
    struct crypto c;
    struct rotate_mark mark = { 0, 0 };
    uint8_t pk[65];
    enum err_code rc;

    (void)vault;
    if ((rc = registry_fleet_key_list(app->registry, FLEET, check_row, &t, e)) != ERR_OK ||
        (rc = hsm_keys(server, count_key, &t, e)) != ERR_OK ||
        (rc = registry_product_by_fleet(app->registry, FLEET, &p, e)) != ERR_OK ||
        (rc = registry_fleet_key_active(app->registry, FLEET, &k, e)) != ERR_OK)
        return rc;
    if (t.live != 0 || t.bad || t.recorded != wanted || k.epoch != wanted || hpke_host_open(&c) == NULL)
        return ERR_NO;
    const struct profile profile = profile_make(p.scheme, p.suite, p.fleet, p.policy, p.sid_len, p.ctr_len);
    if (rotate_verify(&c, &profile, p.ra_x, k.rotate, sizeof k.rotate, &mark, pk) != SEALED_OK || mark.epoch != wanted ||
        memcmp(pk + 1, k.x, sizeof k.x) != 0)
        return ERR_NO;
    return ERR_OK;
}

static int rotate(int cut)
{
    char epoch[8];

    (void)snprintf(epoch, sizeof epoch, "%u", wanted);
    return command(cut, &cmd_rotate, OPT_FLEET, "7", epoch);
}

/* ---- the tests ---- */

static void test_rotate_cut_at_every_point_is_completed_by_the_same_command(void **state)
{
    int cut = 0, rc = CUT;

    (void)state;
    wanted = 1;
    for (; rc == CUT && cut < POINTS_MAX; cut++) {
        wanted++;
        if ((rc = rotate(cut)) == CUT)
            assert_int_equal(rotate(NEVER), 0);
        assert_true(in_process(look));
    }
    assert_int_equal(rc, 0);
    assert_true(cut >= 12); /* else this test has shown nothing */
}

static void test_retire_cut_at_every_point_is_completed_by_the_same_command(void **state)
{
    int cut = 0, rc = CUT;
    char label[HSM_LABEL];

    (void)state;
    for (; rc == CUT && cut < POINTS_MAX; cut++) {
        (void)snprintf(label, sizeof label, "fleet/7/%u", wanted++);
        assert_int_equal(rotate(NEVER), 0);
        if ((rc = command(cut, &cmd_key_retire, OPT_OPERAND, label, NULL)) == CUT)
            assert_int_equal(command(NEVER, &cmd_key_retire, OPT_OPERAND, label, NULL), 0);
        assert_true(in_process(look));
    }
    assert_int_equal(rc, 0);
    assert_true(cut >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotate_cut_at_every_point_is_completed_by_the_same_command),
        cmocka_unit_test(test_retire_cut_at_every_point_is_completed_by_the_same_command),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

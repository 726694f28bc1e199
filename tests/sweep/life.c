/* A device that is DONE, and then `fuseline rotate` or `fuseline rekey` with a fault at a system call or a PKCS#11 call; the
 * same command again until it ends well; then what registry, token, server and device make of it.  The device's own side of
 * it is cut in obey.c. */
#include "tests/sweep/life.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sweep/files.h"
#include "tests/sweep/syscalls.h"

enum { ROTATED = 2, AGED = 3, DERIVED = 2, REPEATS = 3 };

static const struct world_board derived = { "stm32l476 derived", "stm32l476", "TEST-l4-derived", &device_derived, false, 0 };

static const struct world_board *aged(unsigned i)
{
    return i == DERIVED ? &derived : &world_made[i * 3]; /* identity on the L476, signup on the F407: at level 0 */
}

/* ---- DONE devices, made once and kept beside the world ---- */

static void kept(const struct world *w, unsigned i, const char *name, char path[WORLD_PATH * 2])
{
    (void)snprintf(path, WORLD_PATH * 2, "%s-aged-%u%s", w->dir, i, name);
}

static bool keep(struct world *w, unsigned i)
{
    char dir[WORLD_PATH * 2], to[WORLD_PATH * 2];

    kept(w, i, "", dir);
    kept(w, i, "/chip", to);
    return files_copy(w->dir, dir) && file_copy(w->chip, to);
}

/* What the command may change: registry, mark, tokens, kept copies, chip. */
static bool restore(struct world *w, unsigned i)
{
    static const char *const dirs[] = { "/tokens", "/keep" };
    char from[WORLD_PATH * 2], to[WORLD_PATH * 2];
    bool good = true;

    for (unsigned k = 0; k < 2 && good; k++) {
        kept(w, i, dirs[k], from);
        (void)snprintf(to, sizeof to, "%s%s", w->dir, dirs[k]);
        files_remove(to);
        good = access(from, F_OK) != 0 || files_copy(from, to);
    }
    kept(w, i, "/registry.db", from);
    good = good && file_copy(from, w->db);
    kept(w, i, "/registry.mark", from);
    good = good && file_copy(from, w->mark);
    kept(w, i, "/chip", from);
    return good && file_copy(from, w->chip);
}

/* A DONE device of that board; its serial is what the registry copy has first. */
static bool age(struct world *w, const struct sweep_case *c, unsigned i, char why[200])
{
    const struct sweep_case none = { .kind = c->kind, .variant = 0, .point = 1 + i };

    if ((w->aged & 1u << i) != 0)
        return true;
    w->aged |= 1u << i;
    if (!world_case(w, &none) || (i == DERIVED && !world_product(w, &derived, why)))
        return false;
    w->board = aged(i);
    if (!world_blank(w, 'A') || !world_run(w, NULL) || !w->shared->told.run[0].pass_shown || !keep(w, i)) {
        (void)snprintf(why, 200, "no DONE device of %s: %s", w->board->name, w->shared->told.run[0].code);
        return false;
    }
    w->serial[i] = w->shared->told.run[0].serial;
    return true;
}

/* ---- the command ---- */

static bool is_rekey(const struct sweep_case *c)
{
    return strncmp(c->kind->name, "rekey", 5) == 0;
}

/* With an epoch the command says which it wants; without, a repeat may rotate once more. */
static bool names_epoch(const struct sweep_case *c)
{
    return is_rekey(c) || c->point % 2 == 0;
}

static bool run(struct world *w, const struct sweep_case *c, bool fault, const struct life *life)
{
    char *json = (w->shared->told.runs + c->point / 2) % 2 == 0 ? (char[]){ "--json" } : NULL;
    char fleet[8], serial[17];
    char *next[] = { (char[]){ "fuseline" },
                     (char[]){ "-C" },
                     w->dir,
                     (char[]){ "rotate" },
                     (char[]){ "--fleet" },
                     fleet,
                     (char[]){ "--burn" },
                     json,
                     NULL };
    char *second[] = { (char[]){ "fuseline" },
                       (char[]){ "-C" },
                       w->dir,
                       (char[]){ "rotate" },
                       (char[]){ "--fleet" },
                       fleet,
                       (char[]){ "--epoch" },
                       (char[]){ "2" },
                       (char[]){ "--burn" },
                       json,
                       NULL };
    char *rekey[] = {
        (char[]){ "fuseline" }, (char[]){ "-C" }, w->dir, (char[]){ "rekey" }, serial, (char[]){ "--burn" }, json, NULL
    };

    (void)snprintf(fleet, sizeof fleet, "%u", life->fleet);
    (void)snprintf(serial, sizeof serial, "%016llx", (unsigned long long)life->serial);
    return world_command(w, fault ? c : NULL, life->rekey ? rekey : names_epoch(c) ? second : next);
}

/* The fault, then the same until it ends well; *ok: how often it did. */
static enum case_end repeat(struct world *w, const struct sweep_case *c, const struct life *life, unsigned *ok,
                            char why[200])
{
    const struct told_all *all = &w->shared->told;

    *ok = 0;
    for (unsigned i = 0; i <= REPEATS && (i < 2 || *ok == 0); i++) {
        if (!run(w, c, i == 0, life))
            return CASE_BROKEN;
        if (i == 0 && !all->run[0].fired)
            return CASE_NOT_FIRED;
        *ok += all->run[i].signal == 0 && all->run[i].exit == 0;
    }
    if (*ok > 0 && all->run[all->runs - 1].exit == 0)
        return CASE_HELD;
    (void)snprintf(why, 200, "the same command again does not end well: exit %d", all->run[all->runs - 1].exit);
    return CASE_VIOLATED;
}

/* Once more of what is settled: the same bytes. */
static bool is_settled(struct world *w, const struct sweep_case *c, const struct life *life, char why[200])
{
    const uint64_t sum = world_bytes(w);

    if (!names_epoch(c) || w->shared->told.runs == TOLD_RUNS)
        return true;
    if (run(w, c, false, life) && w->shared->told.run[w->shared->told.runs - 1].exit == 0 && world_bytes(w) == sum)
        return true;
    (void)snprintf(why, 200, "a repeat of what was done changed the registry, or failed");
    return false;
}

enum case_end life_case(struct world *w, const struct sweep_case *c, char why[200])
{
    const unsigned board = is_rekey(c) ? DERIVED : c->variant % ROTATED;
    struct life life = { .rekey = is_rekey(c) };
    unsigned ok = 0;
    enum case_end end;

    if (!age(w, c, board, why) || !world_case(w, c) || !restore(w, board))
        return CASE_BROKEN;
    w->board = aged(board);
    life.serial = w->serial[board];
    life.fleet = (uint16_t)(life.serial >> 32 >> 16);
    if ((end = repeat(w, c, &life, &ok, why)) != CASE_HELD)
        return end;
    life.at_least = names_epoch(c) ? 2 : 1 + ok;
    life.at_most = names_epoch(c) ? 2 : 1 + w->shared->told.runs;
    return is_settled(w, c, &life, why) && world_child(w, life_holds, &life, why) ? CASE_HELD : CASE_VIOLATED;
}

/* ---- kinds ---- */

static void describe(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s, %s", aged(variant % ROTATED)->name, variant < ROTATED ? "before the call" : "after it");
}

static void describe_rekey(unsigned variant, char *text, size_t max)
{
    (void)snprintf(text, max, "%s", variant == 0 ? "before the call" : "after it");
}

static void arm_kill(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    (void)opened;
    syscalls_arm(w, c, c->variant < (is_rekey(c) ? 1 : ROTATED) ? KILL_BEFORE : KILL_AFTER, CALL_CHANGES, 0);
}

static void arm_eio(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    (void)opened;
    syscalls_arm(w, c, FAIL_ONCE, CALL_FAILS, EIO);
}

static void arm_enospc(struct world *w, const struct sweep_case *c, struct told *t, bool opened)
{
    (void)t;
    (void)opened;
    syscalls_arm(w, c, c->variant < (is_rekey(c) ? 1 : ROTATED) ? FAIL_ONCE : FAIL_ON, CALL_SPACE, ENOSPC);
}

#define KIND(n, v, d, a, s)                                                                                       \
    {                                                                                                             \
        .name = n, .fleets = true, .variants = v, .describe = d, .arm = a, .whole = life_case, .whole_stride = s, \
        .stride = 30 * s                                                                                          \
    }

const struct sweep_kind life_kinds[] = {
    KIND("rotate-kill", 2 * ROTATED, describe, arm_kill, 5),
    KIND("rotate-eio", ROTATED, describe, arm_eio, 97),
    KIND("rotate-enospc", 2 * ROTATED, describe, arm_enospc, 11),
    KIND("rekey-kill", 2, describe_rekey, arm_kill, 1),
    KIND("rekey-eio", 1, describe_rekey, arm_eio, 5),
    KIND("rekey-enospc", 2, describe_rekey, arm_enospc, 1),
    { .name = NULL },
};

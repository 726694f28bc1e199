/* Simulated units by the thousand: tokens and registry stay open, a board is memory, no process is killed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flash/elf.h"
#include "hsm/hpke_host.h"
#include "protocol/otp_image.h"
#include "tests/sweep/modes.h"
#include "tests/sweep/proxy.h"
#include "verifier/verifier.h"

struct plant {
    struct world *w;
    struct hsm *line, *server;
    struct registry *registry;
    struct verifier *verifier;
    struct crypto crypto;
    struct hpke_host *host;
    struct product product[WORLD_BOARDS];
    struct fw_image *fw[WORLD_BOARDS];
};

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u; /* SplitMix64 */

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static bool open_token(struct plant *p, const char *role, struct hsm **out)
{
    static const struct hsm_pin_source by_uri = { HSM_PIN_URI, -1 };
    char uri[512];
    struct err e;

    (void)snprintf(uri, sizeof uri,
                   "pkcs11:token=%s?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:%s/pins/%s.pin", role,
                   p->w->dir, role);
    return hsm_open(out, uri, &by_uri, p->w->dir, &e) == ERR_OK;
}

static bool open_plant(struct plant *p, struct world *w)
{
    char path[WORLD_PATH + 64];
    struct err e;
    bool good;

    *p = (struct plant){ .w = w };
    p->host = hpke_host_open(&p->crypto);
    good = p->host != NULL && open_token(p, "line", &p->line) && open_token(p, "server", &p->server) &&
           registry_open(&p->registry, w->db, REGISTRY_WRITE, &e) == ERR_OK &&
           verifier_open(&p->verifier, p->registry, p->server, &p->crypto, &e) == ERR_OK;
    for (unsigned i = 0; i < WORLD_BOARDS && good; i++) {
        (void)snprintf(path, sizeof path, "%s/fw/sealed-%s.elf", w->dir, world_boards[i].chip);
        good = registry_product_get(p->registry, world_boards[i].product, &p->product[i], &e) == ERR_OK &&
               fw_image_open(&p->fw[i], path, chip_desc_find(world_boards[i].chip), &e) == ERR_OK;
    }
    return good;
}

/* ---- one unit ---- */

/* Kinds of faults that a board can have without a death of the station; a bad part may end as scrap. */
static const struct {
    const char *name;
    bool bad_part;
    unsigned points;
} faults[] = {
    { "power-otp", false, 60 },     { "power-flash", false, 16 },   { "liar", false, 90 },
    { "board-removed", false, 80 }, { "board-shorted", false, 80 }, { "part-stuck-bit", true, 176 },
    { "part-weak-bit", true, 176 },
};
enum { FAULTS = sizeof faults / sizeof *faults, TEAR_VARIANTS = 3 };

static const struct sweep_kind *find(const char *name)
{
    static const struct sweep_kind *const families[] = { power_kinds, people_kinds, part_kinds, liar_kinds };

    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const struct sweep_kind *k = families[f]; k->name != NULL; k++)
            if (strcmp(k->name, name) == 0)
                return k;
    return NULL;
}

/* PASS is true only if the chip holds the whole image of the intent, is locked as its product says, and is DONE. */
static bool pass_is_true(struct plant *p, unsigned board, uint64_t serial)
{
    struct silicon *s = inproc_silicon(p->w->inproc);
    uint8_t image[OTP_IMAGE_LEN], digest[32];
    struct device d;
    struct err e;

    return registry_device(p->registry, serial, &d, &e) == ERR_OK && d.state == DEV_DONE &&
           memcmp(d.uid, silicon_uid(s), CHIP_UID_LEN) == 0 &&
           silicon_peek(s, p->w->inproc->desc->otp.base, image, sizeof image) &&
           otp_image_digest(&p->crypto, image, digest) && memcmp(digest, d.image_sha256, sizeof digest) == 0 &&
           silicon_rdp(s) >= world_boards[board].lock;
}

struct unit {
    struct sweep_case c;
    unsigned board;
    bool bad_part;
};

static struct unit draw_unit(uint64_t *state)
{
    const size_t f = draw(state) % FAULTS;
    const struct sweep_kind *k = find(faults[f].name);
    struct unit u = { .board = (unsigned)(draw(state) % WORLD_BOARDS), .bad_part = faults[f].bad_part };
    const unsigned sub = (unsigned)(draw(state) % (k->variants / WORLD_BOARDS));

    u.c = (struct sweep_case){ .kind = k,
                               .variant = sub * WORLD_BOARDS + u.board,
                               .point = 1 + draw(state) % faults[f].points };
    u.c.seed = draw(state) >> 16;
    u.bad_part = u.bad_part || (f < 2 && sub == TEAR_PARTIAL);
    u.bad_part = u.bad_part || (k == liar_kinds && u.c.variant >= k->variants / 2); /* lies for ever */
    return u;
}

static void say(const struct unit *u, const char *what, const struct provision_result *r)
{
    printf("# UNIT %s: %s variant %u point %llu seed %llu: %s %s\n", what, u->c.kind->name, u->c.variant,
           (unsigned long long)u->c.point, (unsigned long long)u->c.seed, verdict_name(r->verdict), r->code);
    (void)fflush(stdout);
}

static void one_unit(struct plant *p, uint64_t *state, struct unit_counts *n)
{
    struct world *w = p->w;
    struct unit u = draw_unit(state);
    const struct chip_desc *d = chip_desc_find(world_boards[u.board].chip);
    struct provision_result r = { .verdict = VERDICT_FAIL };
    struct station s = { .id = 3,
                         .registry = p->registry,
                         .line = p->line,
                         .product = &p->product[u.board],
                         .firmware = p->fw[u.board],
                         .crypto = &p->crypto,
                         .prove = verifier_prove,
                         .prove_io = p->verifier };
    struct err e;
    bool passed = false;

    w->board = &world_boards[u.board];
    memset(w->shared->ack, 0, sizeof w->shared->ack);
    w->shared->told.run[0] = (struct told){ .step = -1 };
    w->now = &w->shared->told.run[0];
    w->shared->seen = 0;
    if (u.c.kind->prepare != NULL)
        u.c.kind->prepare(w, &u.c);
    if (inproc_open(&w->inproc, d, NULL, &e) != ERR_OK)
        exit(1);
    silicon_busy_scale(inproc_silicon(w->inproc), 0);
    inproc_on_run(w->inproc, board_boots, NULL);
    s.chip = proxy_new(w, w->inproc);
    for (unsigned run = 0; run <= WORLD_REPEATS && !passed; run++) {
        w->run = run;
        w->c = run == 0 ? &u.c : NULL;
        w->chip_hook = NULL;
        w->at_seam = NULL;
        passed = station_provision(&s, true, &r, &e) == ERR_OK;
        if (passed && !pass_is_true(p, u.board, r.serial)) {
            (void)__atomic_add_fetch(&n->false_pass, 1, __ATOMIC_RELAXED);
            say(&u, "false PASS", &r);
        }
        w->chip_hook = NULL;
        silicon_arm_cut(inproc_silicon(w->inproc), CUT_OTP, 0, TEAR_NONE);
        silicon_arm_cut(inproc_silicon(w->inproc), CUT_FLASH, 0, TEAR_NONE);
        inproc_power(w->inproc, false);
        inproc_power(w->inproc, true);
    }
    if (!passed && !u.bad_part) {
        (void)__atomic_add_fetch(&n->false_fail, 1, __ATOMIC_RELAXED);
        say(&u, "false FAIL", &r);
    }
    (void)__atomic_add_fetch(&n->units, 1, __ATOMIC_RELAXED);
    (void)__atomic_add_fetch(&n->fired, w->now->fired, __ATOMIC_RELAXED);
    (void)__atomic_add_fetch(&n->passed, passed, __ATOMIC_RELAXED);
    (void)__atomic_add_fetch(&n->quarantined, !passed, __ATOMIC_RELAXED);
    chip_close(s.chip);
    w->inproc = NULL;
}

/* ---- workers ---- */

static bool in_a_child(struct world *w, void *io, char why[200])
{
    struct plant p;
    struct sweep *s = ((void **)io)[0];
    const uint64_t n = *(uint64_t *)((void **)io)[1];
    uint64_t state = s->seed * 7919 + s->worker;

    (void)alarm(0);
    if (!open_plant(&p, w)) {
        (void)snprintf(why, 200, "the plant does not open");
        return false;
    }
    for (uint64_t i = 0; i < n; i++)
        one_unit(&p, &state, ((void **)io)[2]);
    return true;
}

static int work(struct sweep *s, uint64_t n, struct unit_counts *counts)
{
    static struct world w;
    static const struct sweep_kind none = { .name = "none" };
    const struct sweep_case c = { .kind = &none };
    void *io[] = { s, &n, counts };
    char why[200] = "";
    bool good = world_open(&w, s->root, s->worker, false, why) && world_case(&w, &c) && world_child(&w, in_a_child, io, why);

    if (!good)
        printf("# units: %s\n", why);
    (void)fflush(stdout);
    world_close(&w);
    return good ? 0 : 1;
}

bool units_run(struct sweep *s, uint64_t units, struct unit_counts *out)
{
    struct unit_counts *counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool good = counts != MAP_FAILED;
    int status = 0;

    (void)fflush(stdout);
    for (s->worker = 0; s->worker < s->jobs && good; s->worker++)
        if (fork() == 0)
            _exit(work(s, units / s->jobs, counts));
    while (wait(&status) > 0)
        good = good && status == 0;
    if (counts != MAP_FAILED)
        *out = *counts;
    return good;
}

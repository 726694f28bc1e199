#include "tests/sweep/real.h"

#include <ftw.h>
#include <jansson.h>
#include <sys/stat.h>

const char *const real_product[PRODUCTS] = { "plain", "psk" };

enum {
    OPENOCD_TIMEOUT_MS = 20000, /* never waited for */
    HUNG_TIMEOUT_MS = 2000,     /* waited for: where OpenOCD may hang */
    PATIENCE_MS = 60000,
    RUN_MAX_S = 150
};

struct args {
    char text[24][256];
    unsigned n;
};

static void add(struct args *a, const char *word)
{
    if (a->n == 24 || (size_t)snprintf(a->text[a->n++], sizeof a->text[0], "%s", word) >= sizeof a->text[0])
        broken("too many words", word);
}

static void add_fuseline(struct args *a)
{
    char build[256], path[300];

    build_dir(build, sizeof build);
    (void)snprintf(path, sizeof path, "%s/fuseline", build);
    add(a, path);
}

static void write_text(struct lane *l, const char *name, const char *mode, const char *text)
{
    char path[128];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", l->dir, name);
    if ((f = fopen(path, mode)) == NULL || fputs(text, f) < 0 || fclose(f) != 0)
        broken(path, strerror(errno));
}

static void redirect(struct lane *l, const char *name, int fd)
{
    char path[128];
    int to;

    (void)snprintf(path, sizeof path, "%s/%s", l->dir, name);
    if ((to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0 || dup2(to, fd) != fd)
        _exit(98);
}

static pid_t start(struct lane *l, struct args *a)
{
    char *argv[25];
    pid_t child;

    for (unsigned i = 0; i < a->n; i++)
        argv[i] = a->text[i];
    argv[a->n] = NULL;
    if ((child = fork()) < 0)
        broken("fork", strerror(errno));
    if (child == 0) {
        redirect(l, "out", STDOUT_FILENO);
        redirect(l, "err", STDERR_FILENO);
        (void)alarm(RUN_MAX_S); /* a hang is a violation: it ends by SIGALRM */
        execvp(argv[0], argv);
        _exit(98);
    }
    return child;
}

static int finish(pid_t child)
{
    int status = -1;

    (void)waitpid(child, &status, 0);
    return status;
}

int lane_fuseline(struct lane *l, const char *const word[])
{
    struct args a = { .n = 0 };
    int status;

    add_fuseline(&a);
    add(&a, "-C");
    add(&a, l->dir);
    for (size_t i = 0; word[i] != NULL; i++)
        add(&a, word[i]);
    status = finish(start(l, &a));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the line ---- */

static void init(struct lane *l)
{
    struct args a = { .n = 0 };

    if (mkdir(l->dir, 0700) != 0)
        broken(l->dir, strerror(errno));
    add_fuseline(&a);
    add(&a, "init");
    add(&a, l->dir);
    if (finish(start(l, &a)) != 0)
        broken("fuseline init", l->dir);
}

static void use_openocd(struct lane *l, const char *openocd, unsigned timeout_ms)
{
    char text[1024];

    (void)snprintf(
        text, sizeof text,
        "[station]\nid = 1\nopenocd = %s\ntimeout_ms = %u\n[registry]\npath = registry.db\n"
        "[hsm line]\ntoken = line\nmodule = /usr/lib/softhsm/libsofthsm2.so\npin-source = file:pins/line.pin\n"
        "[hsm server]\ntoken = server\nmodule = /usr/lib/softhsm/libsofthsm2.so\npin-source = file:pins/server.pin\n"
        "[slot s]\nchip = %s\nadapter = adapter.cfg\n",
        openocd, timeout_ms, l->desc->name);
    write_text(l, "fuseline.conf", "w", text);
}

static void use_real(struct lane *l, unsigned timeout_ms)
{
    use_openocd(l, "/usr/bin/openocd", timeout_ms);
}

void lane_open(struct lane *l, const char *root, const char *chip)
{
    char adapter[256];

    *l = (struct lane){ .desc = chip_desc_find(chip) };
    (void)snprintf(l->dir, sizeof l->dir, "%.30s/%.16s", root, chip);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        broken("prctl", strerror(errno));
    init(l);
    vchip_start(&l->board, l->desc);
    (void)snprintf(adapter, sizeof adapter, "adapter driver remote_bitbang\nremote_bitbang port 0\nremote_bitbang host %s\n",
                   l->board.jtag);
    write_text(l, "adapter.cfg", "w", adapter);
    use_real(l, OPENOCD_TIMEOUT_MS);
    for (unsigned p = 0; p < PRODUCTS; p++) {
        const char *const words[] = { "product",  "add",    real_product[p], "--chip",           chip,
                                      "--scheme", "sealed", "--lock",        p == 0 ? "0" : "1", p == 0 ? NULL : "--psk",
                                      NULL };

        if (lane_fuseline(l, words) != 0)
            broken("fuseline product add", l->dir);
    }
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void lane_close(struct lane *l)
{
    vchip_stop(&l->board);
    (void)nftw(l->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void lane_new_board(struct lane *l)
{
    vchip_do(&l->board, "new");
    vchip_do(&l->board, "busy 0");
    vchip_do(&l->board, "stats clear");
}

void lane_repair(struct lane *l)
{
    static const char *const mend[] = { "drop after 0", "gone after 0", "cut otp 0", "cut flash 0",
                                        "cut clocks 0", "insert",       "power on" };

    for (size_t i = 0; i < sizeof mend / sizeof *mend; i++)
        (void)vchip_ctl(&l->board, "%s", mend[i]); /* an error: there was nothing to mend */
}

/* ---- a run ---- */

static void told(struct lane *l, struct real_run *r)
{
    const char *verdict, *code, *state = "", *serial = "";
    char path[128];
    json_t *o;

    (void)snprintf(path, sizeof path, "%s/out", l->dir);
    if ((o = json_load_file(path, JSON_DISABLE_EOF_CHECK, NULL)) == NULL)
        return;
    if (json_unpack(o, "{s:s, s:s, s:i}", "verdict", &verdict, "code", &code, "exit", &r->exit_json) == 0) {
        r->ended = true;
        (void)json_unpack(o, "{s?s}", "state", &state);
        (void)json_unpack(o, "{s?s}", "serial", &serial);
        (void)snprintf(r->verdict, sizeof r->verdict, "%s", verdict);
        (void)snprintf(r->code, sizeof r->code, "%s", code);
        (void)snprintf(r->state, sizeof r->state, "%s", state);
        (void)snprintf(r->serial, sizeof r->serial, "%s", serial);
    }
    json_decref(o);
}

/* The child of `parent` that is an OpenOCD by now; 0: none. */
static pid_t openocd_of(pid_t parent)
{
    char path[64], name[32] = "";
    int pid = 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    if ((f = fopen(path, "re")) != NULL) {
        if (fscanf(f, "%d", &pid) != 1)
            pid = 0;
        (void)fclose(f);
    }
    (void)snprintf(path, sizeof path, "/proc/%d/comm", pid);
    if (pid != 0 && (f = fopen(path, "re")) != NULL) {
        if (fscanf(f, "%31s", name) != 1)
            name[0] = '\0';
        (void)fclose(f);
    }
    return strcmp(name, "openocd") == 0 ? pid : 0;
}

/* true: the signal was sent.  Moments are counted in JTAG clocks: those do not depend on the load of this machine. */
static bool strike(struct lane *l, pid_t fuseline, const struct real_fault *f)
{
    const uint64_t end = clock_mono_ns() + RUN_MAX_S * UINT64_C(1000000000);
    siginfo_t ended;

    while (clock_mono_ns() < end) {
        pid_t openocd;

        ended.si_pid = 0;
        if (waitid(P_PID, (id_t)fuseline, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid != 0)
            return false;
        if (vchip_stat(&l->board, "tck") >= f->tck && (openocd = openocd_of(fuseline)) != 0)
            return kill(openocd, f->signal) == 0;
        clock_sleep_ms(1);
    }
    return false;
}

static bool was_injected(struct lane *l)
{
    char path[128], line[4096];
    bool found = false;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/trace", l->dir);
    if ((f = fopen(path, "re")) == NULL)
        return false;
    while (!found && fgets(line, sizeof line, f) != NULL)
        found = strstr(line, "(INJECTED)") != NULL || strstr(line, "+++ killed by SIGKILL") != NULL;
    (void)fclose(f);
    return found;
}

/* trace, inject: what strace is to look at and to do; NULL: no strace, no fault. */
static pid_t start_provision(struct lane *l, unsigned product, const char *trace, const char *inject)
{
    const char *const words[] = { "--json", "provision", "--product", real_product[product], "--slot", "s", "--burn" };
    struct args a = { .n = 0 };
    char text[256];

    if (trace != NULL) {
        add(&a, "strace");
        add(&a, "-qq");
        add(&a, "-o");
        (void)snprintf(text, sizeof text, "%s/trace", l->dir);
        add(&a, text);
        add(&a, "-e");
        (void)snprintf(text, sizeof text, "trace=%s", trace);
        add(&a, text);
    }
    if (inject != NULL) {
        add(&a, "-e");
        (void)snprintf(text, sizeof text, "inject=%s", inject);
        add(&a, text);
    }
    add_fuseline(&a);
    add(&a, "-C");
    add(&a, l->dir);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        add(&a, words[i]);
    return start(l, &a);
}

static void use_fake(struct lane *l, const char *name)
{
    char fake[512], build[256];

    build_dir(build, sizeof build);
    (void)snprintf(fake, sizeof fake, "%s/../tests/fakes/%s", build, name);
    char *real = realpath(fake, NULL);
    if (real == NULL)
        broken(fake, strerror(errno));
    use_openocd(l, real, HUNG_TIMEOUT_MS);
    free(real);
}

void lane_provision(struct lane *l, unsigned product, const struct real_fault *f, struct real_run *r)
{
    const bool by_strace = f->how == BY_STRACE, stops = f->how == BY_SIGNAL && f->signal == SIGSTOP;
    pid_t child;
    int status;

    *r = (struct real_run){ .exit = -1, .exit_json = -1, .fired = f->how == BY_CONTROL || f->how == BY_FAKE };
    if (f->how == BY_CONTROL)
        vchip_do(&l->board, "%s", f->text);
    if (f->how == BY_FAKE)
        use_fake(l, f->text);
    if (stops)
        use_real(l, HUNG_TIMEOUT_MS);
    child = start_provision(l, product, by_strace ? f->call : NULL, by_strace ? f->text : NULL);
    if (f->how == BY_SIGNAL)
        r->fired = strike(l, child, f);
    status = finish(child);
    r->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    r->exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (by_strace)
        r->fired = was_injected(l);
    if (f->how == BY_FAKE || stops)
        use_real(l, OPENOCD_TIMEOUT_MS);
    told(l, r);
}

/* ---- what there is to disturb ---- */

/* From the configuration on: what comes before is the loader's. */
static void read_calls(struct lane *l, struct product_facts *fact)
{
    static struct {
        char name[24];
        unsigned n;
    } seen[64];
    char path[128], line[4096], name[24];
    bool begun = false;
    FILE *f;

    memset(seen, 0, sizeof seen);
    (void)snprintf(path, sizeof path, "%s/trace", l->dir);
    if ((f = fopen(path, "re")) == NULL)
        broken(path, strerror(errno));
    while (fgets(line, sizeof line, f) != NULL && fact->calls < CALLS_MAX) {
        size_t i = 0;

        if (sscanf(line, "%23[a-z0-9_](", name) != 1)
            continue;
        while (i < 63 && seen[i].n > 0 && strcmp(seen[i].name, name) != 0)
            i++;
        (void)snprintf(seen[i].name, sizeof seen[i].name, "%s", name);
        seen[i].n++;
        begun = begun || strstr(line, "fuseline.conf") != NULL;
        if (begun) {
            struct call *c = &fact->call[fact->calls++];

            (void)snprintf(c->name, sizeof c->name, "%s", name);
            c->nth = seen[i].n;
            c->creates = strstr(line, "O_CREAT") != NULL;
        }
    }
    (void)fclose(f);
}

void lane_count(struct lane *l, unsigned product)
{
    struct product_facts *fact = &l->fact[product];
    struct real_run r = { .exit = -1 };
    int status;

    if (fact->counted)
        return;
    lane_new_board(l);
    status = finish(start_provision(l, product, "%file,%desc,%network,%process", NULL));
    told(l, &r);
    if (status != 0 || strcmp(r.verdict, "PASS") != 0)
        broken("a run without a fault does not pass", r.code);
    read_calls(l, fact);
    fact->otp_pulses = (unsigned)vchip_stat(&l->board, "otp_pulses");
    fact->flash_pulses = (unsigned)vchip_stat(&l->board, "flash_pulses");
    fact->tck = vchip_stat(&l->board, "tck");
    fact->counted = true;
}

/* ---- orphans ---- */

static bool has_children_but(pid_t board)
{
    char path[64];
    int pid;
    bool found = false;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", getpid(), getpid());
    if ((f = fopen(path, "re")) == NULL)
        return false;
    while (fscanf(f, "%d", &pid) == 1)
        if (pid != board && waitpid(pid, NULL, WNOHANG) != pid)
            found = true;
    (void)fclose(f);
    return found;
}

bool lane_orphans(struct lane *l)
{
    for (unsigned ms = 0; ms < PATIENCE_MS; ms += 5) {
        if (!has_children_but(l->board.pid))
            return false;
        clock_sleep_ms(5);
    }
    return true;
}

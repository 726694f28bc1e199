#include "hsm/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hsm/ckr.h"
#include "hsm/keep.h"

static struct module *modules; /* one process, one thread: hsm/hsm.h */

static enum err_code load(CK_FUNCTION_LIST **out, const char *path, struct err *e)
{
    CK_C_GetFunctionList get = NULL;
    CK_FUNCTION_LIST *f = NULL;
    struct stat st;
    void *so, *symbol;

    if (stat(path, &st) != 0)
        return err_errno(e, &hsm_fault[HSM_MODULE_MISSING], "open", "%s", path);
    so = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (so == NULL)
        return err_set(e, &hsm_fault[HSM_NOT_A_MODULE], "dlopen", NULL, 0, "%s", dlerror());
    symbol = dlsym(so, "C_GetFunctionList");
    memcpy(&get, &symbol, sizeof get); /* ISO C has no cast from object to function pointer */
    if (get == NULL)
        return err_set(e, &hsm_fault[HSM_NOT_A_MODULE], "dlsym", NULL, 0, "%s: no C_GetFunctionList in it", path);
    if (get(&f) != CKR_OK || f == NULL || (f->version.major != 2 && f->version.major != 3))
        return err_set(e, &hsm_fault[HSM_NOT_A_MODULE], "C_GetFunctionList", NULL, 0, "%s: no list of version 2 or 3", path);
    *out = f;
    return ERR_OK;
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static enum err_code add(struct module **out, const char *path, const char *init_args, struct err *e)
{
    struct module *m = calloc(1, sizeof *m);
    enum err_code rc;

    if (m == NULL || (m->path = strdup(path)) == NULL || (init_args != NULL && (m->init_args = strdup(init_args)) == NULL))
        rc = err_set(e, &hsm_fault[HSM_MEMORY], "module", NULL, 0, "%s", path);
    else if ((rc = load(&m->f, path, e)) == ERR_OK) {
        m->pid = getpid();
        m->next = modules;
        *out = modules = m;
        return ERR_OK;
    }
    if (m != NULL) {
        free(m->path);
        free(m->init_args);
    }
    free(m);
    return rc;
}

enum err_code module_get(struct module **out, const char *path, const char *init_args, struct err *e)
{
    struct module *m = modules;
    enum err_code rc;

    while (m != NULL && !(same(m->path, path) && same(m->init_args, init_args)))
        m = m->next;
    if (m == NULL && (rc = add(&m, path, init_args, e)) != ERR_OK)
        return rc;
    if (m->pid != getpid()) { /* a fork: the parent's sessions are not ours */
        m->pid = getpid();
        m->users = m->once = 0;
        m->up = false;
    }
    m->users++;
    *out = m;
    return ERR_OK;
}

void module_down(struct module *m)
{
    if (m->up)
        (void)m->f->C_Finalize(NULL); /* a dead module may refuse: the next C_Initialize tells */
    m->up = false;
}

void module_put(struct module *m)
{
    if (m != NULL && m->pid == getpid() && --m->users == 0)
        module_down(m);
}

/* SoftHSM2 reads where its tokens are from the environment, at C_Initialize. */
static void point_softhsm(const char *workspace)
{
    char conf[4096];

    if ((size_t)snprintf(conf, sizeof conf, "%s/softhsm2.conf", workspace) < sizeof conf && access(conf, F_OK) == 0)
        (void)setenv("SOFTHSM2_CONF", conf, 1);
}

static CK_RV initialize(struct module *m)
{
    CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK, .pReserved = m->init_args };
    CK_RV rv = m->f->C_Initialize(&args);

    if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) { /* inherited over fork(), or a C_Finalize that was refused */
        (void)m->f->C_Finalize(NULL);
        rv = m->f->C_Initialize(&args);
    }
    return rv;
}

static enum err_code start(struct module *m, CK_RV *rv, struct err *e)
{
    enum err_code rc = keep_restore(m->workspace, e);

    if (rc != ERR_OK)
        return rc;
    point_softhsm(m->workspace);
    if ((*rv = initialize(m)) != CKR_OK)
        return err_set(e, &hsm_fault[HSM_MODULE_FAILED], "C_Initialize", "CKR", (long)*rv, "%s: %s", m->path, ckr_name(*rv));
    m->up = true;
    m->life++;
    m->made = 0;
    return ERR_OK;
}

enum err_code module_up(struct module *m, const char *workspace, CK_RV *rv, struct err *e)
{
    char *real = realpath(workspace, NULL);

    *rv = CKR_OK;
    if (real == NULL)
        return err_errno(e, &hsm_fault[HSM_LOCK], "realpath", "%s", workspace);
    if (m->up && strcmp(real, m->workspace) != 0) {
        enum err_code rc =
            err_set(e, &hsm_fault[HSM_MODULE_FAILED], "C_Initialize", NULL, 0, "%s: in use for %s", m->path, m->workspace);
        free(real);
        return rc;
    }
    free(m->workspace);
    m->workspace = real;
    return m->up ? ERR_OK : start(m, rv, e);
}

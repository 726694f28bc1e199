#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "hsm/guard.h"
#include "hsm/keep.h"
#include "hsm/pin.h"
#include "hsm/token.h"

/* The embedded default: SoftHSM2 tokens under the workspace.  Order: configuration, then the PINs durable, then the token,
 * then its kept copy.  A cut anywhere leaves what the next init finishes: PINs without a token, a token without a user PIN
 * (the SO PIN is known), a token directory without content or without its SO PIN (removed: no key can be in it). */

enum { PIN_BYTES = 16, PATH_LEN = 3072 };

static enum err_code fail(struct err *e, const char *op, const char *path)
{
    return err_errno(e, &hsm_fault[HSM_INIT], op, "%s", path);
}

static const char *module_path(void)
{
    static const char *const where[] = { "/usr/lib/softhsm/libsofthsm2.so",
                                         "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                                         "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
                                         "/usr/lib64/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so" };

    for (size_t i = 0; i < sizeof where / sizeof *where; i++)
        if (access(where[i], R_OK) == 0)
            return where[i];
    return where[0]; /* its absence is told by module_get */
}

/* ---- files ---- */

static enum err_code make_dir(const char *workspace, const char *name, struct err *e)
{
    char path[PATH_LEN + 16];

    (void)snprintf(path, sizeof path, "%s%s%s", workspace, *name == '\0' ? "" : "/", name);
    return mkdir(path, 0700) == 0 || errno == EEXIST ? ERR_OK : fail(e, "mkdir", path);
}

static int sync_parent(const char *path)
{
    char dir[PATH_LEN + 64];
    int fd, rc;

    (void)snprintf(dir, sizeof dir, "%s", path);
    *strrchr(dir, '/') = '\0';
    if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return -1;
    rc = fsync(fd);
    close(fd);
    return rc;
}

/* Whole and durable, or not there: written beside, synced, renamed.  The guard keeps others from the same name. */
static enum err_code write_file(const char *path, const char *text, size_t len, mode_t mode, struct err *e)
{
    char tmp[PATH_LEN + 64];
    int fd;
    bool good;

    (void)snprintf(tmp, sizeof tmp, "%s.new", path);
    (void)unlink(tmp); /* of an interrupted init */
    if ((fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)) < 0)
        return fail(e, "open", tmp);
    good = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    if (close(fd) != 0 || !good || rename(tmp, path) != 0 || sync_parent(path) != 0)
        return fail(e, "write", path);
    return ERR_OK;
}

static enum err_code write_conf(const char *workspace, struct err *e)
{
    char path[PATH_LEN + 64], text[PATH_LEN + 256], have[PATH_LEN + 256];
    int len = snprintf(text, sizeof text,
                       "# made by fuseline init\n"
                       "directories.tokendir = %s/tokens\n"
                       "objectstore.backend = file\n"
                       "log.level = ERROR\n"
                       "slots.removable = false\n"
                       "library.reset_on_fork = true\n",
                       workspace);
    ssize_t n = -1;
    int fd;

    (void)snprintf(path, sizeof path, "%s/softhsm2.conf", workspace);
    if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) >= 0) {
        n = read(fd, have, sizeof have);
        close(fd);
    }
    if (n == len && memcmp(have, text, (size_t)len) == 0)
        return ERR_OK;
    return write_file(path, text, (size_t)len, 0600, e); /* also after the workspace was moved */
}

static bool is_file_name(const char *label)
{
    size_t n = strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    return n > 0 && n < HSM_LABEL && label[n] == '\0' && label[0] != '.';
}

/* ---- PINs ---- */

struct pins {
    char user_path[PATH_LEN + 64], so_path[PATH_LEN + 64];
    struct pin user, so;
};

static enum err_code draw(const char *path, struct err *e)
{
    uint8_t bytes[PIN_BYTES];
    char text[2 * PIN_BYTES + 1];
    enum err_code rc;

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return fail(e, "getrandom", path);
    hex_encode(bytes, sizeof bytes, text);
    rc = write_file(path, text, sizeof text - 1, 0400, e);
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(text, sizeof text);
    return rc;
}

/* The PIN in the file; drawn first if there is no file and none can be in use yet. */
static enum err_code have_pin(struct pin *pin, const char *path, bool may_draw, const char *label, struct err *e)
{
    static const struct hsm_pin_source by_uri = { HSM_PIN_URI, -1 };
    enum err_code rc;

    if (may_draw && access(path, F_OK) != 0 && (rc = draw(path, e)) != ERR_OK)
        return rc;
    return pin_read(pin, &by_uri, path, label, e);
}

/* ---- the token ---- */

struct making {
    const char *workspace, *label;
    struct module *module;
    struct hsm_uri uri;
    struct pins pins;
    CK_SLOT_ID slot;
    bool made;
    bool stillborn; /* C_InitToken was cut: there is a token, and its SO PIN is not the one it was to get */
};

static enum err_code refuse(struct making *m, const char *call, CK_RV rv, struct err *e)
{
    return err_set(e, &hsm_fault[HSM_INIT], call, "CKR", (long)rv, "token '%s': %s", m->label, ckr_name(rv));
}

static enum err_code free_slot(struct making *m, struct err *e)
{
    CK_FUNCTION_LIST *f = m->module->f;
    CK_SLOT_ID slots[64];
    CK_ULONG n = 64;
    CK_TOKEN_INFO info;
    CK_RV rv = f->C_GetSlotList(CK_TRUE, NULL, &n); /* SoftHSM2 adds its free slot in this form of the call only */

    n = 64;
    if (rv != CKR_OK || (rv = f->C_GetSlotList(CK_TRUE, slots, &n)) != CKR_OK)
        return refuse(m, "C_GetSlotList", rv, e);
    for (CK_ULONG i = 0; i < n; i++)
        if (f->C_GetTokenInfo(slots[i], &info) == CKR_OK && (info.flags & CKF_TOKEN_INITIALIZED) == 0) {
            m->slot = slots[i];
            return ERR_OK;
        }
    return refuse(m, "C_GetSlotList: no free slot", CKR_SLOT_ID_INVALID, e);
}

/* Not by softhsm2-util: there the PINs would stand in argv. */
static enum err_code init_token(struct making *m, struct err *e)
{
    unsigned char padded[32];
    enum err_code rc = free_slot(m, e);
    CK_RV rv;

    if (rc != ERR_OK)
        return rc;
    memset(padded, ' ', sizeof padded);
    memcpy(padded, m->label, strlen(m->label));
    rv = m->module->f->C_InitToken(m->slot, (CK_UTF8CHAR_PTR)m->pins.so.text, m->pins.so.len, padded);
    m->made = rv == CKR_OK;
    return rv == CKR_OK ? ERR_OK : refuse(m, "C_InitToken", rv, e);
}

static enum err_code init_pin(struct making *m, struct err *e)
{
    CK_FUNCTION_LIST *f = m->module->f;
    CK_SESSION_HANDLE s;
    const char *call = "C_OpenSession";
    CK_RV rv = f->C_OpenSession(m->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s);

    if (rv != CKR_OK)
        return refuse(m, call, rv, e);
    call = "C_Login (SO)";
    if ((rv = f->C_Login(s, CKU_SO, (CK_UTF8CHAR_PTR)m->pins.so.text, m->pins.so.len)) == CKR_OK) {
        call = "C_InitPIN";
        rv = f->C_InitPIN(s, (CK_UTF8CHAR_PTR)m->pins.user.text, m->pins.user.len);
        (void)f->C_Logout(s);
    }
    (void)f->C_CloseSession(s);
    m->stillborn = rv != CKR_OK && !m->made;
    m->made = true;
    return rv == CKR_OK ? ERR_OK : refuse(m, call, rv, e);
}

/* Find the token, or make as much of it as is missing. */
static enum err_code have_token(struct making *m, struct err *e)
{
    CK_FUNCTION_LIST *f = m->module->f;
    CK_TOKEN_INFO info = { .flags = 0 };
    CK_RV rv;
    enum err_code rc = token_find(f, &m->uri, &m->slot, &rv, e);
    bool there = rc == ERR_OK && f->C_GetTokenInfo(m->slot, &info) == CKR_OK;

    if (rc != ERR_OK && e->fault != &hsm_fault[HSM_TOKEN_MISSING])
        return rc;
    if (there && (info.flags & CKF_USER_PIN_INITIALIZED) != 0)
        return have_pin(&m->pins.user, m->pins.user_path, false, m->label, e);
    if ((rc = have_pin(&m->pins.so, m->pins.so_path, !there, m->label, e)) != ERR_OK ||
        (rc = have_pin(&m->pins.user, m->pins.user_path, true, m->label, e)) != ERR_OK)
        return rc;
    if (!there && (rc = init_token(m, e)) != ERR_OK)
        return rc;
    return init_pin(m, e);
}

/* Guarded.  Roles that hold the module open log in again by themselves. */
static enum err_code have_token_again(struct making *m, struct err *e)
{
    CK_TOKEN_INFO info;
    char serial[33];
    enum err_code rc;
    CK_RV rv = m->module->f->C_GetTokenInfo(m->slot, &info);

    if (rv != CKR_OK)
        return refuse(m, "C_GetTokenInfo", rv, e);
    uri_field(serial, info.serialNumber, sizeof info.serialNumber);
    module_down(m->module);
    keep_discard(m->workspace, serial);
    if ((rc = module_up(m->module, m->workspace, &rv, e)) == ERR_OK)
        rc = have_token(m, e);
    return rc;
}

static enum err_code with_module(struct making *m, struct err *e)
{
    enum err_code rc;
    CK_RV rv;

    if ((rc = module_get(&m->module, m->uri.module_path, NULL, e)) != ERR_OK)
        return rc;
    keep_sweep(m->workspace);
    if ((rc = module_up(m->module, m->workspace, &rv, e)) == ERR_OK && (rc = have_token(m, e)) != ERR_OK && m->stillborn)
        rc = have_token_again(m, e);
    if (rc == ERR_OK && m->made)
        rc = keep_copy(m->workspace, e);
    module_put(m->module);
    return rc;
}

/* ---- URIs ---- */

/* RFC 7512 s.2.3: a path keeps its slashes; what is not plain is percent-encoded. */
static void encode_path(const char *path, char *out, size_t max)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    size_t n = 0;

    for (; *path != '\0' && n + 4 < max; path++)
        if (strchr(plain, *path) != NULL)
            out[n++] = *path;
        else {
            uint8_t byte = (uint8_t)*path;

            out[n++] = '%';
            hex_encode(&byte, 1, out + n);
            n += 2;
        }
    out[n] = '\0';
}

static enum err_code compose(const char *label, const char *pin_path, char *uri, size_t uri_max, struct err *e)
{
    char encoded[3 * (PATH_LEN + 64) + 4];

    encode_path(pin_path, encoded, sizeof encoded);
    if ((size_t)snprintf(uri, uri_max, "pkcs11:token=%s?module-path=%s&pin-source=file:%s", label, module_path(), encoded) >=
        uri_max)
        return err_set(e, &hsm_fault[HSM_INIT], "uri", NULL, 0, "token '%s': the path of its workspace is too long", label);
    return ERR_OK;
}

/* The absolute workspace, and the paths of the PIN files in it. */
static enum err_code place(const char *workspace, const char *label, char real[PATH_LEN], struct pins *p, struct err *e)
{
    char *found = realpath(workspace, NULL);
    bool fits = found != NULL && strlen(found) < PATH_LEN;

    if (!is_file_name(label))
        errno = EINVAL;
    else if (found != NULL && !fits)
        errno = ENAMETOOLONG;
    if (!fits || !is_file_name(label)) {
        free(found);
        return err_errno(e, &hsm_fault[HSM_INIT], "token", "'%s' in %s", label, workspace);
    }
    (void)snprintf(real, PATH_LEN, "%s", found);
    free(found);
    (void)snprintf(p->user_path, sizeof p->user_path, "%s/pins/%s.pin", real, label);
    (void)snprintf(p->so_path, sizeof p->so_path, "%s/pins/%s.so-pin", real, label);
    return ERR_OK;
}

/* ---- the contract ---- */

static enum err_code make(struct making *m, const char *uri, struct err *e)
{
    static const char *const dirs[] = { "tokens", "pins", "keep" };
    struct guard guard;
    enum err_code rc = uri_parse(&m->uri, uri, e);

    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs && rc == ERR_OK; i++)
        rc = make_dir(m->workspace, dirs[i], e);
    if (rc == ERR_OK && (rc = guard_enter(&guard, m->workspace, e)) == ERR_OK) {
        if ((rc = write_conf(m->workspace, e)) == ERR_OK)
            rc = with_module(m, e);
        guard_leave(&guard);
    }
    uri_fini(&m->uri);
    return rc;
}

enum err_code hsm_softhsm_init(const char *workspace, const char *label, char *uri, size_t uri_max, bool *made,
                               struct err *e)
{
    char real[PATH_LEN];
    struct making m = { .workspace = real, .label = label };
    enum err_code rc;

    if ((rc = make_dir(workspace, "", e)) == ERR_OK && (rc = place(workspace, label, real, &m.pins, e)) == ERR_OK &&
        (rc = compose(label, m.pins.user_path, uri, uri_max, e)) == ERR_OK)
        rc = make(&m, uri, e);
    pin_wipe(&m.pins.user);
    pin_wipe(&m.pins.so);
    if (made != NULL)
        *made = m.made;
    return rc;
}

enum err_code hsm_softhsm_so_uri(const char *workspace, const char *label, char *uri, size_t uri_max, struct err *e)
{
    char real[PATH_LEN];
    struct pins p;
    enum err_code rc = place(workspace, label, real, &p, e);

    return rc == ERR_OK ? compose(label, p.so_path, uri, uri_max, e) : rc;
}

enum err_code hsm_softhsm_keep(const char *workspace, const char *label, struct err *e)
{
    struct guard guard;
    enum err_code rc = guard_enter(&guard, workspace, e);

    (void)label; /* all of them: the next one's ceremony is as precious */
    if (rc != ERR_OK)
        return rc;
    rc = keep_copy(workspace, e);
    guard_leave(&guard);
    return rc;
}

/* tests/hsm/workspace.h - a workspace of a test's own, with a SoftHSM2 token "TEST-line" in it. */
#ifndef TESTS_HSM_WORKSPACE_H
#define TESTS_HSM_WORKSPACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "hsm/fault.h"
#include "hsm/hsm.h"

static char ws[256], line_uri[1024];
static const struct hsm_pin_source by_uri = { HSM_PIN_URI, -1 };
static struct err e;

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"

#define assert_ok(call)                                                                                       \
    do {                                                                                                      \
        if ((call) != ERR_OK)                                                                                 \
            fail_msg("%s: %s: %s 0x%lx: %s", #call, e.fault->name, e.op, (unsigned long)e.native, e.subject); \
    } while (0)
#define assert_fault(call, id)                                                                   \
    do {                                                                                         \
        assert_int_not_equal((call), ERR_OK);                                                    \
        if (e.fault != &hsm_fault[id])                                                           \
            fail_msg("%s: %s, not %s: %s", #call, e.fault->name, hsm_fault[id].name, e.subject); \
    } while (0)

static inline void __attribute__((format(printf, 1, 2))) run(const char *fmt, ...)
{
    char command[2048];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    assert_int_equal(system(command), 0);
}

static inline int make_workspace(void **state)
{
    (void)state;
    (void)snprintf(ws, sizeof ws, "/tmp/fuseline-hsm-XXXXXX");
    if (mkdtemp(ws) == NULL)
        return -1;
    assert_ok(hsm_softhsm_init(ws, "TEST-line", line_uri, sizeof line_uri, NULL, &e));
    return 0;
}

static inline int remove_workspace(void **state)
{
    (void)state;
    run("rm -rf '%s'", ws);
    return 0;
}

static inline struct hsm *open_line(void)
{
    struct hsm *h = NULL;

    assert_ok(hsm_open(&h, line_uri, &by_uri, ws, &e));
    return h;
}

/* A module of tests/fakes/pkcs11 under the name of its fault; the URI of TEST-line through it. */
static inline void fake_uri(char uri[1024], const char *name)
{
    char self[512];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    assert_true(n > 0);
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    run("test -e '%s/%s.so' || cp '%s/../fakes/pkcs11/fake.so' '%s/%s.so'", ws, name, self, ws, name); /* it may be mapped */
    (void)snprintf(uri, 1024, "pkcs11:token=TEST-line?module-path=%s/%s.so&pin-source=file:%s/pins/TEST-line.pin", ws, name,
                   ws);
}

#endif

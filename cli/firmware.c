#include "cli/firmware.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/fault.h"
#include "protocol/scheme.h"

/* The folder of the running program; "." if nobody can tell. */
static void program_dir(char out[static PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 1);

    out[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(out, '/');
    (void)snprintf(slash != NULL ? slash : out, 2, "%s", slash != NULL ? "" : ".");
}

const char *firmware_suffix(uint8_t suite)
{
    static const struct {
        uint8_t suite;
        const char *suffix;
    } rows[] = { { SUITE_X25519_CCM, "-x25519" } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].suite == suite)
            return rows[i].suffix;
    return "";
}

enum err_code firmware_path(const struct config *c, uint8_t scheme, uint8_t suite, const char *chip,
                            char path[static FIRMWARE_PATH_MAX], struct err *e)
{
    static const char *const beside[] = { "firmware", "../share/fuseline/firmware" };
    const struct scheme *s = scheme_by_id(scheme);
    const char *name = s != NULL ? s->name : "unknown", *suffix = firmware_suffix(suite);
    char program[PATH_MAX];

    if (c->firmware != NULL) {
        (void)snprintf(path, FIRMWARE_PATH_MAX, "%s/%s%s-%s.elf", c->firmware, name, suffix, chip);
        if (access(path, F_OK) == 0)
            return ERR_OK;
        return err_errno(e, &cli_fault[CLI_FIRMWARE], "open", "%s", path);
    }
    program_dir(program);
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        (void)snprintf(path, FIRMWARE_PATH_MAX, "%s/%s/%s%s-%s.elf", program, beside[i], name, suffix, chip);
        if (access(path, F_OK) == 0)
            return ERR_OK;
    }
    return err_errno(e, &cli_fault[CLI_FIRMWARE], "open", "%s/%s/%s%s-%s.elf", program, beside[0], name, suffix, chip);
}

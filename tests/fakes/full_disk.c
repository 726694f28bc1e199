/* tests/fakes/full_disk.c - LD_PRELOAD: a disk that has room for FULL_DISK_BYTES in each file whose name holds
 * "registry.db". Why not a small file system: mounting one needs rights that a test must not want. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_full(int fd, off64_t end)
{
    char link[64], path[4096];
    const char *limit = getenv("FULL_DISK_BYTES");

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0 || limit == NULL)
        return 0;
    path[len] = '\0';
    return strstr(path, "registry.db") != NULL && end > atoll(limit);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);

    if (real == NULL)
        real = dlsym(RTLD_NEXT, "pwrite64");
    if (is_full(fd, at + (off64_t)len)) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, buf, len, at);
}

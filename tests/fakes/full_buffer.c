/* tests/fakes/full_buffer.c - LD_PRELOAD: while the file $FULL_BUFFER is there, no new file can be written ("disk full"). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t write(int fd, const void *buf, size_t len)
{
    static ssize_t (*real)(int, const void *, size_t);
    const char *flag = getenv("FULL_BUFFER");
    struct stat st;

    if (real == NULL)
        real = dlsym(RTLD_NEXT, "write");
    if (flag != NULL && access(flag, F_OK) == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0 &&
        len <= 1024 && fd > STDERR_FILENO) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, buf, len);
}

/* flash/vchip/listen.h - a listening unix stream socket at a path: mode 0600, a dead server's leftover is replaced, anything
 * else that is there is refused and stays as it is.  Descriptors are non-blocking and close-on-exec. */
#ifndef VCHIP_LISTEN_H
#define VCHIP_LISTEN_H

#include "base/err.h"

/* ERR_USAGE: path empty or longer than 107 bytes; ERR_CREATE: taken, or cannot be made. */
enum err_code listen_open(int *fd, const char *path, struct err *e);
/* Closes and removes. */
void listen_close(int fd, const char *path);
/* The next client, or -1.  Sending to it blocks for at most one second. */
int listen_accept(int fd);

#endif

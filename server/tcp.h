/* server/tcp.h - a listening TCP socket from "HOST:PORT". */
#ifndef SERVER_TCP_H
#define SERVER_TCP_H

#include "base/err.h"

enum { TCP_HOST_MAX = 256 };

/* text: "127.0.0.1:8443", "[::]:8443" (IPv4 too), "name:0"; port 0: any free one.  *port is the one it got.
 * The socket does not block and is closed on exec; -1 in *fd on failure.  host[TCP_HOST_MAX]: as given, for a URL. */
enum err_code tcp_listen(const char *text, int *fd, unsigned *port, char *host, struct err *e);

#endif

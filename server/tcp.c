#include "server/tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/fault.h"

static bool split(const char *text, char *host, char *bare, const char **port)
{
    const char *colon = strrchr(text, ':');
    const size_t len = colon != NULL ? (size_t)(colon - text) : 0;

    if (len == 0 || len >= TCP_HOST_MAX || colon[1] == '\0')
        return false;
    (void)snprintf(host, TCP_HOST_MAX, "%.*s", (int)len, text);
    (void)snprintf(bare, TCP_HOST_MAX, "%s", host);
    if (host[0] == '[') { /* an IPv6 address */
        if (host[len - 1] != ']')
            return false;
        (void)snprintf(bare, TCP_HOST_MAX, "%.*s", (int)len - 2, host + 1);
    } else if (strchr(host, ':') != NULL)
        return false;
    *port = colon + 1;
    return true;
}

static int bound(const struct addrinfo *a)
{
    const int on = 1, off = 0;
    const int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* else a restart waits for old connections */
    if (a->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    const int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage a;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    socklen_t len = sizeof a;

    memset(&a, 0, sizeof a);
    (void)getsockname(fd, (struct sockaddr *)&a, &len); /* of our own socket */
    memcpy(&v4, &a, sizeof v4);
    memcpy(&v6, &a, sizeof v6);
    return ntohs(a.ss_family == AF_INET6 ? v6.sin6_port : v4.sin_port);
}

enum err_code tcp_listen(const char *text, int *fd, unsigned *port, char *host, struct err *e)
{
    const struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    char bare[TCP_HOST_MAX];
    const char *service = NULL;
    struct addrinfo *found = NULL;
    int code;

    *fd = -1;
    if (!split(text, host, bare, &service))
        return err_set(e, &server_fault[SERVER_LISTEN], "parse", NULL, 0, "'%s' is not HOST:PORT", text);
    if ((code = getaddrinfo(bare, service, &want, &found)) != 0)
        return err_set(e, &server_fault[SERVER_LISTEN], "getaddrinfo", NULL, 0, "'%s': %s", text, gai_strerror(code));
    for (const struct addrinfo *a = found; a != NULL && *fd < 0; a = a->ai_next)
        *fd = bound(a);
    if (*fd < 0)
        (void)err_errno(e, &server_fault[SERVER_LISTEN], "bind", "%s", text);
    else
        *port = port_of(*fd);
    freeaddrinfo(found);
    return *fd < 0 ? e->code : ERR_OK;
}

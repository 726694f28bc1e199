/* server/tls_names.c - the names in a certificate. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/tls_impl.h"

enum { COMMON_MAX = 64 }; /* RFC 5280, ub-common-name */

static void add(struct tls_names *n, gnutls_x509_subject_alt_name_t type, const void *bytes, size_t len)
{
    struct tls_name *name = &n->name[n->n++];

    name->type = type;
    name->len = (unsigned)len;
    memcpy(name->bytes, bytes, len);
}

void tls_names_own(struct tls_names *out)
{
    static const unsigned char v4[4] = { 127, 0, 0, 1 }, v6[16] = { [15] = 1 };
    char host[TLS_NAME_LEN] = "";

    *out = (struct tls_names){ .common = "CN=fuseline self-signed" };
    add(out, GNUTLS_SAN_DNSNAME, "localhost", strlen("localhost"));
    add(out, GNUTLS_SAN_IPADDRESS, v4, sizeof v4);
    add(out, GNUTLS_SAN_IPADDRESS, v6, sizeof v6);
    if (gethostname(host, sizeof host - 1) == 0 && host[0] != '\0')
        add(out, GNUTLS_SAN_DNSNAME, host, strlen(host));
}

/* RFC 1123 s.2.1, and a wildcard in front (RFC 6125 s.6.4.3): also nothing that RFC 4514 would have escaped. */
static bool is_dns(const char *text)
{
    const char *at = strncmp(text, "*.", 2) == 0 ? text + 2 : text;

    if (*at == '\0' || *at == '.' || *at == '-' || strstr(at, "..") != NULL)
        return false;
    for (; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && *at != '-' && *at != '.')
            return false;
    return true;
}

static bool add_text(struct tls_names *n, const char *text)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, text, address) == 1)
        add(n, GNUTLS_SAN_IPADDRESS, address, 4);
    else if (inet_pton(AF_INET6, text, address) == 1)
        add(n, GNUTLS_SAN_IPADDRESS, address, 16);
    else if (is_dns(text))
        add(n, GNUTLS_SAN_DNSNAME, text, strlen(text));
    else
        return false;
    return true;
}

bool tls_names_parse(const char *text, struct tls_names *out)
{
    char one[TLS_NAME_LEN];

    *out = (struct tls_names){ .n = 0 };
    for (;; text++) {
        const size_t len = strcspn(text, ",");

        if (len >= sizeof one || out->n == TLS_NAMES)
            return false;
        memcpy(one, text, len);
        one[len] = '\0';
        if (!add_text(out, one))
            return false;
        if (out->n == 1)
            (void)snprintf(out->common, sizeof out->common, "CN=%s", len <= COMMON_MAX ? one : "fuseline");
        text += len;
        if (*text == '\0')
            return true;
    }
}

/* server/fault.h - every way in which the HTTPS receiver can fail to start or to go on; what is wrong with one request is a
 * status of HTTP.  Extend-only: names are for ever. */
#ifndef SERVER_FAULT_H
#define SERVER_FAULT_H

#include "base/err.h"

enum server_fault_id {
    SERVER_LISTEN,     /* the address can't be bound */
    SERVER_TLS_FILE,   /* certificate or key can't be read */
    SERVER_TLS_RIGHTS, /* others may read the key */
    SERVER_TLS_PAIR,   /* no PEM, or they don't belong together */
    SERVER_TLS_MAKE,   /* the self-signed pair can't be made */
    SERVER_START,      /* libmicrohttpd says no */
    SERVER_PROCESS,    /* no worker process can be made */
    SERVER_MEMORY,
    SERVER_WORKER,    /* a worker died without a word */
    SERVER_TLS_KEY,   /* the token has no such key */
    SERVER_TLS_THERE, /* the certificate's file is */
    SERVER_TLS_NAME,  /* of a certificate */
    SERVER_TLS_DATE,  /* it is not valid today */
    SERVER_FAULTS
};

/* Indexed by enum server_fault_id; texts in fault.c. */
extern const struct fault server_fault[SERVER_FAULTS];

#endif

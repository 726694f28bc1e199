#include "server/fault.h"

const struct fault server_fault[SERVER_FAULTS] = {
    [SERVER_LISTEN] = { "server-listen", ERR_CONFIG, "the server can't listen at this address",
                        "give [serve] an address of this machine and a port that nobody else has", FATE_BY_CODE },
    [SERVER_TLS_FILE] = { "server-tls-file", ERR_CONFIG, "the server's certificate or key can't be read",
                          "name two PEM files in [serve], or give --self-signed", FATE_BY_CODE },
    [SERVER_TLS_RIGHTS] = { "server-tls-rights", ERR_RIGHTS, "the server's key can be read by others",
                            "give the file mode 0400, and a new key if others may have read it", FATE_BY_CODE },
    [SERVER_TLS_PAIR] = { "server-tls-pair", ERR_CONFIG, "the server's certificate and key don't belong together",
                          "name a PEM certificate chain, its own first, and the PEM key of that certificate", FATE_BY_CODE },
    [SERVER_TLS_MAKE] = { "server-tls-make", ERR_CREATE, "the self-signed certificate can't be made",
                          "check the folder's disk and rights, then repeat", FATE_BY_CODE },
    [SERVER_START] = { "server-start", ERR_UNAVAILABLE, "the HTTPS library does not start",
                       "mend the installation of libmicrohttpd and GnuTLS", FATE_BY_CODE },
    [SERVER_PROCESS] = { "server-process", ERR_RETRY, "no worker process can be made", "end other programs, then repeat",
                         FATE_BY_CODE },
    [SERVER_MEMORY] = { "server-memory", ERR_RETRY, "no memory is left for the server", "end other programs, then repeat",
                        FATE_BY_CODE },
    [SERVER_WORKER] = { "server-worker", ERR_INTERNAL, "a worker process died",
                        "please report it, with this line; the server has started another", FATE_BY_CODE },
};

/* flash/vchip/rbb.h - OpenOCD's remote_bitbang protocol, server side, on a unix socket; one client at a time.
 * Source: OpenOCD 0.12 doc/manual/jtag/drivers/remote_bitbang.txt and src/jtag/drivers/remote_bitbang.c. */
#ifndef VCHIP_RBB_H
#define VCHIP_RBB_H

#include "base/err.h"
#include "flash/vchip/jtag.h"

struct rbb;

/* Listen at path, mode 0600.  A dead server's socket there is replaced; a live one and any other file are refused with
 * ERR_CREATE and kept; ERR_USAGE: path empty or over 107 bytes. */
enum err_code rbb_open(struct rbb **out, const char *path, struct jtag *jtag, struct err *e);
void rbb_close(struct rbb *r); /* removes the socket; NULL is fine */

/* The descriptor to poll for reading now: the client's, or the listening one. */
int rbb_fd(const struct rbb *r);
/* Accept or serve what has arrived, never blocks on input.  Returns the number of characters served, 0 when there was
 * nothing to do. */
unsigned rbb_serve(struct rbb *r);
/* Close the client's connection, as a pulled cable would; both reset pins go inactive.  May be called from inside
 * jtag_port.clock while rbb_serve is at work. */
void rbb_drop(struct rbb *r);

#endif

/* flash/vchip/ctl.h - the control socket: a line in, a line out; several clients at once.
 * Boundary: command.h knows what the lines mean. */
#ifndef VCHIP_CTL_H
#define VCHIP_CTL_H

#include <poll.h>

#include "flash/vchip/command.h"

enum { CTL_CLIENTS = 8, CTL_FDS = CTL_CLIENTS + 1 };

struct ctl;

/* Listen at path; errors of listen_open. */
enum err_code ctl_open(struct ctl **out, const char *path, const struct hands *hands, struct err *e);
void ctl_close(struct ctl *c); /* removes the socket; NULL is fine */

/* Fill in what to poll; later serve what came of it. */
void ctl_poll(const struct ctl *c, struct pollfd fds[static CTL_FDS]);
void ctl_serve(struct ctl *c, const struct pollfd fds[static CTL_FDS]);

#endif

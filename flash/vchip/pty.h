/* flash/vchip/pty.h - the far end of the board's serial line: a pseudo terminal in raw mode, reached by a symlink.
 * What nobody reads is kept by the kernel up to 4 KB and then lost, as on a line without a listener. */
#ifndef VCHIP_PTY_H
#define VCHIP_PTY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pty;

/* Make one, and a symlink at path to it.  An old symlink is replaced; any other file there is refused (ERR_CREATE). */
enum err_code pty_open(struct pty **out, const char *path, struct err *e);
void pty_close(struct pty *p); /* removes the symlink; NULL is fine */

int pty_fd(const struct pty *p); /* to poll */
void pty_write(struct pty *p, const uint8_t *bytes, size_t n);
size_t pty_read(struct pty *p, uint8_t *bytes, size_t max); /* 0: nothing there */

#endif

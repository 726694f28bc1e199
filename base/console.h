/* base/console.h - open the serial line to a board: a serial port (set to 115200 8N1, raw), a pseudo-terminal or a UNIX
 * socket. Whoever listens holds it alone: two listeners would take each other's bytes. */
#ifndef BASE_CONSOLE_H
#define BASE_CONSOLE_H

/* A non-blocking, close-on-exec descriptor for reading and writing; closed by close().
 * -1: errno says why; EBUSY: another process holds it. */
int console_open(const char *path);

#endif

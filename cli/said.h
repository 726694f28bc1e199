/* cli/said.h - what a device says of itself on its console. */
#ifndef CLI_SAID_H
#define CLI_SAID_H

#include <stddef.h>
#include <stdint.h>

/* A record of type 0 (protocol/local.h), on standard error, named by its console; cleaned, for anyone may be the device. */
void said_show(const char *console, const uint8_t *bytes, size_t len);

#endif

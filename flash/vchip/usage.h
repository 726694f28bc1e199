/* flash/vchip/usage.h - all that `vchip --help` says: the manual of the training board. */
#ifndef VCHIP_USAGE_H
#define VCHIP_USAGE_H

#include <stdio.h>

extern const char usage_synopsis[];
void usage_print(FILE *out);

#endif

/* tests/sweep/files.h - files of a world: copied, summed, searched, removed; and a command's stdout, read as its user would.
 */
#ifndef TESTS_SWEEP_FILES_H
#define TESTS_SWEEP_FILES_H

#include <stddef.h>

#include "tests/sweep/world.h"

bool file_copy(const char *from, const char *to);      /* `to` is truncated, not replaced */
bool file_overwrite(const char *from, const char *to); /* byte by byte in place: who has `to` mapped sees it */
/* A sum over bytes from..to-1 of the file, begun with `sum`; an absent file is an empty one. */
uint64_t file_sum(const char *path, size_t from, size_t to, uint64_t sum);
bool file_has(const char *path, const void *bytes, size_t len);
void files_remove(const char *dir);                /* rm -r */
bool files_copy(const char *from, const char *to); /* cp -r; `to` is not there yet */

/* One whole verdict of `provision`, as JSON or as text; false: it is not all there. */
bool told_read(const char *path, bool json, struct told *t);

/* fuseline.conf as w->module wants it. */
bool world_configure(struct world *w);

#endif

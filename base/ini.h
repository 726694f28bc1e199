/* base/ini.h - INI files, read strictly, on libinih: each item with its line, the first wrong line ends the reading.
 * libinih alone cuts lines at 199 bytes and takes the rest for another key, says nothing of doubled keys, takes indented
 * lines for the value of the key above, and ignores what stands behind a `]`: files with these are refused here, except that
 * indentation is allowed and means nothing.
 * A line is `[section]`, `key = value`, `# comment` or `; comment`; a comment may follow a value behind " ;".
 * Memory: an item lives as long as its callback.  Threads: any. */
#ifndef BASE_INI_H
#define BASE_INI_H

#include "base/err.h"

enum {
    INI_LINE_MAX = 199,      /* bytes, without the line end */
    INI_FILE_MAX = 64 * 1024 /* bytes */
};

enum ini_fault_id {
    INI_MISSING,         /* no such file */
    INI_UNREADABLE,      /* cannot be opened or read; no regular file; over INI_FILE_MAX */
    INI_RIGHTS,          /* not ours to read */
    INI_LONG_LINE,       /* over INI_LINE_MAX */
    INI_CONTROL_BYTE,    /* a NUL or another control byte */
    INI_SYNTAX,          /* neither section, nor key = value, nor comment */
    INI_OUTSIDE,         /* a key before the first section */
    INI_DOUBLED_KEY,     /* twice in one section */
    INI_DOUBLED_SECTION, /* twice in one file */
    INI_NO_MEMORY,
    INI_FAULTS
};

extern const struct fault ini_fault[INI_FAULTS];

struct ini_item {
    const char *file; /* as given to ini_walk */
    unsigned line;    /* from 1 */
    const char *section;
    const char *key, *value; /* both NULL: the section begins */
};

/* Anything but ERR_OK, with *e filled, ends the walk. */
typedef enum err_code ini_item_fn(void *io, const struct ini_item *item, struct err *e);

/* Call fn for each section start and each key of the file, in file order.
 * ERR_NOINPUT  the file is not there
 * ERR_CONFIG   a line is wrong; the subject begins with FILE:LINE:
 * ERR_IO, ERR_RIGHTS  it cannot be read */
enum err_code ini_walk(const char *file, ini_item_fn *fn, void *io, struct err *e) __attribute__((warn_unused_result));

#endif

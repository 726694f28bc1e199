/* tests/sweep/unsynced.h - what a power cut may do to files: a log of everything that was written and not yet synced.
 * While it is on, each call that changes a file or a name below `root` goes through it; fsync and fdatasync make durable
 * what they promise to, and no more: a file's sync does not sync its name, a directory's does not sync its files (POSIX,
 * fsync). unsynced_lose then gives the files the contents that a disk could have had at that moment. The log is shared
 * memory, so that it outlives the process that was cut off.  Files are reached by a hard link, whatever becomes of their
 * names.  Not known: mmap, sparse holes, directories made; the line writes none. */
#ifndef TESTS_SWEEP_UNSYNCED_H
#define TESTS_SWEEP_UNSYNCED_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sweep/trap.h"

enum unsynced_loss {
    LOSE_ALL,      /* nothing that was not synced is there */
    LOSE_SOME,     /* any of it, write by write */
    LOSE_OLDER,    /* what came last is there, what came before is not: reordered */
    LOSE_SECTORS,  /* any sectors of 512 bytes of any write: torn */
    LOSE_TAIL,     /* all but a part of the last write */
    LOSE_LENGTHS,  /* files are as long as when they were synced */
    LOSE_NAMES,    /* new files have no name, removed and replaced ones are back */
    LOSE_CONTENTS, /* lengths and names are there, the bytes are not */
    UNSYNCED_LOSSES
};

/* In the worker.  An empty log for files below root; root-lost/ beside it holds the links. false: no memory. */
bool unsynced_begin(const char *root);

/* In the child: make the call, and log it.  *changed: it changed a file or synced one, anywhere. */
long unsynced_call(const struct trap_call *c, bool *changed);

/* In the worker, after the child's end.  false: the log was too small, or a file could not be rewritten. */
bool unsynced_lose(enum unsynced_loss loss, uint64_t seed);

#endif

/* db/mark.h - a small file beside the registry that knows how far it had come: an older copy put in its place is noticed.
 * Boundary: cli opens a registry for writing and then keeps its mark; from then on each commit of this room that appends an
 * event writes the mark.  It is no secret and no seal: who can write the registry can write the mark.
 * The file: text, a line each for the log and for every fleet, of fixed length and with a check sum, written in place.
 * Power: the mark is written after the commit, so it is never ahead of the registry; it may be behind, which is made good at
 * the next open.  Not synced: what a cut takes from it makes it older, absent or torn, all of which are harmless; a mark
 * that is absent or torn is made anew from the registry, with an event.  Processes: locked with flock while it is written.
 * Not noticed: mark and registry restored together; frames that came after the last event (docs/recovery.md). */
#ifndef DB_MARK_H
#define DB_MARK_H

#include "db/registry.h"

enum mark_found {
    MARK_GOOD,  /* the registry holds all that the mark knows */
    MARK_NONE,  /* there is no mark, and a registry with events */
    MARK_TORN,  /* there is one, but nobody can read it */
    MARK_OLDER, /* the registry lacks events that the mark knows, or holds others in their place */
    MARK_KINDS
};
const char *mark_found_name(enum mark_found f); /* "good" */

struct mark_view {
    enum mark_found found;
    uint64_t known, held; /* events of the mark; of the registry */
};

enum { MARK_PATH_MAX = 4096 + 16 };

/* Where the mark of that registry file is: registry.db -> registry.mark, in the same folder. */
void registry_mark_path(const char *registry, char out[MARK_PATH_MAX]);

/* Compare; changes nothing.  A registry without an event needs no mark: MARK_GOOD. */
enum err_code registry_mark_look(struct registry *r, const char *path, struct mark_view *v, struct err *e);

/* Compare, and keep the mark with every commit from now on; make it, with an event `registry.marked`, if there is none to
 * trust (v->found tells which).  ERR_CONFIG: the registry is older than its mark, nothing was changed; else as an event's.
 */
enum err_code registry_mark_keep(struct registry *r, const char *path, struct mark_view *v, struct err *e);

/* An officer's word that this older copy is to be used: no serial that the mark knows is given out again, no frame is sent
 * down in a session that the copy knows (db/down.h), and `reason` goes into the event `registry.accepted`; then as
 * registry_mark_keep.  Does nothing but that if the registry is not older.  A cut between the record and the new mark leaves
 * the refusal in force: repeat. */
enum err_code registry_mark_accept(struct registry *r, const char *path, const char *reason, struct mark_view *v,
                                   struct err *e);

#endif

/* db/mark_file.h - the mark's lines on disk; see db/mark.h.  Inside db/ alone.
 * Line 1: "fuseline-mark 1 EVENTS LEAF CHECK", then one line per fleet id, "FLEET LAST CHECK", at its place, or zero bytes.
 * All hexadecimal; a check is the first 4 bytes of SHA-256 over what stands before it in its line. */
#ifndef DB_MARK_FILE_H
#define DB_MARK_FILE_H

#include <stdbool.h>
#include <stdint.h>

struct mark_log {
    uint64_t events;  /* of the log */
    uint8_t leaf[32]; /* hash of its last one */
};

enum mark_read { MARK_READ, MARK_EMPTY /* nothing was written there */, MARK_PAST_END, MARK_UNREADABLE };

enum mark_read mark_file_read(int fd, struct mark_log *log);
enum mark_read mark_file_last(int fd, uint16_t fleet, uint32_t *last);

/* Never back: another process may be further.  `anew`: whatever stands there.  False: not written. */
bool mark_file_log(int fd, const struct mark_log *log, bool anew);
bool mark_file_raise(int fd, uint16_t fleet, uint32_t last);

bool mark_file_clear(int fd);

#endif

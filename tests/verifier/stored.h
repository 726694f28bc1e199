/* tests/verifier/stored.h - what somebody has who read the registry: its file, and every blob of its rows. */
#ifndef TESTS_VERIFIER_STORED_H
#define TESTS_VERIFIER_STORED_H

#include "tests/verifier/thief.h"

#include "base/hex.h"

struct file {
    uint8_t *bytes;
    size_t len;
};

static inline struct file file_read(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct file all;

    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    all.len = (size_t)ftell(f);
    rewind(f);
    all.bytes = malloc(all.len);
    assert_non_null(all.bytes);
    assert_int_equal(fread(all.bytes, 1, all.len, f), all.len);
    assert_int_equal(fclose(f), 0);
    return all;
}

/* As bytes, or as hex in a text. */
static inline bool file_holds(const struct file *f, const void *bytes, size_t len)
{
    char hex[2 * SHA256_LEN + 1];

    assert_in_range(len, 1, SHA256_LEN);
    hex_encode(bytes, len, hex);
    return memmem(f->bytes, f->len, bytes, len) != NULL || memmem(f->bytes, f->len, hex, 2 * len) != NULL;
}

/* What the blobs of one table open, each on its own. */
static inline unsigned table_reads(sqlite3 *db, const char *table, const struct board *b, const struct heard_frames *h,
                                   unsigned *blobs)
{
    char query[128];
    sqlite3_stmt *s;
    unsigned got = READ_NOTHING;

    (void)snprintf(query, sizeof query, "SELECT * FROM \"%s\"", table);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &s, NULL), SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(s); i++) {
            struct loot l = { .len = 0 };
            if (sqlite3_column_type(s, i) != SQLITE_BLOB || sqlite3_column_bytes(s, i) < SLOT_LEN)
                continue;
            loot_add(&l, sqlite3_column_blob(s, i), (size_t)sqlite3_column_bytes(s, i));
            got |= loot_reads(&l, b, h, NULL);
            ++*blobs;
        }
    assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
    return got;
}

/* ... of all tables; ballast is disk space that was set aside, zeros. */
static inline unsigned rows_read(const struct board *b, const struct heard_frames *h, unsigned *blobs)
{
    unsigned got = READ_NOTHING;
    sqlite3 *db;
    sqlite3_stmt *s;

    assert_int_equal(sqlite3_open_v2(site.db, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'ballast'", -1, &s, NULL),
        SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW)
        got |= table_reads(db, (const char *)sqlite3_column_text(s, 0), b, h, blobs);
    assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return got;
}

/* Somebody writes these 32 bytes into the rows. */
static inline void rows_leak(const uint8_t bytes[SLOT_LEN])
{
    sqlite3 *db;
    sqlite3_stmt *s;

    assert_int_equal(sqlite3_open(site.db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "UPDATE device SET image_sha256 = ?1", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_blob(s, 1, bytes, SLOT_LEN, SQLITE_TRANSIENT), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#endif

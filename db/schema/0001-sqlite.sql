-- Registry, schema 1.  Portable on purpose: TEXT, INTEGER (64 bit), BLOB; no triggers, no rowid, no AUTOINCREMENT.
-- The PostgreSQL twin differs in type names only (BIGINT, BYTEA).  Serials and UIDs are lower-case hex, times RFC 3339 UTC.

CREATE TABLE product (
    name         TEXT    NOT NULL PRIMARY KEY,
    chip         TEXT    NOT NULL,
    scheme       INTEGER NOT NULL CHECK (scheme BETWEEN 1 AND 8),
    suite        INTEGER NOT NULL,
    fleet        INTEGER NOT NULL UNIQUE CHECK (fleet BETWEEN 1 AND 65535),
    model        INTEGER NOT NULL CHECK (model BETWEEN 0 AND 65535),
    policy       INTEGER NOT NULL CHECK (policy BETWEEN 0 AND 65535),
    sid_len      INTEGER NOT NULL,
    ctr_len      INTEGER NOT NULL,
    lock_level   INTEGER NOT NULL CHECK (lock_level BETWEEN 0 AND 2),
    serial_first INTEGER NOT NULL CHECK (serial_first > 0),
    serial_last  INTEGER NOT NULL CHECK (serial_last >= serial_first),
    created      TEXT    NOT NULL
) STRICT;

CREATE TABLE device (
    serial       TEXT    NOT NULL PRIMARY KEY CHECK (length(serial) = 16),
    short        INTEGER NOT NULL UNIQUE,           -- low 4 bytes of the serial: the id in compact frames
    uid          TEXT    NOT NULL UNIQUE CHECK (length(uid) = 24),
    product      TEXT    NOT NULL REFERENCES product (name),
    state        TEXT    NOT NULL,
    station      INTEGER NOT NULL,
    day          INTEGER NOT NULL,                  -- frozen: the image of a repeat must be the same
    image        BLOB,                              -- from BURNING on; secret and chip-made slots blank
    image_sha256 BLOB,
    reason       TEXT    NOT NULL DEFAULT '',
    created      TEXT    NOT NULL,
    updated      TEXT    NOT NULL
) STRICT;
CREATE INDEX device_by_product ON device (product, short);

CREATE TABLE wrapped_key (
    digest    BLOB    NOT NULL PRIMARY KEY,         -- never the same key in two devices
    serial    TEXT    NOT NULL REFERENCES device (serial),
    role      TEXT    NOT NULL,
    blob      BLOB    NOT NULL,
    mechanism INTEGER NOT NULL,
    profile   TEXT    NOT NULL,
    kek       TEXT    NOT NULL,
    kek_kcv   BLOB    NOT NULL,
    public_x  BLOB    NOT NULL,
    UNIQUE (serial, role)
) STRICT;

CREATE TABLE frame (
    digest   BLOB    NOT NULL PRIMARY KEY,          -- SHA-256 of the frame as received
    serial   TEXT    NOT NULL REFERENCES device (serial),
    session  BLOB    NOT NULL,                      -- x32 of the session's OPEN
    sid      BLOB    NOT NULL,                      -- of an OPEN: 8 bytes; else empty
    ctr      INTEGER NOT NULL,
    frame    BLOB    NOT NULL,
    received TEXT    NOT NULL,
    n        INTEGER NOT NULL UNIQUE,               -- order of arrival
    UNIQUE (session, ctr)
) STRICT;
CREATE INDEX frame_by_sid ON frame (sid, n);

CREATE TABLE event (
    n         INTEGER NOT NULL PRIMARY KEY,         -- 0, 1, 2, ..: the leaf index of the log to come
    canonical TEXT    NOT NULL,
    leaf_hash BLOB    NOT NULL
) STRICT;

-- Pages set aside at the intent, given back one by one: the records up to DONE fit on a disk that fills up meanwhile.
CREATE TABLE ballast (
    serial TEXT    NOT NULL,
    n      INTEGER NOT NULL,
    filler BLOB    NOT NULL,
    PRIMARY KEY (serial, n)
) STRICT;

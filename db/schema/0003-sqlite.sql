-- Registry, schema 3: what schemes 2 to 8 need to keep.  Public values, wrapped keys and frames as received; no secret.

ALTER TABLE product ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0 CHECK (epoch BETWEEN 0 AND 255);
ALTER TABLE product ADD COLUMN master TEXT NOT NULL DEFAULT '';
ALTER TABLE product ADD COLUMN ra_x BLOB CHECK (length(ra_x) = 32);
ALTER TABLE product ADD COLUMN backup_ra_x BLOB CHECK (length(backup_ra_x) = 32);

-- A number is used once per fleet, a key once in all fleets; no row ever goes.
CREATE TABLE fleet_key (
    fleet    INTEGER NOT NULL REFERENCES product (fleet),
    epoch    INTEGER NOT NULL CHECK (epoch BETWEEN 1 AND 255),
    suite    INTEGER NOT NULL,
    x        BLOB    NOT NULL UNIQUE CHECK (length(x) = 32), -- RSA: SHA-256(n512 | e4)
    rsa_n    BLOB             CHECK (length(rsa_n) = 512),
    rsa_e    BLOB             CHECK (length(rsa_e) = 4),
    label    TEXT    NOT NULL,                               -- in the server's token
    state    TEXT    NOT NULL,
    signer   INTEGER NOT NULL CHECK (signer BETWEEN 0 AND 1),
    rotate   BLOB,                                           -- the frame as sent; NULL: the fleet's first key
    deadline TEXT    NOT NULL,
    created  TEXT    NOT NULL,
    PRIMARY KEY (fleet, epoch)
) STRICT;
CREATE UNIQUE INDEX fleet_key_active ON fleet_key (fleet) WHERE state = 'ACTIVE';

-- Public keys of devices.  A refused one stays, so that no other device can bring it.
CREATE TABLE device_key (
    x       BLOB NOT NULL PRIMARY KEY CHECK (length(x) = 32),
    serial  TEXT NOT NULL REFERENCES device (serial),
    state   TEXT NOT NULL CHECK (state IN ('MADE', 'PINNED', 'REFUSED')),
    created TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX device_key_own ON device_key (serial) WHERE state <> 'REFUSED';
CREATE INDEX device_key_by_serial ON device_key (serial);

-- What a device's own frames have shown; no number in it ever falls.
CREATE TABLE device_seen (
    serial   TEXT    NOT NULL PRIMARY KEY REFERENCES device (serial),
    epoch    INTEGER NOT NULL CHECK (epoch BETWEEN 0 AND 255), -- acknowledged
    nvm_loss INTEGER NOT NULL CHECK (nvm_loss BETWEEN 0 AND 63),
    lost     INTEGER NOT NULL CHECK (lost BETWEEN 0 AND 63),   -- told as flash lost
    heard    TEXT    NOT NULL                                  -- last OPEN
) STRICT;

-- Scheme 5.  No row: generation 0 with a salt of zeros.
CREATE TABLE generation (
    serial       TEXT    NOT NULL PRIMARY KEY REFERENCES device (serial),
    gen          INTEGER NOT NULL CHECK (gen BETWEEN 0 AND 255),
    salt         BLOB    NOT NULL CHECK (length(salt) = 16),
    pending      INTEGER          CHECK (pending = gen + 1),
    pending_salt BLOB             CHECK (length(pending_salt) = 16),
    CHECK ((pending IS NULL) = (pending_salt IS NULL))
) STRICT;

CREATE TABLE frame_3 (
    digest    BLOB    NOT NULL PRIMARY KEY,         -- SHA-256 of the frame as received
    serial    TEXT    REFERENCES device (serial),   -- NULL: of a fleet, nobody says of which device
    fleet     INTEGER NOT NULL REFERENCES product (fleet),
    scheme    INTEGER NOT NULL CHECK (scheme BETWEEN 1 AND 8),
    session   BLOB    NOT NULL,                     -- x32; SHA-256("fl1 id" | ID); in 4, 5 serial8 | gen1 | boot3
    sid       BLOB    NOT NULL,                     -- of an OPEN: 8 bytes; else empty
    ctr       INTEGER NOT NULL,
    epoch     INTEGER NOT NULL CHECK (epoch BETWEEN 0 AND 255),
    open_boot INTEGER,                              -- of an OPEN in 3, 7, 8: a second x32 at this boot is a clone
    frame     BLOB    NOT NULL,
    received  TEXT    NOT NULL,
    n         INTEGER NOT NULL UNIQUE,              -- order of arrival
    UNIQUE (session, ctr)
) STRICT;
INSERT INTO frame_3 (digest, serial, fleet, scheme, session, sid, ctr, epoch, open_boot, frame, received, n)
    SELECT f.digest, f.serial, p.fleet, p.scheme, f.session, f.sid, f.ctr, 0, NULL, f.frame, f.received, f.n
    FROM frame f LEFT JOIN device d ON d.serial = f.serial LEFT JOIN product p ON p.name = d.product;
DROP TABLE frame;
ALTER TABLE frame_3 RENAME TO frame;
CREATE INDEX frame_by_sid ON frame (sid, n);
CREATE UNIQUE INDEX frame_open_boot ON frame (serial, open_boot) WHERE open_boot IS NOT NULL;

-- Frames that were refused and are kept, so that an officer can prove what was seen; at most so many a device.
CREATE TABLE evidence (
    digest   BLOB NOT NULL PRIMARY KEY,
    serial   TEXT NOT NULL REFERENCES device (serial),
    kind     TEXT NOT NULL,
    frame    BLOB NOT NULL,
    received TEXT NOT NULL
) STRICT;
CREATE INDEX evidence_by_serial ON evidence (serial);

-- DOWN: a row per counter, committed before anything is encrypted with it; none ever goes.
CREATE TABLE down (
    session BLOB    NOT NULL,
    ctr     INTEGER NOT NULL CHECK (ctr BETWEEN 1 AND 255),
    taken   TEXT    NOT NULL,
    PRIMARY KEY (session, ctr)
) STRICT;
CREATE TABLE down_waiting (
    id      INTEGER NOT NULL PRIMARY KEY,
    serial  TEXT    NOT NULL REFERENCES device (serial),
    payload BLOB    NOT NULL,                       -- wrapped by who queued it
    session BLOB,                                   -- where it was last sent
    queued  TEXT    NOT NULL
) STRICT;
CREATE INDEX down_waiting_by_serial ON down_waiting (serial, id);
-- Since an older copy was accepted: no DOWN in a session of which a frame up to n is known.
CREATE TABLE down_floor (
    n INTEGER NOT NULL PRIMARY KEY
) STRICT;

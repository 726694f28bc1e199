-- Registry, schema 2: what an older copy can't know (db/mark.h).  No serial of a fleet is given out again up to `last`.

CREATE TABLE serial_floor (
    fleet INTEGER NOT NULL PRIMARY KEY CHECK (fleet BETWEEN 1 AND 65535),
    last  INTEGER NOT NULL                          -- low 4 bytes
) STRICT;

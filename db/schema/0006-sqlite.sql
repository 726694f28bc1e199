-- Registry, schema 6: only the first frame of a session is looked for by its sid; the others pay for no index.

DROP INDEX frame_by_sid;
CREATE INDEX frame_by_sid ON frame (sid, n) WHERE ctr = 0;

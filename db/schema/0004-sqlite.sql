-- Registry, schema 4: how often a message for a device may be sent, and whether the answer with it may have been lost.

ALTER TABLE down_waiting ADD COLUMN sessions INTEGER NOT NULL DEFAULT 3 CHECK (sessions BETWEEN 1 AND 255);
ALTER TABLE down_waiting ADD COLUMN sent     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE down_waiting ADD COLUMN unsure   INTEGER NOT NULL DEFAULT 0; -- a frame of `session` came again since

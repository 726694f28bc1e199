-- Registry, schema 5: who makes the keys that the devices of a product sign with.

ALTER TABLE product ADD COLUMN injected INTEGER NOT NULL DEFAULT 0 CHECK (injected BETWEEN 0 AND 1); -- 0: the chip

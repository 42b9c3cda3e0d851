-- A canary: a device of the hub itself, which is no visitor's. It is left out of lists and
-- exports, and no phone is handed over to it. A device is one from its registration on, or never.

-- Before anything is locked, as all writers do; see `lock_directory_first`.
SELECT lock_directory();

ALTER TABLE chargers ADD COLUMN canary boolean NOT NULL DEFAULT false;
ALTER TABLE widgets ADD COLUMN canary boolean NOT NULL DEFAULT false;

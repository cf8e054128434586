-- An outbox of format 1 with three messages, as the program that made it left it; never to be changed.
PRAGMA journal_mode = WAL;
CREATE TABLE message (
  position INTEGER PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE,
  id TEXT NOT NULL UNIQUE,
  opcode INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  stored_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER,
  replace_key TEXT,
  payload BLOB NOT NULL);
CREATE INDEX message_expiry ON message (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
CREATE INDEX message_key ON message (replace_key) WHERE replace_key IS NOT NULL;
CREATE TABLE state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  count INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  last_number INTEGER NOT NULL,
  touched INTEGER NOT NULL);
INSERT INTO message VALUES
  (1764000000000000, 1764000000000000, '0193fe3c-0000-7000-8000-000000000001', 1, 2, 1764000000000,
   NULL, NULL, CAST('first' AS BLOB)),
  (1764000000000001, 1764000000000003, '0193fe3c-0000-7000-8000-000000000003', 1, 0, 1764000001000,
   NULL, 'position', CAST('replacement' AS BLOB)),
  (1764000000000002, 1764000000000002, '0193fe3c-0000-7000-8000-000000000002', 2, 0, 1764000000500,
   4102444800000, NULL, x'00ff');
INSERT INTO state VALUES (1, 3, 18, 1764000000000003, 0);
PRAGMA application_id = 0x4c6d7042;
PRAGMA user_version = 1;

-- The ledger (package ledger). Its tables are written by its sequencer and publisher alone.

-- Signed checkpoints that are still kept, with the cosignatures that have come in. The rows of ledger_head name some of them.
CREATE TABLE ledger_checkpoints (
	size {{int}} NOT NULL PRIMARY KEY CHECK (size >= 0),
	note {{blob}} NOT NULL,                       -- C2SP signed note
	pinned {{int}} NOT NULL CHECK (pinned IN (0, 1)) -- something rests on it (a credential): never dropped
) {{strict}};

-- One row: the head of the tree, changed by compare and swap only.
CREATE TABLE ledger_head (
	one {{int}} NOT NULL PRIMARY KEY CHECK (one = 1),
	origin TEXT NOT NULL,
	log_key TEXT NOT NULL,                        -- the verifier key of signed-note
	size {{int}} NOT NULL CHECK (size >= 0),
	root {{blob}} NOT NULL,
	edge {{blob}} NOT NULL,                       -- roots of the complete subtrees, largest first, 32 bytes each
	signed_size {{int}} NOT NULL REFERENCES ledger_checkpoints (size),
	witnessed_size {{int}} REFERENCES ledger_checkpoints (size),
	CHECK (signed_size <= size),
	CHECK (witnessed_size <= signed_size)
) {{strict}};

-- The public keys that sign statements.
CREATE TABLE ledger_keys (
	number {{int}} NOT NULL PRIMARY KEY,
	spki {{blob}} NOT NULL UNIQUE
) {{strict}};

-- One row a leaf. The leaf's bytes follow from id, signature and key.
CREATE TABLE ledger_entries (
	number {{int}} NOT NULL PRIMARY KEY CHECK (number >= 0), -- the leaf's index in the tree
	id {{blob}} NOT NULL UNIQUE,                  -- SHA-256 of the statement's pre-authentication encoding
	hash {{blob}} NOT NULL,                       -- of the leaf
	signature {{blob}} NOT NULL,
	key {{int}} NOT NULL REFERENCES ledger_keys (number),
	type TEXT NOT NULL,                           -- predicate type
	case_id TEXT,
	case_number {{int}} CHECK ((case_id IS NULL) = (case_number IS NULL)),
	idempotency TEXT UNIQUE,
	content {{blob}},                             -- what the act with this idempotency key is about, as a digest
	payload {{blob}},                             -- the statement; NULL once it has been erased
	UNIQUE (case_id, case_number)
) {{strict}};

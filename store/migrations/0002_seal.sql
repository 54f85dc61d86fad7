-- What sealing keeps beside the ledger (package seal). Its rows are written in the transactions of the acts that they belong to.

-- By what names a release is found again: hashes of what it is called, and of what it consists of.
CREATE TABLE releases (
	release_key TEXT NOT NULL PRIMARY KEY,
	case_id TEXT NOT NULL
) {{strict}};

CREATE TABLE attempts (
	case_id TEXT NOT NULL,
	scheme TEXT NOT NULL,
	attempt {{int}} NOT NULL CHECK (attempt >= 1),
	dossier TEXT NOT NULL,
	observed TEXT NOT NULL,                       -- digest over what was observed: the same when only judged anew
	submission TEXT NOT NULL,                     -- ID
	PRIMARY KEY (case_id, scheme, attempt)
) {{strict}};

-- From what the salts of a commitment are derived, sealed to the lab's own key.
CREATE TABLE secrets (
	verdicts TEXT NOT NULL PRIMARY KEY,           -- ID of the Verdicts statement
	sealed {{blob}} NOT NULL,
	dossier TEXT NOT NULL,
	scheme TEXT NOT NULL,
	profile TEXT NOT NULL
) {{strict}};

-- Series of status lists; new credentials get a place in the newest.
CREATE TABLE series (
	id TEXT NOT NULL PRIMARY KEY,
	number {{int}} NOT NULL UNIQUE,
	sequence {{int}} NOT NULL,
	status TEXT                                   -- ID of the latest list
) {{strict}};

CREATE TABLE credentials (
	id TEXT NOT NULL PRIMARY KEY,
	leaf {{int}} NOT NULL UNIQUE,
	case_id TEXT NOT NULL,
	scheme TEXT NOT NULL,
	profile TEXT NOT NULL,
	dossier TEXT NOT NULL,
	verdicts TEXT NOT NULL,
	series TEXT NOT NULL REFERENCES series (id),
	place {{int}} NOT NULL,
	name TEXT NOT NULL,                           -- of its file
	revoked {{int}} NOT NULL,
	suspended {{int}} NOT NULL,
	superseded {{int}} NOT NULL,
	first_size {{int}},                           -- of the checkpoint that first covered it, with a quorum where there is one
	UNIQUE (series, place)
) {{strict}};

CREATE TABLE notices (
	id TEXT NOT NULL PRIMARY KEY,
	credential TEXT NOT NULL REFERENCES credentials (id),
	answer_by {{int}} NOT NULL,                   -- Unix time
	answer TEXT NOT NULL                          -- ID, or empty
) {{strict}};

CREATE TABLE registers (
	upto {{int}} NOT NULL PRIMARY KEY,            -- the leaf after the last that it covers
	id TEXT NOT NULL
) {{strict}};

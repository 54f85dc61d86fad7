-- The lab's server (package store/records): parties and people, releases, what was observed and judged, talk, grants.
-- Times are Unix seconds, UTC; 0 stands for never. Ids are random. Levels: 1 summary, 2 verdict, 3 evidence, 4 source, 5 everything.

ALTER TABLE releases RENAME TO case_names;

CREATE TABLE parties (
	id TEXT NOT NULL PRIMARY KEY,
	class TEXT NOT NULL CHECK (class IN ('vendor', 'lab', 'operator', 'regulator')),
	name TEXT NOT NULL,
	folded TEXT NOT NULL UNIQUE,                  -- the name's letters and digits: no two look alike
	home {{int}} NOT NULL CHECK (home IN (0, 1)), -- the lab whose server this is
	created {{int}} NOT NULL
) {{strict}};

CREATE TABLE people (
	id TEXT NOT NULL PRIMARY KEY,
	party_id TEXT NOT NULL REFERENCES parties (id),
	name TEXT NOT NULL,
	role TEXT NOT NULL CHECK (role IN ('admin', 'member', 'reader')),
	handle {{blob}} NOT NULL UNIQUE,              -- WebAuthn user handle
	password TEXT NOT NULL,                       -- PHC string, or empty
	created {{int}} NOT NULL,
	ended {{int}} NOT NULL
) {{strict}};
CREATE INDEX people_party ON people (party_id);

-- One-time links, sessions and tokens: by the SHA-256 of a secret of 32 random bytes, which is not kept.
CREATE TABLE links (
	digest {{blob}} NOT NULL PRIMARY KEY,
	person_id TEXT NOT NULL REFERENCES people (id),
	expires {{int}} NOT NULL,
	repeats {{int}} NOT NULL CHECK (repeats IN (0, 1)) -- of the demo: works until the server stops
) {{strict}};

CREATE TABLE sessions (
	id TEXT NOT NULL PRIMARY KEY,
	digest {{blob}} NOT NULL UNIQUE,
	person_id TEXT NOT NULL REFERENCES people (id),
	method TEXT NOT NULL,
	begun {{int}} NOT NULL,
	expires {{int}} NOT NULL
) {{strict}};
CREATE INDEX sessions_person ON sessions (person_id);

CREATE TABLE tokens (
	id TEXT NOT NULL PRIMARY KEY,
	digest {{blob}} NOT NULL UNIQUE,
	person_id TEXT NOT NULL REFERENCES people (id),
	label TEXT NOT NULL,
	scope TEXT NOT NULL CHECK (scope IN ('read', 'submit', 'all')),
	created {{int}} NOT NULL,
	expires {{int}} NOT NULL
) {{strict}};
CREATE INDEX tokens_person ON tokens (person_id);

CREATE TABLE passkeys (
	id {{blob}} NOT NULL PRIMARY KEY,
	person_id TEXT NOT NULL REFERENCES people (id),
	counter {{int}} NOT NULL,
	backed_up {{int}} NOT NULL,
	body TEXT NOT NULL,                           -- JSON: key, transports, model
	created {{int}} NOT NULL
) {{strict}};
CREATE INDEX passkeys_person ON passkeys (person_id);

CREATE TABLE identities (
	party_id TEXT NOT NULL REFERENCES parties (id),
	issuer TEXT NOT NULL,
	subject TEXT NOT NULL,
	person_id TEXT NOT NULL REFERENCES people (id),
	PRIMARY KEY (party_id, issuer, subject)
) {{strict}};

CREATE TABLE party_keys (
	id TEXT NOT NULL PRIMARY KEY,                 -- fingerprint
	party_id TEXT NOT NULL REFERENCES parties (id),
	spki {{blob}} NOT NULL,
	from_at {{int}} NOT NULL,
	until_at {{int}} NOT NULL,
	statement TEXT NOT NULL
) {{strict}};
CREATE INDEX party_keys_party ON party_keys (party_id);

CREATE TABLE products (
	id TEXT NOT NULL PRIMARY KEY,
	owner_id TEXT NOT NULL REFERENCES parties (id),
	name TEXT NOT NULL,
	folded TEXT NOT NULL,
	kind TEXT NOT NULL,
	UNIQUE (owner_id, folded)
) {{strict}};

CREATE TABLE releases (
	id TEXT NOT NULL PRIMARY KEY,
	product_id TEXT NOT NULL REFERENCES products (id),
	owner_id TEXT NOT NULL REFERENCES parties (id),
	name TEXT NOT NULL,                           -- version, or period
	embargo {{int}} NOT NULL,                     -- until then owner, lab and regulators only
	state TEXT NOT NULL CHECK (state IN ('submitted', 'evaluating', 'evaluated', 'failed', 'withdrawn')),
	schemes TEXT NOT NULL,                        -- JSON array of ids
	created {{int}} NOT NULL,
	case_id TEXT NOT NULL UNIQUE,
	key {{blob}} NOT NULL,                        -- of the release, wrapped by the lab's storage key
	reason TEXT NOT NULL,                         -- why it was withdrawn
	dossier_id TEXT NOT NULL                      -- the one that counts; empty before there is one
) {{strict}};
CREATE INDEX releases_product ON releases (product_id);
CREATE INDEX releases_owner ON releases (owner_id);

-- What a release holds in the vault: artifacts, declaration, documents, dossier files, evidence, credentials.
CREATE TABLE held (
	id TEXT NOT NULL PRIMARY KEY,
	release_id TEXT NOT NULL REFERENCES releases (id),
	kind TEXT NOT NULL,                           -- artifact, declaration, document, dossier, evidence, credential, envelope, assertion
	parent TEXT NOT NULL,                         -- what it belongs to: a dossier's id, a statement's
	name TEXT NOT NULL,
	size {{int}} NOT NULL,
	level {{int}} NOT NULL,                       -- which a viewer needs
	address TEXT NOT NULL,
	object TEXT NOT NULL,
	wrapped {{blob}} NOT NULL
) {{strict}};
CREATE INDEX held_release ON held (release_id, kind, parent);
CREATE INDEX held_object ON held (object);

CREATE TABLE uploads (
	id TEXT NOT NULL PRIMARY KEY,
	party_id TEXT NOT NULL REFERENCES parties (id),
	person_id TEXT NOT NULL REFERENCES people (id),
	size {{int}} NOT NULL,
	place {{int}} NOT NULL,                       -- bytes that are safe
	label TEXT NOT NULL,
	expires {{int}} NOT NULL,
	state {{blob}},
	address TEXT NOT NULL,
	object TEXT NOT NULL,
	wrapped {{blob}}
) {{strict}};
CREATE INDEX uploads_party ON uploads (party_id);

CREATE TABLE receipts (
	id TEXT NOT NULL PRIMARY KEY,                 -- ID of the statement
	release_id TEXT NOT NULL REFERENCES releases (id),
	of TEXT NOT NULL,
	what TEXT NOT NULL,
	signed_by TEXT NOT NULL,
	person_id TEXT NOT NULL REFERENCES people (id),
	leaf {{int}} NOT NULL,
	made {{int}} NOT NULL
) {{strict}};
CREATE INDEX receipts_release ON receipts (release_id);

CREATE TABLE jobs (
	id TEXT NOT NULL PRIMARY KEY,
	release_id TEXT NOT NULL REFERENCES releases (id),
	state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
	inputs TEXT NOT NULL,                         -- JSON: fixed when it was queued
	person_id TEXT NOT NULL,                      -- who asked for it
	created {{int}} NOT NULL,
	started {{int}} NOT NULL,
	finished {{int}} NOT NULL,
	worker TEXT NOT NULL,
	lease {{int}} NOT NULL,                       -- milliseconds
	tries {{int}} NOT NULL,
	dossier_id TEXT NOT NULL,
	result TEXT NOT NULL,                         -- commitment to the dossier's digest
	error TEXT NOT NULL
) {{strict}};
CREATE INDEX jobs_state ON jobs (state, created);
CREATE INDEX jobs_release ON jobs (release_id);

CREATE TABLE dossiers (
	id TEXT NOT NULL PRIMARY KEY,
	release_id TEXT NOT NULL REFERENCES releases (id),
	job_id TEXT NOT NULL,
	origin TEXT NOT NULL CHECK (origin IN ('lab', 'vendor', 'judged')),
	predecessor_id TEXT NOT NULL,
	as_of TEXT NOT NULL,
	made {{int}} NOT NULL,
	head TEXT NOT NULL                            -- JSON: the outline's head
) {{strict}};
CREATE INDEX dossiers_release ON dossiers (release_id);

-- The outline of a dossier. body is the row's JSON, for level evidence; the columns beside it are for the levels that they say.
CREATE TABLE results (                            -- level summary: counts
	dossier_id TEXT NOT NULL REFERENCES dossiers (id),
	release_id TEXT NOT NULL REFERENCES releases (id),
	scheme TEXT NOT NULL,
	edition TEXT NOT NULL,
	position {{int}} NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (dossier_id, scheme)
) {{strict}};

CREATE TABLE requirements (                       -- level verdict
	dossier_id TEXT NOT NULL REFERENCES dossiers (id),
	release_id TEXT NOT NULL REFERENCES releases (id),
	scheme TEXT NOT NULL,
	requirement TEXT NOT NULL,
	position {{int}} NOT NULL,
	title TEXT NOT NULL,
	verdict TEXT NOT NULL,
	reason TEXT NOT NULL,
	section TEXT NOT NULL,
	waits {{int}} NOT NULL,                       -- a test in words waits for a person
	body TEXT NOT NULL,
	PRIMARY KEY (dossier_id, scheme, requirement)
) {{strict}};
CREATE INDEX requirements_release ON requirements (release_id, scheme, requirement);

CREATE TABLE findings (                           -- level verdict: title, kind, severity; the rest evidence
	dossier_id TEXT NOT NULL REFERENCES dossiers (id),
	release_id TEXT NOT NULL REFERENCES releases (id),
	scheme TEXT NOT NULL,
	requirement TEXT NOT NULL,
	position {{int}} NOT NULL,
	fingerprint TEXT NOT NULL,
	kind TEXT NOT NULL,
	severity TEXT NOT NULL,
	title TEXT NOT NULL,
	subject TEXT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (dossier_id, scheme, requirement, position)
) {{strict}};
CREATE INDEX findings_fingerprint ON findings (fingerprint);

CREATE TABLE nodes (                              -- level evidence
	dossier_id TEXT NOT NULL REFERENCES dossiers (id),
	release_id TEXT NOT NULL REFERENCES releases (id),
	position {{int}} NOT NULL,
	parent {{int}} NOT NULL,
	address TEXT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (dossier_id, position)
) {{strict}};
CREATE INDEX nodes_parent ON nodes (dossier_id, parent, position);
CREATE INDEX nodes_address ON nodes (dossier_id, address);

CREATE TABLE seen (                               -- level evidence: facts, packages, what was unobserved, and the rest of an outline
	dossier_id TEXT NOT NULL REFERENCES dossiers (id),
	release_id TEXT NOT NULL REFERENCES releases (id),
	kind TEXT NOT NULL,
	position {{int}} NOT NULL,
	node {{int}} NOT NULL,                        -- position of the node; -1 for none
	body TEXT NOT NULL,
	PRIMARY KEY (dossier_id, kind, position)
) {{strict}};
CREATE INDEX seen_node ON seen (dossier_id, node);

CREATE TABLE threads (
	id TEXT NOT NULL PRIMARY KEY,
	release_id TEXT NOT NULL REFERENCES releases (id),
	scheme TEXT NOT NULL,
	requirement TEXT NOT NULL,
	fingerprint TEXT NOT NULL,                    -- empty: about the requirement
	UNIQUE (release_id, scheme, requirement, fingerprint)
) {{strict}};

CREATE TABLE messages (
	id TEXT NOT NULL PRIMARY KEY,                 -- ID of the statement
	thread_id TEXT NOT NULL REFERENCES threads (id),
	release_id TEXT NOT NULL REFERENCES releases (id),
	party_id TEXT NOT NULL REFERENCES parties (id),
	person_id TEXT NOT NULL REFERENCES people (id),
	posted {{int}} NOT NULL,
	leaf {{int}} NOT NULL,
	position TEXT NOT NULL,
	fix_in TEXT NOT NULL,
	text TEXT NOT NULL
) {{strict}};
CREATE INDEX messages_thread ON messages (thread_id, leaf);

CREATE TABLE audience (
	message_id TEXT NOT NULL REFERENCES messages (id),
	party_id TEXT NOT NULL REFERENCES parties (id),
	PRIMARY KEY (message_id, party_id)
) {{strict}};

CREATE TABLE judgements (
	id TEXT NOT NULL PRIMARY KEY,                 -- ID of the statement
	release_id TEXT NOT NULL REFERENCES releases (id),
	scheme TEXT NOT NULL,
	requirement TEXT NOT NULL,
	test TEXT NOT NULL,
	verdict TEXT NOT NULL,
	reason TEXT NOT NULL,
	cites TEXT NOT NULL,                          -- JSON array of ids of held evidence
	countersigns TEXT NOT NULL,
	person_id TEXT NOT NULL REFERENCES people (id),
	leaf {{int}} NOT NULL,
	made {{int}} NOT NULL
) {{strict}};
CREATE INDEX judgements_release ON judgements (release_id, scheme, requirement);

CREATE TABLE risks (
	id TEXT NOT NULL PRIMARY KEY,                 -- ID of the statement
	release_id TEXT NOT NULL REFERENCES releases (id),
	party_id TEXT NOT NULL REFERENCES parties (id),
	scheme TEXT NOT NULL,
	requirement TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	reason TEXT NOT NULL,
	until TEXT NOT NULL,
	person_id TEXT NOT NULL REFERENCES people (id),
	leaf {{int}} NOT NULL,
	made {{int}} NOT NULL
) {{strict}};
CREATE INDEX risks_release ON risks (release_id);

-- Who of the lab looks at a release: assigned, or elevated for a time with a reason.
CREATE TABLE assignments (
	id TEXT NOT NULL PRIMARY KEY,                 -- ID of the statement
	release_id TEXT NOT NULL REFERENCES releases (id),
	person_id TEXT NOT NULL REFERENCES people (id),
	kind TEXT NOT NULL CHECK (kind IN ('assigned', 'elevated')),
	reason TEXT NOT NULL,
	by_id TEXT NOT NULL REFERENCES people (id),
	from_at {{int}} NOT NULL,
	until_at {{int}} NOT NULL
) {{strict}};
CREATE INDEX assignments_release ON assignments (release_id);
CREATE INDEX assignments_person ON assignments (person_id);

CREATE TABLE grants (
	id TEXT NOT NULL PRIMARY KEY,                 -- ID of the statement
	owner_id TEXT NOT NULL REFERENCES parties (id),
	product_id TEXT NOT NULL REFERENCES products (id),
	release_id TEXT NOT NULL,                     -- empty: all releases of the product
	party_id TEXT NOT NULL REFERENCES parties (id),
	level {{int}} NOT NULL CHECK (level BETWEEN 1 AND 4),
	from_at {{int}} NOT NULL,
	until_at {{int}} NOT NULL,                    -- 0: until it is withdrawn
	person_id TEXT NOT NULL REFERENCES people (id),
	leaf {{int}} NOT NULL
) {{strict}};
CREATE INDEX grants_party ON grants (party_id);
CREATE INDEX grants_product ON grants (product_id);

-- Who looked at what was masked, and why; who was let in.
CREATE TABLE looks (
	id TEXT NOT NULL PRIMARY KEY,                 -- ID of the statement
	release_id TEXT NOT NULL REFERENCES releases (id),
	person_id TEXT NOT NULL REFERENCES people (id),
	event TEXT NOT NULL,
	what TEXT NOT NULL,
	reason TEXT NOT NULL,
	made {{int}} NOT NULL
) {{strict}};
CREATE INDEX looks_release ON looks (release_id);

CREATE TABLE agreements (
	id TEXT NOT NULL PRIMARY KEY,                 -- ID of the statement
	release_id TEXT NOT NULL REFERENCES releases (id),
	dossier_id TEXT NOT NULL REFERENCES dossiers (id),
	scheme TEXT NOT NULL,
	profile TEXT NOT NULL,
	person_id TEXT NOT NULL REFERENCES people (id),
	made {{int}} NOT NULL,
	UNIQUE (dossier_id, scheme, profile, person_id)
) {{strict}};

CREATE TABLE issued (
	id TEXT NOT NULL PRIMARY KEY,                 -- ID of the credential
	release_id TEXT NOT NULL REFERENCES releases (id),
	dossier_id TEXT NOT NULL REFERENCES dossiers (id),
	scheme TEXT NOT NULL,
	edition TEXT NOT NULL,
	profile TEXT NOT NULL,
	name TEXT NOT NULL,
	made {{int}} NOT NULL,
	until_at {{int}} NOT NULL,
	published TEXT NOT NULL CHECK (published IN ('private', 'granted', 'public')),
	body TEXT NOT NULL                            -- JSON: outcome, counts, attempts
) {{strict}};
CREATE INDEX issued_release ON issued (release_id);

-- The same job with another result, and whatever else people must see.
CREATE TABLE alarms (
	id TEXT NOT NULL PRIMARY KEY,
	release_id TEXT NOT NULL REFERENCES releases (id),
	job_id TEXT NOT NULL,
	text TEXT NOT NULL,
	made {{int}} NOT NULL
) {{strict}};
CREATE INDEX alarms_release ON alarms (release_id);

-- Two requests that race leave one object: the answer to a request that bears a key of its maker.
CREATE TABLE once (
	person_id TEXT NOT NULL,
	word TEXT NOT NULL,
	what TEXT NOT NULL,
	answer TEXT NOT NULL,
	made {{int}} NOT NULL,
	PRIMARY KEY (person_id, word)
) {{strict}};

-- The lab's own secrets, sealed to its age identity: the storage key.
CREATE TABLE lab_secrets (
	name TEXT NOT NULL PRIMARY KEY,
	sealed {{blob}} NOT NULL
) {{strict}};

-- Words by which things are found. level is what a viewer needs to find them.
{{if sqlite -}}
CREATE VIRTUAL TABLE words USING fts5 (text, kind UNINDEXED, ref UNINDEXED, release_id UNINDEXED, dossier_id UNINDEXED, level UNINDEXED, tokenize = 'trigram');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
{{- else -}}
CREATE TABLE words (text TEXT NOT NULL, kind TEXT NOT NULL, ref TEXT NOT NULL, release_id TEXT NOT NULL, dossier_id TEXT NOT NULL, level BIGINT NOT NULL);
CREATE INDEX words_text ON words USING GIN (to_tsvector('simple', text));
CREATE INDEX words_release ON words (release_id);
{{- end}}

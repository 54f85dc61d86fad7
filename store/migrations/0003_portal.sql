-- The lab's server (package store/records): parties and people, releases, what was observed and judged, talk, grants.
-- Times are Unix seconds, UTC; 0 stands for never. Ids are random. Levels: 1 summary, 2 verdict, 3 evidence, 4 source, 5 everything.
-- What lists are ordered by compares by bytes on both databases, whatever the locale.

ALTER TABLE releases RENAME TO case_names;

CREATE TABLE parties (
	id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
	class TEXT NOT NULL CHECK (class IN ('vendor', 'lab', 'operator', 'regulator')),
	name TEXT{{if postgres}} COLLATE "C"{{end}} NOT NULL,
	folded TEXT NOT NULL UNIQUE,                  -- the name's letters and digits: no two look alike
	home {{int}} NOT NULL CHECK (home IN (0, 1)), -- the lab whose server this is
	created {{int}} NOT NULL
) {{strict}};
CREATE UNIQUE INDEX parties_home ON parties (home) WHERE home = 1;

CREATE TABLE people (
	id TEXT NOT NULL PRIMARY KEY,
	party_id TEXT NOT NULL REFERENCES parties (id),
	name TEXT{{if postgres}} COLLATE "C"{{end}} NOT NULL,
	role TEXT NOT NULL CHECK (role IN ('admin', 'member', 'reader')),
	handle {{blob}} NOT NULL UNIQUE,              -- WebAuthn user handle
	login TEXT NOT NULL UNIQUE,                   -- to sign in with a password
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

-- One identity provider a party; its client secret is sealed to the lab's own identity.
CREATE TABLE providers (
	party_id TEXT NOT NULL PRIMARY KEY REFERENCES parties (id),
	issuer TEXT NOT NULL,
	client TEXT NOT NULL,
	sealed {{blob}} NOT NULL
) {{strict}};

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
	name TEXT{{if postgres}} COLLATE "C"{{end}} NOT NULL,
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
	case_id TEXT NOT NULL,                        -- handed in again, a release is another row of the same case
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
	name TEXT{{if postgres}} COLLATE "C"{{end}} NOT NULL,
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
	head TEXT NOT NULL,                           -- JSON: the outline's head
	UNIQUE (id, release_id)
) {{strict}};
CREATE INDEX dossiers_release ON dossiers (release_id);

-- The outline of a dossier. body is the row's JSON, for level evidence; the columns beside it are for the levels that they say.
CREATE TABLE results (                            -- level summary: counts
	dossier_id TEXT NOT NULL,
	release_id TEXT NOT NULL,
	scheme TEXT NOT NULL,
	edition TEXT NOT NULL,
	position {{int}} NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (dossier_id, scheme),
	FOREIGN KEY (dossier_id, release_id) REFERENCES dossiers (id, release_id)
) {{strict}};

CREATE TABLE requirements (                       -- level verdict
	dossier_id TEXT NOT NULL,
	release_id TEXT NOT NULL,
	scheme TEXT{{if postgres}} COLLATE "C"{{end}} NOT NULL,
	requirement TEXT NOT NULL,
	position {{int}} NOT NULL,
	title TEXT NOT NULL,
	verdict TEXT NOT NULL,
	reason TEXT NOT NULL,
	section TEXT NOT NULL,
	waits {{int}} NOT NULL,                       -- a test in words waits for a person
	body TEXT NOT NULL,
	PRIMARY KEY (dossier_id, scheme, requirement),
	FOREIGN KEY (dossier_id, release_id) REFERENCES dossiers (id, release_id)
) {{strict}};
CREATE INDEX requirements_release ON requirements (release_id, scheme, requirement);
CREATE INDEX requirements_wait ON requirements (dossier_id) WHERE waits = 1;

CREATE TABLE findings (                           -- level verdict: title, kind, severity; the rest evidence
	dossier_id TEXT NOT NULL,
	release_id TEXT NOT NULL,
	scheme TEXT NOT NULL,
	requirement TEXT{{if postgres}} COLLATE "C"{{end}} NOT NULL,
	position {{int}} NOT NULL,
	fingerprint TEXT NOT NULL,
	kind TEXT NOT NULL,
	severity TEXT NOT NULL,
	title TEXT NOT NULL,
	subject TEXT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (dossier_id, scheme, requirement, position),
	FOREIGN KEY (dossier_id, release_id) REFERENCES dossiers (id, release_id)
) {{strict}};
CREATE INDEX findings_fingerprint ON findings (fingerprint);

CREATE TABLE nodes (                              -- level evidence
	dossier_id TEXT NOT NULL,
	release_id TEXT NOT NULL,
	position {{int}} NOT NULL,
	parent {{int}} NOT NULL,
	address TEXT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (dossier_id, position),
	FOREIGN KEY (dossier_id, release_id) REFERENCES dossiers (id, release_id)
) {{strict}};
CREATE INDEX nodes_parent ON nodes (dossier_id, parent, position);
CREATE INDEX nodes_address ON nodes (dossier_id, address);

CREATE TABLE seen (                               -- level evidence: facts, packages, what was unobserved, and the rest of an outline
	dossier_id TEXT NOT NULL,
	release_id TEXT NOT NULL,
	kind TEXT{{if postgres}} COLLATE "C"{{end}} NOT NULL,
	position {{int}} NOT NULL,
	node {{int}} NOT NULL,                        -- position of the node; -1 for none
	body TEXT NOT NULL,
	PRIMARY KEY (dossier_id, kind, position),
	FOREIGN KEY (dossier_id, release_id) REFERENCES dossiers (id, release_id)
) {{strict}};
CREATE INDEX seen_node ON seen (dossier_id, node);

CREATE TABLE threads (
	id TEXT NOT NULL PRIMARY KEY,
	release_id TEXT NOT NULL REFERENCES releases (id),
	scheme TEXT NOT NULL,
	requirement TEXT NOT NULL,
	fingerprint TEXT NOT NULL,                    -- empty: about the requirement
	UNIQUE (release_id, scheme, requirement, fingerprint),
	UNIQUE (id, release_id)
) {{strict}};

CREATE TABLE messages (
	id TEXT NOT NULL PRIMARY KEY,                 -- ID of the statement
	thread_id TEXT NOT NULL,
	release_id TEXT NOT NULL,
	party_id TEXT NOT NULL REFERENCES parties (id),
	person_id TEXT NOT NULL REFERENCES people (id),
	posted {{int}} NOT NULL,
	leaf {{int}} NOT NULL,
	position TEXT NOT NULL,
	fix_in TEXT NOT NULL,
	text TEXT NOT NULL,
	FOREIGN KEY (thread_id, release_id) REFERENCES threads (id, release_id)
) {{strict}};
CREATE INDEX messages_release ON messages (release_id, leaf);

CREATE TABLE audience (
	message_id TEXT NOT NULL REFERENCES messages (id),
	party_id TEXT NOT NULL REFERENCES parties (id),
	PRIMARY KEY (message_id, party_id)
) {{strict}};
CREATE INDEX audience_party ON audience (party_id);

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
	release_id TEXT NOT NULL,
	dossier_id TEXT NOT NULL,
	scheme TEXT NOT NULL,
	profile TEXT NOT NULL,
	person_id TEXT NOT NULL REFERENCES people (id),
	made {{int}} NOT NULL,
	UNIQUE (dossier_id, scheme, profile, person_id),
	FOREIGN KEY (dossier_id, release_id) REFERENCES dossiers (id, release_id)
) {{strict}};

CREATE TABLE issued (
	id TEXT NOT NULL PRIMARY KEY,                 -- ID of the credential
	release_id TEXT NOT NULL,
	dossier_id TEXT NOT NULL,
	scheme TEXT NOT NULL,
	edition TEXT NOT NULL,
	profile TEXT NOT NULL,
	name TEXT NOT NULL,
	made {{int}} NOT NULL,
	until_at {{int}} NOT NULL,
	published TEXT NOT NULL CHECK (published IN ('private', 'granted', 'public')),
	body TEXT NOT NULL,                           -- JSON: outcome, counts, attempts
	FOREIGN KEY (dossier_id, release_id) REFERENCES dossiers (id, release_id)
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

-- Words by which things are found. level is what a viewer needs to find them. folded is compared: the text in lower case.
CREATE TABLE words (
	id {{int}} NOT NULL {{if postgres}}GENERATED ALWAYS AS IDENTITY {{end}}PRIMARY KEY,
	text TEXT NOT NULL,
	folded TEXT NOT NULL,
	kind TEXT NOT NULL,
	ref TEXT NOT NULL,
	release_id TEXT NOT NULL REFERENCES releases (id),
	dossier_id TEXT NOT NULL,                     -- empty, or found only while that dossier counts
	level {{int}} NOT NULL
) {{strict}};
CREATE INDEX words_release ON words (release_id, level);

-- All parts of three letters, so that any part of a word is found.
{{if sqlite -}}
CREATE VIRTUAL TABLE words_folded USING fts5 (folded, content = 'words', content_rowid = 'id', tokenize = 'trigram');
INSERT INTO words_folded (words_folded, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER words_added AFTER INSERT ON words BEGIN
	INSERT INTO words_folded (rowid, folded) VALUES (new.id, new.folded);
END;
CREATE TRIGGER words_removed AFTER DELETE ON words BEGIN
	INSERT INTO words_folded (words_folded, rowid, folded) VALUES ('delete', old.id, old.folded);
END;
CREATE TRIGGER words_stay BEFORE UPDATE ON words BEGIN SELECT RAISE(ABORT, 'words are removed and added, not changed'); END;
{{- else -}}
-- pg_trgm comes with PostgreSQL, and the owner of a database may create it; where it was not installed, searches read all words of what one sees.
DO $$ BEGIN
	CREATE EXTENSION IF NOT EXISTS pg_trgm;
	CREATE INDEX words_folded ON words USING GIN (folded gin_trgm_ops);
EXCEPTION WHEN feature_not_supported OR undefined_file OR undefined_object OR insufficient_privilege THEN
	RAISE NOTICE 'searches are slow without the extension pg_trgm: %', SQLERRM;
END $$;

-- Row-level security stands beside the query "visible" of package store/records: a read for a viewer tells who it is (probat.*), and then nothing of
-- a release comes that it does not see at all, even from a query that forgot to ask; levels are that package's. Without a viewer it is the server's
-- own work. grants and assignments, from which it follows who sees what, and words, whose index it would keep from being used, have none.
-- FORCE: for the owner of the tables too, so that one role can do; a copy by pg_dump needs --enable-row-security.
CREATE POLICY viewer ON releases USING (
	(SELECT COALESCE(current_setting('probat.viewer', true), '')) = ''
	OR owner_id = (SELECT current_setting('probat.party', true))
	OR (SELECT current_setting('probat.every', true)) = '1' -- a regulator, an admin of the home lab
	OR id IN (SELECT a.release_id FROM assignments a WHERE current_setting('probat.home', true) = '1' AND a.person_id = current_setting('probat.person', true)
		AND a.from_at <= NULLIF(current_setting('probat.at', true), '')::BIGINT AND (a.until_at = 0 OR a.until_at > NULLIF(current_setting('probat.at', true), '')::BIGINT))
	OR embargo <= (SELECT NULLIF(current_setting('probat.at', true), '')::BIGINT) AND EXISTS (SELECT 1 FROM grants g
		WHERE g.party_id = current_setting('probat.party', true) AND g.owner_id = releases.owner_id AND g.product_id = releases.product_id
		AND (g.release_id = '' OR g.release_id = releases.id) AND g.from_at <= NULLIF(current_setting('probat.at', true), '')::BIGINT
		AND (g.until_at = 0 OR g.until_at > NULLIF(current_setting('probat.at', true), '')::BIGINT))
);
DO $$ DECLARE t TEXT; BEGIN
	FOREACH t IN ARRAY ARRAY['held', 'receipts', 'jobs', 'dossiers', 'results', 'requirements', 'findings', 'nodes', 'seen', 'threads', 'messages', 'judgements',
		'risks', 'looks', 'agreements', 'issued', 'alarms'] LOOP
		EXECUTE format($p$CREATE POLICY viewer ON %I USING ((SELECT COALESCE(current_setting('probat.viewer', true), '')) = ''
			OR release_id IN (SELECT id FROM releases))$p$, t);
	END LOOP;
	FOR t IN SELECT tablename FROM pg_policies WHERE schemaname = current_schema() AND policyname = 'viewer' LOOP
		EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
	END LOOP;
END $$;
{{- end}}

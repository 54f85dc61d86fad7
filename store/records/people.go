package records

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/store"
)

// Party is a vendor, lab, operator or regulator.
type Party struct {
	ID    string       `json:"id"`
	Class access.Class `json:"class"`
	Name  string       `json:"name"`
	Home  bool         `json:"home"` // the lab whose server this is
}

// Person is a member of a party.
type Person struct {
	ID       string      `json:"id"`
	PartyID  string      `json:"party_id"`
	Name     string      `json:"name"`
	Login    string      `json:"login"`
	Role     access.Role `json:"role"`
	Created  time.Time   `json:"created,omitzero"`
	Ended    time.Time   `json:"ended,omitzero"`
	Handle   []byte      `json:"-"`
	Password string      `json:"-"`
}

// ErrTaken: a party of that name, or one that looks like it, is there already.
var ErrTaken = errors.New("there is a party of that name, or of one that looks alike")

// AddParty writes a party. folded is its name without all that does not tell names apart.
func (r *Records) AddParty(ctx context.Context, tx *sql.Tx, p Party, folded string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO parties (id, class, name, folded, home, created) VALUES ($1, $2, $3, $4, $5, $6)`,
		p.ID, string(p.Class), p.Name, folded, flag(p.Home), now.Unix())
	if store.IsUnique(err) {
		return ErrTaken
	}
	return err
}

// AddPerson writes a person. Who has no login gets one, made of the name.
func (r *Records) AddPerson(ctx context.Context, tx *sql.Tx, p Person) error {
	login, err := freeLogin(ctx, tx, p)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO people (id, party_id, name, role, handle, login, password, created, ended) VALUES ($1, $2, $3, $4, $5, $6, '', $7, 0)`,
		p.ID, p.PartyID, p.Name, string(p.Role), p.Handle, login, unix(p.Created))
	return err
}

// freeLogin makes a login of a name, as mara.quill, or mara.quill2 if there is one.
func freeLogin(ctx context.Context, tx *sql.Tx, p Person) (string, error) {
	base := p.Login
	if base == "" {
		base = strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.':
				return r
			}
			return -1
		}, strings.ReplaceAll(strings.ToLower(p.Name), " ", "."))
	}
	if base = strings.Trim(base, "."); base == "" {
		base = "person"
	}
	for n := 1; ; n++ {
		login := base
		if n > 1 {
			login += strconv.Itoa(n)
		}
		var taken int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM people WHERE login = $1`, login).Scan(&taken); err != nil || taken == 0 {
			return login, err
		}
	}
}

// PersonByLogin returns the person with a login.
func (r *Records) PersonByLogin(ctx context.Context, login string) (Person, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT `+personColumns+` FROM people p WHERE p.login = $1 AND p.ended = 0`, storable(login))
	return one(all(rows, err, scanPerson))
}

// EndPerson ends a member of a party, with all sessions, tokens and links.
func (r *Records) EndPerson(ctx context.Context, tx *sql.Tx, party, person string, now time.Time) error {
	if err := exec(ctx, tx, `UPDATE people SET ended = $3 WHERE party_id = $1 AND id = $2 AND ended = 0`, party, person, now.Unix()); err != nil {
		return err
	}
	for _, table := range []string{"sessions", "tokens", "links", "passkeys"} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE person_id = $1`, person); err != nil {
			return err
		}
	}
	return nil
}

const personColumns = `p.id, p.party_id, p.name, p.role, p.created, p.ended, p.handle, p.login, p.password`

func scanPerson(scan func(...any) error, p *Person) error {
	var created, ended int64
	err := scan(&p.ID, &p.PartyID, &p.Name, &p.Role, &created, &ended, &p.Handle, &p.Login, &p.Password)
	p.Created, p.Ended = at(created), at(ended)
	return err
}

// Person returns a person who has not ended.
func (r *Records) Person(ctx context.Context, id string) (Person, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT `+personColumns+` FROM people p WHERE p.id = $1 AND p.ended = 0`, id)
	return one(all(rows, err, scanPerson))
}

// PersonByHandle returns the person with a WebAuthn user handle.
func (r *Records) PersonByHandle(ctx context.Context, handle []byte) (Person, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT `+personColumns+` FROM people p WHERE p.handle = $1 AND p.ended = 0`, handle)
	return one(all(rows, err, scanPerson))
}

// People returns those of a party who have not ended, by name.
func (r *Records) People(ctx context.Context, party string) ([]Person, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT `+personColumns+` FROM people p WHERE p.party_id = $1 AND p.ended = 0 ORDER BY p.name, p.id`, party)
	return all(rows, err, scanPerson)
}

// SetPassword writes the PHC string of a person's password.
func (r *Records) SetPassword(ctx context.Context, person, phc string) error {
	return r.db.Tx(ctx, func(tx *sql.Tx) error {
		return exec(ctx, tx, `UPDATE people SET password = $2 WHERE id = $1 AND ended = 0`, person, phc)
	})
}

func scanParty(scan func(...any) error, p *Party) error {
	var home int
	err := scan(&p.ID, &p.Class, &p.Name, &home)
	p.Home = home == 1
	return err
}

// Party returns a party.
func (r *Records) Party(ctx context.Context, id string) (Party, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT id, class, name, home FROM parties WHERE id = $1`, id)
	return one(all(rows, err, scanParty))
}

// PartyByName returns the party whose name folds to this: for who knows it.
func (r *Records) PartyByName(ctx context.Context, folded string) (Party, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT id, class, name, home FROM parties WHERE folded = $1`, folded)
	return one(all(rows, err, scanParty))
}

// Home returns the lab whose server this is: ErrNotFound before there is one.
func (r *Records) Home(ctx context.Context) (Party, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT id, class, name, home FROM parties WHERE home = 1`)
	return one(all(rows, err, scanParty))
}

// Parties returns those that a viewer has to do with, by name: its own, the lab and regulators, who sees its releases, whose it sees, and who
// talks with it.
func (w *View) Parties(ctx context.Context) ([]Party, error) {
	return read(ctx, w, scanParty, `SELECT DISTINCT p.id, p.class, p.name, p.home FROM parties p WHERE p.id = $1 OR p.home = 1 OR ($2 <> '' AND p.class = 'regulator') OR $4 = 1
		OR EXISTS (SELECT 1 FROM releases r JOIN visible v ON v.release_id = r.id WHERE r.owner_id = p.id)
		OR EXISTS (SELECT 1 FROM grants g JOIN releases r ON r.product_id = g.product_id AND (g.release_id = '' OR g.release_id = r.id)
			JOIN visible v ON v.release_id = r.id AND v.level >= 5 WHERE g.party_id = p.id)
		OR EXISTS (SELECT 1 FROM audience a JOIN messages m ON m.id = a.message_id
			JOIN visible v ON v.release_id = m.release_id AND v.level >= 2 WHERE a.party_id = $1 AND m.party_id = p.id)
		ORDER BY p.name, p.id`)
}

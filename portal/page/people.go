package page

import "time"

// Account is the reader's own page: how to sign in, sessions, tokens.
type Account struct {
	Shell
	Login    string
	Secret   *Secret
	Passkeys []Passkey
	Begin    string // to make one more passkey; empty: none can be made
	Finish   string
	Sessions []Session
	Tokens   []Token
	Forms    []Form // change the password, new token (see TokenForm)
}

// Secret is shown once, on the page that answers its making.
type Secret struct {
	Words string // what it is, and that it is shown only now
	Value string
}

// Passkey is one of the reader's.
type Passkey struct {
	Name       string
	Made, Last time.Time
	End        *Form
}

// Session is where somebody is signed in.
type Session struct {
	Where   string // browser and system, as it said
	How     string // passkey, password, OIDC, one-time link
	Begun   time.Time
	Last    time.Time
	Current bool
	End     *Form
}

// Token is an API token; its value is kept nowhere.
type Token struct {
	Name, Scope string
	Made, Ends  time.Time
	Last        time.Time
	Person      string // on the party's page
	End         *Form
}

// TokenForm makes an API token. Fields: name, scope (radio), days (30, 90, 365).
func TokenForm(action string, scopes []Option) Form {
	return Form{
		ID: "token", Title: "New API token", Action: action, Folded: true, Submit: "Make a token",
		Fields: []Field{
			{Name: "name", Label: "What it is for", Required: true, Placeholder: "pipeline of edge-router"},
			{Name: "scope", Label: "What it may do", Kind: "radio", Required: true, Options: scopes},
			{Name: "days", Label: "For how long", Kind: "select", Options: []Option{{Value: "30", Label: "30 days"}, {Value: "90", Label: "90 days", Chosen: true}, {Value: "365", Label: "a year"}}},
		},
	}
}

// Party is a party's page: for its admins with forms, for the lab without secrets.
type Party struct {
	Shell
	Name, Class string
	Facts       []Pair // identity provider, since when
	Secret      *Secret
	Members     []Member
	Invitations []Invitation
	Keys        []Key
	Tokens      []Token
	Sessions    []Session
	Actions     []Form // see InviteForm, KeyForm, ProviderForm
}

// Member is a person of a party.
type Member struct {
	Name, Login, Role string // role: admin, member, reader
	How               string // how the person signs in
	Since, Last       time.Time
	You               bool
	Actions           []Form // change role, end sessions, remove
}

// Invitation is a one-time link that waits. The link itself is shown only once, as Secret.
type Invitation struct {
	Name, Role, By string
	Made, Ends     time.Time
	State          string // waits, used, ended
	End            *Form
}

// Key is a party's signing key.
type Key struct {
	Name, Fingerprint string
	From, Until       time.Time
	State             string // valid, ended, from a later day
	Seal              *Seal
	End               *Form
}

// InviteForm invites a person into the party. Fields: name, role.
func InviteForm(action string) Form {
	return Form{
		ID: "invite", Title: "Invite a person", Action: action, Folded: true, Submit: "Make a link",
		Intro: "The link is shown once. Hand it over by a way that you trust.",
		Fields: []Field{
			{Name: "name", Label: "Name", Required: true, Autocomplete: "off"},
			{Name: "role", Label: "Role", Kind: "select", Options: []Option{
				{Value: "member", Label: "member: works"}, {Value: "reader", Label: "reader: looks"}, {Value: "admin", Label: "admin: works, and manages people and keys"},
			}},
		},
	}
}

// KeyForm registers a signing key. Fields: key (PEM of the public half), until.
func KeyForm(action string) Form {
	return Form{
		ID: "key", Title: "Register a signing key", Action: action, Folded: true, Submit: "Register",
		Intro: "Make one with: probat key new FILE. Only the public half comes here.",
		Fields: []Field{
			{Name: "key", Label: "Public key", Kind: "code", Rows: 5, Required: true, Placeholder: "-----BEGIN PUBLIC KEY-----"},
			{Name: "until", Label: "Valid until", Kind: "date", Required: true},
		},
	}
}

// ProviderForm names the party's identity provider. Fields: issuer, client, secret.
func ProviderForm(action, issuer, client string) Form {
	return Form{
		ID: "provider", Title: "Identity provider (OIDC)", Action: action, Folded: true, Submit: "Save",
		Fields: []Field{
			{Name: "issuer", Label: "Issuer", Kind: "url", Value: issuer, Required: true, Placeholder: "https://id.example"},
			{Name: "client", Label: "Client id", Value: client, Required: true},
			{Name: "secret", Label: "Client secret", Kind: "password", Help: "Empty keeps the one that is set.", Autocomplete: "off"},
		},
	}
}

// PartyForm makes a party. Fields: name, class, admin.
func PartyForm(action string) Form {
	return Form{
		ID: "party", Title: "New party", Action: action, Folded: true, Submit: "Make it",
		Fields: []Field{
			{Name: "name", Label: "Name", Required: true},
			{Name: "class", Label: "Class", Kind: "select", Options: []Option{{Value: "vendor", Label: "vendor"}, {Value: "operator", Label: "operator"}, {Value: "regulator", Label: "regulator"}, {Value: "lab", Label: "lab"}}},
			{Name: "admin", Label: "Its first admin", Required: true, Autocomplete: "off"},
		},
	}
}

package page

import "time"

// SignIn is "/signin". Error is the same sentence for an unknown name and a wrong password.
type SignIn struct {
	Shell
	Error     string
	Login     string // what was typed
	Next      string // where to go afterwards, a path
	Action    string // posts login, password, next
	Begin     string // passkey: POST answers WebAuthn request options; empty: no passkeys here
	Finish    string // passkey: POST of the assertion answers {"location": …}
	Providers []Link // Text is the party's name
	Blocked   string // throttled: why and until when; hides the form
}

// OneTime is the page of a one-time link. Opening it changes nothing; its only form consumes the link.
type OneTime struct {
	Shell
	Person, Party, Role string
	Action              string
	Hidden              []Pair
	Expires             time.Time // zero: as long as the server runs
	Error               string    // used, ended or unknown: then there is no form
}

// SetUp follows an invitation: choose a passkey or a password.
type SetUp struct {
	Shell
	Person, Party, Login string
	Error                string
	Action               string // posts login, password, again
	Least                int    // letters that a password needs
	Begin, Finish        string // passkey: creation options, and where the new credential goes
	Later                string // goes on without, may be empty
}

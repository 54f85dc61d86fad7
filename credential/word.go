package credential

import "slices"

// Word is what verifying comes to. Words begin in capitals where people see them; each has an exit code.
type Word string

// The words, in the order of precedence: of several that apply the first is said, and the others stand among the reasons.
const (
	// Invalid: a file is not in its one form; or a signature by a key that should have made it does not verify; or a key was used for another purpose,
	// another predicate type, outside its time, or after its cut-off; or the parts are sound and not of one credential (a status list of another series); or the credential says something
	// in two ways, or what none may say.
	Invalid Word = "INVALID"
	// NotPinned: no trust file was given; or the one given does not know the key that signed, is older than one that was seen, or has other roots than the copy in the zip.
	NotPinned Word = "NOT-PINNED"
	// Diverged: the log has told two histories: same size and another root, or a tree that does not contain the one before; or two status lists have one number.
	Diverged Word = "DIVERGED"
	// NotLogged: the log entry is of another statement; or is not in the tree of the checkpoint; or the log of the trust file has not signed the checkpoint.
	NotLogged Word = "NOT-LOGGED"
	// Backdated: the time that a statement gives contradicts the head that it knew, its place in the log, the witnesses, or the verifier's clock.
	Backdated Word = "BACKDATED"
	// OtherFile: a file that was given is none of the evaluated ones.
	OtherFile Word = "OTHER-FILE"
	// Revoked: some status list that counts says so. It is for ever, whatever later lists say.
	Revoked Word = "REVOKED"
	// Suspended: the newest status list says so.
	Suspended Word = "SUSPENDED"
	// Expired: the time is outside what the credential is valid for, which can also be ahead.
	Expired Word = "EXPIRED"
	// Superseded: a later credential for the same release and scheme exists. It is for ever.
	Superseded Word = "SUPERSEDED"
	// ValidStale: authentic, and the newest status list is older than was asked for.
	ValidStale Word = "VALID-STALE"
	// ValidUnwitnessed: authentic, and nobody but the lab's own log says so: too few witnesses cosigned, or the policy asks for none.
	ValidUnwitnessed Word = "VALID-UNWITNESSED"
	// NotPassed: authentic as one of the three valid words says, and it is not what was asked for: the outcome is not PASSED, or it is for another scheme. It goes
	// before the two words with a reservation, which are no answer to what was asked.
	NotPassed Word = "NOT-PASSED"
	// Valid: authentic, witnessed and current. It does not mean good: the counts by verdict say what was found.
	Valid Word = "VALID"
)

// precedence has the words in their order, with their exit codes beside.
var (
	precedence = []Word{
		Invalid, NotPinned, Diverged, NotLogged, Backdated, OtherFile, Revoked, Suspended, Expired, Superseded, ValidStale, ValidUnwitnessed, NotPassed, Valid,
	}
	exitCodes = []int{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 0}
)

// Words returns all words in their precedence.
func Words() []Word { return slices.Clone(precedence) }

// ExitCode returns the exit code of a word, 10 (that of [Invalid]) for what is no word.
func (w Word) ExitCode() int {
	if i := slices.Index(precedence, w); i >= 0 {
		return exitCodes[i]
	}
	return exitCodes[0]
}

// Authentic tells whether the word leaves no doubt that the lab said this when it says it did: all words after [Backdated].
func (w Word) Authentic() bool {
	return slices.Index(precedence, w) > slices.Index(precedence, Backdated)
}

// rank orders reasons: the first word is said.
func (w Word) rank() int {
	if w == NotPassed {
		return 2*slices.Index(precedence, ValidStale) - 1
	}
	return 2 * slices.Index(precedence, w)
}

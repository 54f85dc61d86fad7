package proof

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// FutureTolerance is how far, in seconds, a cosignature's time may lie after the verifier's: clocks differ.
const FutureTolerance = 5 * 60

// quorumNone is the predefined name of the quorum that needs no witness.
const quorumNone = "none"

// Policy says which logs are trusted and which witnesses must have cosigned a checkpoint (C2SP tlog-policy). [ParsePolicy] makes one; it never changes.
type Policy struct {
	logs      []PolicyLog
	witnesses []PolicyWitness
	groups    []group
	quorum    member
}

// PolicyLog is a log line of a policy.
type PolicyLog struct {
	Key LogKey
	// URL says where the log is; it may be empty, and nobody has checked it.
	URL string
}

// PolicyWitness is a witness line of a policy.
type PolicyWitness struct {
	// Name is what the policy calls the witness; it means nothing outside.
	Name string
	Key  WitnessKey
	// URL says where the witness is; it may be empty, and nobody has checked it.
	URL string
}

// group is met when at least threshold of its members are.
type group struct {
	name      string
	threshold int
	members   []member
}

// member is what a group or the quorum can name: nothing (the quorum "none"), a witness, or a group that was defined before.
type member struct {
	kind  memberKind
	index int // in Policy.witnesses or Policy.groups
}

type memberKind int

const (
	isNone memberKind = iota
	isWitness
	isGroup
)

// Logs returns the logs in the order of the policy. There may be none.
func (p *Policy) Logs() []PolicyLog { return slices.Clone(p.logs) }

// Witnesses returns the witnesses in the order of the policy, those that the quorum does not need as well. There may be none.
func (p *Policy) Witnesses() []PolicyWitness { return slices.Clone(p.witnesses) }

// Quorum returns the name of the witness or group that must have cosigned, or "none".
func (p *Policy) Quorum() string { return p.nameOf(p.quorum) }

func (p *Policy) nameOf(m member) string {
	switch m.kind {
	case isWitness:
		return p.witnesses[m.index].Name
	case isGroup:
		return p.groups[m.index].name
	}
	return quorumNone
}

// String writes the policy: logs, witnesses, groups, quorum; thresholds as numbers. It parses to the same policy. Comments are gone.
func (p *Policy) String() string {
	var b strings.Builder
	line := func(words ...string) { b.WriteString(strings.TrimSuffix(strings.Join(words, " "), " ") + "\n") }
	for _, l := range p.logs {
		line("log", l.Key.String(), l.URL)
	}
	for _, w := range p.witnesses {
		line("witness", w.Name, w.Key.String(), w.URL)
	}
	for _, g := range p.groups {
		words := []string{"group", g.name, strconv.Itoa(g.threshold)}
		for _, m := range g.members {
			words = append(words, p.nameOf(m))
		}
		line(words...)
	}
	line("quorum", p.Quorum())
	return b.String()
}

// Cosignature is a cosignature that was verified.
type Cosignature struct {
	// Name is what the policy calls the witness, KeyName what the witness calls itself.
	Name, KeyName string
	// Organisation is who runs it.
	Organisation string
	// Time is when the witness says it cosigned, in seconds since 1970.
	Time int64
}

// Result is what a policy says about a checkpoint that a trusted log has signed.
type Result struct {
	Checkpoint Checkpoint
	// LogKey is the key of the policy under which the log's signature verified, the first one if there are several.
	LogKey LogKey
	// Cosigned are the verified cosignatures of witnesses of the policy, in its order, without those that [Result.FutureTimes] counts.
	Cosigned []Cosignature
	// Quorum says whether enough witnesses cosigned. If QuorumNone is set too, the policy asks for none: nothing but the log's own word stands behind the checkpoint.
	Quorum, QuorumNone bool
	// Organisations is how many different organisations stand behind Cosigned.
	Organisations int
	// Ignored is how many signature lines are of no key in the policy.
	Ignored int
	// FutureTimes is how many right cosignatures were not counted because their time is more than [FutureTolerance] after now.
	FutureTimes int
}

// DefaultOrganisation names who runs a witness by its key name up to the first slash, which for the usual names is the host.
func DefaultOrganisation(keyName string) string {
	host, _, _ := strings.Cut(keyName, "/")
	return host
}

// Check verifies every signature on the checkpoint that is of a key in the policy. now is the verifier's time in seconds since 1970.
// The function organisation names who runs the witness with a key name; witnesses with equal answers, also empty ones, count as one; nil stands for [DefaultOrganisation].
//
// The error is [ErrUnknownLog] if no log of the policy has signed (a log signs only for its own origin), and [ErrBadSignature] if a line claims to be of a key in the policy,
// log or witness, and is wrong: then the note has been tampered with. Too few witnesses are not an error: Result.Quorum says so.
//
// The quorum is met if among the witnesses that cosigned there are some, no two of the same organisation, that meet the policy as it stands.
// So a further cosignature never takes a quorum away, and one organisation never fills two places in any group.
func (p *Policy) Check(c *SignedCheckpoint, now int64, organisation func(keyName string) string) (*Result, error) {
	if organisation == nil {
		organisation = DefaultOrganisation
	}
	r := &Result{Checkpoint: c.Checkpoint, QuorumNone: p.quorum.kind == isNone}
	known := 0
	for _, l := range p.logs {
		err := l.Key.verifyLine(c)
		if errors.Is(err, ErrUnknownLog) {
			continue
		}
		if err != nil {
			return nil, err
		}
		known++
		if r.LogKey.IsZero() && l.Key.name == c.Origin {
			r.LogKey = l.Key
		}
	}
	if r.LogKey.IsZero() {
		return nil, fmt.Errorf("checking checkpoint of %q against the policy: %w", c.Origin, ErrUnknownLog)
	}
	of := map[string][]int{} // organisation: indexes of its witnesses that cosigned
	for i, w := range p.witnesses {
		time, err := w.Key.Verify(c)
		if errors.Is(err, ErrNotCosigned) {
			continue
		}
		if err != nil {
			return nil, err
		}
		known++
		if time-FutureTolerance > now {
			r.FutureTimes++
			continue
		}
		org := organisation(w.Key.name)
		of[org] = append(of[org], i)
		r.Cosigned = append(r.Cosigned, Cosignature{Name: w.Name, KeyName: w.Key.name, Organisation: org, Time: time})
	}
	r.Organisations = len(of)
	r.Ignored = len(c.Lines) - known
	r.Quorum = p.met(of)
	return r, nil
}

// met says whether the quorum is met by one witness at most of each organisation. It tries every choice: with 32 witnesses those are
// at most 3^10·2 (ten organisations with three witnesses, one with two), and one when every witness has an organisation of its own.
func (p *Policy) met(of map[string][]int) bool {
	var all, matters uint64
	for _, witnesses := range of {
		for _, w := range witnesses {
			all |= 1 << w
		}
	}
	if !p.meets(p.quorum, all) {
		return false
	}
	matters = p.within(p.quorum)
	choices := [][]int{}
	for _, witnesses := range of {
		witnesses = slices.DeleteFunc(slices.Clone(witnesses), func(w int) bool { return matters&(1<<w) == 0 })
		if len(witnesses) > 0 {
			choices = append(choices, witnesses)
		}
	}
	return p.search(choices, 0)
}

// search tries each way to choose one witness of each organisation, in addition to those chosen.
func (p *Policy) search(choices [][]int, chosen uint64) bool {
	if len(choices) == 0 {
		return p.meets(p.quorum, chosen)
	}
	for _, w := range choices[0] {
		if p.search(choices[1:], chosen|1<<w) {
			return true
		}
	}
	return false
}

// meets says whether the witnesses in the set meet m. Groups name only groups before them, so the recursion ends.
func (p *Policy) meets(m member, set uint64) bool {
	switch m.kind {
	case isWitness:
		return set&(1<<m.index) != 0
	case isGroup:
		g, n := &p.groups[m.index], 0
		for _, m := range g.members {
			if p.meets(m, set) {
				n++
			}
		}
		return n >= g.threshold
	}
	return true
}

// within returns the set of witnesses that m can depend on.
func (p *Policy) within(m member) uint64 {
	switch m.kind {
	case isWitness:
		return 1 << m.index
	case isGroup:
		var set uint64
		for _, m := range p.groups[m.index].members {
			set |= p.within(m)
		}
		return set
	}
	return 0
}

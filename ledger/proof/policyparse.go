package proof

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxPolicy is the size of the largest policy that is read, in bytes.
	MaxPolicy = 1 << 20
	// mostOfKind is how many logs, witnesses and groups a policy may have, each; the specification asks for at least as many.
	// It also bounds how much work Policy.Check can be.
	mostOfKind = 32
)

// ParsePolicy reads a policy (C2SP tlog-policy). Errors name the line.
//
// Beyond the specification it refuses names and addresses that are not printable UTF-8, more than 32 logs, witnesses or groups, a log with a key other than Ed25519,
// and it takes a key as duplicate wherever it comes back, also when a log's key comes back as a witness's.
func ParsePolicy(text []byte) (*Policy, error) {
	if len(text) > MaxPolicy {
		return nil, fmt.Errorf("reading policy: %d bytes, at most %d are allowed", len(text), MaxPolicy)
	}
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		return nil, fmt.Errorf("reading policy: the last line does not end in a newline")
	}
	p := &policyParser{defined: map[string]member{}, parent: map[string]string{}, keys: map[string]int{}, lines: map[string]int{}}
	for line := range strings.Lines(string(text)) {
		p.number++
		if err := p.line(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, fmt.Errorf("reading policy: line %d: %w", p.number, err)
		}
	}
	if !p.hasQuorum {
		return nil, fmt.Errorf("reading policy: no quorum line; one that asks for no witness is \"quorum none\"")
	}
	return &p.policy, nil
}

type policyParser struct {
	policy    Policy
	number    int // of the line
	hasQuorum bool
	defined   map[string]member // witnesses and groups so far
	parent    map[string]string // member: the group that has it
	keys      map[string]int    // public key: the line that has it
	lines     map[string]int    // name and key hash, as in a signature line: the line that has them
}

func (p *policyParser) line(line string) error {
	for i := range len(line) {
		if b := line[i]; b < 0x20 && b != '\t' || b == 0x7f {
			return fmt.Errorf("the control character %q", b)
		}
	}
	words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return nil
	}
	for _, word := range words {
		if !utf8.ValidString(word) || strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return fmt.Errorf("%q is not printable UTF-8", shown(word))
		}
	}
	switch args := words[1:]; words[0] {
	case "log":
		return p.log(args)
	case "witness":
		return p.witness(args)
	case "group":
		return p.group(args)
	case "quorum":
		return p.quorum(args)
	}
	return fmt.Errorf("the unknown word %q", shown(words[0]))
}

func (p *policyParser) log(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return fmt.Errorf("a log line is: log VKEY [URL]")
	}
	key, err := ParseLogKey(args[0])
	if err != nil {
		return err
	}
	if err := p.unique(key.key[:], key.name, key.hash); err != nil {
		return err
	}
	if len(p.policy.logs) == mostOfKind {
		return fmt.Errorf("more than %d logs", mostOfKind)
	}
	p.policy.logs = append(p.policy.logs, PolicyLog{Key: key, URL: strings.Join(args[1:], "")})
	return nil
}

func (p *policyParser) witness(args []string) error {
	if len(args) < 2 || len(args) > 3 {
		return fmt.Errorf("a witness line is: witness NAME VKEY [URL]")
	}
	key, err := ParseWitnessKey(args[1])
	if err != nil {
		return err
	}
	if err := p.unique(key.key, key.name, key.hash); err != nil {
		return err
	}
	if len(p.policy.witnesses) == mostOfKind {
		return fmt.Errorf("more than %d witnesses", mostOfKind)
	}
	if err := p.define(args[0], member{isWitness, len(p.policy.witnesses)}); err != nil {
		return err
	}
	p.policy.witnesses = append(p.policy.witnesses, PolicyWitness{Name: args[0], Key: key, URL: strings.Join(args[2:], "")})
	return nil
}

// unique refuses a key that an earlier line has, whatever it is called and used for: one owner would count twice, or a log witness itself.
// It also refuses two keys that a signature line could not tell apart.
func (p *policyParser) unique(key []byte, name string, hash uint32) error {
	if n, ok := p.keys[string(key)]; ok {
		return fmt.Errorf("the key of %q is that of line %d", name, n)
	}
	id := fmt.Sprintf("%s+%08x", name, hash)
	if n, ok := p.lines[id]; ok {
		return fmt.Errorf("the name and key hash %s are those of line %d", id, n)
	}
	p.keys[string(key)], p.lines[id] = p.number, p.number
	return nil
}

func (p *policyParser) define(name string, m member) error {
	if name == quorumNone {
		return fmt.Errorf("%q cannot be the name of a witness or group", name)
	}
	if _, ok := p.defined[name]; ok {
		return fmt.Errorf("the name %q is defined twice", name)
	}
	p.defined[name] = m
	return nil
}

func (p *policyParser) group(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("a group line is: group NAME all|any|NUMBER MEMBER..., with at least one member")
	}
	name, names := args[0], args[2:]
	g := group{name: name}
	switch args[1] {
	case "all":
		g.threshold = len(names)
	case "any":
		g.threshold = 1
	default:
		k, err := decodeNumber(args[1], int64(len(names)))
		if err != nil {
			return fmt.Errorf("threshold of group %q with %d members: %w", name, len(names), err)
		}
		if k == 0 {
			return fmt.Errorf("the threshold of group %q is 0", name)
		}
		g.threshold = int(k)
	}
	for _, n := range names {
		m, ok := p.defined[n]
		if !ok {
			return fmt.Errorf("the member %q of group %q is not defined before", n, name)
		}
		if other, ok := p.parent[n]; ok {
			return fmt.Errorf("%q is a member of group %q already", n, other)
		}
		p.parent[n] = name
		g.members = append(g.members, m)
	}
	if len(p.policy.groups) == mostOfKind {
		return fmt.Errorf("more than %d groups", mostOfKind)
	}
	if err := p.define(name, member{isGroup, len(p.policy.groups)}); err != nil {
		return err
	}
	p.policy.groups = append(p.policy.groups, g)
	return nil
}

func (p *policyParser) quorum(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("a quorum line is: quorum NAME")
	}
	if p.hasQuorum {
		return fmt.Errorf("a second quorum line")
	}
	m, ok := p.defined[args[0]]
	if !ok && args[0] != quorumNone {
		return fmt.Errorf("the quorum %q is not defined before", args[0])
	}
	p.policy.quorum, p.hasQuorum = m, true
	return nil
}

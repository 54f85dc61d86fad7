package judge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/scheme"
)

// groups evaluates the expectation for each group of items that have the same values of the attributes in by.
func (d *domain) groups(ctx context.Context, items []*scheme.Item) (tally, error) {
	var v tally
	byKey := map[string][]*scheme.Item{}
	for _, it := range items {
		in := d.inputs(it, nil)
		err := d.undecidable(in)
		if errors.Is(err, scheme.ErrCost) {
			return v, err
		}
		key, kerr := d.groupKey(it)
		if err = errors.Join(err, kerr); err != nil {
			d.isUnknown(it, err)
			continue
		}
		byKey[key] = append(byKey[key], it)
	}
	keys := make([]string, 0, len(byKey))
	for k := range byKey {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if err := ctx.Err(); err != nil {
			return v, err
		}
		if err := d.group(&v, byKey[k]); err != nil {
			return v, err
		}
	}
	d.none(&v)
	return v, nil
}

func (d *domain) group(v *tally, members []*scheme.Item) error {
	met, err := d.t.Expect.Bool(d.inputs(nil, members))
	if errors.Is(err, scheme.ErrCost) {
		return err
	}
	// Members that nobody has seen could still make it true.
	if err == nil && !met && d.t.Complete && (d.result.Unknown > 0 || len(d.hidden) > 0) {
		err = errors.New("members of the group may not have been seen")
	}
	if err != nil {
		for _, m := range members {
			d.isUnknown(m, err)
		}
		return nil
	}
	d.count(v, met, func() { d.set.addGroup(d.kind(), members, d.groupSame(members[0])) })
	return nil
}

// groupKey joins the values of by, and the system unless groups go across the release.
func (d *domain) groupKey(it *scheme.Item) (string, error) {
	var b strings.Builder
	if it.Fact != nil && !d.t.Across {
		fmt.Fprintf(&b, "%q", it.Fact.System)
	}
	for _, name := range d.t.By {
		v, ok := it.Get(name)
		if !ok {
			return "", fmt.Errorf("%s %w", name, scheme.ErrAbsent)
		}
		fmt.Fprintf(&b, "\x00%q", fmt.Sprint(v))
	}
	return b.String(), nil
}

func (d *domain) groupSame(it *scheme.Item) []any {
	if len(d.t.Same) > 0 {
		return d.same(it, d.inputs(it, nil))
	}
	values := make([]any, len(d.t.By))
	for i, name := range d.t.By {
		values[i], _ = it.Get(name)
	}
	return values
}

// factsOf returns the facts of items that have one.
func factsOf(items []*scheme.Item) []*fact.Fact {
	var out []*fact.Fact
	for _, it := range items {
		if it.Fact != nil {
			out = append(out, it.Fact)
		}
	}
	return out
}

package dossier

import (
	"context"
	"errors"
	"fmt"

	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/scheme"
)

// ErrUnsound is returned for a dossier whose verdicts do not follow from its facts.
var ErrUnsound = errors.New("judged again, the verdicts differ: they do not follow from the facts")

// Judge judges the facts by schemes and puts the outcomes into the dossier.
func (c *Contents) Judge(ctx context.Context, schemes []*scheme.Scheme) error {
	c.Outcomes = nil
	for _, s := range schemes {
		out, err := judge.Judge(ctx, s, c.Input())
		if err != nil {
			return fmt.Errorf("judging by %s: %w", s.ID, err)
		}
		c.Outcomes = append(c.Outcomes, out)
	}
	return nil
}

// Schemes returns the schemes that the dossier was judged by.
func (c *Contents) Schemes() []*scheme.Scheme {
	var list []*scheme.Scheme
	for _, o := range c.Outcomes {
		list = append(list, o.Scheme)
	}
	return list
}

// Sound judges the dossier again, with ErrUnsound where something else comes out than it says.
func (c *Contents) Sound(ctx context.Context) error {
	again := *c
	if err := again.Judge(ctx, c.Schemes()); err != nil {
		return err
	}
	same, err := SameOutcomes(c.Outcomes, again.Outcomes)
	if err != nil {
		return err
	}
	if !same {
		return ErrUnsound
	}
	return nil
}

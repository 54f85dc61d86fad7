package records

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/probat-lab/probat/access"
)

// crawl calls each method of View with everything there is of two releases, mixed as an attacker would who knows all ids.
var crawl = map[string]func(ctx context.Context, w *View, a *aviary, n, m *nest, see func(x any, err error)){
	"Viewer": func(context.Context, *View, *aviary, *nest, *nest, func(any, error)) {}, // who asks
	"Parties": func(ctx context.Context, w *View, _ *aviary, _, _ *nest, see func(any, error)) {
		x, err := w.Parties(ctx)
		see(x, err)
	},
	"Release": func(ctx context.Context, w *View, _ *aviary, n, _ *nest, see func(any, error)) {
		x, err := w.Release(ctx, n.release.ID)
		see(x, err)
	},
	"Releases": func(ctx context.Context, w *View, _ *aviary, n, _ *nest, see func(any, error)) {
		for _, product := range []string{"", n.release.Product.ID} {
			x, total, err := w.Releases(ctx, product, Page{Most: 100})
			if total != len(x) {
				err = errors.Join(err, errors.New("the total is of other rows"))
			}
			see(x, err)
		}
	},
	"Held": func(ctx context.Context, w *View, _ *aviary, n, m *nest, see func(any, error)) {
		for _, h := range m.held {
			x, err := w.Held(ctx, n.release.ID, h.Kind, "")
			see(x, err)
			x, err = w.Held(ctx, n.release.ID, h.Kind, h.Parent)
			see(x, err)
		}
	},
	"HeldByID": func(ctx context.Context, w *View, _ *aviary, n, _ *nest, see func(any, error)) {
		for _, h := range n.held {
			x, err := w.HeldByID(ctx, h.ID)
			see(x, err)
		}
	},
	"Receipts":    ofRelease((*View).Receipts),
	"Dossiers":    ofRelease((*View).Dossiers),
	"Results":     ofRelease((*View).Results),
	"Grants":      ofRelease((*View).Grants),
	"Assignments": ofRelease((*View).Assignments),
	"Risks":       ofRelease((*View).Risks),
	"Agreements":  ofRelease((*View).Agreements),
	"Issued":      ofRelease((*View).Issued),
	"Jobs":        ofRelease((*View).Jobs),
	"Alarms":      ofRelease((*View).Alarms),
	"Dossier": func(ctx context.Context, w *View, _ *aviary, n, _ *nest, see func(any, error)) {
		for _, d := range n.dossiers {
			x, err := w.Dossier(ctx, d.ID)
			see(x, err)
		}
	},
	"ResultsOf": func(ctx context.Context, w *View, _ *aviary, n, m *nest, see func(any, error)) {
		for _, d := range m.dossiers {
			x, err := w.ResultsOf(ctx, n.release.ID, d.ID)
			see(x, err)
		}
	},
	"Requirements": ofDossier(func(ctx context.Context, w *View, release, scheme, _, dossier string, see func(any, error)) {
		x, err := w.Requirements(ctx, release, scheme, dossier)
		see(x, err)
	}),
	"Requirement": ofDossier(func(ctx context.Context, w *View, release, scheme, requirement, dossier string, see func(any, error)) {
		x, err := w.Requirement(ctx, release, scheme, requirement, dossier)
		see(x, err)
	}),
	"Bodies": ofDossier(func(ctx context.Context, w *View, release, scheme, _, dossier string, see func(any, error)) {
		x, y, err := w.Bodies(ctx, release, scheme, dossier)
		see([][]string{x, y}, err)
	}),
	"Findings": ofDossier(func(ctx context.Context, w *View, release, scheme, requirement, dossier string, see func(any, error)) {
		for _, q := range []string{requirement, ""} {
			x, total, err := w.Findings(ctx, release, scheme, q, dossier, Page{Most: 100})
			if total != len(x) {
				err = errors.Join(err, errors.New("the total is of other rows"))
			}
			see(x, err)
		}
	}),
	"Nodes": func(ctx context.Context, w *View, _ *aviary, n, _ *nest, see func(any, error)) {
		x, err := w.Nodes(ctx, n.release.ID, -1, Page{Most: 100})
		see(x, err)
	},
	"Node": func(ctx context.Context, w *View, _ *aviary, n, m *nest, see func(any, error)) {
		for _, address := range m.address {
			x, err := w.Node(ctx, n.release.ID, address)
			see(x, err)
		}
	},
	"Seen": func(ctx context.Context, w *View, _ *aviary, n, m *nest, see func(any, error)) {
		for _, kind := range append(slices.Collect(maps.Values(m.seenKind)), "") {
			x, err := w.Seen(ctx, n.release.ID, kind, 0, Page{Most: 100})
			see(x, err)
		}
	},
	"Search": func(ctx context.Context, w *View, _ *aviary, n, _ *nest, see func(any, error)) {
		for _, text := range append(slices.Clone(n.texts[:1]), "canary", "ca", "NARY") {
			x, err := w.Search(ctx, text, 1000)
			see(x, err)
		}
	},
	"Messages": func(ctx context.Context, w *View, _ *aviary, n, m *nest, see func(any, error)) {
		x, err := w.Messages(ctx, n.release.ID, "", "")
		see(x, err)
		x, err = w.Messages(ctx, "", "", "")
		see(x, err)
		for _, t := range m.threads {
			x, err := w.Messages(ctx, n.release.ID, t.Scheme, t.Requirement)
			see(x, err)
		}
	},
	"Judgements": func(ctx context.Context, w *View, _ *aviary, n, _ *nest, see func(any, error)) {
		x, err := w.Judgements(ctx, n.release.ID, "", "")
		see(x, err)
	},
	"IssuedByID": func(ctx context.Context, w *View, _ *aviary, n, _ *nest, see func(any, error)) {
		for _, i := range n.issued {
			x, err := w.IssuedByID(ctx, i.ID)
			see(x, err)
		}
	},
	"Public": func(ctx context.Context, w *View, _ *aviary, _, _ *nest, see func(any, error)) {
		x, err := w.Public(ctx)
		see(x, err)
	},
	"AllNodes": ofRelease((*View).AllNodes),
	"Waiting": func(ctx context.Context, w *View, _ *aviary, _, _ *nest, see func(any, error)) {
		x, err := w.Waiting(ctx, Page{Most: 100})
		see(x, err)
	},
	"Statement": func(ctx context.Context, w *View, _ *aviary, n, _ *nest, see func(any, error)) {
		for _, id := range n.acted {
			x, err := w.Statement(ctx, id)
			if err == nil {
				see([]string{x.Release, id}, nil) // that it exists is told
			} else {
				see(nil, err)
			}
		}
	},
	"Job": func(ctx context.Context, w *View, _ *aviary, n, _ *nest, see func(any, error)) {
		x, err := w.Job(ctx, n.job.ID)
		see(x, err)
	},
}

// mixed are the methods that are asked for things of one release as if they were of another.
var mixed = map[string]bool{
	"Held": true, "ResultsOf": true, "Requirements": true, "Requirement": true, "Bodies": true, "Findings": true, "Node": true, "Seen": true, "Messages": true,
}

type crawler = func(ctx context.Context, w *View, a *aviary, n, m *nest, see func(any, error))

func ofRelease[T any](list func(*View, context.Context, string) ([]T, error)) crawler {
	return func(ctx context.Context, w *View, _ *aviary, n, _ *nest, see func(any, error)) {
		for _, release := range []string{n.release.ID, ""} {
			x, err := list(w, ctx, release)
			see(x, err)
		}
	}
}

func ofDossier(ask func(ctx context.Context, w *View, release, scheme, requirement, dossier string, see func(any, error))) crawler {
	return func(ctx context.Context, w *View, _ *aviary, n, m *nest, see func(any, error)) {
		for _, d := range m.dossiers {
			for _, named := range []string{d.ID, ""} {
				ask(ctx, w, n.release.ID, m.schemes[d.ID], m.require[d.ID], named, see)
			}
		}
	}
}

// texts walks through everything that a value holds.
func texts(v reflect.Value, found func(string)) {
	switch v.Kind() {
	case reflect.String:
		found(v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			texts(v.Elem(), found)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			found(string(v.Bytes()))
			return
		}
		for i := range v.Len() {
			texts(v.Index(i), found)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			texts(v.Field(i), found)
		}
	}
}

// TestCanaries: whatever a viewer asks for, it gets the words that are for it, all of them, and no other.
func TestCanaries(t *testing.T) {
	methods := reflect.TypeFor[*View]()
	for i := range methods.NumMethod() {
		if crawl[methods.Method(i).Name] == nil {
			t.Errorf("View.%s is new: no canary has been sent through it", methods.Method(i).Name)
		}
	}
	form := regexp.MustCompile(canaryForm)
	each(t, func(t *testing.T, r *Records) {
		a := newAviary(t, r)
		for name, v := range a.viewers() {
			got := map[string]string{}
			for method, ask := range crawl {
				for i, n := range a.nests {
					for _, m := range []*nest{n, a.nests[(i+1)%len(a.nests)]} {
						if m != n && !mixed[method] {
							continue
						}
						ask(t.Context(), r.As(v), a, n, m, func(x any, err error) {
							if err != nil && !errors.Is(err, ErrNotFound) {
								t.Errorf("%s, %s: %v", name, method, err)
							}
							texts(reflect.ValueOf(&x), func(s string) {
								for _, w := range form.FindAllString(s, -1) {
									got[w] = method
								}
							})
						})
					}
				}
			}
			a.compare(t, name, v, got)
		}
	})
}

func (a *aviary) compare(t *testing.T, name string, v access.Viewer, got map[string]string) {
	t.Helper()
	wrong := map[string]bool{}
	for word, c := range a.words {
		method, has := got[word]
		if has == c.may(v) || word == v.Person {
			continue
		}
		s := name + " gets no " + c.what
		if has {
			s = name + " gets " + c.what + " from " + method
		}
		wrong[s] = true
	}
	for s := range wrong {
		t.Error(s)
	}
}

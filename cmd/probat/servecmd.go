package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/lab/child"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/portal"
	"github.com/probat-lab/probat/store/records"
	"github.com/probat-lab/probat/work"
)

type serveOptions struct {
	isolation
	dir, listen, config string
	demo, json          bool
}

func (p *program) serveCommand() *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "The lab's server: vendors submit, the lab evaluates, each sees only what it may see",
		Long: `serve runs the lab in a folder as a server: pages for people, an API for programs, a queue of evaluations. With nothing set up it makes
the lab first (as "probat lab init"), and prints one one-time link for the first person of the lab. Everything lies in DIR: keys,
database, public log, what was handed in (encrypted), and the queue. The passphrase that opens the keys is asked for, or read from
PROBAT_PASSPHRASE, or from the file that "passphrase_file" in the configuration names.

--demo fills a lab of its own with fictional vendors, releases, findings and talk, on loopback only, and prints a sign-in link for each
person. It is gone when the server stops.

--config is one YAML file: public_url, listen, passphrase_file, requests_per_second. Behind a proxy that speaks TLS, public_url is what
people type; passkeys need https there, or http://localhost.

Exit codes: 0 stopped; 2 wrong usage, or the lab cannot be opened; 130 never: an interruption is how it is stopped`,
		Example: `  probat serve --demo
  probat serve --data lab --listen 127.0.0.1:8080
  probat serve --config /etc/probat/serve.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return p.serve(c.Context(), &o) },
	}
	o.add(c)
	c.Flags().StringVar(&o.dir, "data", "", "the lab's folder (default $"+labVariable+", else lab)")
	c.Flags().StringVar(&o.listen, "listen", "", "address to listen on (default 127.0.0.1:8080)")
	c.Flags().StringVar(&o.config, "config", "", "configuration file (default DIR/serve.yaml where there is one)")
	c.Flags().BoolVar(&o.demo, "demo", false, "a lab full of fictional things, on loopback, until the server stops")
	c.Flags().BoolVar(&o.json, "json", false, "with --demo: the first line of output is JSON: url and people, with sign-in links and tokens")
	return c
}

func (p *program) serve(ctx context.Context, o *serveOptions) (err error) {
	if o.json && !o.demo {
		return usage("probat serve --demo --json", "--json goes with --demo")
	}
	if o.demo {
		if o.dir != "" || o.config != "" {
			return usage("leave --data and --config away", "a demo makes a lab of its own")
		}
		if o.dir, err = os.MkdirTemp("", "probat-demo-"); err != nil {
			return err
		}
		defer removeAll(o.dir)
		o.dir = filepath.Join(o.dir, "lab")
	}
	c, err := p.serverConfig(o)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("listening on %q: %w", c.listen, err), "choose another address with --listen"}
	}
	defer listener.Close()
	if c.publicURL == "" {
		_, port, _ := net.SplitHostPort(listener.Addr().String()) // of a TCP listener
		c.publicURL = "http://localhost:" + port
	}
	l, fresh, err := p.serveLab(ctx, o, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	s := &serving{program: p, options: o, config: c, lab: l, fresh: fresh, log: slog.New(slog.NewTextHandler(p.err, nil))}
	return s.run(ctx, listener)
}

// serving is one run of the server.
type serving struct {
	*program
	options *serveOptions
	config  *serverConfig
	lab     *lab.Lab
	fresh   bool // the lab was just made
	log     *slog.Logger
	desk    *desk.Desk
	queue   *work.Queue
	portal  *portal.Server
}

// how long what is under way may take when the server stops
const stopTime = 20 * time.Second

func (s *serving) run(ctx context.Context, listener net.Listener) (err error) {
	box := child.Sandbox{Require: s.options.level()}
	vaultStore, err := blob.Open(ctx, filepath.Join(s.lab.Dir, vaultName), blob.Create, blob.Private)
	if err != nil {
		return err
	}
	s.desk, err = desk.Open(ctx, s.lab, desk.Options{
		Store: vaultStore, Box: box, Version: version(),
		Queued:    func(ctx context.Context, id string) { _ = s.queue.Publish(ctx, id) }, // the reconciler finds what is not told
		Cancelled: func(_ context.Context, id string) { s.queue.Check(id) },
	})
	if err != nil {
		return err
	}
	if err := s.desk.Guarded(ctx); err != nil {
		return &exitError{exitUsage, err, "connect as a role of its own, without SUPERUSER and BYPASSRLS: createuser probat"}
	}
	s.queue, err = work.Open(ctx, work.Config{Dir: filepath.Join(s.lab.Dir, "queue"), Jobs: s.desk.Records, Run: s.job, Workers: 2, Log: s.log})
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if closeErr := s.queue.Close(stop); closeErr != nil {
			s.log.Warn("stopping the queue", "error", closeErr)
		}
	}()
	c := portal.Config{Desk: s.desk, Queue: s.queue, PublicURL: s.config.publicURL, Version: version(), Log: s.log, Person: s.config.rate}
	var people []demoPerson
	if s.options.demo {
		c.Person = demoRate
		if people, err = s.fillDemo(ctx, &c); err != nil {
			return fmt.Errorf("filling the demo: %w", err)
		}
	}
	if s.portal, err = portal.New(c); err != nil {
		return err
	}
	if err := s.greet(ctx, people); err != nil {
		return err
	}
	return s.listen(ctx, listener)
}

// job runs one evaluation.
func (s *serving) job(ctx context.Context, id, worker string) {
	tell := lines{func(line []byte) { s.queue.Tell(id, line) }}
	if err := s.desk.Run(ctx, id, worker, &tell); err != nil {
		s.log.Warn("an evaluation", "job", id, "error", shownInLog(err))
	}
}

// shownInLog is an error without what a product may have put into it: logs are read by whoever runs the machine.
func shownInLog(err error) string {
	if errors.Is(err, context.Canceled) {
		return "cancelled"
	}
	return fmt.Sprintf("%T; the release's page has its words", errors.Unwrap(err))
}

// lines passes on what is written line by line.
type lines struct{ fn func([]byte) }

func (l *lines) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		l.fn([]byte(strings.TrimSuffix(line, "\n")))
	}
	return len(b), nil
}

func (s *serving) listen(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: s.portal, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	server.RegisterOnShutdown(s.portal.Interrupt)
	base, stopRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRequests()
	server.BaseContext = func(net.Listener) context.Context { return base }
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }() // waited for below
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			if err := s.portal.Purge(ctx); err != nil {
				s.log.Warn("removing uploads that nobody went on with", "error", err)
			}
		case <-ctx.Done():
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
			defer cancel()
			time.AfterFunc(time.Second, stopRequests) // streams end with their requests
			err := server.Shutdown(stop)
			if serveErr := <-ended; !errors.Is(serveErr, http.ErrServerClosed) {
				err = errors.Join(err, serveErr)
			}
			return err
		}
	}
}

// greet says where the server is, and how the first person comes in.
func (s *serving) greet(ctx context.Context, people []demoPerson) error {
	if s.options.json {
		return json.NewEncoder(s.out).Encode(demoFacts{URL: s.config.publicURL, People: people})
	}
	if s.options.demo {
		s.say("A demo lab at %s; everything in it is fictional, and gone when this stops.\n", s.config.publicURL)
		for _, x := range people {
			s.say("%-28s %-24s %-9s %-7s\n  %s", x.Name, x.Party, x.Class, x.Role, x.SignIn)
		}
		return nil
	}
	s.say("The lab %s at %s", s.lab.Config.Name, s.config.publicURL)
	members, err := s.desk.People(ctx, s.desk.Home.ID)
	if err != nil || len(members) > 0 {
		return err
	}
	first, err := s.desk.NewPerson(ctx, s.desk.Home.ID, "First admin", access.Admin)
	if err != nil {
		return err
	}
	link, err := portal.NewLink(ctx, s.desk.Records, s.config.publicURL, records.Link{Person: first.ID, Expires: time.Now().Add(24 * time.Hour)})
	if err != nil {
		return err
	}
	s.say("For the first person of the lab, once, within a day:\n  %s", link)
	return nil
}

// serveLab opens the lab, and makes it where there is none.
func (p *program) serveLab(ctx context.Context, o *serveOptions, c *serverConfig) (*lab.Lab, bool, error) {
	fresh := false
	passphrase := func() (string, error) { return p.servePassphrase(ctx, c) }
	if _, err := os.Stat(filepath.Join(o.dir, "lab.yaml")); errors.Is(err, os.ErrNotExist) {
		if err := lab.Vacant(o.dir); err != nil {
			return nil, false, &exitError{exitUsage, err, "--data names the lab's folder"}
		}
		s := lab.Setup{WorkFactor: workFactor}
		if o.demo {
			s.Name, s.Operator, s.Origin, s.WorkFactor = "Rome Lab", "Rome Lab Foundation", "log.rome-lab.example", demoWorkFactor
			s.Independence = "independent"
			s.Passphrase = c.passphrase
		} else if s.Passphrase, err = p.firstPassphrase(ctx, c); err != nil {
			return nil, false, err
		}
		if err := lab.Init(ctx, o.dir, s); err != nil {
			return nil, false, err
		}
		known := s.Passphrase
		passphrase, fresh = func() (string, error) { return known, nil }, true
	}
	l, err := lab.Open(ctx, o.dir, lab.Options{Passphrase: passphrase, Dial: dial, Wait: lockWait})
	return l, fresh, err
}

// servePassphrase is the passphrase as the configuration has it, else as for all commands.
func (p *program) servePassphrase(ctx context.Context, c *serverConfig) (string, error) {
	if c.passphrase != "" {
		return c.passphrase, nil
	}
	return p.passphrase(ctx)
}

func (p *program) firstPassphrase(ctx context.Context, c *serverConfig) (string, error) {
	if c.passphrase != "" {
		return c.passphrase, nil
	}
	return p.newPassphrase(ctx)
}

var _ io.Writer = (*lines)(nil)

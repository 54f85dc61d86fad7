package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Job is an evaluation.
type Job struct {
	ID      string `json:"id"`
	Release string `json:"release_id"`
	State   string `json:"state"` // queued, running, done, failed or cancelled
	Dossier string `json:"dossier_id"`
	Error   string `json:"error"`
}

// Ended says whether nothing more will come of it.
func (j Job) Ended() bool { return j.State == "done" || j.State == "failed" || j.State == "cancelled" }

// Event is how far an evaluation is.
type Event struct {
	Phase     string  `json:"phase"`
	Files     int64   `json:"files"`
	Bytes     int64   `json:"bytes"`
	Container string  `json:"container"`
	Slowest   string  `json:"-"`
	Took      float64 `json:"took"`    // seconds, of the slowest
	Seconds   float64 `json:"seconds"` // since it began
}

// Job asks how far a job is.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	var j Job
	err := c.ask(ctx, http.MethodGet, "/api/v1/jobs/"+url.PathEscape(id), nil, nil, &j)
	if err == nil && j.Dossier != "" {
		err = wantID("dossier_id", j.Dossier)
	}
	return j, err
}

// Wait waits until a job has ended, and tells how far it is. It takes as long as the lab takes: what ends it early is the context, or a server
// that does not answer any more. A stream of events that breaks, or that something on the way keeps back, only makes it less lively.
func (c *Client) Wait(ctx context.Context, id string, tell func(Event)) (Job, error) {
	p := patience{client: c}
	for said := false; ; {
		j, err := c.Job(ctx, id)
		if err != nil || j.Ended() {
			return j, err
		}
		if j.State == "queued" {
			tell(Event{Phase: j.State})
		}
		heard, ended, err := c.listen(ctx, id, tell)
		switch {
		case ctx.Err() != nil:
			return Job{}, context.Cause(ctx)
		case errors.Is(err, errStalled): // in the queue there is nothing to hear
			continue
		case ended && !said:
			said = true
			continue
		case heard:
			p.reset()
		}
		p.tries++
		if err := p.pause(ctx, nil, asked(err)); err != nil {
			return Job{}, err
		}
	}
}

// maxEvent bounds a line of the stream, in bytes.
const maxEvent = 1 << 20

// listen reads one stream of events until it breaks, or says that the job has ended.
func (c *Client) listen(ctx context.Context, id string, tell func(Event)) (heard, ended bool, err error) {
	ctx, alive, end := watch(ctx)
	defer end()
	h := http.Header{"Accept": {"text/event-stream"}}
	resp, err := c.send(ctx, http.MethodGet, "/api/v1/jobs/"+url.PathEscape(id)+"/events", h, nil, 0)
	if err != nil {
		return false, false, err
	}
	defer resp.Body.Close()
	err = readEvents(&living{resp.Body, alive}, func(name string, data []byte) bool {
		if e, ok := parseEvent(data); name == "progress" && ok {
			heard = true
			tell(e)
		}
		ended = name == "end"
		return !ended
	})
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return heard, ended, err
}

// parseEvent reads an event. Its slowest file is a name, or the first of a list.
func parseEvent(data []byte) (Event, bool) {
	var x struct {
		Event
		State   string          `json:"state"`
		Slowest json.RawMessage `json:"slowest"`
	}
	if json.Unmarshal(data, &x) != nil {
		return Event{}, false
	}
	var list []struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(x.Slowest, &x.Event.Slowest) != nil && json.Unmarshal(x.Slowest, &list) == nil && len(list) > 0 {
		x.Event.Slowest = list[0].Name
	}
	if x.Phase == "" {
		x.Phase = x.State
	}
	return x.Event, true
}

// living tells of everything that is read.
type living struct {
	io.Reader
	alive func()
}

func (l *living) Read(b []byte) (int, error) {
	n, err := l.Reader.Read(b)
	if n > 0 {
		l.alive()
	}
	return n, err
}

// readEvents reads server-sent events (WHATWG HTML, 9.2) until the stream ends or each wants no more. Ids and times to retry are not used here.
func readEvents(r io.Reader, each func(name string, data []byte) bool) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	name, data := "", []byte(nil)
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 {
			if data != nil && !each(name, bytes.TrimSuffix(data, []byte("\n"))) {
				return nil
			}
			name, data = "", nil
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "event":
			name = string(value)
		case "data":
			if len(data)+len(value) > maxEvent {
				return fmt.Errorf("reading events: %w: one has more than %d bytes", ErrAnswer, maxEvent)
			}
			data = append(append(data, value...), '\n')
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	return nil
}

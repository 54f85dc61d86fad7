package portal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/store/records"
)

// live is what the stream of an evaluation tells: what pages and terminals show.
type live struct {
	State     string  `json:"state"`
	Phase     string  `json:"phase,omitempty"`
	Files     int64   `json:"files"`
	Bytes     int64   `json:"bytes"`
	Container string  `json:"container,omitempty"`
	Slowest   []slow  `json:"slowest,omitempty"`
	Took      float64 `json:"took,omitempty"`
	Seconds   float64 `json:"seconds"`
	Ended     bool    `json:"ended,omitempty"`
}

type slow struct {
	Name string `json:"name"`
	Took string `json:"took"`
}

// eventsPoll is how often the job's row is read beside the stream: it is the truth, the stream may lose events.
const eventsPoll = time.Second

// events streams how far an evaluation is, as long as the reader may see it.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	c, ctx, id := callerOf(r.Context()), r.Context(), r.PathValue("job_id")
	if !c.Known() {
		s.refuse(w, r, records.ErrNotFound)
		return
	}
	j, err := s.Desk.As(c.Viewer).Job(ctx, id)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	told, err := s.Queue.Listen(ctx, id)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{}) // not every server has deadlines
	tick := time.NewTicker(eventsPoll)
	defer tick.Stop()
	last := live{}
	send := func(x live) bool {
		b, err := json.Marshal(x)
		if err == nil {
			_, err = fmt.Fprintf(w, "event: progress\ndata: %s\n\n", b)
		}
		return err == nil && out.Flush() == nil
	}
	for {
		if ended(j.State) {
			last.State, last.Ended = j.State, true
			if send(last) {
				_, _ = fmt.Fprintf(w, "event: end\ndata: {\"state\":%q}\n\n", j.State)
				_ = out.Flush()
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case line, more := <-told:
			var e box.Event
			if !more {
				told = nil
				continue
			}
			if json.Unmarshal(line, &e) != nil {
				continue
			}
			last = live{State: "running", Phase: e.Phase, Files: e.Files, Bytes: e.Bytes, Container: e.Container, Took: e.Took, Seconds: e.Seconds}
			if e.Slowest != "" {
				last.Slowest = []slow{{e.Slowest, fmt.Sprintf("%.1f s", e.Took)}}
			}
			if !send(last) {
				return
			}
		case <-tick.C:
			// The session may have ended meanwhile, and so may the leave.
			signed, ok, err := s.signed(r, time.Now())
			if err != nil || !ok || signed.Person.ID != c.Viewer.Person {
				return
			}
			v := c.Viewer
			v.At = s.Desk.Lab.Now()
			if j, err = s.Desk.As(v).Job(ctx, id); err != nil {
				return
			}
			last.State = j.State
			if !ended(j.State) && !send(last) {
				return
			}
		}
	}
}

func ended(state string) bool { return state == "done" || state == "failed" || state == "cancelled" }

package witness

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/probat-lab/probat/ledger/proof"
)

const typeSize = "text/x.tlog.size"

func (w *Witness) route() {
	w.mux = http.NewServeMux()
	w.mux.HandleFunc("POST /add-checkpoint", w.addCheckpoint)
	w.mux.HandleFunc("GET /{hash}/checkpoint", w.checkpoint)
}

// ServeHTTP answers the calls of C2SP tlog-witness:
//
//	POST /add-checkpoint       200 with signature lines; 400 not a request; 403 not signed by the log; 404 unknown log; 409 with the size that was last cosigned;
//	                           422 not an extension of it; 413 more than 64 KiB; 500 it could not be stored; 503 too busy
//	GET /ORIGINHASH/checkpoint 200 with the checkpoint that was last cosigned; 404 there is none
//
// sign-subtree is not offered. Slow clients are for the http.Server to end, see [NewServer].
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.mux.ServeHTTP(rw, r) }

func (w *Witness) addCheckpoint(rw http.ResponseWriter, r *http.Request) {
	lines, err := w.answer(rw, r)
	var no *refusal
	switch {
	case err == nil:
		sendText(rw, http.StatusOK, lineText(lines))
		return
	case !errors.As(err, &no):
		no = &refusal{status: http.StatusBadRequest, err: err}
	}
	w.report(Event{Kind: EventRefused, Origin: no.about.Origin, Size: no.about.Size, Status: no.status, Err: err})
	switch no.status {
	case http.StatusConflict:
		rw.Header().Set("Content-Type", typeSize)
		rw.WriteHeader(no.status)
		_, _ = io.WriteString(rw, strconv.FormatInt(no.size, 10)+"\n") // the client went away
	case http.StatusInternalServerError:
		sendText(rw, no.status, "the witness could not store the checkpoint\n") // what exactly is nobody's business
	default:
		sendText(rw, no.status, no.Error()+"\n")
	}
}

func (w *Witness) answer(rw http.ResponseWriter, r *http.Request) ([]proof.SignatureLine, error) {
	body, err := readBody(rw, r)
	if err != nil {
		return nil, err
	}
	// After the body: who sends slowly takes nobody's place.
	if !enter(w.busy) {
		return nil, refuse(http.StatusServiceUnavailable, "too many requests at once")
	}
	defer leave(w.busy)
	req, err := parseRequest(body)
	if err != nil {
		return nil, err
	}
	lines, err := w.advance(r.Context(), req)
	var no *refusal
	if errors.As(err, &no) {
		no.about = req.note.Checkpoint
	}
	return lines, err
}

func (w *Witness) checkpoint(rw http.ResponseWriter, r *http.Request) {
	for origin := range w.logs {
		if OriginHash(origin) != r.PathValue("hash") {
			continue
		}
		if c := w.Latest(origin); c != nil {
			sendText(rw, http.StatusOK, string(c.Bytes()))
			return
		}
	}
	sendText(rw, http.StatusNotFound, "no checkpoint of such a log was cosigned here\n")
}

// readBody reads at most maxBody bytes; the error is a *refusal.
func readBody(rw http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", maxBody)
	}
	if err != nil {
		return nil, &refusal{status: http.StatusBadRequest, err: fmt.Errorf("reading body: %w", err)}
	}
	return body, nil
}

func sendText(rw http.ResponseWriter, status int, text string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusServiceUnavailable {
		rw.Header().Set("Retry-After", "5")
	}
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, text) // the client went away
}

// enter takes a place if there is one.
func enter(busy chan struct{}) bool {
	select {
	case busy <- struct{}{}:
		return true
	default:
		return false
	}
}

func leave(busy chan struct{}) { <-busy }

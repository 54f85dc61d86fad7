package page

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// serveScripts answers what the scripts of the gallery ask.
func serveScripts(t *testing.T, mux *http.ServeMux) {
	mux.HandleFunc("GET /evaluations/{id}/events", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "retry: 60000\ndata: {\"files\":18303,\"container\":\"router!/x\\u202ey\",\"phases\":[{\"name\":\"Unpack\",\"state\":\"done\",\"note\":\"12\"},{\"name\":\"Observe\",\"state\":\"runs\"}],\"log\":[\"live line <b>\"]}\n\n")
	})
	mux.HandleFunc("POST /declarations/check", func(w http.ResponseWriter, r *http.Request) {
		d := submitSamples()[1].view.(Declaration)
		d.Problems, d.Told = nil, true
		d.Sets[0].Fields[1].Error, d.Sets[1].Entries[0].Fields[1].Error = "", "checked: "+r.PostFormValue("services.0.port")
		if err := d.Checked().Render(r.Context(), w); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("GET /w/{n}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "moved to ", r.PathValue("n")) })
}

// TestScripts tries what scripts add, in a browser. It runs where PROBAT_SHOTS is set, like TestShots.
func TestScripts(t *testing.T) {
	if os.Getenv("PROBAT_SHOTS") == "" {
		t.Skip("PROBAT_SHOTS names no folder")
	}
	tus := &uploads{got: map[string][]byte{}, want: map[string]int{}}
	keys := &passkeys{answers: make(chan string, 2)}
	mux := http.NewServeMux()
	mux.Handle("/", serveGallery(t, gallery()))
	mux.Handle("/uploads/", tus)
	mux.HandleFunc("POST /submit", tus.submitted)
	mux.HandleFunc("POST /passkey", keys.create)
	mux.HandleFunc("POST /signin/passkey", keys.get)
	mux.HandleFunc("POST /passkey/finish", keys.finish)
	mux.HandleFunc("POST /signin/passkey/finish", keys.finish)
	server := httptest.NewServer(mux)
	defer server.Close()
	base := strings.Replace(server.URL, "127.0.0.1", "localhost", 1) // WebAuthn takes no addresses
	ctx, stop := chromium(t)
	defer stop()
	if err := chromedp.Do(ctx, chromedp.Navigate(base+"/home")); err != nil {
		t.Fatal(err)
	}
	b := &tab{T: t, base: base}
	b.ctx, stop = context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	said := listen(t, b.ctx)

	b.keys()
	b.live()
	b.declaration()
	b.passkeys(keys)
	for _, line := range said() {
		t.Errorf("the browser says: %s", line)
	}
	b.uploads(tus) // breaks on purpose
}

// tab is a browser's tab.
type tab struct {
	*testing.T
	ctx  context.Context
	base string
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

func (b *tab) open(page string) {
	b.Helper()
	b.do(chromedp.Navigate(b.base+page), chromedp.WaitReady(chromedp.CSS("main")))
}

// until waits for an expression to be true. A page that goes away while one asks is asked again.
func (b *tab) until(expression string) {
	b.Helper()
	ctx, stop := context.WithTimeout(b.ctx, 30*time.Second)
	defer stop()
	for {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(20*time.Second)))
		if err == nil {
			return
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), "context") && !strings.Contains(err.Error(), "navigated") {
			b.Fatalf("waiting for %s: %v", expression, err)
		}
	}
}

func (b *tab) keys() {
	b.open("/requirement-by-hand")
	b.do(chromedp.KeyEvent("p"))
	b.until(`document.querySelector('input[name=verdict][value=pass]').checked && document.activeElement.name === 'reason'`)
	b.do(chromedp.KeyEvent("fij"))
	b.until(`document.activeElement.value.endsWith('fij') && document.querySelector('input[value=pass]').checked`) // what one types is no command; the protocol types the "p" too, keyboards don't
	b.do(chromedp.KeyEvent("\x1b"), chromedp.KeyEvent("i"))
	b.until(`document.querySelector('input[name=verdict][value=inconclusive]').checked`)
	b.do(chromedp.KeyEvent("\x1b"), chromedp.KeyEvent("e"))
	b.until(`document.activeElement.id === 'evidence'`)
	b.do(chromedp.KeyEvent("?"))
	b.until(`document.getElementById('keys').open`)
	b.do(chromedp.KeyEvent("\x1b"))
	b.until(`!document.getElementById('keys').open`)
	b.do(chromedp.KeyEvent("/"))
	b.until(`document.activeElement.id === 'find'`)
	b.do(chromedp.KeyEvent("\x1b"), chromedp.KeyEvent("j"))
	b.until(`document.body.textContent === 'moved to 3'`)
	b.open("/requirement")
	b.do(chromedp.KeyEvent("k"))
	b.until(`document.body.textContent === 'moved to 1'`)
}

func (b *tab) live() {
	b.open("/evaluation")
	b.until(`document.querySelector('[data-live=files]').textContent === '18,303' && document.querySelector('[data-live=log]').textContent.endsWith('live line <b>')`)
	b.until(`document.querySelector('[data-live=container]').textContent === 'router!/x⟨U+202E⟩y' && document.querySelector('[data-live=phases]').children.length === 2`)
}

func (b *tab) declaration() {
	b.open("/declaration")
	const port = `[name="services.0.port"]`
	b.until(`window.htmx !== undefined`)
	b.do(chromedp.Focus(chromedp.CSS(port)), chromedp.KeyEvent("22"))
	b.until(`document.getElementById('declaration-services.0.port-slot').textContent.includes('checked: 2222') && document.activeElement.name === 'services.0.port'`)
	b.until(`document.getElementById('declaration-product.vendor-slot').textContent.trim() === '' && document.getElementById('checked').textContent.includes('Complete')`)
}

// passkeys is a server that keeps no secret; it shows that the scripts speak WebAuthn's JSON.
type passkeys struct{ answers chan string }

const challenge = "Y2hhbGxlbmdlLWNoYWxsZW5nZS0xMjM0NTY3OA"

func (*passkeys) create(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, `{"publicKey":{"rp":{"id":"localhost","name":"Lab"},"user":{"id":"dXNlcg","name":"ben","displayName":"Ben"},"challenge":%q,"pubKeyCredParams":[{"type":"public-key","alg":-7}],"authenticatorSelection":{"residentKey":"required"}}}`, challenge)
}

func (*passkeys) get(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, `{"publicKey":{"rpId":"localhost","challenge":%q}}`, challenge)
}

func (k *passkeys) finish(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what is missing is seen by the test
	k.answers <- string(body)
	fmt.Fprint(w, `{"location":"/home"}`)
}

func (b *tab) passkeys(k *passkeys) {
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}})
		return err
	}))
	for _, c := range []struct{ page, field string }{{"/setup", "attestationObject"}, {"/signin", "signature"}} {
		b.open(c.page)
		b.do(chromedp.Click(chromedp.CSS("[data-passkey] button")))
		b.until(`location.pathname === '/home'`)
		var answer struct {
			Type     string
			Response map[string]any
		}
		if err := json.Unmarshal([]byte(<-k.answers), &answer); err != nil {
			b.Fatal(err)
		}
		if answer.Type != "public-key" || answer.Response[c.field] == nil || answer.Response["clientDataJSON"] == nil {
			b.Errorf("%s: the server got %+v", c.page, answer)
		}
	}
}

// uploads is a small tus server that breaks: the first PATCH is lost, the second is kept and reported lost.
type uploads struct {
	mu      sync.Mutex
	got     map[string][]byte
	want    map[string]int
	patches int
	created int
	form    []string
}

func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	id := strings.TrimPrefix(r.URL.Path, "/uploads/")
	switch r.Method {
	case http.MethodPost:
		u.created++
		id = strconv.Itoa(u.created)
		u.want[id], _ = strconv.Atoi(r.Header.Get("Upload-Length"))
		u.got[id] = []byte{}
		w.Header().Set("Location", "/uploads/"+id)
		w.WriteHeader(http.StatusCreated)
	case http.MethodHead:
		if u.got[id] == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Upload-Offset", strconv.Itoa(len(u.got[id])))
	case http.MethodPatch:
		u.patches++
		body, _ := io.ReadAll(r.Body) // a part that breaks off is shorter, which the offsets show
		if u.patches == 1 {
			http.Error(w, "lost", http.StatusServiceUnavailable)
			return
		}
		if r.Header.Get("Upload-Offset") != strconv.Itoa(len(u.got[id])) {
			http.Error(w, "other offset", http.StatusConflict)
			return
		}
		u.got[id] = append(u.got[id], body...)
		if u.patches == 2 {
			http.Error(w, "kept", http.StatusBadGateway)
			return
		}
		w.Header().Set("Upload-Offset", strconv.Itoa(len(u.got[id])))
		w.WriteHeader(http.StatusNoContent)
	}
}

func (u *uploads) submitted(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := r.ParseForm(); err == nil {
		u.form = r.PostForm["artifact"]
	}
	fmt.Fprint(w, "received")
}

func (b *tab) uploads(u *uploads) {
	content := make([]byte, 17<<20+5)
	_, _ = rand.Read(content) // never fails
	file := filepath.Join(b.TempDir(), "router ü.img")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		b.Fatal(err)
	}
	const input, complete = `[data-upload=artifact] input[type=file]`, `document.querySelector('[data-upload=artifact]').textContent.includes('complete')`
	b.open("/submit")
	b.do(chromedp.SetUploadFiles(chromedp.CSS(input), []string{file}))
	b.until(complete)
	u.mu.Lock()
	if !bytes.Equal(u.got["1"], content) || u.patches != 4 {
		b.Errorf("%d bytes after %d parts, want %d after 4, the same", len(u.got["1"]), u.patches, len(content))
	}
	u.got["1"] = u.got["1"][:8<<20] // as if the page had been closed in the middle
	u.mu.Unlock()
	b.open("/submit")
	b.do(chromedp.SetUploadFiles(chromedp.CSS(input), []string{file}))
	b.until(complete)
	b.do(chromedp.Click(chromedp.CSS("#submit-sure")), chromedp.Click(chromedp.CSS("form[data-tus] button.main")))
	b.until(`document.body.textContent === 'received'`)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.created != 1 || !bytes.Equal(u.got["1"], content) {
		b.Errorf("%d uploads were begun, want 1 that was gone on with; the same bytes: %t", u.created, bytes.Equal(u.got["1"], content))
	}
	if got := strings.Join(u.form, " "); got != "/uploads/1 /uploads/1" { // one stood in the form before
		b.Errorf("the form named the uploads %q", got)
	}
}

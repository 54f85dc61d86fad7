package page

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// TestShots opens every page of the gallery in Chromium under the portal's content security policy, writes pictures into the folder named by
// PROBAT_SHOTS, and fails on anything that the browser refuses, on errors of scripts, and on pages wider than a narrow screen.
// With PROBAT_AXE naming axe.min.js it also fails on findings of axe-core that are serious.
func TestShots(t *testing.T) {
	dir := os.Getenv("PROBAT_SHOTS")
	if dir == "" {
		t.Skip("PROBAT_SHOTS names no folder")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	pages := gallery()
	server := httptest.NewServer(serveGallery(t, pages))
	defer server.Close()
	ctx, stop := chromium(t)
	defer stop()
	var axe string
	if file := os.Getenv("PROBAT_AXE"); file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		axe = string(content)
	}
	said := listen(t, ctx)
	for _, s := range pages {
		if only := os.Getenv("PROBAT_ONLY"); only != "" && !strings.Contains(s.name, only) {
			continue
		}
		for _, look := range looks {
			if err := shoot(ctx, server.URL+"/"+s.name, filepath.Join(dir, s.name+"-"+look.name+".png"), look, axe); err != nil {
				t.Errorf("%s, %s: %v", s.name, look.name, err)
			}
			for _, line := range said() {
				t.Errorf("%s, %s: the browser says: %s", s.name, look.name, line)
			}
		}
	}
}

// chromium is a browser of its own for one test.
func chromium(t *testing.T) (context.Context, context.CancelFunc) {
	program := os.Getenv("PROBAT_CHROMIUM")
	if program == "" {
		program = "/usr/bin/chromium"
	}
	allocated, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox)...)
	ctx, stopTab := chromedp.NewContext(allocated)
	return ctx, func() {
		stopTab()
		stop()
	}
}

// look is a way to look at a page.
type look struct {
	name, media, scheme string
	width               int64
}

var looks = []look{{"light", "screen", "light", 1280}, {"dark", "screen", "dark", 1280}, {"narrow", "screen", "light", 320}, {"print", "print", "light", 720}}

func serveGallery(t *testing.T, pages []shown) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+AssetPrefix(), http.StripPrefix(AssetPrefix(), http.FileServerFS(Static())))
	for _, s := range pages {
		mux.HandleFunc("GET /"+s.name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", csp)
			if err := s.view.Page().Render(r.Context(), w); err != nil {
				t.Error(err)
			}
		})
	}
	serveScripts(t, mux)
	return mux
}

// listen collects what the browser refuses or what scripts throw, until asked.
func listen(t *testing.T, ctx context.Context) func() []string {
	var mu sync.Mutex
	var lines []string
	err := chromedp.Listen(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.URL, "/favicon.ico") {
				lines = append(lines, e.Entry.Text+" "+e.Entry.URL)
			}
		case *runtime.EventExceptionThrown:
			lines = append(lines, fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		out := lines
		lines = nil
		return out
	}
}

func shoot(ctx context.Context, url, file string, l look, axe string) error {
	ctx, stop := context.WithTimeout(ctx, 60*time.Second)
	defer stop()
	media := emulation.SetEmulatedMediaParams{Media: l.media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}}
	err := chromedp.Do(
		ctx,
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
			return err
		}),
		chromedp.EmulateViewport(l.width, 800),
		chromedp.Navigate(url),
		chromedp.WaitReady(chromedp.CSS("main")),
	)
	if err != nil {
		return fmt.Errorf("opening it: %w", err)
	}
	width, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
	if err != nil {
		return fmt.Errorf("measuring it: %w", err)
	}
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return fmt.Errorf("taking a picture: %w", err)
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		return err
	}
	if l.media == "screen" && width > l.width {
		return fmt.Errorf("the page is %d px wide on a screen of %d", width, l.width)
	}
	if axe == "" || l.media != "screen" {
		return nil
	}
	const run = `axe.run(document).then(r => r.violations.filter(v => ["serious", "critical", "moderate"].includes(v.impact)).map(v => v.impact + " " + v.id + ": " + v.help + " " + v.nodes.slice(0, 4).map(n => n.html.slice(0, 160) + " | " + n.failureSummary.replace(/\s+/g, " ").slice(0, 200)).join(" ;; ")))`
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[int](axe+";0")); err != nil {
		return fmt.Errorf("loading axe: %w", err)
	}
	findings, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](run, chromedp.EvalAwaitPromise))
	if err != nil {
		return fmt.Errorf("running axe: %w", err)
	}
	if len(findings) > 0 {
		return fmt.Errorf("axe: %s", strings.Join(findings, "\n  "))
	}
	return nil
}

package work

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	natsd "github.com/nats-io/nats-server/v2/server"
)

// maxStore is what JetStream may have on disk, and maxMemory in memory streams, of which we have none.
const (
	maxStore  = 64 << 20
	maxMemory = 1 << 20
)

// server is the NATS server of this process. It listens nowhere: InProcessConn is the only way in. Connections outlive a restart by connecting
// again.
type server struct {
	dir string
	log *slog.Logger

	mu     sync.Mutex
	nats   *natsd.Server
	broken error // why it runs without JetStream
	conns  int   // connections made since it was started
}

// InProcessConn is for nats.InProcessServer.
func (s *server) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nats == nil {
		return nil, errors.New("the server is stopped")
	}
	s.conns++
	return s.nats.InProcessConn()
}

// reached says whether a connection was made since the start; until then our client may hold one to the server before.
func (s *server) reached() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns > 0
}

// restart stops the server if it runs and starts it. That JetStream does not start with it is told by alive; the rest of NATS works.
func (s *server) restart() error {
	s.stop()
	n, err := natsd.NewServer(&natsd.Options{
		ServerName: "probat", DontListen: true, NoSigs: true, MaxPayload: 1 << 20, DisableJetStreamBanner: true, StoreDir: s.dir, SyncAlways: true,
		JetStreamMaxStore: maxStore, JetStreamMaxMemory: maxMemory,
	})
	if err != nil {
		return fmt.Errorf("starting NATS: %w", err)
	}
	n.SetLoggerV2(logger{s.log}, false, false, false)
	n.Start()
	broken := n.EnableJetStream(&natsd.JetStreamConfig{MaxMemory: maxMemory, MaxStore: maxStore, StoreDir: s.dir, SyncAlways: true, Strict: true})
	if broken != nil {
		broken = fmt.Errorf("starting JetStream: %w", broken)
		_ = n.DisableJetStream()
	}
	if !n.ReadyForConnections(answer) {
		n.Shutdown()
		return errors.New("starting NATS: it does not get ready")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nats, s.broken, s.conns = n, broken, 0
	return nil
}

// stop returns when nothing of the server runs any more.
func (s *server) stop() {
	s.mu.Lock()
	n := s.nats
	s.nats = nil
	s.mu.Unlock()
	if n != nil {
		n.Shutdown()
		n.WaitForShutdown()
	}
}

// folder is where the server keeps its streams.
func (s *server) folder() string { return filepath.Join(s.dir, natsd.JetStreamStoreDir) }

// alive says whether JetStream runs and has its folder, and that of a stream if one is named.
func (s *server) alive(stream string) error {
	s.mu.Lock()
	n, broken := s.nats, s.broken
	s.mu.Unlock()
	switch {
	case broken != nil:
		return broken
	case n == nil || !n.JetStreamEnabled():
		return errors.New("JetStream has stopped")
	}
	path := s.folder()
	if stream != "" {
		path = filepath.Join(path, natsd.DEFAULT_GLOBAL_ACCOUNT, "streams", stream)
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("looking after JetStream: %w", err)
	}
	return nil
}

// clear stops the server and removes what JetStream kept.
func (s *server) clear() error {
	s.stop()
	if err := os.RemoveAll(s.folder()); err != nil {
		return fmt.Errorf("clearing JetStream: %w", err)
	}
	return nil
}

// logger passes on what the server logs. Its notices are of no interest to who runs a lab.
type logger struct{ log *slog.Logger }

func (l logger) Noticef(f string, v ...any) { l.log.Debug("NATS: " + fmt.Sprintf(f, v...)) }
func (l logger) Debugf(f string, v ...any)  { l.log.Debug("NATS: " + fmt.Sprintf(f, v...)) }
func (l logger) Tracef(f string, v ...any)  { l.log.Debug("NATS: " + fmt.Sprintf(f, v...)) }
func (l logger) Warnf(f string, v ...any)   { l.log.Warn("NATS: " + fmt.Sprintf(f, v...)) }
func (l logger) Errorf(f string, v ...any)  { l.log.Warn("NATS: " + fmt.Sprintf(f, v...)) }

// Fatalf does not end the program: the server stops, and the queue goes on without it.
func (l logger) Fatalf(f string, v ...any) { l.log.Error("NATS: " + fmt.Sprintf(f, v...)) }

var _ natsd.Logger = logger{}

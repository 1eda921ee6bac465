package live

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"time"

	"payrouter/host/config"
)

// snapshot is what the routing file and the files of secrets say at a moment. Two that are equal ask for the same.
type snapshot struct {
	text string
	// unreadable is why there is no text.
	unreadable string
	// secrets is a fingerprint of what the file's references lead to, or of why they lead nowhere.
	secrets [sha256.Size]byte
}

// see looks at the routing file, and at the secrets that a configuration refers to; nil looks at none.
func (m *Manager) see(watched *config.Config) snapshot {
	text, err := config.Text(m.settings.File)
	s := snapshot{text: string(text), secrets: m.seeSecrets(watched)}
	if err != nil {
		s.unreadable = err.Error()
	}
	return s
}

func (m *Manager) seeSecrets(watched *config.Config) [sha256.Size]byte {
	if watched == nil {
		return [sha256.Size]byte{}
	}
	secrets, err := watched.Secrets(m.settings.Environ)
	if err != nil {
		return sha256.Sum256([]byte(err.Error()))
	}
	return secrets.Fingerprint()
}

// look takes what is new, once it stands still.
func (m *Manager) look(ctx context.Context) {
	known, watched := m.known()
	now := m.see(watched)
	for now != known {
		if !pause(ctx, m.settings.Settle) {
			return
		}
		later := m.see(watched)
		if later == now {
			m.takeSeen(now)
			return
		}
		now = later
	}
}

func (m *Manager) known() (snapshot, *config.Config) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.seen, m.watched
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// takeSeen makes what the file says serve, unless somebody else changed it meanwhile: then the next look sees.
func (m *Manager) takeSeen(now snapshot) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.changeable() != nil || m.see(m.watched) != now {
		return
	}
	m.seen = now
	next, err := m.readSeen()
	if err != nil {
		m.refused++
		m.setPending(err)
		m.log.Error("the routing file is not in order: what served goes on",
			slog.String("version", m.serving.config.Version), slog.Any("problems", err))
		return
	}
	if next.text != m.serving.text {
		m.take(next, Edition{At: m.now(), Source: BySourceFile})
		return
	}
	if m.pending != nil {
		m.pending = nil
		m.log.Info("the routing file is in order again", slog.String("version", next.config.Version))
	}
	if next.secrets == m.serving.secrets {
		next.discard()
		return
	}
	m.serve(next)
	m.applied++
	m.log.Info("secrets changed")
}

// readSeen builds what was seen. From then on the secrets are looked at that it refers to, be they missing yet.
func (m *Manager) readSeen() (*build, error) {
	if m.seen.unreadable != "" {
		return nil, m.invalid(errors.New(m.seen.unreadable))
	}
	c, err := m.read(m.seen.text)
	if err != nil {
		return nil, err
	}
	m.watched, m.seen.secrets = c, m.seeSecrets(c)
	next, err := m.assemble(c, m.seen.text, m.activeSet)
	if err == nil {
		m.seen.secrets = next.secrets
	}
	return next, err
}

package live

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"time"

	"payrouter/host/config"
)

// snapshot is the content of the routing file and of the files of secrets at a moment. Equal ones have the same
// effect.
type snapshot struct {
	text string
	// unreadable is why there is no text; empty where there is one.
	unreadable string
	// secrets is a fingerprint of the values of the file's references, or of why they have none.
	secrets [sha256.Size]byte
}

// see reads the routing file, and the secrets that a configuration refers to; none for nil.
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
	return fingerprint(watched.Secrets(m.sources()))
}

// fingerprint covers the values that there are, and why there are no others.
func fingerprint(secrets config.Secrets, err error) [sha256.Size]byte {
	values := secrets.Fingerprint()
	if err == nil {
		return values
	}
	return sha256.Sum256(append(values[:], err.Error()...))
}

// Reload reads the files now, and applies what has changed. Its error, a *InvalidError, is what keeps the files from
// being active as they are.
func (m *Manager) Reload(ctx context.Context) error {
	m.reload(ctx)
	if pending := m.Status().Pending; pending != nil {
		return &InvalidError{Problems: pending.Problems}
	}
	return ctx.Err()
}

// reload applies a change of the files, once they have not changed for Settings.Settle.
func (m *Manager) reload(ctx context.Context) {
	m.reloading.Lock()
	defer m.reloading.Unlock()
	known, watched := m.known()
	now := m.see(watched)
	for now != known {
		if !pause(ctx, m.settings.Settle) {
			return
		}
		later := m.see(watched)
		if later == now {
			m.applySeen(now)
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

// applySeen makes the file's content active, unless it changed again: then the next reload applies that.
func (m *Manager) applySeen(now snapshot) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.changeable() != nil || m.see(m.watched) != now {
		return
	}
	m.seen = now
	next, err := m.readSeen(m.knownFault)
	if err != nil {
		m.refused++
		m.setPending(err)
		m.log.Error("the routing file has mistakes: the active configuration stays",
			slog.String("version", m.current.config.Version), slog.Any("problems", err))
		return
	}
	if next.text != m.current.text {
		m.apply(next, Edition{At: m.now(), Source: ByFile})
		return
	}
	if m.current.changed(next) {
		m.swap(next)
		m.applied++
		m.log.Info("secrets changed")
	} else {
		next.discard()
	}
	m.judge(next.stale)
}

// judge notes whether the active text has all of its secrets: nil for all. Accounts without theirs keep the former
// values.
func (m *Manager) judge(stale *InvalidError) {
	switch {
	case stale != nil:
		m.refused++
		m.setPending(stale)
		m.log.Error("secrets cannot be read: their accounts keep the former values", slog.Any("problems", stale))
		m.settings.SecretsReloaded(SecretsReload{At: m.now(), Kept: stale.Problems})
	case m.pending != nil:
		m.pending = nil
		m.log.Info("the routing file and its secrets are correct again",
			slog.String("version", m.current.config.Version))
	}
}

// readSeen builds what was read last. From then on the secrets that it refers to are watched, missing ones too.
func (m *Manager) readSeen(tolerated tolerance) (*build, error) {
	if m.seen.unreadable != "" {
		return nil, m.invalid(errors.New(m.seen.unreadable))
	}
	c, err := m.read(m.seen.text)
	if err != nil {
		return nil, err
	}
	m.watched, m.seen.secrets = c, m.seeSecrets(c)
	next, err := m.assemble(c, m.seen.text, m.activeSet, tolerated)
	if err == nil {
		m.seen.secrets = next.seen
	}
	return next, err
}

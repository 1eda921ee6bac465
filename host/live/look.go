package live

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"time"

	"payrouter/host/config"
)

// sight is what the routing file and the files of secrets say at a moment. Two that are equal ask for the same.
type sight struct {
	text string
	// unreadable is why there is no text.
	unreadable string
	// secrets is a fingerprint of what the file's references lead to, or of why they lead nowhere.
	secrets [sha256.Size]byte
}

// see looks at the routing file, and at the secrets that a configuration refers to; nil looks at none.
func (k *Keeper) see(watched *config.Config) sight {
	text, err := config.Text(k.settings.File)
	s := sight{text: string(text), secrets: k.seeSecrets(watched)}
	if err != nil {
		s.unreadable = err.Error()
	}
	return s
}

func (k *Keeper) seeSecrets(watched *config.Config) [sha256.Size]byte {
	if watched == nil {
		return [sha256.Size]byte{}
	}
	secrets, err := watched.Secrets(k.settings.Environ)
	if err != nil {
		return sha256.Sum256([]byte(err.Error()))
	}
	return secrets.Fingerprint()
}

// look takes what is new, once it stands still.
func (k *Keeper) look(ctx context.Context) {
	known, watched := k.known()
	now := k.see(watched)
	for now != known {
		if !pause(ctx, k.settings.Settle) {
			return
		}
		later := k.see(watched)
		if later == now {
			k.takeSeen(now)
			return
		}
		now = later
	}
}

func (k *Keeper) known() (sight, *config.Config) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.seen, k.watched
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
func (k *Keeper) takeSeen(now sight) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.changeable() != nil || k.see(k.watched) != now {
		return
	}
	k.seen = now
	next, err := k.readSeen()
	if err != nil {
		k.refused++
		k.pend(err)
		k.log.Error("the routing file is not in order: what served goes on",
			slog.String("version", k.serving.config.Version), slog.Any("problems", err))
		return
	}
	if next.text != k.serving.text {
		k.take(next, Edition{At: k.now(), Source: BySourceFile})
		return
	}
	if k.pending != nil {
		k.pending = nil
		k.log.Info("the routing file is in order again", slog.String("version", next.config.Version))
	}
	if next.secrets == k.serving.secrets {
		next.discard()
		return
	}
	k.serve(next)
	k.applied++
	k.log.Info("secrets changed")
}

// readSeen builds what was seen. From then on the secrets are looked at that it refers to, be they missing yet.
func (k *Keeper) readSeen() (*build, error) {
	if k.seen.unreadable != "" {
		return nil, k.invalid(errors.New(k.seen.unreadable))
	}
	c, err := k.read(k.seen.text)
	if err != nil {
		return nil, err
	}
	k.watched, k.seen.secrets = c, k.seeSecrets(c)
	next, err := k.assemble(c, k.seen.text, k.lineup)
	if err == nil {
		k.seen.secrets = next.secrets
	}
	return next, err
}

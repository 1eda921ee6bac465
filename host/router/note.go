package router

import (
	"context"

	"payrouter/host/live"
	"payrouter/host/plugin"
)

// What happens without being asked for over the API is in the log of administrative acts, too.

// edition is a configuration as the log shows it.
type edition struct {
	Version string `json:"version"`
	Text    string `json:"text"`
}

func (r *Router) noteEdit(from, to live.Edition) {
	r.audit.Note(context.Background(), "config.edit_file", r.settings.Routing, edition{from.Version, from.Text},
		edition{to.Version, to.Text}, nil)
}

// noteSecrets has names and references; a reload never shows a value.
func (r *Router) noteSecrets(reload live.SecretsReload) {
	if len(reload.Changed) > 0 {
		r.audit.Note(context.Background(), "secrets.reload", "", nil, reload.Changed, nil)
	}
	for _, problem := range reload.Kept {
		r.audit.Note(context.Background(), "secrets.reload", "", nil, nil, problem)
	}
}

// noteInstall names the file: of a module that cannot be read, it is all that is known.
func (r *Router) noteInstall(ctx context.Context, file string, report plugin.Report, err error) {
	if report.Unchanged {
		return
	}
	r.audit.Note(ctx, "plugin.replace_file", file, nil, struct {
		Version    string `json:"version"`
		Digest     string `json:"digest"`
		Generation int64  `json:"generation"`

		Allowed []plugin.Allowance `json:"allowed,omitempty"`
	}{report.Version, report.Digest, report.Generation, report.Allowed}, err)
}

// noteQuarantine names the plugin, and why it is in quarantine.
func (r *Router) noteQuarantine(q plugin.Quarantine) {
	r.audit.Note(context.Background(), "plugin.quarantine", q.Name, nil, q, nil)
}

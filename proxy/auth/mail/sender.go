package mail

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"

	"github.com/fluxbase/fluxbase/proxy/auth/hook"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/trace"
	"github.com/fluxbase/fluxbase/proxy/web"
)

const (
	// lookEvery is how soon mails are found that other processes and psql have queued.
	lookEvery  = 3 * time.Second
	sweepEvery = 10 * time.Minute
	// batch is how many mails are claimed at once: few, so that the claims of a process
	// that dies are soon sent by another.
	batch = 10
	// lease is how long a claim lasts; a mail is begun only while there is time for it.
	lease = 2 * time.Minute
	// askTimeout is for statements about the queue.
	askTimeout = 10 * time.Second
)

// ErrNotConfigured is what a flow that needs a mail fails with where none can be sent.
var (
	ErrNotConfigured = web.New("mail_not_configured", "mails can't be sent now").Because(errNoServer)
	errNoServer      = errors.New("FLUXBASE_SMTP_HOST is not set, and neither is the setting hook_send_email_uri")
)

// Deps is what a Sender works with.
type Deps struct {
	// DB is a login that may become service_role.
	DB   *pg.DB
	Keys *seal.Keys
	// URL is where clients reach this server, without a slash at its end: links lead there.
	URL string
	// Name tells this process from others.
	Name  string
	Hooks *hook.Hooks
	// Print, if not nil, takes mails where there is no mail server: fluxbase dev shows them.
	Print func(to, subject, text string)
	// Roots, if not nil, holds the authorities that the mail server's certificate is of.
	Roots *x509.CertPool
	Log   *slog.Logger
	Reg   prometheus.Registerer
}

// Sender sends what is queued.
type Sender struct {
	deps   Deps
	server *server // nil without one
	wake   chan struct{}
	mails  *prometheus.CounterVec
	away   bool // the last attempt found no server
}

// New makes a Sender. cfg has been checked.
func New(cfg Config, d Deps) (*Sender, error) {
	s := &Sender{deps: d, wake: make(chan struct{}, 1)}
	if cfg.Host != "" {
		server, err := newServer(cfg, d.Roots)
		if err != nil {
			return nil, fmt.Errorf("FLUXBASE_SMTP_HOST: %w", err)
		}
		s.server = server
	}
	s.mails = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fluxbase_auth_mails_total",
		Help: "Attempts to send mails of auth, by what came of it: sent, retry (it is tried again), failed (it is given up).",
	}, []string{"outcome"})
	if d.Reg != nil {
		d.Reg.MustRegister(s.mails)
	}
	for _, outcome := range []string{"sent", "retry", "failed"} {
		s.mails.WithLabelValues(outcome)
	}
	return s, nil
}

// Kick has the queue looked at at once; it never waits. For whoever has queued a mail.
func (s *Sender) Kick() {
	select {
	case s.wake <- struct{}{}:
	default: // it will be looked at anyway
	}
}

// Check fails with ErrNotConfigured where no mail can be sent.
func (s *Sender) Check(ctx context.Context) error {
	if s.sends() {
		return nil
	}
	hook, err := s.ask(ctx, `select (auth.setting('hook_send_email_uri') <> '""')::text`)
	if err == nil && string(hook) != "true" {
		err = ErrNotConfigured
	}
	return err
}

// sends tells whether there is somebody to hand mails to, but for the hook.
func (s *Sender) sends() bool { return s.server != nil || s.deps.Print != nil }

// Run sends what is queued until ctx ends. The mail that is being handed over then is
// waited for, at most as long as FLUXBASE_SMTP_TIMEOUT allows.
func (s *Sender) Run(ctx context.Context) {
	if s.server != nil {
		defer s.server.rest()
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	swept, failed := time.Now(), false
	for ctx.Err() == nil {
		more, err := s.sendDue(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			s.deps.Log.Warn("the queue of mails can't be read", "error", err)
		}
		failed = err != nil
		if more && err == nil {
			continue
		}
		if s.server != nil {
			s.server.rest()
		}
		if time.Since(swept) > sweepEvery {
			swept = time.Now()
			if _, err := s.ask(ctx, `select auth.sweep_mails()::text`); err != nil && ctx.Err() == nil {
				s.deps.Log.Warn("old mails were not removed", "error", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-look.C:
		}
	}
}

// claimed is what auth.claim_mails gives.
type claimed struct {
	Hook    bool   `json:"hook"`
	SiteURL string `json:"site_url"`
	Mails   []row  `json:"mails"`
}

// row is one of the queue.
type row struct {
	ID        string          `json:"id"`
	Kind      string          `json:"kind"`
	To        string          `json:"to"`
	Fence     int64           `json:"fence"`
	CreatedAt float64         `json:"created_at"` // seconds since 1970
	Data      map[string]any  `json:"data"`
	Secrets   string          `json:"secrets"`
	User      json.RawMessage `json:"user"`
	Template  *Template       `json:"template"`
}

// sendDue claims mails and sends them; more tells whether there may be others.
func (s *Sender) sendDue(ctx context.Context) (more bool, err error) {
	began := time.Now()
	text, err := s.ask(ctx, `select auth.claim_mails($1, $2::integer, $3::boolean, $4::interval)::text`,
		s.deps.Name, strconv.Itoa(batch), strconv.FormatBool(s.sends()), strconv.Itoa(int(lease.Seconds()))+" s")
	if err != nil {
		return false, err
	}
	var c claimed
	if err := json.Unmarshal(text, &c); err != nil {
		return false, fmt.Errorf("read the queue of mails: %w", err)
	}
	var outcome error
	for i := range c.Mails {
		m := &c.Mails[i]
		switch why := (failure{}); {
		case errors.As(outcome, &why) && why.away: // the next would only wait for it again
		case ctx.Err() != nil:
			outcome = failure{reason: "the process that was to send it ended"}
		case time.Since(began) > lease-3*maxTimeout:
			return true, nil // what is left is claimed again when the lease has ended
		default:
			outcome = s.sendOne(context.WithoutCancel(ctx), m, &c)
		}
		if err := s.finish(ctx, m, outcome); err != nil {
			return false, err
		}
	}
	return len(c.Mails) == batch, nil
}

// sendOne hands a mail to whoever takes mails here.
func (s *Sender) sendOne(ctx context.Context, m *row, c *claimed) error {
	ctx, span := trace.Start(ctx, "send mail", attribute.String("fluxbase.mail.kind", m.Kind))
	defer span.End()
	vars, link, err := s.variables(m, c.SiteURL)
	if err != nil {
		return err
	}
	if c.Hook {
		_, err := s.deps.Hooks.Run(ctx, netip.Addr{}, "send_email", hookPayload(m, vars, link))
		if said := new(hook.Error); errors.As(err, &said) { // not in its words, which may quote the mail
			return failure{
				reason:    fmt.Sprintf("the hook send_email: %d %s", said.Status, said.Code),
				permanent: said.Code == hook.CodeUnknown && said.Status != http.StatusTooManyRequests,
			}
		} else if err != nil {
			return failure{reason: "the hook send_email can't be called"}
		}
		return nil
	}
	of, known := kinds[m.Kind]
	if !known && m.Template == nil {
		return failure{reason: "there is no template for mails of this kind", permanent: true}
	}
	r, err := s.render(m, of, vars)
	if err != nil {
		return err
	}
	return s.deliver(ctx, letter{id: m.ID, to: m.To, date: time.UnixMicro(int64(m.CreatedAt * 1e6)), rendered: r})
}

// render makes a mail of the template that was set, or else of the built-in one.
func (s *Sender) render(m *row, of kind, vars map[string]any) (r rendered, err error) {
	if m.Template != nil {
		if r, err = render(*m.Template, of.builtIn, vars); err == nil {
			return r, nil
		}
		s.deps.Log.Warn("a template of mails does not work; the built-in one is used", "kind", m.Kind, "error", err)
		if of.builtIn.HTML == "" {
			return r, failure{reason: "the template does not work, and no other is for mails of this kind", permanent: true}
		}
	}
	if r, err = render(of.builtIn, of.builtIn, vars); err != nil {
		return r, failure{reason: "the mail can't be made: " + err.Error()}
	}
	return r, nil
}

func (s *Sender) deliver(ctx context.Context, l letter) error {
	if s.server == nil {
		s.deps.Print(l.to, l.Subject, l.Text)
		return nil
	}
	err := s.server.send(ctx, l)
	var why failure
	away := errors.As(err, &why) && why.away
	if away != s.away {
		s.away = away
		if away {
			s.deps.Log.Warn("mails wait, because the mail server takes none", "error", why)
		} else {
			s.deps.Log.Info("the mail server takes mails again")
		}
	}
	return err
}

// finish tells what came of a mail, also while the process ends.
func (s *Sender) finish(ctx context.Context, m *row, outcome error) error {
	args := []string{m.ID, strconv.FormatInt(m.Fence, 10)}
	sql := `select auth.finish_mail($1::uuid, $2::bigint)`
	var why failure
	if errors.As(outcome, &why) {
		sql = `select auth.finish_mail($1::uuid, $2::bigint, $3, $4::boolean)`
		args = append(args, why.reason, strconv.FormatBool(why.permanent))
	}
	state, err := s.ask(context.WithoutCancel(ctx), sql, args...)
	if err != nil {
		return err
	}
	switch string(state) {
	case "sent":
		s.mails.WithLabelValues("sent").Inc()
	case "queued":
		s.mails.WithLabelValues("retry").Inc()
	case "failed":
		s.mails.WithLabelValues("failed").Inc()
		s.deps.Log.Error("a mail is given up", "mail", m.ID, "kind", m.Kind, "error", why.reason)
	default:
		s.deps.Log.Warn("a mail took longer than its lease, and may be sent twice", "mail", m.ID, "kind", m.Kind)
	}
	return nil
}

// ask runs a statement as service_role and gives the text that it returns.
func (s *Sender) ask(ctx context.Context, sql string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	values := make([][]byte, len(args))
	for i, arg := range args {
		values[i] = []byte(arg)
	}
	return s.deps.DB.Value(ctx, &pg.Tx{
		Caller: pg.Caller{Role: "service_role", Claims: `{"role":"service_role"}`},
		Main:   pg.Statement{SQL: sql, Args: values},
	})
}

// verifyURL is where a link leads.
func (s *Sender) verifyURL(action, hash, redirectTo string) string {
	return s.deps.URL + "/auth/v1/verify?token=" + url.QueryEscape(hash) +
		"&type=" + action + "&redirect_to=" + url.QueryEscape(redirectTo)
}

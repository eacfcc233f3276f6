package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy"
	"github.com/fluxbase/fluxbase/proxy/auth"
	"github.com/fluxbase/fluxbase/proxy/auth/captcha"
	"github.com/fluxbase/fluxbase/proxy/auth/oidc"
	"github.com/fluxbase/fluxbase/proxy/auth/password"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/wait"
)

var errNoService = errors.New("FLUXBASE_SERVICE_DATABASE_URL is not set: give the login that may become service_role")

// missingForAuth says what auth needs and does not have.
func (s *settings) missingForAuth() error {
	var errs []error
	if s.Seal.EncryptionKey == "" {
		errs = append(errs, seal.ErrNoKey)
	}
	if s.DB.ServiceDatabaseURL == "" {
		errs = append(errs, errNoService)
	}
	return errors.Join(errs...)
}

// newSigner makes what signs access tokens, and the keys of what is sealed.
func (f *front) newSigner(set *settings, l net.Listener) (err error) {
	if f.seals, err = seal.New(set.Seal); err != nil {
		return err
	}
	f.signer, err = token.NewSigner(f.pools[servicePool], f.seals, f.authURL(set, l)+auth.Prefix, set.JWT)
	return err
}

// authURL is where clients reach us, for tokens and links.
func (f *front) authURL(set *settings, l net.Listener) string {
	return cmp.Or(f.url, baseURL(set.Server.Scheme(), l.Addr()))
}

// authenticate makes what answers at /auth/v1. compute is of package password.
func authenticate(ctx context.Context, set *settings, l net.Listener, f *front, compute func([]byte) ([]byte, error), reg *prometheus.Registry, deps *proxy.Deps) error {
	tokens, err := f.verifier(set.JWT)
	if err != nil {
		return err
	}
	f.background.Go(func() { tokens.Follow(ctx, deps.Log) })
	d := auth.Deps{
		DB: f.pools[servicePool], Tokens: tokens, Signer: f.signer, Issued: f.issued, Seals: f.seals,
		Passwords: password.New(set.Passwords, compute, reg), Providers: oidc.New(set.Fetch.PrivateAddresses), Captcha: captcha.New(set.Captcha, set.Fetch.PrivateAddresses),
		URL: f.authURL(set, l), Log: deps.Log,
	}
	if f.limits != nil {
		d.Limit = f.limits.Caller
	}
	d.Mails, d.Hooks, d.Go = f.mails, f.hooks, f.background.Go
	handler := auth.New(d)
	deps.Auth = handler.Serve
	f.background.Go(func() { sealSecrets(ctx, handler, deps.Log) })
	f.background.Go(func() { sweepAuth(ctx, d.DB, deps.Log) })
	f.background.Go(func() {
		// The first sign-in would make the key as well, but who verifies wants it before.
		if err := f.signer.Prepare(ctx); err != nil && ctx.Err() == nil {
			deps.Log.Warn("access tokens can't be signed yet", "error", err)
		}
	})
	return nil
}

// sealSecrets seals what an import has brought in plaintext before it is used.
func sealSecrets(ctx context.Context, h *auth.Handler, log *slog.Logger) {
	for {
		err := h.SealSecrets(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		log.Warn("secrets in plaintext could not be sealed; it is tried again", "error", err)
		if !wait.For(ctx, sealAgain) {
			return
		}
	}
}

// sealAgain is how soon that is tried again.
const sealAgain = 10 * time.Second

// sweepEvery is how often what nobody needs any more is deleted.
const sweepEvery = 5 * time.Minute

func sweepAuth(ctx context.Context, db *pg.DB, log *slog.Logger) {
	for wait.For(ctx, sweepEvery) {
		res, err := db.Do(ctx, &pg.Tx{Caller: pg.Caller{Role: "service_role"}, Main: pg.Statement{SQL: `select auth.sweep()`}})
		if err != nil {
			log.Warn("what auth needs no more could not be deleted; it is tried again", "error", err)
			continue
		}
		res.Free()
	}
}

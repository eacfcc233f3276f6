package main

import (
	"context"
	"net"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluxbase/fluxbase/proxy/auth/hook"
	"github.com/fluxbase/fluxbase/proxy/auth/mail"
)

// sendMails makes what calls hooks of auth and what sends its mails, until ctx ends.
func (f *front) sendMails(ctx context.Context, set *settings, l net.Listener, reg *prometheus.Registry) (err error) {
	db := f.pools[servicePool]
	f.hooks = hook.New(db, f.seals, set.Fetch.PrivateAddresses, f.log)
	deps := mail.Deps{
		DB: db, Keys: f.seals, Hooks: f.hooks, URL: f.authURL(set, l), Name: f.address, Log: f.log, Reg: reg,
	}
	if set.dev {
		deps.Print = func(to, subject, text string) {
			f.log.Warn("A MAIL IS NOT SENT, because FLUXBASE_SMTP_HOST is not set; it would say", "to", to, "subject", subject, "text", text)
		}
	}
	if f.mails, err = mail.New(set.Mail, deps); err == nil {
		f.background.Go(func() { f.mails.Run(ctx) })
	}
	return err
}

package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/fluxbase/fluxbase/proxy/auth/hook"
	"github.com/fluxbase/fluxbase/proxy/auth/mail"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

func testKeys(t *testing.T) *seal.Keys {
	t.Helper()
	keys, err := seal.New(seal.Config{EncryptionKey: encryptionKey})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// startSender runs a sender of its own until the test ends, or stop is called; its log goes
// to out.
func startSender(t *testing.T, db *dbtest.DB, box *mailbox, change func(*mail.Config, *mail.Deps)) (s *mail.Sender, stop func()) {
	t.Helper()
	cfg := mail.Config{Host: "localhost", Port: box.port, User: smtpUser, Password: smtpPassword, From: "no-reply@auth.test"}
	service, keys := openPG(t, db.URL("fluxbase_service"), func(c *pg.Config) { c.MaxConnections = 2 }), testKeys(t)
	deps := mail.Deps{
		DB: service, Keys: keys, Hooks: hook.New(service, keys, true, slog.New(slog.DiscardHandler)), URL: "http://auth.test", Name: "a test", Roots: box.roots, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg, &deps)
	}
	if err := cfg.Check(); err != nil {
		t.Fatal(err)
	}
	s, err := mail.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return s, stop
}

// queueMail queues a mail with a link to it, as flows do, and gives its id.
func queueMail(t *testing.T, db *dbtest.DB, kind, to, data string) (id string) {
	t.Helper()
	sealed := mail.Seal(testKeys(t), mail.Link{Code: "123456", Hash: "secret-of-the-link"})
	const ask = `select auth.queue_mail($1, null, $2, $3, jsonb_build_object('id', $4::text, 'secrets', $5::text))::text`
	if err := db.Conn(t).QueryRow(t.Context(), ask, kind, to, data, sealed.ID, sealed.Secrets).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// mailState is what the queue says of a mail.
func mailState(t *testing.T, db *dbtest.DB, id string) (s string) {
	t.Helper()
	const ask = `select concat_ws(' ', m.state, m.attempts, m.last_error) from auth.mails as m where m.id::text = $1`
	if err := db.Conn(t).QueryRow(t.Context(), ask, id).Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func wantMailState(t *testing.T, db *dbtest.DB, id, want string) {
	t.Helper()
	var got string
	eventually(t, "the mail is "+want, func() bool {
		got = mailState(t, db, id)
		return got == want
	})
}

// due has all that waits tried now, in place of waiting.
const due = `update auth.mails set next_at = clock_timestamp() where state = 'queued'`

func TestMailsAreSentWithTheirLink(t *testing.T) {
	t.Parallel()
	db, box := dbtest.New(t), startSMTP(t)
	id := queueMail(t, db, "magic_link", "ada@example.com", `{"redirect_to": "https://app.test/in?a=1&b=2"}`)
	var stored string
	if err := db.Conn(t).QueryRow(t.Context(), `select m::text from auth.mails as m`).Scan(&stored); err != nil ||
		strings.Contains(stored, "secret-of-the-link") || strings.Contains(stored, "123456") {
		t.Errorf("the queue holds %s (%v)", stored, err)
	}
	sender, _ := startSender(t, db, box, nil)
	l := box.waitFor(t, "ada@example.com", 1)
	link, token := l.link(t)
	want := "http://auth.test/auth/v1/verify?token=secret-of-the-link&type=magiclink&redirect_to=https%3A%2F%2Fapp.test%2Fin%3Fa%3D1%26b%3D2"
	if link.String() != want || token != "secret-of-the-link" || l.code(t) != "123456" || !strings.Contains(l.HTML, `href="http://auth.test/auth/v1/verify?`) {
		t.Errorf("it says\n%s\n%s", l.Text, l.HTML)
	}
	if l.ID != "<"+id+"@auth.test>" || l.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("its header is %v", l.Header)
	}
	wantMailState(t, db, id, "sent 1")

	// A template is live at once; one that does not work is not used.
	exec(t, db, `select auth.set_mail_template('recovery', 'Für {{ .Email }}', '<b>{{ .Data.name }}</b> {{ .Token }}')`)
	queueMail(t, db, "recovery", "bo@example.com", `{"data": {"name": "<Bo>"}}`)
	sender.Kick()
	if l := box.waitFor(t, "bo@example.com", 1); l.Subject != "Für bo@example.com" || strings.TrimSpace(l.HTML) != "<b>&lt;Bo&gt;</b> 123456" {
		t.Errorf("the template says %q: %s", l.Subject, l.HTML)
	}
	exec(t, db, `select auth.set_mail_template('recovery', 'Broken', '{{ .Email ')`)
	queueMail(t, db, "recovery", "cy@example.com", `{}`)
	sender.Kick()
	if l := box.waitFor(t, "cy@example.com", 1); l.Subject != "Set a new password" {
		t.Errorf("it says %q: %s", l.Subject, l.HTML)
	}
}

func TestMailServersThatRefuse(t *testing.T) {
	t.Parallel()
	db, box := dbtest.New(t), startSMTP(t)
	box.does(func(to string) error {
		switch {
		case strings.HasPrefix(to, "never"):
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no " + to + " here"}
		case strings.HasPrefix(to, "later") && len(box.to("marker@example.com")) == 0:
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted, " + to}
		}
		return nil
	}, nil)
	never := queueMail(t, db, "invite", "never@example.com", `{}`)
	later := queueMail(t, db, "invite", "later@example.com", `{}`)
	sender, _ := startSender(t, db, box, nil)
	wantMailState(t, db, never, "failed 1 550 5.1.1 sending SMTP RCPT TO command")
	wantMailState(t, db, later, "queued 1 451 4.7.1 sending SMTP RCPT TO command")
	marker := queueMail(t, db, "invite", "marker@example.com", `{}`)
	sender.Kick()
	wantMailState(t, db, marker, "sent 1")
	exec(t, db, due)
	sender.Kick()
	wantMailState(t, db, later, "sent 2")
	odd := queueMail(t, db, "no_such_kind", "ada@example.com", `{}`)
	sender.Kick()
	wantMailState(t, db, odd, "failed 1 there is no template for mails of this kind")
	if n := len(box.to("never@example.com")) + len(box.to("ada@example.com")); n != 0 {
		t.Errorf("%d mails arrived that were refused", n)
	}
}

// A server that is away, is not who it says, or does not know us gets nothing, least of
// all the password in plain; the mails wait.
func TestMailsWaitForTheirServer(t *testing.T) {
	t.Parallel()
	db, box := dbtest.New(t), startSMTP(t)
	for name, tt := range map[string]struct {
		change func(*mail.Config, *mail.Deps)
		want   string
	}{
		"nobody there":            {func(c *mail.Config, _ *mail.Deps) { c.Port = 1 }, "connection refused"},
		"a wrong password":        {func(c *mail.Config, _ *mail.Deps) { c.Password = "another" }, "it answers 454"},
		"a certificate of others": {func(_ *mail.Config, d *mail.Deps) { d.Roots = nil }, "certificate"},
		"TLS where there is none": {func(c *mail.Config, _ *mail.Deps) { c.TLS = "implicit" }, "tls"},
	} {
		id := queueMail(t, db, "invite", "ada@example.com", `{}`)
		_, stop := startSender(t, db, box, tt.change)
		var got string
		eventually(t, name, func() bool {
			got = mailState(t, db, id)
			return strings.Contains(got, tt.want)
		})
		stop()
		if !strings.HasPrefix(got, "queued 1 the mail server can't be reached: ") {
			t.Errorf("%s: the mail is %s", name, got)
		}
	}
	exec(t, db, due)
	startSender(t, db, box, nil)
	box.waitFor(t, "ada@example.com", 4)
}

func TestRacingSendersSendEachMailOnce(t *testing.T) {
	t.Parallel()
	db, box := dbtest.New(t), startSMTP(t)
	const mails = 120
	exec(t, db, fmt.Sprintf(`select auth.queue_mail('invite', null, n || '@example.com') from generate_series(1, %d) as n`, mails))
	for range 4 {
		startSender(t, db, box, nil)
	}
	sent := func() (n int) {
		if err := db.Conn(t).QueryRow(t.Context(), `select count(*) from auth.mails where state = 'sent'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "all are sent", func() bool { return sent() == mails })
	ids := map[string]int{}
	box.mu.Lock()
	defer box.mu.Unlock()
	for _, l := range box.got {
		ids[l.ID]++
	}
	if len(ids) != mails || len(box.got) != mails {
		t.Errorf("%d mails came %d times, want %d once each", len(ids), len(box.got), mails)
	}
	if box.logins > mails/2 {
		t.Errorf("%d mails took %d connections", mails, box.logins)
	}
}

// A process that is killed between the server's answer and the end of the claim is the one
// case in which a mail comes twice: with the same Message-ID. None is lost.
func TestKilledSendersLoseNoMail(t *testing.T) {
	t.Parallel()
	db, box := dbtest.New(t), startSMTP(t)
	const mails = 15
	exec(t, db, fmt.Sprintf(`select auth.queue_mail('invite', null, n || '@example.com') from generate_series(1, %d) as n`, mails))
	var count atomic.Int64
	killed := make(chan struct{})
	seen := make(chan struct{})
	box.does(nil, func(letter) {
		if count.Add(1) == 5 {
			close(seen)
			<-killed // its mail is taken, and it hears nothing of it
		}
	})
	one := startAuth(t, db, box.env()...)
	<-seen
	if err := one.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	close(killed)
	exec(t, db, due)
	startAuth(t, db, box.env()...)
	for n := range mails {
		box.waitFor(t, fmt.Sprint(n+1, "@example.com"), 1)
	}
	box.mu.Lock()
	defer box.mu.Unlock()
	ids := map[string]int{}
	for _, l := range box.got {
		ids[l.ID]++
	}
	if len(ids) != mails || len(box.got) > mails+1 {
		t.Errorf("%d mails came %d times", len(ids), len(box.got))
	}
}

func TestWithoutAMailServer(t *testing.T) {
	t.Parallel()
	db, box := dbtest.New(t), startSMTP(t)
	sender, stop := startSender(t, db, box, func(c *mail.Config, _ *mail.Deps) { c.Host = "" })
	if err := sender.Check(t.Context()); err != mail.ErrNotConfigured {
		t.Errorf("got %v, want %v", err, mail.ErrNotConfigured)
	}
	id := queueMail(t, db, "invite", "ada@example.com", `{}`)
	sender.Kick()
	stop()
	if got := mailState(t, db, id); got != "queued 0" {
		t.Errorf("the mail is %s", got)
	}
	printed := make(chan string, 1)
	startSender(t, db, box, func(c *mail.Config, d *mail.Deps) {
		c.Host = ""
		d.Print = func(to, subject, text string) { printed <- to + ": " + subject + "\n" + text }
	})
	select {
	case got := <-printed:
		if !strings.HasPrefix(got, "ada@example.com: You are invited\n") || !strings.Contains(got, "secret-of-the-link") {
			t.Errorf("it prints %s", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("nothing was printed")
	}
}

func TestOperatorsTryTemplatesBeforeTheyHold(t *testing.T) {
	t.Parallel()
	db, box := dbtest.New(t), startSMTP(t)
	s := startAuth(t, db, box.env()...)
	_, key := issued(t, db.Conn(t))
	const at = "/api/v1/admin/mail-templates"
	ask := func(want, method, path, body, says string) {
		t.Helper()
		if a := s.code(t, want, method, at+path, body, "apikey: "+key); !strings.Contains(a.Body, says) {
			t.Errorf("%s %s: %s does not say %s", method, path, a.Body, says)
		}
	}
	ask("200", "GET", "", "", `"kind":"confirmation","built_in":{"subject":"Confirm your address"`)
	ask("200", "GET", "/recovery/preview", "", `"subject":"Set a new password"`)
	ask("400 invalid_request", "GET", "/none/preview", "", "no such kind")
	ask("400 invalid_request", "PUT", "/recovery", `{"subject":"s","html":"{{ env \"HOME\" }}"}`, "does not work")
	ask("400 invalid_request", "PUT", "/recovery", `{"subject":"s"}`, "a subject and html")
	ask("200", "PUT", "/recovery", `{"subject":"For {{ .Email }}","html":"<a href=\"{{ .ConfirmationURL }}\">go</a>"}`, `"subject":"For ada@example.com"`)
	ask("200", "PUT", "/recovery", `{"subject":"Für {{ .Email }}","html":"<i>{{ .Token }}</i>","language":"de"}`, `"html":"<i>123456</i>"`)
	ask("200", "GET", "/recovery/preview", "", `"built_in":false`)
	ask("200", "GET", "/recovery/preview?language=de-AT", "", `"subject":"Für ada@example.com"`)
	exec(t, db, `select auth.set_mail_template('invite', 'Broken', '{{ .Email ')`)
	ask("200", "GET", "/invite/preview", "", `"error":"html: `)
	ask("200", "POST", "/recovery/test", `{"to":"ops@example.com","language":"de"}`, `{"sent":true}`)
	if l := box.waitFor(t, "ops@example.com", 1); l.Subject != "Für ada@example.com" || l.HTML != "<i>123456</i>" {
		t.Errorf("the test mail says %s: %s", l.Subject, l.HTML)
	}
	ask("400 invalid_request", "POST", "/recovery/test", `{"to":"a@example.com, b@example.com"}`, "one address")
	box.does(func(string) error { return &smtp.SMTPError{Code: 550, Message: "no"} }, nil)
	ask("200", "POST", "/recovery/test", `{"to":"ops@example.com"}`, `"sent":false`)
	ask("200", "PUT", "/recovery", `{}`, `"subject":""`)
	ask("200", "GET", "/recovery/preview", "", `"built_in":true`)
	s.code(t, "401 unauthorized", "GET", at, "")

	a := s.code(t, "201", "POST", "/api/v1/admin/hooks/send_sms/secrets", "", "apikey: "+key)
	var made struct{ ID, Secret string }
	if err := json.Unmarshal([]byte(a.Body), &made); err != nil || !strings.HasPrefix(made.Secret, "v1,whsec_") {
		t.Fatalf("the secret is %s", a.Body)
	}
	if a := s.code(t, "200", "GET", "/api/v1/admin/hooks", "", "apikey: "+key); !strings.Contains(a.Body, made.ID) || strings.Contains(a.Body, "fbs1") {
		t.Errorf("the hooks are %s", a.Body)
	}
	s.code(t, "200", "DELETE", "/api/v1/admin/hook-secrets/"+made.ID, "", "apikey: "+key)
	s.code(t, "400 invalid_request", "POST", "/api/v1/admin/hooks/send_sms/secrets", `{"secret":"short"}`, "apikey: "+key)
	s.code(t, "400 23514", "POST", "/api/v1/admin/hooks/none/secrets", "", "apikey: "+key)
}

// Of templates that several operators set at once the last one holds, whole.
func TestTemplatesAreSetAtOnce(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	service := openPG(t, db.URL("fluxbase_service"), func(c *pg.Config) { c.MaxConnections = 8 })
	tx := pg.Tx{Caller: pg.Caller{Role: "service_role", Claims: `{"role":"service_role"}`}}
	var setters sync.WaitGroup
	for n := range 8 {
		setters.Go(func() {
			text := fmt.Sprint("template ", n)
			if _, err := runTx(t.Context(), service, tx, `select auth.set_mail_template('invite', $1, $1)`, text); err != nil {
				t.Error(err)
			}
		})
	}
	setters.Wait()
	if got := mustRun(t, service, tx, `select (m ->> 'subject' = m ->> 'html')::text from auth.mail_template('invite') as m`); got[0] != "true" {
		t.Errorf("subject and HTML are of one: %s", got)
	}
}

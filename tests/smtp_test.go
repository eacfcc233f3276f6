package tests

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailbox is a mail server that takes mails for everybody, over STARTTLS and after a
// log-in alone.
type mailbox struct {
	port int
	// roots has what its certificate is of, also in the file at pem.
	roots *x509.CertPool
	pem   string

	mu     sync.Mutex
	got    []letter
	logins int
	// refuse, if not nil, is asked before a mail is taken, after when it was.
	refuse func(to string) error
	taken  func(l letter)
}

// letter is a mail as its reader sees it.
type letter struct {
	ID, To, Subject, Text, HTML string
	Header                      netmail.Header
}

const (
	smtpUser     = "fluxbase"
	smtpPassword = "a password of the mail server"
)

func startSMTP(t *testing.T) *mailbox {
	t.Helper()
	certFile, keyFile, roots := certificateFiles(t, t.TempDir())
	box := &mailbox{roots: roots, pem: certFile}
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box.port = l.Addr().(*net.TCPAddr).Port
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &visit{box: box}, nil }))
	s.Domain, s.EnableSMTPUTF8, s.ErrorLog = "mail.test", true, log.New(io.Discard, "", 0)
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // ends with Close
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return box
}

// does sets what happens around a mail; a connection may stand already.
func (b *mailbox) does(refuse func(to string) error, taken func(l letter)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse, b.taken = refuse, taken
}

// env has the product send its mails there.
func (b *mailbox) env() []string {
	return []string{
		"FLUXBASE_SMTP_HOST=localhost", "FLUXBASE_SMTP_PORT=" + strconv.Itoa(b.port), "FLUXBASE_SMTP_USER=" + smtpUser,
		"FLUXBASE_SMTP_PASSWORD=" + smtpPassword, "FLUXBASE_SMTP_FROM=no-reply@auth.test", "SSL_CERT_FILE=" + b.pem,
	}
}

// to lists the mails that somebody got.
func (b *mailbox) to(address string) (list []letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.got {
		if l.To == address {
			list = append(list, l)
		}
	}
	return list
}

// waitFor gives the nth mail to somebody, counted from 1.
func (b *mailbox) waitFor(t *testing.T, address string, nth int) (l letter) {
	t.Helper()
	eventually(t, "mail "+strconv.Itoa(nth)+" to "+address, func() bool {
		list := b.to(address)
		if len(list) >= nth {
			l = list[nth-1]
		}
		return len(list) >= nth
	})
	return l
}

var aLink, aCode = regexp.MustCompile(`https?://\S+/auth/v1/verify\?\S+`), regexp.MustCompile(`\b[0-9]{6}\b`)

// link is the one in a mail, and token what stands in it.
func (l letter) link(t *testing.T) (link *url.URL, token string) {
	t.Helper()
	link, err := url.Parse(aLink.FindString(l.Text))
	if err != nil || link.Host == "" {
		t.Fatalf("there is no link in\n%s", l.Text)
	}
	return link, link.Query().Get("token")
}

// code is the short one in a mail.
func (l letter) code(t *testing.T) string {
	t.Helper()
	code := aCode.FindString(aLink.ReplaceAllString(l.Text, ""))
	if code == "" {
		t.Fatalf("there is no code in\n%s", l.Text)
	}
	return code
}

// visit is one connection.
type visit struct {
	box    *mailbox
	to     string
	inside bool
}

func (v *visit) Reset()                               { v.to = "" }
func (v *visit) Logout() error                        { return nil }
func (v *visit) AuthMechanisms() []string             { return []string{sasl.Plain} }
func (v *visit) Mail(string, *smtp.MailOptions) error { return v.check() }
func (v *visit) Auth(mech string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		v.box.mu.Lock()
		defer v.box.mu.Unlock()
		v.box.logins++
		if v.inside = user == smtpUser && password == smtpPassword; !v.inside {
			return errors.New("a wrong user or password")
		}
		return nil
	}), nil
}

func (v *visit) check() error {
	if !v.inside {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error {
	v.box.mu.Lock()
	refuse := v.box.refuse
	v.box.mu.Unlock()
	if v.to = to; refuse != nil {
		return refuse(to)
	}
	return nil
}

func (v *visit) Data(r io.Reader) error {
	l, err := readLetter(r)
	if err != nil {
		return err
	}
	l.To = v.to
	v.box.mu.Lock()
	v.box.got = append(v.box.got, l)
	taken := v.box.taken
	v.box.mu.Unlock()
	if taken != nil {
		taken(l)
	}
	return nil
}

func readLetter(r io.Reader) (l letter, err error) {
	m, err := netmail.ReadMessage(r)
	if err != nil {
		return l, err
	}
	l.ID, l.Header = m.Header.Get("Message-Id"), m.Header
	if l.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return l, err
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return l, err
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return l, err
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(quotedprintable.NewReader(part)); err != nil {
			return l, err
		}
		text := strings.ReplaceAll(b.String(), "\r\n", "\n")
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			l.HTML = text
		} else {
			l.Text = text
		}
	}
}

package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// letter is a mail that is ready to be handed over.
type letter struct {
	id   string // of the row: the Message-ID of each attempt
	to   string
	date time.Time
	rendered
}

// failure is why a mail was not taken. Its text is the server's code, never its words,
// which may quote the mail.
type failure struct {
	reason    string
	permanent bool
	// away says that it has nothing to do with this mail.
	away bool
}

func (f failure) Error() string { return f.reason }

// server is the mail server, with at most one connection, which is kept while there are
// mails to send. It is for one goroutine.
type server struct {
	cfg    Config
	roots  *x509.CertPool
	client *gomail.Client
	conn   *smtp.Client
	raw    net.Conn
}

func newServer(cfg Config, roots *x509.CertPool) (*server, error) {
	s := &server{cfg: cfg, roots: roots}
	secure := &tls.Config{ServerName: cfg.Host, MinVersion: tls.VersionTLS12, RootCAs: roots}
	options := []gomail.Option{
		gomail.WithPort(cfg.Port), gomail.WithTimeout(cfg.Timeout), gomail.WithTLSConfig(secure), gomail.WithHELO(domainOf(cfg.From)),
		gomail.WithDialContextFunc(func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			if cfg.TLS == implicit {
				conn, err = (&tls.Dialer{Config: secure}).DialContext(ctx, network, address)
			} else {
				conn, err = new(net.Dialer).DialContext(ctx, network, address)
			}
			if err == nil && cfg.TLS == noTLS && !loopback(conn) {
				return nil, errors.Join(errors.New("it is not on this host"), conn.Close())
			}
			s.raw = conn
			return conn, err
		}),
	}
	switch cfg.TLS {
	case implicit:
		options = append(options, gomail.WithSSL())
	case noTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if cfg.User != "" {
		options = append(options, gomail.WithUsername(cfg.User), gomail.WithPassword(cfg.Password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	var err error
	s.client, err = gomail.NewClient(cfg.Host, options...)
	return s, err
}

func loopback(conn net.Conn) bool {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// send hands a letter over. It fails with a failure.
func (s *server) send(ctx context.Context, l letter) error {
	msg, err := s.message(l)
	if err != nil {
		return failure{reason: err.Error(), permanent: true}
	}
	reused := s.conn != nil
	if err := s.connect(ctx); err != nil {
		return err
	}
	err = s.client.SendWithSMTPClient(s.conn, msg)
	if failed := new(gomail.SendError); reused && errors.As(err, &failed) && failed.Reason == gomail.ErrConnCheck {
		// The server has closed it since the last mail, and has heard nothing of this one.
		s.drop()
		if err := s.connect(ctx); err != nil {
			return err
		}
		err = s.client.SendWithSMTPClient(s.conn, msg)
	}
	if err == nil {
		return nil
	}
	failed := new(gomail.SendError)
	errors.As(err, &failed)
	if failed.ErrorCode() == 0 || failed.Reason == gomail.ErrSMTPReset || failed.ErrorCode() == 421 {
		s.drop()
	}
	if msg.IsDelivered() { // only what came after it failed
		return nil
	}
	return failure{reason: reasonOf(failed), permanent: failed.ErrorCode() >= 500 && failed.ErrorCode() < 600, away: failed.ErrorCode() == 0}
}

func (s *server) connect(ctx context.Context) (err error) {
	if s.conn != nil {
		return nil
	}
	if s.conn, err = s.client.DialToSMTPClientWithContext(ctx); err == nil {
		return nil
	}
	s.conn = nil
	s.drop()
	return failure{reason: "the mail server can't be reached: " + reachReason(err), away: true}
}

// reachReason tells why there is no connection. Errors of the network and of TLS hold
// nothing of mails; those of the log-in may quote what was sent, and are left at their code.
func reachReason(err error) string {
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &network):
		return network.Error()
	case errors.As(err, &certificate):
		return certificate.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		if code := new(textproto.Error); errors.As(inner, &code) {
			return "it answers " + strconv.Itoa(code.Code)
		}
	}
	return err.Error()
}

// reasonOf is a code as in RFC 5321 and RFC 3463, and at what it came.
func reasonOf(e *gomail.SendError) string {
	if e.ErrorCode() == 0 {
		return "the connection broke: " + e.Reason.String()
	}
	reason := strconv.Itoa(e.ErrorCode())
	if more := e.EnhancedStatusCode(); more != "" {
		reason += " " + more
	}
	return reason + " " + e.Reason.String()
}

// drop ends the connection at once.
func (s *server) drop() {
	if s.raw != nil {
		_ = s.raw.Close() // nothing more is to be sent on it
	}
	s.conn, s.raw = nil, nil
}

// rest ends the connection until there are mails again.
func (s *server) rest() {
	if s.conn != nil {
		_ = s.client.CloseWithSMTPClient(s.conn) // all mails are handed over
	}
	s.drop()
}

// message makes what is sent. Addresses are parsed and all else in the header is encoded,
// so that nothing of a mail's content can become a line of its header.
func (s *server) message(l letter) (*gomail.Msg, error) {
	to, err := parseAddress(l.to)
	if err != nil {
		return nil, fmt.Errorf("the address: %w", err)
	}
	from, err := parseAddress(s.cfg.From)
	if err != nil {
		return nil, fmt.Errorf("FLUXBASE_SMTP_FROM: %w", err)
	}
	from.Name = s.cfg.FromName
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(from)
	m.ToMailAddress(to)
	m.SetMessageIDWithValue(l.id + "@" + domainOf(s.cfg.From))
	m.SetDateWithValue(l.date)
	m.Subject(oneLine(l.Subject))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: holiday notes do not answer
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	return m, nil
}

package mail

import (
	"bytes"
	"io"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
)

var from = Config{Host: "localhost", From: "no-reply@example.com", FromName: `Fluxbase "of" Ada, <x>`, TLS: starttls}

// sent is a letter as a reader parses it; ok if it is one that can be sent.
func sent(t *testing.T, l letter) (m *mail.Message, raw string, ok bool) {
	t.Helper()
	msg, err := (&server{cfg: from}).message(l)
	if err != nil {
		return nil, "", false
	}
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	raw = b.String()
	if m, err = mail.ReadMessage(&b); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return m, raw, true
}

func TestAMailSaysWhatItIs(t *testing.T) {
	t.Parallel()
	date := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	l := letter{"5e0ec0de-0000-4000-8000-000000000001", "ada@example.com", date, rendered{"Größe: 5 € für Ada", "<p>ä</p>", "ä"}}
	m, raw, _ := sent(t, l)
	decode := new(mime.WordDecoder)
	subject, err := decode.DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != l.Subject {
		t.Errorf("the subject is %q (%v)", subject, err)
	}
	who, err := m.Header.AddressList("From")
	if err != nil || len(who) != 1 || who[0].Name != from.FromName || who[0].Address != from.From {
		t.Errorf("it is from %v (%v)", who, err)
	}
	for name, want := range map[string]string{
		"Message-Id": "<5e0ec0de-0000-4000-8000-000000000001@example.com>", "To": "<ada@example.com>",
		"Date": "Sun, 22 Nov 2026 10:00:00 +0000", "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if kind, _, _ := mime.ParseMediaType(m.Header.Get("Content-Type")); kind != "multipart/alternative" {
		t.Errorf("it is %s", kind)
	}
	if plain, html := strings.Index(raw, "text/plain"), strings.Index(raw, "text/html"); plain < 0 || html < plain {
		t.Errorf("the parts are not plain and then HTML:\n%s", raw)
	}
}

// What stands in a mail, and to whom it goes, makes no line of its header and no other
// recipient.
func FuzzMessage(f *testing.F) {
	f.Add("ada@example.com", "Hello", "text", "<p>html</p>")
	f.Add("ada@example.com\r\nBcc: eve@example.com", "a\r\nBcc: eve@example.com", "\r\n.\r\nMAIL FROM:<x>", "\n.\n")
	f.Add("ada@example.com, eve@example.com", "=?utf-8?q?=0D=0ABcc:_eve@example.com?=", "", "")
	f.Add("Ada <ada@example.com>", "a\u2028b\u0085c\vd", "--boundary", "")
	f.Add(`"a b\"<>,"@example.com`, strings.Repeat("ä", 400), "", "")
	f.Add("ada@example.com>", "\x00", "\x00", "\xff\xfe")
	known := []string{
		"Mime-Version", "Date", "Message-Id", "Subject", "Auto-Submitted", "X-Auto-Response-Suppress", "From", "To", "Content-Type",
		"Content-Transfer-Encoding",
	}
	f.Fuzz(func(t *testing.T, to, subject, text, html string) {
		m, raw, ok := sent(t, letter{"id", to, time.Unix(0, 0), rendered{subject, html, text}})
		if !ok {
			return
		}
		for name, values := range m.Header {
			if !slices.Contains(known, name) || len(values) != 1 {
				t.Errorf("the header has %s %q\n%s", name, values, raw)
			}
		}
		who, err := m.Header.AddressList("To")
		if err != nil || len(who) != 1 || who[0].Address != to {
			t.Errorf("it goes to %v (%v), want %q", who, err, to)
		}
		if _, err := io.ReadAll(m.Body); err != nil {
			t.Error(err)
		}
	})
}

func TestMistakesInTheMailServersSettingsAreTold(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		c    Config
		want string
	}{
		"none":                  {Config{}, ""},
		"all":                   {Config{Host: "smtp.example.com", User: "u", Password: "p", From: "a@example.com"}, ""},
		"plain to another host": {Config{Host: "smtp.example.com", From: "a@example.com", TLS: "none"}, "FLUXBASE_SMTP_TLS is none"},
		"plain to this host":    {Config{Host: "127.0.0.1", From: "a@example.com", TLS: "none"}, ""},
		"an unknown way":        {Config{TLS: "ssl"}, `FLUXBASE_SMTP_TLS is "ssl"`},
		"no sender":             {Config{Host: "localhost"}, "FLUXBASE_SMTP_FROM is not set"},
		"two senders":           {Config{Host: "localhost", From: "a@example.com, b@example.com"}, "one address alone"},
		"a sender with a name":  {Config{Host: "localhost", From: "A <a@example.com>"}, "one address alone"},
		"a line in the name":    {Config{Host: "localhost", From: "a@example.com", FromName: "a\r\nBcc: b@example.com"}, "FLUXBASE_SMTP_FROM_NAME"},
		"a name alone":          {Config{Host: "localhost", From: "a@example.com", User: "u"}, "go together"},
		"a port":                {Config{Port: 70000}, "FLUXBASE_SMTP_PORT is 70000"},
	} {
		err := tt.c.Check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	c := Config{Timeout: time.Hour}
	if err := c.Check(); err != nil || c.Port != 587 || c.TLS != starttls || c.Timeout != maxTimeout {
		t.Errorf("the defaults are %+v (%v)", c, err)
	}
}

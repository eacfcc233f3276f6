package mail

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/seal"
)

// Link is what in a mail signs somebody in.
type Link struct {
	// Code is the short one, to be typed; Hash is that of the link (token_hash of
	// verifyOtp). Either may be empty.
	Code string `json:"token"`
	Hash string `json:"token_hash"`
}

// Sealed is a Link on its way into the queue: the argument sealed of auth.queue_mail.
type Sealed struct {
	ID      string `json:"id"` // of the mail
	Secrets string `json:"secrets"`
}

// Seal seals a link for one mail, whose id it makes.
func Seal(keys *seal.Keys, l Link) Sealed {
	var b [16]byte
	_, _ = rand.Read(b[:])                      // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562, version 4
	id := fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	text, _ := json.Marshal(l) // two texts always can be
	return Sealed{ID: id, Secrets: keys.Seal(text, place(id))}
}

func place(id string) seal.Place { return seal.Place{Table: "auth.mails", Column: "secrets", ID: id} }

// variables are those of the templates: Supabase's, so that templates move unchanged.
func (s *Sender) variables(m *row, siteURL string) (map[string]any, Link, error) {
	var l Link
	if m.Secrets != "" {
		text, err := s.deps.Keys.Open(m.Secrets, place(m.ID))
		if err == nil {
			err = json.Unmarshal(text, &l)
		}
		if err != nil {
			return nil, l, failure{reason: "its link can't be read: " + err.Error()}
		}
	}
	var user struct {
		Email string         `json:"email"`
		Phone string         `json:"phone"`
		New   string         `json:"new_email"`
		Data  map[string]any `json:"user_metadata"`
	}
	_ = json.Unmarshal(m.User, &user) // null for a mail about nobody
	if siteURL == "" {
		siteURL = s.deps.URL
	}
	if user.Email == "" {
		user.Email = m.To
	}
	vars := map[string]any{
		"SiteURL": siteURL, "Email": user.Email, "NewEmail": user.New, "OldEmail": "", "Phone": user.Phone, "OldPhone": "",
		"SendingTo": m.To, "RedirectTo": "", "Provider": "", "FactorType": "",
		"Token": l.Code, "TokenHash": l.Hash, "ConfirmationURL": "", "Data": map[string]any{},
	}
	if user.Data != nil {
		vars["Data"] = user.Data
	}
	for name, value := range m.Data {
		switch word := camel(name); value := value.(type) {
		case string:
			if _, known := vars[word]; known && word != "Token" && word != "TokenHash" {
				vars[word] = value
			}
		case map[string]any:
			if name == "data" {
				maps.Copy(vars["Data"].(map[string]any), value)
			}
		}
	}
	if of := kinds[m.Kind]; of.verifies && l.Hash != "" {
		vars["ConfirmationURL"] = s.verifyURL(of.action, l.Hash, vars["RedirectTo"].(string))
	}
	return vars, l, nil
}

// camel makes redirect_to RedirectTo, and site_url SiteURL.
func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		if word == "url" {
			b.WriteString("URL")
		} else if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// hookPayload is what the hook send_email is told, as Supabase's is.
func hookPayload(m *row, vars map[string]any, l Link) any {
	action := m.Kind
	if of, known := kinds[m.Kind]; known {
		action = of.action
	}
	data := map[string]any{
		"token": l.Code, "token_hash": l.Hash, "token_new": "", "token_hash_new": "",
		"redirect_to": vars["RedirectTo"], "email_action_type": action, "site_url": vars["SiteURL"],
		"old_email": vars["OldEmail"], "old_phone": vars["OldPhone"], "provider": vars["Provider"], "factor_type": vars["FactorType"],
		"sending_to": m.To,
	}
	if m.Kind == "email_change" {
		// There it is one call for both addresses: token and token_hash_new are for the
		// current one, token_new and token_hash for the new one.
		if strings.EqualFold(m.To, vars["NewEmail"].(string)) {
			data["token"], data["token_new"] = "", l.Code
		} else {
			data["token_hash"], data["token_hash_new"] = "", l.Hash
		}
	}
	return map[string]any{"user": m.User, "email_data": data}
}

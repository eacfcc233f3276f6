package oidc

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Person is who came, as the provider says.
type Person struct {
	// ID is who they are there.
	ID string
	// Data is what it says of them: auth.identities.identity_data.
	Data map[string]any
}

// maxText is more than a name or a URL has; what is longer is left out, because it would
// be in every access token.
const maxText = 1024

// said gives a text that a provider says; empty if it does not, or says none. Numbers
// become texts, as ids need it.
func said(claims map[string]any, name string) string {
	switch v := claims[name].(type) {
	case string:
		// No text of Postgres holds a zero byte.
		if len(v) <= maxText {
			return strings.ReplaceAll(strings.ToValidUTF8(v, ""), "\x00", "")
		}
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// yes reads a claim that some send as a text.
func yes(v any) bool { return v == true || v == "true" || v == "1" || v == 1.0 }

// profile is how a provider says who somebody is.
type profile struct {
	id, email, name, user, picture string
	verified                       bool
	issuer                         string
	// custom are claims that only this provider has.
	custom map[string]any
}

// person makes the data as Supabase has it, so that applications find what they know.
func (p *profile) person(row *Provider, claims map[string]any) (*Person, error) {
	if p.id == "" || len(p.id) > 255 {
		return nil, fmt.Errorf("%w: it does not say who came", ErrAway)
	}
	data := map[string]any{"sub": p.id, "provider_id": p.id, "phone_verified": false}
	put := func(name, value string) {
		if value != "" {
			data[name] = value
		}
	}
	put("iss", p.issuer)
	put("email", p.email)
	put("name", p.name)
	put("full_name", p.name)
	put("user_name", p.user)
	put("preferred_username", p.user)
	put("picture", p.picture)
	put("avatar_url", p.picture)
	for _, name := range []string{"given_name", "family_name", "nickname", "profile", "website", "locale", "zoneinfo"} {
		put(name, said(claims, name))
	}
	data["email_verified"] = p.email != "" && (p.verified || row.TrustEmail)
	for name, value := range p.custom {
		if text, ok := value.(string); value == nil || ok && text == "" {
			delete(p.custom, name)
		}
	}
	if len(p.custom) > 0 {
		data["custom_claims"] = p.custom
	}
	return &Person{ID: p.id, Data: data}, nil
}

// standard reads the claims of OpenID Connect Core, 5.1.
func standard(m *metadata, claims map[string]any) *profile {
	name := said(claims, "name")
	if name == "" {
		name = strings.TrimSpace(said(claims, "given_name") + " " + said(claims, "family_name"))
	}
	return &profile{
		id: said(claims, "sub"), issuer: cmp.Or(said(claims, "iss"), m.Issuer), email: said(claims, "email"), name: name,
		user: said(claims, "preferred_username"), picture: said(claims, "picture"), verified: yes(claims["email_verified"]),
	}
}

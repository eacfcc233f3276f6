package oidc

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// preset is what is particular to a provider.
type preset struct {
	// issuer is where it is discovered; fixed what is known of one that can't be.
	issuer string
	fixed  metadata
	// scopes are those without which it would not say who came, params what it wants to be
	// told beside.
	scopes []string
	params map[string]string
	// post tells that it takes the secret in the body alone.
	post bool
	// secret makes the client's secret of what is stored; nil is that itself.
	secret func(*Provider) (string, error)
	// more asks for what the user info does not tell.
	more   func(ctx context.Context, c *Client, m *metadata, access string, claims map[string]any) error
	person func(*Provider, *metadata, map[string]any) (*Person, error)
}

var openid = []string{"openid", "profile", "email"}

// presets are those of auth.oauth_providers.preset.
var presets = map[string]*preset{
	"oidc":   {scopes: openid, person: ofOIDC},
	"oauth2": {person: ofOAuth2},
	"google": {issuer: "https://accounts.google.com", scopes: openid, person: ofGoogle},
	"gitlab": {issuer: "https://gitlab.com", scopes: openid, person: ofOIDC},
	"apple": {
		issuer: "https://appleid.apple.com", scopes: []string{"openid", "name", "email"}, post: true,
		// Without it, Apple tells neither name nor address.
		params: map[string]string{"response_mode": "form_post"},
		secret: appleSecret, person: ofApple,
	},
	"azure":      {issuer: azureHost + "common/v2.0", scopes: openid, person: ofAzure},
	"slack_oidc": {issuer: "https://slack.com", scopes: openid, person: ofSlack},
	"github": {
		fixed: metadata{
			AuthorizationURL: "https://github.com/login/oauth/authorize", TokenURL: "https://github.com/login/oauth/access_token",
			UserinfoURL: "https://api.github.com/user",
		},
		scopes: []string{"user:email"}, post: true, more: githubEmail, person: ofGitHub,
	},
	"discord": {
		fixed: metadata{
			AuthorizationURL: "https://discord.com/oauth2/authorize", TokenURL: "https://discord.com/api/oauth2/token",
			UserinfoURL: "https://discord.com/api/users/@me",
		},
		scopes: []string{"identify", "email"}, post: true, person: ofDiscord,
	},
}

func ofOIDC(p *Provider, m *metadata, claims map[string]any) (*Person, error) {
	return standard(m, claims).person(p, claims)
}

// ofOAuth2 reads user info of no standard, by the names that most use.
func ofOAuth2(p *Provider, m *metadata, claims map[string]any) (*Person, error) {
	u := standard(m, claims)
	u.id = cmp.Or(u.id, said(claims, "id"))
	u.issuer = cmp.Or(u.issuer, p.Issuer, p.UserinfoURL)
	u.user = cmp.Or(u.user, said(claims, "login"), said(claims, "username"))
	u.picture = cmp.Or(u.picture, said(claims, "avatar_url"))
	return u.person(p, claims)
}

func ofGoogle(p *Provider, m *metadata, claims map[string]any) (*Person, error) {
	u := standard(m, claims)
	u.issuer, u.custom = m.Issuer, map[string]any{"hd": said(claims, "hd")}
	return u.person(p, claims)
}

func ofApple(p *Provider, m *metadata, claims map[string]any) (*Person, error) {
	u := standard(m, claims)
	if yes(claims["is_private_email"]) {
		u.custom = map[string]any{"is_private_email": true}
	}
	return u.person(p, claims)
}

// ofAzure believes an address only where Microsoft says that its domain is the tenant's:
// administrators of a tenant may write any into the accounts there.
func ofAzure(p *Provider, m *metadata, claims map[string]any) (*Person, error) {
	u := standard(m, claims)
	u.verified, u.custom = yes(claims["xms_edov"]), map[string]any{"tid": said(claims, "tid")}
	return u.person(p, claims)
}

func ofSlack(p *Provider, m *metadata, claims map[string]any) (*Person, error) {
	u := standard(m, claims)
	u.custom = map[string]any{"https://slack.com/team_id": said(claims, "https://slack.com/team_id")}
	return u.person(p, claims)
}

func ofGitHub(p *Provider, m *metadata, claims map[string]any) (*Person, error) {
	login := said(claims, "login")
	u := &profile{
		id: said(claims, "id"), issuer: strings.TrimSuffix(m.UserinfoURL, "/user"), email: said(claims, "email"), user: login,
		name: cmp.Or(said(claims, "name"), login), picture: said(claims, "avatar_url"), verified: yes(claims["email_verified"]),
	}
	return u.person(p, nil)
}

// githubEmail takes the primary address that GitHub has verified, else the primary one;
// the one of the profile is what people like to show.
func githubEmail(ctx context.Context, c *Client, m *metadata, access string, claims map[string]any) error {
	var list []struct {
		Email             string
		Primary, Verified bool
	}
	if err := c.get(ctx, m.UserinfoURL+"/emails", access, &list); err != nil {
		return err
	}
	delete(claims, "email")
	delete(claims, "email_verified")
	for _, e := range list {
		if e.Primary {
			claims["email"], claims["email_verified"] = e.Email, e.Verified
		}
	}
	return nil
}

func ofDiscord(p *Provider, _ *metadata, claims map[string]any) (*Person, error) {
	u := &profile{
		id: said(claims, "id"), issuer: "https://discord.com/api", email: said(claims, "email"), user: said(claims, "username"),
		name: cmp.Or(said(claims, "global_name"), said(claims, "username")), verified: yes(claims["verified"]),
		custom: map[string]any{"global_name": said(claims, "global_name")},
	}
	if avatar := said(claims, "avatar"); avatar != "" {
		u.picture = "https://cdn.discordapp.com/avatars/" + u.id + "/" + avatar + ".png"
	}
	return u.person(p, nil)
}

// appleLife is how long a secret of Apple's is good: for one exchange.
const appleLife = 5 * time.Minute

// appleSecret signs the secret that Apple wants with the private key that is stored.
func appleSecret(p *Provider) (string, error) {
	block, _ := pem.Decode([]byte(p.Secret))
	if block == nil {
		return "", errors.New("the key is no PEM; give the file AuthKey_….p8 as it is")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := key.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return "", errors.New("the key is none of ES256; give the file AuthKey_….p8 as it is")
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, (&jose.SignerOptions{}).WithHeader("kid", p.KeyID))
	if err != nil {
		return "", err
	}
	now := time.Now()
	claims, _ := json.Marshal(map[string]any{ // of texts and numbers
		"iss": p.TeamID, "sub": p.ClientID, "aud": "https://appleid.apple.com", "iat": now.Unix(), "exp": now.Add(appleLife).Unix(),
	})
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// AppleName reads the parameter user of Apple's first answer for a person, who may say
// anything there; only a name is taken.
func AppleName(user string) string {
	var u struct {
		Name struct {
			First string `json:"firstName"`
			Last  string `json:"lastName"`
		}
	}
	if len(user) > maxText || json.Unmarshal([]byte(user), &u) != nil {
		return ""
	}
	return said(map[string]any{"name": strings.TrimSpace(u.Name.First + " " + u.Name.Last)}, "name")
}

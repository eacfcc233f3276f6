// Package passkey talks with authenticators (WebAuthn level 3): to register credentials
// and to check their signatures, for passkeys and for second factors. It keeps nothing:
// what an answer must fit lies in the database, so that any process can take it.
package passkey

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Party says to whom credentials belong, as auth.relying_party does. What is empty
// follows from SiteURL, and without that from the public URL.
type Party struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Origins []string `json:"origins"`
	SiteURL string   `json:"site_url"`
}

// User is whose credentials they are.
type User struct {
	ID          string                `json:"user_id"`
	Account     string                `json:"account"`
	Credentials []webauthn.Credential `json:"credentials"`
}

// WebAuthnID is the user handle: the id as text, as in credentials made by Supabase.
func (u User) WebAuthnID() []byte { return []byte(u.ID) }

// WebAuthnName is what the device shows.
func (u User) WebAuthnName() string { return u.Account }

// WebAuthnDisplayName is what the device shows.
func (u User) WebAuthnDisplayName() string { return u.Account }

// WebAuthnCredentials are those that there are.
func (u User) WebAuthnCredentials() []webauthn.Credential { return u.Credentials }

// Server makes what authenticators are asked, and checks what they answer.
type Server struct{ lib *webauthn.WebAuthn }

// New makes a Server; publicURL is where the product is reached.
func New(p Party, publicURL string) (*Server, error) {
	site, err := url.Parse(cmp.Or(p.SiteURL, publicURL))
	if err != nil {
		return nil, fmt.Errorf("the setting site_url: %w", err)
	}
	id := cmp.Or(p.ID, site.Hostname())
	if len(p.Origins) == 0 {
		p.Origins = []string{site.Scheme + "://" + site.Host}
	}
	lib, err := webauthn.New(&webauthn.Config{
		RPID: id, RPDisplayName: cmp.Or(p.Name, id), RPOrigins: p.Origins,
		// None is looked at, so those that nobody asked for do no harm; some devices send them.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("the settings webauthn_rp_id and webauthn_origins: %w", err)
	}
	return &Server{lib}, nil
}

// Question is what an authenticator is asked: Options for the browser, and State, which
// the answer must fit and nobody but the server may see.
type Question struct{ Options, State json.RawMessage }

func question(options any, state *webauthn.SessionData) (q Question, err error) {
	if q.Options, err = json.Marshal(options); err == nil {
		q.State, err = json.Marshal(state)
	}
	return q, err
}

// Register asks for a new credential. A passkey names its user and checks them by a PIN,
// a finger and the like; a second factor need do neither.
func (s *Server) Register(u User, asPasskey bool) (Question, error) {
	choice := protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementDiscouraged, UserVerification: protocol.VerificationPreferred}
	if asPasskey {
		choice.ResidentKey, choice.UserVerification = protocol.ResidentKeyRequirementRequired, protocol.VerificationRequired
	}
	options, state, err := s.lib.BeginRegistration(u,
		webauthn.WithAuthenticatorSelection(choice), webauthn.WithExclusions(webauthn.Credentials(u.Credentials).CredentialDescriptors()))
	if err != nil {
		return Question{}, fmt.Errorf("ask for a credential: %w", err)
	}
	return question(options.Response, state)
}

// Registered checks the answer to Register.
func (s *Server) Registered(u User, state, answer []byte) (*webauthn.Credential, error) {
	var data webauthn.SessionData
	if err := json.Unmarshal(state, &data); err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return nil, err
	}
	c, err := s.lib.CreateCredential(u, data, parsed)
	if err != nil {
		return nil, err
	}
	c.Attestation = webauthn.CredentialAttestation{} // long, and nobody looks at it
	return c, nil
}

// Sign asks for a signature by a credential of u, or, for nobody, by any passkey.
func (s *Server) Sign(u *User) (Question, error) {
	begin := func() (*protocol.CredentialAssertion, *webauthn.SessionData, error) {
		return s.lib.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	}
	if u != nil {
		begin = func() (*protocol.CredentialAssertion, *webauthn.SessionData, error) { return s.lib.BeginLogin(u) }
	}
	options, state, err := begin()
	if err != nil {
		return Question{}, fmt.Errorf("ask for a signature: %w", err)
	}
	return question(options.Response, state)
}

// Signed checks the answer to Sign: it is of a credential of u, whose counter is that of
// the answer then. Whether that has grown is for who keeps the counter.
func (s *Server) Signed(u User, asPasskey bool, state, answer []byte) (*webauthn.Credential, error) {
	var data webauthn.SessionData
	if err := json.Unmarshal(state, &data); err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, err
	}
	var c *webauthn.Credential
	if asPasskey {
		_, c, err = s.lib.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) { return u, nil }, data, parsed)
	} else {
		c, err = s.lib.ValidateLogin(u, data, parsed)
	}
	if err != nil {
		return nil, err
	}
	c.Authenticator.SignCount, c.Authenticator.CloneWarning = parsed.Response.AuthenticatorData.Counter, false
	return c, nil
}

// CredentialID tells by which credential an answer to Sign claims to be.
func CredentialID(answer []byte) ([]byte, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, err
	}
	return parsed.RawID, nil
}

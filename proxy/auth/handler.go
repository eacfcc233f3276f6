package auth

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/auth/captcha"
	"github.com/fluxbase/fluxbase/proxy/auth/oidc"
	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/proxy/seal"
	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// Prefix of all paths.
const Prefix = "/auth/v1"

// Deps is what a Handler is made of.
type Deps struct {
	// DB is a login that may become service_role.
	DB *pg.DB
	// Tokens checks access tokens and keys.
	Tokens *token.Verifier
	// Signer makes access tokens.
	Signer Signer
	// Issued knows the keys that they are verified with.
	Issued *token.Issued
	// Passwords hashes and checks them.
	Passwords Passwords
	// Seals keeps secrets, and derives the keys of refresh tokens and codes.
	Seals *seal.Keys
	// URL is where clients reach the server, without a slash at its end; the issuer of
	// tokens and the beginning of links.
	URL string
	// Mails tells whether mails can be sent, and has those looked at that were queued; nil
	// sends none.
	Mails Mails
	// Providers talks to those where people have accounts.
	Providers *oidc.Client
	// Captcha tells people from programs.
	Captcha *captcha.Client
	// Hooks are what operators put in the way; nil is none.
	Hooks Hooks
	// Go has something done that no answer waits for; the process ends no sooner.
	Go func(func())
	// Log hears of secrets that came in plaintext.
	Log *slog.Logger
	// Limit may refuse a request of a caller; nil refuses none.
	Limit func(*web.Response, *http.Request, pg.Caller) error
}

// Signer makes a JWT of claims, a JSON object, to which it adds the issuer.
type Signer interface {
	Sign(ctx context.Context, claims []byte) (string, error)
}

// Passwords hashes and checks passwords, a few at a time. Errors are *web.Error, such
// as 503 while too many wait.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
	// Verify tells also whether a hash should be replaced by a better one.
	Verify(ctx context.Context, hash, password string) (ok, old bool, err error)
}

// Mails is the queue of mails.
type Mails interface {
	Check(ctx context.Context) error
	Kick()
}

// Hooks calls what operators put in the way.
type Hooks interface {
	// Run calls a hook with a payload, a JSON object, for a client at an address, and gives
	// its answer; nil where no such hook is set.
	Run(ctx context.Context, client netip.Addr, name string, payload any) (json.RawMessage, error)
	// Finish gives the answer of what auth.run_hook has returned, and Claims the claims that
	// the hook custom_access_token makes of others.
	Finish(ctx context.Context, ran []byte) (json.RawMessage, error)
	Claims(ctx context.Context, ran, claims []byte) (json.RawMessage, error)
}

// Handler answers all below Prefix.
type Handler struct{ Deps }

// New makes a Handler.
func New(deps Deps) *Handler { return &Handler{deps} }

// route is one method of one path; * stands for a part of it.
type route struct {
	method, path string
	answer       func(*Handler, *call) error
	about        about
}

// routes is the whole surface.
var routes = []route{
	{http.MethodGet, "/health", health, aboutHealth},
	{http.MethodGet, "/settings", settings, aboutSettings},
	{http.MethodGet, "/.well-known/jwks.json", publishKeys, aboutKeys},
	{http.MethodGet, "/.well-known/openid-configuration", discover, aboutDiscovery},
	{http.MethodGet, "/.well-known/oauth-authorization-server", discover, aboutServer},
	{http.MethodPost, "/signup", human(signUp), aboutSignUp},
	{http.MethodPost, "/token", takeToken, aboutToken},
	{http.MethodPost, "/otp", human(requestOTP), aboutOTP},
	{http.MethodPost, "/verify", verify, aboutVerify},
	{http.MethodGet, "/verify", openLink, aboutLink},
	{http.MethodHead, "/verify", lookAtLink, aboutLinkHead},
	{http.MethodPost, "/verify/open", followForm, aboutLinkForm},
	{http.MethodPost, "/recover", human(recoverPassword), aboutRecover},
	{http.MethodPost, "/resend", human(resend), aboutResend},
	{http.MethodGet, "/reauthenticate", reauthenticate, aboutReauthenticate},
	{http.MethodGet, "/user", getUser, aboutUser},
	{http.MethodPut, "/user", changeUser, aboutChangeUser},
	{http.MethodPost, "/logout", signOut, aboutLogout},
	{http.MethodGet, "/user/sessions", ownSessions, aboutOwnSessions},
	{http.MethodDelete, "/user/sessions/*", endOwnSession, aboutEndOwnSession},
	{http.MethodGet, "/admin/users", admin(listUsers), aboutListUsers},
	{http.MethodPost, "/admin/users", admin(createUser), aboutCreateUser},
	{http.MethodGet, "/admin/users/*", admin(readUser), aboutReadUser},
	{http.MethodPut, "/admin/users/*", admin(updateUser), aboutUpdateUser},
	{http.MethodDelete, "/admin/users/*", admin(deleteUser), aboutDeleteUser},
	{http.MethodPost, "/admin/users/*/impersonate", admin(impersonate), aboutImpersonate},
	{http.MethodGet, "/admin/users/*/sessions", admin(listSessions), aboutListSessions},
	{http.MethodDelete, "/admin/users/*/sessions", admin(endSessions), aboutEndSessions},
	{http.MethodDelete, "/admin/users/*/sessions/*", admin(endSessions), aboutEndSession},
	{http.MethodGet, "/admin/users/*/factors", admin(factorsOf), aboutFactorsOf},
	{http.MethodDelete, "/admin/users/*/factors/*", admin(removeFactor), aboutRemoveFactor},
	{http.MethodGet, "/admin/users/*/passkeys", admin(passkeysOf), aboutPasskeysOf},
	{http.MethodDelete, "/admin/users/*/passkeys/*", admin(takePasskey), aboutTakePasskey},
	{http.MethodDelete, "/admin/users/*/attempts", admin(clearAttempts), aboutUnlock},
	{http.MethodGet, "/admin/audit", admin(listAudit), aboutAudit},
	{http.MethodPost, "/admin/generate_link", admin(generateLink), aboutGenerateLink},
	{http.MethodPost, "/invite", admin(invite), aboutInvite},
	{http.MethodGet, "/authorize", authorize, aboutAuthorize},
	{http.MethodGet, "/callback", callback, aboutCallback},
	{http.MethodPost, "/callback", callbackForm, aboutCallbackForm},
	{http.MethodGet, "/user/identities/authorize", authorizeLink, aboutAuthorizeLink},
	{http.MethodDelete, "/user/identities/*", unlinkIdentity, aboutUnlink},
	{http.MethodGet, "/admin/oauth-providers", admin(listProviders), aboutProviders},
	{http.MethodPut, "/admin/oauth-providers/*", admin(setProvider), aboutSetProvider},
	{http.MethodDelete, "/admin/oauth-providers/*", admin(dropProvider), aboutDropProvider},
	{http.MethodPost, "/factors", enrollFactor, aboutEnroll},
	{http.MethodGet, "/factors/recovery-codes", recoveryCodes, aboutRecoveryCodes},
	{http.MethodPost, "/factors/recovery-codes", makeRecoveryCodes, aboutMakeRecoveryCodes},
	{http.MethodDelete, "/factors/recovery-codes", dropRecoveryCodes, aboutDropRecoveryCodes},
	{http.MethodPost, "/factors/recovery-codes/regenerate", remakeRecoveryCodes, aboutRemakeRecoveryCodes},
	{http.MethodPost, "/factors/recovery-codes/verify", useRecoveryCode, aboutUseRecoveryCode},
	{http.MethodPost, "/factors/*/challenge", challengeFactor, aboutChallenge},
	{http.MethodPost, "/factors/*/verify", verifyFactor, aboutVerifyFactor},
	{http.MethodDelete, "/factors/*", unenrollFactor, aboutUnenroll},
	{http.MethodGet, "/passkeys", listPasskeys, aboutPasskeys},
	{http.MethodPost, "/passkeys/registration/options", beginPasskey, aboutBeginPasskey},
	{http.MethodPost, "/passkeys/registration/verify", addPasskey, aboutAddPasskey},
	{http.MethodPost, "/passkeys/authentication/options", human(askForPasskey), aboutAskForPasskey},
	{http.MethodPost, "/passkeys/authentication/verify", signInWithPasskey, aboutSignInWithPasskey},
	{http.MethodPatch, "/passkeys/*", renamePasskey, aboutRenamePasskey},
	{http.MethodDelete, "/passkeys/*", removePasskey, aboutRemovePasskey},
}

// call is one request under way.
type call struct {
	w     *web.Response
	r     *http.Request
	parts []string // of the path, where the pattern has *
	body  []byte   // once it was read
	// caller is who asks. Who has none is the anonymous role.
	caller pg.Caller
}

// Serve answers one request.
func (h *Handler) Serve(w *web.Response, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	at, parts, err := web.Find(r.Method, strings.TrimPrefix(r.URL.Path, Prefix), len(routes), func(i int) (method, pattern string) {
		return routes[i].method, routes[i].path
	})
	if err != nil {
		return err
	}
	w.Route = Prefix + routes[at].path
	c := &call{w: w, r: r, parts: parts}
	if err := h.identify(c); err != nil {
		return err
	}
	return routes[at].answer(h, c)
}

// identify finds out who asks, and has them counted. A token that is not good is none of
// a caller here: who signs in may still send the one that has expired.
func (h *Handler) identify(c *call) error {
	caller, err := h.Tokens.Caller(c.r.Context(), c.r.Header, token.From{Module: "auth", Address: c.w.Address})
	if err != nil {
		if caller, err = h.Tokens.Anonymous(); err != nil {
			caller = pg.Caller{Role: "anon", Claims: `{"role":"anon"}`}
		}
	}
	c.caller, c.w.Role, c.w.User = caller, caller.Role, caller.Subject
	if h.Limit != nil {
		return h.Limit(c.w, c.r, caller)
	}
	return nil
}

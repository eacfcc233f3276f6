// Package oidc talks to providers at which people have accounts: OpenID Connect by
// discovery, and servers that speak OAuth 2.0 alone. It is a client of them (RFC 6749
// and its security practice, RFC 9700): always with PKCE and, where there are ID tokens,
// with a nonce. It knows nothing of users here and keeps nothing but documents of
// providers.
//
// client.go has the three things it does: AuthURL, Exchange, CheckIDToken. presets.go
// has what is particular to a provider, person.go how it says who somebody is,
// metadata.go what it publishes, token.go how an ID token is checked.
package oidc

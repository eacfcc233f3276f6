package token

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/fluxbase/fluxbase/proxy/wait"
	"github.com/fluxbase/fluxbase/proxy/web"
)

const (
	maxKeySet = 256 << 10 // bytes of the document
	maxKeys   = 100
	// fetchTimeout is for one fetch with its redirects.
	fetchTimeout = 3 * time.Second
	maxRedirects = 3
	// fetchDistance keeps tokens of unknown keys from hammering the issuer; they wait
	// for the next fetch, so that a new key is known to the first token that it signs.
	fetchDistance = 2 * time.Second
	// maxWaiting bounds the requests that wait for it.
	maxWaiting = 200
	// A set is asked for again when its Cache-Control says, within these bounds.
	minKeep, defaultKeep, maxKeep = time.Minute, 10 * time.Minute, time.Hour
	// maxStale is how long keys hold while the issuer can't be reached.
	maxStale = 24 * time.Hour
)

// remote is a set of keys that an issuer publishes at a URL (RFC 7517, 5). It is safe
// for many goroutines at once.
type remote struct {
	url      string
	client   *http.Client
	distance time.Duration
	// changed is called when tokens that were good may be so no longer.
	changed func()

	keys    atomic.Pointer[[]key]
	renewed atomic.Int64 // when the issuer last answered, in Unix seconds
	waiting atomic.Int64

	mu    sync.Mutex // held while the issuer is asked
	began time.Time  // of the last fetch
	err   error      // of the last fetch
	keep  time.Duration
	tag   string // ETag
	body  []byte // of the set in keys
}

// checkJWKSURL wants https, but of this machine itself.
func checkJWKSURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("FLUXBASE_JWKS_URL: is no URL; give one like https://example.com/.well-known/jwks.json")
	case u.User != nil || u.Fragment != "":
		return errors.New("FLUXBASE_JWKS_URL: has a user or a fragment; leave them out, as public keys need no password")
	case u.Scheme == "http" && !web.IsLoopback(u.Hostname()):
		return errors.New("FLUXBASE_JWKS_URL: is not https; whoever can change what comes from there could sign any token")
	}
	return nil
}

func newRemote(address string, changed func()) *remote {
	if address == "" {
		return nil
	}
	r := &remote{url: address, distance: fetchDistance, changed: changed}
	r.client = &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute},
		Timeout:   fetchTimeout,
		// The operator has named one host; what that says does not lead us to another.
		CheckRedirect: func(to *http.Request, via []*http.Request) error {
			if from := via[0].URL; to.URL.Scheme != from.Scheme || to.URL.Host != from.Host {
				return errors.New("it redirects to another host")
			}
			if len(via) > maxRedirects {
				return errors.New("it redirects too often")
			}
			return nil
		},
	}
	return r
}

// current gives the keys that hold; nil if there are none, or none that are young
// enough.
func (r *remote) current() []key {
	if r == nil {
		return nil
	}
	keys := r.keys.Load()
	if keys == nil || time.Since(time.Unix(r.renewed.Load(), 0)) > maxStale {
		return nil
	}
	return *keys
}

// follow keeps the keys fresh until ctx ends.
func (r *remote) follow(ctx context.Context, log *slog.Logger) {
	reported, backoff := "", time.Second
	for {
		err, text := r.refresh(), ""
		pause := max(r.kept(), r.distance)
		if err != nil {
			text, pause = err.Error(), backoff
			backoff = min(2*backoff, minKeep)
		} else {
			backoff = time.Second
		}
		if text != reported {
			if err != nil {
				log.Warn("the keys of tokens can't be fetched; those that are known hold for a day", "url", r.url, "error", err, "known", len(r.current()))
			} else {
				log.Info("the keys of tokens are fetched again", "url", r.url)
			}
			reported = text
		}
		if len(r.current()) == 0 && r.keys.Swap(nil) != nil {
			r.changed()
		}
		if !wait.For(ctx, pause) {
			return
		}
	}
}

func (r *remote) kept() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keep
}

// refresh returns when a fetch that began after the call is over. Calls share one, and
// fetches keep a distance, for which a call waits.
func (r *remote) refresh() error {
	asked := time.Now()
	if r.waiting.Add(1) > maxWaiting {
		r.waiting.Add(-1)
		return errors.New("too many tokens wait for unknown keys")
	}
	defer r.waiting.Add(-1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.began.After(asked) {
		return r.err
	}
	time.Sleep(time.Until(r.began.Add(r.distance)))
	r.began = time.Now()
	r.err = r.fetch()
	return r.err
}

// fetch asks the issuer, whose answer counts only as a whole.
func (r *remote) fetch() error {
	req, err := http.NewRequest(http.MethodGet, r.url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	req.Header.Set("User-Agent", "fluxbase")
	if r.tag != "" {
		req.Header.Set("If-None-Match", r.tag)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && r.tag != "":
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("it answered %s", resp.Status)
	default:
		if err := r.take(resp); err != nil {
			return err
		}
	}
	r.keep = keepFor(resp.Header.Get("Cache-Control"))
	r.renewed.Store(time.Now().Unix())
	return nil
}

// take makes the keys of an answer hold.
func (r *remote) take(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err != nil {
		return err
	}
	if len(body) > maxKeySet {
		return errors.New("the set is longer than 256 KiB")
	}
	if r.keys.Load() == nil || !bytes.Equal(body, r.body) {
		keys, err := parseKeySet(body)
		if err != nil {
			return err
		}
		r.keys.Store(&keys)
		r.body = body
		r.changed()
	}
	r.tag = resp.Header.Get("ETag")
	return nil
}

// parseKeySet reads a published set. A key that is of no use here is left out, as RFC
// 7517, 5 wants it; one that must never be published condemns the set.
func parseKeySet(body []byte) ([]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || set.Keys == nil {
		return nil, errors.New("it is no JWK set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the set has %d keys, more than %d", len(set.Keys), maxKeys)
	}
	var keys []key
	for _, raw := range set.Keys {
		var secret struct{ D, K json.RawMessage }
		if json.Unmarshal(raw, &secret) == nil && (secret.D != nil || secret.K != nil) {
			return nil, errors.New("the set holds a private or symmetric key, which everybody knows by now")
		}
		if k, ok, err := parseJWK(raw); ok && err == nil {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the set holds no key that verifies signatures")
	}
	return keys, nil
}

// keepFor reads max-age (RFC 9111, 5.2.2.1).
func keepFor(cacheControl string) time.Duration {
	for part := range strings.SplitSeq(cacheControl, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if n, err := strconv.Atoi(strings.Trim(value, `"`)); strings.EqualFold(name, "max-age") && err == nil {
			return min(max(time.Duration(n)*time.Second, minKeep), maxKeep)
		}
	}
	return defaultKeep
}

// keysFor gives the keys to try for a token.
func (v *Verifier) keysFor(h header) []key {
	return append(suitable(v.keys, h), suitable(v.remote.current(), h)...)
}

// verifySignature gives what a token says, once a key has vouched for it, and which if it
// is one of ours. A key that is not known may be new here, or at its issuer, who are asked
// then.
func (v *Verifier) verifySignature(ctx context.Context, jws *jose.JSONWebSignature, h header) (payload []byte, kid string, err error) {
	mayBeOurs := v.issued != nil && h.kid != nil && !h.symmetric()
	if mayBeOurs {
		if k, ok := v.issued.find(h); ok {
			payload, err = tryKeys(jws, []key{k})
			return payload, k.id, err
		}
	}
	payload, err = tryKeys(jws, v.keysFor(h))
	if v.keys == nil && v.remote == nil && h.symmetric() && !v.issued.signs() {
		err = errNoSecret()
	}
	switch {
	case err == nil || h.symmetric() || !mayBeOurs && v.remote == nil:
		return payload, "", err
	case h.kid != nil && len(suitable(v.remote.current(), h)) > 0:
		return nil, "", err // a known key, and a signature that is not its
	}
	if mayBeOurs {
		k, ok, cause := v.issued.lookFor(ctx, h)
		if cause != nil {
			return nil, "", errTokenUnchecked.Because(cause)
		}
		if ok {
			payload, err = tryKeys(jws, []key{k})
			return payload, k.id, err
		}
	}
	if v.remote == nil {
		return nil, "", err
	}
	if cause := v.remote.refresh(); cause != nil {
		return nil, "", errKeysAway.Because(cause)
	}
	payload, err = tryKeys(jws, v.keysFor(h))
	return payload, "", err
}

func tryKeys(jws *jose.JSONWebSignature, keys []key) ([]byte, error) {
	if len(keys) == 0 {
		return nil, errDecode(msgNoKey, "No suitable key was found to decode the JWT")
	}
	for _, k := range keys {
		if payload, err := jws.Verify(k.key); err == nil {
			return payload, nil
		}
	}
	return nil, errDecode(msgNoKey, "None of the keys was able to decode the JWT")
}

// symmetric tells an algorithm that no published key has.
func (h header) symmetric() bool { return strings.HasPrefix(string(h.alg), "HS") }

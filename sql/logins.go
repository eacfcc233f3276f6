package sql

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The login roles that 0001_roles.sql makes.
const (
	// Authenticator may become anon and authenticated: FLUXBASE_DATABASE_URL.
	Authenticator = "authenticator"
	// Service may become service_role: FLUXBASE_SERVICE_DATABASE_URL.
	Service = "fluxbase_service"
	// Replication streams changes: FLUXBASE_REPLICATION_DATABASE_URL.
	Replication = "fluxbase_replication"
)

// Logins are all three, in that order.
func Logins() []string { return []string{Authenticator, Service, Replication} }

// unset ends the comment of a login that 0001_roles.sql made and that has never been
// given a password. pg_authid, which knows, is closed to all but superusers.
const unset = " (no password yet)"

// SetPasswords gives each role its password. Postgres receives only a SCRAM-SHA-256
// verifier, so that no statement log holds the password.
func SetPasswords(ctx context.Context, conn *pgx.Conn, passwords map[string]string) error {
	for _, role := range slices.Sorted(maps.Keys(passwords)) {
		if _, err := setPassword(ctx, conn, role, passwords[role], false); err != nil {
			return err
		}
	}
	return nil
}

// NewPasswords makes a password for each of our logins that migrations made and that
// never had one, but for those named, and returns them by role. This is the one time
// that they can be read. A role of the same name that was there before us keeps its
// password, and of several processes that ask at once one is told.
func NewPasswords(ctx context.Context, conn *pgx.Conn, except ...string) (map[string]string, error) {
	made := map[string]string{}
	for _, role := range Logins() {
		if slices.Contains(except, role) {
			continue
		}
		password := rand.Text()
		set, err := setPassword(ctx, conn, role, password, true)
		if err != nil {
			return made, err
		}
		if set {
			made[role] = password
		}
	}
	return made, nil
}

// errKept rolls back a new password for a login that has one already.
var errKept = errors.New("this login has a password")

// setPassword reports whether it did. With onlyFirst it does nothing to a login that
// was given a password before.
func setPassword(ctx context.Context, conn *pgx.Conn, role, password string, onlyFirst bool) (bool, error) {
	verifier, err := scramVerifier(password)
	if err != nil {
		return false, fmt.Errorf("password of %s: %w", role, err)
	}
	name := pgx.Identifier{role}.Sanitize()
	for attempt := 1; ; attempt++ {
		err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			comment, err := loginComment(ctx, tx, role)
			if err != nil || onlyFirst && !strings.HasSuffix(comment, unset) {
				return errors.Join(err, errKept)
			}
			if _, err := tx.Exec(ctx, `alter role `+name+` password '`+verifier+`'`); err != nil {
				return err
			}
			// Now the role's row is ours until commit: ask again, because another
			// process may have been first between our question and our lock.
			comment, err = loginComment(ctx, tx, role)
			if err != nil || onlyFirst && !strings.HasSuffix(comment, unset) {
				return errors.Join(err, errKept)
			}
			if plain, had := strings.CutSuffix(comment, unset); had {
				_, err = tx.Exec(ctx, `comment on role `+name+` is '`+strings.ReplaceAll(plain, `'`, `''`)+`'`)
			}
			return err
		})
		if attempt == 30 || !collided(err) {
			break
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(time.Duration(attempt) * 10 * time.Millisecond):
		}
	}
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, errKept) && onlyFirst:
		return false, nil
	}
	return false, fmt.Errorf("set the password of role %s: %w", role, Explain(err))
}

func loginComment(ctx context.Context, tx pgx.Tx, role string) (comment string, err error) {
	const ask = `select coalesce(pg_catalog.shobj_description(to_regrole($1), 'pg_authid'), '')`
	err = tx.QueryRow(ctx, ask, pgx.Identifier{role}.Sanitize()).Scan(&comment)
	return comment, err
}

// collided says that another process changed the same role in the same moment.
// Postgres has no SQLSTATE of its own for it.
func collided(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "XX000" && strings.HasPrefix(pgErr.Message, "tuple concurrently")
}

// LoginURL is the admin's URL (or key=value string) with another role and password:
// same server, database and TLS settings.
func LoginURL(admin, role, password string) (string, error) {
	config, err := pgx.ParseConfig(admin)
	if err != nil {
		return "", fmt.Errorf("read the admin database URL: %w", err)
	}
	user := url.UserPassword(role, password)
	if strings.HasPrefix(admin, "postgres://") || strings.HasPrefix(admin, "postgresql://") {
		u, err := url.Parse(admin)
		if err != nil {
			return "", fmt.Errorf("read the admin database URL: %w", err)
		}
		query := u.Query()
		query.Del("user")
		query.Del("password")
		u.User, u.RawQuery = user, query.Encode()
		return u.String(), nil
	}
	query := url.Values{"host": {config.Host}, "port": {strconv.Itoa(int(config.Port))}}
	if config.TLSConfig == nil {
		query.Set("sslmode", "disable")
	}
	u := url.URL{Scheme: "postgres", User: user, Path: "/" + config.Database, RawQuery: query.Encode()}
	return u.String(), nil
}

// scramVerifier is what Postgres stores for a password (RFC 5803):
// SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey.
func scramVerifier(password string) (string, error) {
	if password == "" {
		return "", errors.New("it is empty")
	}
	for _, r := range password {
		// Beyond ASCII the rules for what is the same password (RFC 4013) begin.
		if r < ' ' || r > '~' {
			return "", errors.New("use only printable ASCII characters")
		}
	}
	const iterations = 4096 // Postgres' own default
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s",
		iterations, b64(salt), b64(stored[:]), b64(mac(salted, "Server Key"))), nil
}

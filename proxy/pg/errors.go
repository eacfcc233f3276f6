package pg

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// classify leaves errors of SQL and of checks as they are and names the rest:
// given up by the client, too slow, or the way to the database is broken.
func classify(ctx context.Context, err error) error {
	var webErr *web.Error
	if errors.As(err, &webErr) {
		return webErr
	}
	if cause := ctx.Err(); cause != nil {
		if errors.Is(cause, context.Canceled) {
			return web.ClientGone.Because(err)
		}
		return web.Timeout.Because(err)
	}
	if errors.As(err, new(*pgconn.PgError)) && !errors.As(err, new(*pgconn.ConnectError)) {
		return err
	}
	if errors.As(err, new(checkError)) {
		return err
	}
	return unavailable(err)
}

// unavailable is the answer while no connection can be made or one was lost.
func unavailable(err error) error {
	return web.DatabaseUnavailable.Because(redact(err))
}

// redact drops the connection string that a ParseConfigError quotes.
func redact(err error) error {
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		return errors.New("the connection string does not parse")
	}
	return err
}

package pg

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/fluxbase/fluxbase/proxy/trace"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// span is that of one trip to the database; that of a request that is not traced does
// nothing.
type span struct{ of trace.Span }

// aboutServer is what all spans say.
// Source: OpenTelemetry semantic conventions, SQL databases.
func aboutServer(c *pgx.ConnConfig) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.DBSystemNamePostgreSQL, semconv.DBNamespace(c.Database), semconv.ServerAddress(c.Host), semconv.ServerPort(int(c.Port)),
	}
}

// begin begins the span of a trip for tx, within a trace alone: what the proxy asks by
// itself all the time would only be noise.
func (db *DB) begin(ctx context.Context, tx *Tx) span {
	tx.traceparent = ""
	if !trace.Recording(ctx) {
		return span{}
	}
	name := tx.name()
	ctx, of := trace.Client(ctx, name, db.about...)
	operation, _, _ := strings.Cut(name, " ")
	of.SetAttributes(semconv.DBOperationName(operation), semconv.DBQuerySummary(name))
	tx.traceparent = trace.Inject(ctx)
	return span{of}
}

// sent notes when a connection was there: what was before it, tx has waited.
func (s span) sent() {
	if s.of != nil {
		s.of.AddEvent("connection acquired")
	}
}

// end says what went wrong by its code alone: a message may quote values. A check that
// refuses is no error of the database.
func (s span) end(err error) {
	if s.of == nil {
		return
	}
	defer s.of.End()
	if err == nil || errors.As(err, new(checkError)) {
		return
	}
	kind := semconv.ErrorTypeOther
	var pgErr *pgconn.PgError
	var own *web.Error
	switch {
	case errors.As(err, &pgErr):
		s.of.SetAttributes(semconv.DBResponseStatusCode(pgErr.Code))
		kind = semconv.ErrorTypeKey.String(pgErr.Code)
	case errors.As(err, &own):
		kind = semconv.ErrorTypeKey.String(own.Code)
	case errors.Is(err, context.Canceled):
		kind = semconv.ErrorTypeKey.String("canceled")
	case errors.Is(err, context.DeadlineExceeded):
		kind = semconv.ErrorTypeKey.String("timeout")
	}
	s.of.SetAttributes(kind)
	s.of.SetStatus(codes.Error, "")
}

// name is what tx does, in few words.
func (tx *Tx) name() string {
	switch {
	case tx.Name != "":
		return tx.Name
	case tx.Main.SQL == "":
		return "TRANSACTION"
	}
	return summary(tx.Main.SQL)
}

// summaryText is how much of a statement is looked at for a summary, in bytes.
const summaryText = 1024

// target is a name with a schema that is called, or stands where tables do.
var target = regexp.MustCompile(`(?i)\b(?:from|into|update|join)\s+([a-z_]\w*\.\w+)|\b([a-z_]\w*\.\w+)\(`)

// summary is the first word of a statement and its first target. Texts that are not
// constant, as those of REST, come with a name.
func summary(sql string) string {
	sql = strings.TrimSpace(sql[:min(len(sql), summaryText)])
	operation := strings.Fields(sql)[0]
	name := strings.ToUpper(operation)
	if m := target.FindStringSubmatch(sql); m != nil {
		name += " " + m[1] + m[2]
	}
	return name
}

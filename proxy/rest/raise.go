package rest

import (
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// SQL without a function of ours has no way to raise an error but to fail. So a
// statement that finds out by itself that it must not go on, under the locks that it
// holds, fails to read one of these words as a number. The call of concat keeps the
// planner from reading it before.
const (
	raiseDuplicate = "_fx_duplicate"
	raiseTest      = "_fx_test_"
	raisePlace     = "_fx_place_"
	raiseUntold    = "_fx_untold"
	raiseWords     = `invalid input syntax for type integer: "`
)

// raise is an integer that can't be.
func raise(word string) string { return "concat('" + word + "')::int" }

// isUntold tells that an insert was not silent.
func isUntold(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "22P02" && e.Message == raiseWords+raiseUntold+`"`
}

// raised is the error that a statement of ours raised so; nil for every other.
func raised(e *pgconn.PgError) *web.Error {
	word, ok := strings.CutPrefix(e.Message, raiseWords)
	if !ok || e.Code != "22P02" {
		return nil
	}
	word = strings.TrimSuffix(word, `"`)
	if word == raiseDuplicate {
		return web.New("bulk_key", "two objects of the body hold the same key").Because(e)
	}
	for prefix, failed := range map[string]*web.Error{raiseTest: errPatchTest, raisePlace: errPatchPlace} {
		if n, err := strconv.Atoi(strings.TrimPrefix(word, prefix)); err == nil && strings.HasPrefix(word, prefix) {
			failed = failed.Because(e)
			failed.Details = map[string]int{"operation": n}
			return failed
		}
	}
	return nil
}

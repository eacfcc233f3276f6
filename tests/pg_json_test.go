package tests

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/fluxbase/fluxbase/proxy/pg"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// jsonValues are values of each type that the proxy makes JSON of.
var jsonValues = map[string][]string{
	"smallint": {"0", "-32768", "32767"}, "integer": {"0", "-2147483648"}, "bigint": {"9223372036854775807", "-1"},
	"real":             {"0", "-0", "1.5", "1e30", "1e-30", "NaN", "Infinity", "-Infinity", "3.4028235e38"},
	"double precision": {"0", "-0", "0.1", "1e300", "-1e-300", "NaN", "Infinity", "-Infinity"},
	"numeric":          {"0", "-0.00", "12345678901234567890.0123456789", "1e50", "NaN", "Infinity", "-Infinity"},
	"boolean":          {"true", "false"},
	"json":             {`{"a" :  [1, 2.50,null ], "a": "twice"}`, "null", `"\u00e9"`, " 1 "},
	"jsonb":            {`{"b": 1, "a": [1, 2.50, null]}`, "null", `"é\n"`},
	"text":             {"", "plain", "NULL", "é€😀", "\u2028", "\x01\x1f\x7f\b\f\n\r\t\"\\/<&>", " null "}, "character varying": {"x", `"`},
	"character": {"x"}, "name": {"n", `"q"`},
	"uuid":  {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	"bytea": {`\x`, `\x00ff5c22`},
	"inet":  {"10.0.0.1", "::1/64"}, "cidr": {"10.0.0.0/8"},
	"time without time zone": {"00:00:00", "23:59:59.999999", "24:00:00"},
	"interval":               {"0", "1 year 2 months 3 days 04:05:06.789", "-1 day", "-00:00:01"},
}

// What the proxy makes of rows is what Postgres makes of them, to the byte, whatever the
// settings are.
func TestRowsBecomeTheJSONOfPostgres(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	unnamed := openPG(t, d.URL(sql.Authenticator), func(c *pg.Config) { c.PreparedStatements = false })
	types := strings.Fields(strings.ReplaceAll(mustRun(t, db, pg.Tx{}, `select string_agg(replace(format_type(oid, null), ' ', '_'), ' ')
		from pg_type where oid < 16384 and typtype <> 'p'`)[0], "\n", " "))
	if len(types) < 100 {
		t.Fatal("the types are missing", types)
	}
	tested := 0
	var columns []string
	rows := 1
	for _, name := range types {
		name = strings.ReplaceAll(name, "_", " ")
		if !pg.HasJSON(name) {
			continue
		}
		tested++
		if len(jsonValues[name]) == 0 {
			t.Errorf("no values of type %s", name)
		}
		rows = max(rows, len(jsonValues[name])+1)
		var quoted []string
		for _, v := range jsonValues[name] {
			quoted = append(quoted, "'"+strings.ReplaceAll(v, "'", "''")+"'")
		}
		columns = append(columns, fmt.Sprintf(`(array[%s]::text[])[i]::%s as "the ""%s"", \é"`, strings.Join(quoted, ", "), name, name))
	}
	if tested != len(jsonValues) {
		t.Errorf("%d types of Postgres are among the %d", tested, len(jsonValues))
	}
	columns = append(columns, "chr(i)::varchar(3) as v", "'ab'::char(5) as c", "(i % 2 = 0)::text || i as x", "current_user as u")
	source := fmt.Sprintf("select %s from generate_series(1, %d) as i", strings.Join(columns, ", "), rows) // the last row is null
	for _, list := range []map[string]string{
		nil,
		{"datestyle": "German", "intervalstyle": "iso_8601", "bytea_output": "escape", "extra_float_digits": "-3"},
		{"intervalstyle": "sql_standard", "extra_float_digits": "3", "timezone": "Asia/Kathmandu"},
	} {
		var settings []pg.Setting
		for name, value := range list {
			settings = append(settings, pg.Setting{Name: name, Value: value})
		}
		tx := pg.Tx{Mode: pg.ReadOnly, Settings: settings}
		for _, form := range []struct {
			rows      pg.Rows
			aggregate string
		}{
			{pg.JSONArray, "coalesce(json_agg(t), '[]')"},
			{pg.JSONObject, "coalesce((array_agg(to_json(t)))[1], 'null')"},
		} {
			for _, where := range []string{"true", "false", "i = 2", "i > 3"} {
				inner := source + " where " + where
				want := mustRun(t, db, tx, "select "+form.aggregate+"::text, count(*) from ("+inner+") as t")
				by := tx
				by.Rows = form.rows
				for _, db := range []*pg.DB{db, db, unnamed} { // prepared the second time
					if got := mustRun(t, db, by, inner); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
						t.Errorf("where %s with %v:\ngot  %q\nwant %q", where, settings, got, want)
					}
				}
			}
		}
	}
}

// Any text goes the same way, by several callers at once, in whichever company.
func TestRandomTextsBecomeTheJSONOfPostgres(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), func(c *pg.Config) { c.MaxConnections = 2 })
	seed := rand.Uint64()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(worker)))
			for range 100 {
				var text strings.Builder
				for range random.IntN(40) {
					switch random.IntN(3) {
					case 0:
						text.WriteRune(rune(1 + random.IntN(0x7f)))
					case 1:
						text.WriteRune(rune(0x80 + random.IntN(0xD800-0x80)))
					default:
						text.WriteRune([]rune{'"', '\\', '\n', 0x10FFFF, 0x2028, '/'}[random.IntN(6)])
					}
				}
				tx := pg.Tx{Caller: anon, Mode: pg.ReadOnly}
				want, err := runTx(t.Context(), db, tx, "select json_agg(t)::text from (select $1::text as a, i from generate_series(1, 3) as i) as t", text.String())
				if err != nil {
					t.Error(err)
					return
				}
				tx.Rows = pg.JSONArray
				tx.After = pg.Statement{SQL: "select null, null, current_user, $1::text", Args: [][]byte{[]byte("after")}}
				got, err := runTx(t.Context(), db, tx, "select $1::text as a, i from generate_series(1, 3) as i", text.String())
				if err != nil || len(got) != 4 || got[0] != want[0] || got[1] != "3" || got[2] != "anon" || got[3] != "after" {
					t.Errorf("seed %d: %q, %v, want %q", seed, got, err, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

// A column that the proxy can make no JSON of is told, whatever comes behind it, and
// leaves the connection as good as it was.
func TestRowsWithoutJSONAreRefused(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), nil)
	pid := mustRun(t, db, pg.Tx{}, "select pg_backend_pid()")[0]
	for _, statement := range []string{
		"select now()", "select 1, array[1, 2]", "select from generate_series(1, 3)", "select row(1, 2)", "select i, null::point from generate_series(1, 100) as i",
		"select 1 where false" /* a type that is known */, "select '2026-01-01'::date where false",
	} {
		for _, after := range []string{"", "select null, null, 'x'"} {
			for _, rollback := range []bool{false, true} {
				tx := pg.Tx{Caller: anon, Mode: pg.ReadOnly, Rows: pg.JSONArray, Rollback: rollback, After: pg.Statement{SQL: after}}
				_, err := runTx(t.Context(), db, tx, statement)
				if known := strings.HasPrefix(statement, "select 1 where"); errors.Is(err, pg.ErrNoJSON) == known {
					t.Errorf("%s: %v", statement, err)
				}
				if got := mustRun(t, db, pg.Tx{}, "select pg_backend_pid(), current_setting('transaction_read_only')"); got[0] != pid || got[1] != "off" {
					t.Errorf("after %s: %v, want %s", statement, got, pid)
				}
			}
		}
	}
	// An error under way is that of Postgres.
	_, err := runTx(t.Context(), db, pg.Tx{Mode: pg.ReadOnly, Rows: pg.JSONArray, After: pg.Statement{SQL: "select null, null"}}, "select 1 / (3 - i) as x from generate_series(1, 5) as i")
	if sqlState(err) != "22012" {
		t.Error(err)
	}
}

// An answer that would be too long ends with the error of Postgres for a value that is,
// and holds no memory for what comes after.
func TestRowsMakeNoAnswerThatIsTooLong(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	db := openPG(t, d.URL(sql.Authenticator), func(c *pg.Config) { c.MaxAnswer = 1000 })
	for _, form := range []pg.Rows{pg.JSONArray, pg.JSONObject} {
		tx := pg.Tx{Caller: anon, Mode: pg.ReadOnly, Rows: form, After: pg.Statement{SQL: "select null, null, 'after'"}}
		const fits, long = "select repeat('x', 900) as v", "select repeat('x', 100) as v, repeat('y', 1000 - i) from generate_series(1, 100) as i"
		if got := mustRun(t, db, tx, fits); len(got) != 3 || got[1] != "1" || got[2] != "after" {
			t.Error(got)
		}
		if _, err := runTx(t.Context(), db, tx, long); sqlState(err) != "54000" {
			t.Error(err)
		}
		if got := mustRun(t, db, pg.Tx{}, "select current_user"); got[0] != "authenticator" {
			t.Error(got)
		}
	}
}

package tests

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/changes"
	"github.com/fluxbase/fluxbase/replication"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// builtIn has for every built-in type of columns an expression for a random value.
var builtIn = map[string]string{
	"bool": `random() < 0.5`, "bytea": `decode(md5(random()::text), 'hex')`,
	"char": `chr(33 + (random() * 90)::int)::"char"`, "name": `md5(random()::text)::name`,
	"int2": `(random() * 65535 - 32768)::int2`, "int4": `((random() - 0.5) * 4294967000)::int4`, "int8": `((random() - 0.5) * 1.8e19)::int8`,
	"float4":  `(case when random() < 0.2 then 'NaN' when random() < 0.2 then '-Infinity' else ((random() - 0.5) * 10 ^ (random() * 30))::text end)::float4`,
	"float8":  `(case when random() < 0.2 then 'NaN' when random() < 0.2 then 'Infinity' else ((random() - 0.5) * 10 ^ (random() * 300 - 150))::text end)::float8`,
	"numeric": `(random() * 1e20)::numeric / 7`, "money": `(random() * 1e9)::numeric::money`,
	"text": `repeat(E'ü\t\\"''\n', (random() * 5)::int)`, "varchar": `md5(random()::text)`, "bpchar": `left(md5(random()::text), 5)`,
	"json": `json_build_object('a', random(), 'b', null)`, "jsonb": `jsonb_build_object('a', random(), 'b', E'"\n')`, "jsonpath": `'$.a[*] ? (@ > 1)'::jsonpath`,
	"xml": `xmlelement(name a, random())`, "uuid": `gen_random_uuid()`,
	"date": `'2000-01-01'::date + (random() * 100000)::int - 50000`, "time": `(random() * 86399 || ' s')::interval::time`,
	"timetz": `((random() * 86399 || ' s')::interval::time || '+05:30')::timetz`, "timestamp": `'2000-01-01'::timestamp + random() * interval '500 years'`,
	"timestamptz": `case when random() < 0.2 then 'infinity' else '2000-01-01'::timestamptz - random() * interval '2500 years' end`,
	"interval":    `random() * interval '3 years 2 months 5 days 03:04:05'- interval '1 year'`,
	"bit":         `(random() * 1)::int::bit(1)`, "varbit": `(random() * 1e9)::int::bit(32)`,
	"inet": `('10.1.' || (random() * 255)::int || '.7/24')::inet`, "cidr": `('10.1.' || (random() * 255)::int || '.0/24')::cidr`,
	"macaddr": `'08:00:2b:01:02:03'::macaddr`, "macaddr8": `'08:00:2b:01:02:03:04:05'::macaddr8`,
	"point": `point(random(), -random() * 1e10)`, "line": `line(point(0, 1), point(random(), 2))`, "lseg": `lseg(point(0, 1), point(random(), 2))`,
	"box": `box(point(0, 1), point(random(), 2))`, "path": `path(polygon(4, circle(point(0, random()), 3)))`,
	"polygon": `polygon(4, circle(point(0, random()), 3))`, "circle": `circle(point(0, random()), random())`,
	"tsvector": `to_tsvector('simple', 'a b''c ' || md5(random()::text))`, "tsquery": `to_tsquery('simple', 'a & !b | ''c d''')`,
	"oid": `(random() * 4e9)::int8::oid`, "tid": `('(' || (random() * 1e6)::int || ',7)')::tid`, "xid": `((random() * 4e9)::int8)::text::xid`,
	"xid8": `((random() * 1e18)::int8)::text::xid8`, "cid": `'7'::cid`, "oidvector": `'1 2 3'::oidvector`, "int2vector": `'1 2 3'::int2vector`,
	"pg_lsn": `'16/B374D848'::pg_lsn + (random() * 1e6)::int`, "pg_snapshot": `pg_current_snapshot()`, "txid_snapshot": `txid_current_snapshot()`,
	"regclass": `'pg_class'::regclass`, "regcollation": `'"C"'::regcollation`, "regconfig": `'simple'::regconfig`, "regdictionary": `'simple'::regdictionary`,
	"regnamespace": `'public'::regnamespace`, "regoper": `'||/'::regoper`, "regoperator": `'+(integer,integer)'::regoperator`,
	"regproc": `'now'::regproc`, "regprocedure": `'abs(integer)'::regprocedure`, "regrole": `'anon'::regrole`, "regtype": `'text'::regtype`,
	"aclitem": `'anon=r/anon'::aclitem`, "refcursor": `'c'::refcursor`, "gtsvector": ``, "pg_node_tree": ``, "pg_ndistinct": ``, "pg_dependencies": ``,
	"pg_mcv_list": ``, "pg_brin_bloom_summary": ``, "pg_brin_minmax_multi_summary": ``, // the last ones have no input
	"int4range": `int4range((random() * 9)::int, 10)`, "int8range": `int8range(null, (random() * 9)::int8)`, "numrange": `numrange(0, random()::numeric, '[]')`,
	"daterange": `daterange('2026-01-01', null)`, "tsrange": `tsrange('2026-01-01', '2027-01-01')`, "tstzrange": `tstzrange('2026-01-01', now() + interval '99 years')`,
	"int4multirange": `'{[1,2),[5,9)}'::int4multirange`, "int8multirange": `'{}'::int8multirange`, "nummultirange": `'{[1.5,2]}'::nummultirange`,
	"datemultirange": `'{[2026-01-01,)}'::datemultirange`, "tsmultirange": `'{(,"2026-01-01 00:00:00")}'::tsmultirange`, "tstzmultirange": `'{["2026-01-01 00:00:00+02",)}'::tstzmultirange`,
}

func TestStreamTellsValuesAsSelectDoes(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	valuesAreAsSelected(t, db)
}

// Postgres 16 and 17 say the same; 15 and 18 are those that the other tests run on.
func TestStreamOnEveryPostgresBetween(t *testing.T) {
	for _, version := range []string{"16", "17"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			valuesAreAsSelected(t, dbtest.Private(t, dbtest.Options{Version: version}).New(t))
		})
	}
}

func valuesAreAsSelected(t *testing.T, db *dbtest.DB) {
	t.Helper()
	conn := db.Conn(t)
	rows, err := conn.Query(t.Context(), `
		select typname::text from pg_type
		where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r', 'm') and typname !~ '^_'
		order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	types, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var columns, values, texts []string
	add := func(kind, value string) {
		c := fmt.Sprintf("c%d", len(columns))
		columns = append(columns, c+" "+kind)
		values = append(values, "case when random() < 0.8 then "+value+" end")
		// As output functions write it, which a cast to text need not do: f, not false.
		texts = append(texts, "case when "+c+" is not null then format('%s', "+c+") end")
	}
	for _, name := range types {
		value, known := builtIn[name]
		if !known {
			t.Errorf("no value for type %s", name)
		}
		if value == "" {
			continue
		}
		kind := pgx.Identifier{name}.Sanitize()
		add(kind, value)
		add(kind+"[]", "array["+value+", null, "+value+"]")
	}
	add(`"char"`, `''::"char"`)
	add("text", "repeat(md5(random()::text), 1000)") // stored apart
	exec(t, db, "create table t ("+strings.Join(columns, ", ")+")")
	exec(t, db, "alter table t replica identity full")
	publish(t, db, "t")
	s := newStream(t, db, replication.Config{})
	l := listen(t, s, changes.Options{Want: everything, From: elsewhere})
	l.gap()

	// What a database or a role sets must not show.
	exec(t, db, "alter database "+db.Name+" set datestyle = 'German'; alter database "+db.Name+" set timezone = 'Asia/Kolkata'; alter database "+db.Name+" set extra_float_digits = -2")
	exec(t, db, fmt.Sprintf("insert into t select %s from generate_series(1, %d)", strings.Join(values, ", "), 20+rand.IntN(20)))
	exec(t, db, "set datestyle = 'ISO'; set timezone = 'UTC'; update t set c0 = c0")
	if _, err := conn.Exec(t.Context(), "set datestyle = 'ISO, MDY'; set timezone = 'UTC'; set extra_float_digits = 1"); err != nil {
		t.Fatal(err)
	}
	rows, err = conn.Query(t.Context(), "select array["+strings.Join(texts, ", ")+"] from t")
	if err != nil {
		t.Fatal(err)
	}
	selected, err := pgx.CollectRows(rows, pgx.RowTo[[]*string])
	if err != nil {
		t.Fatal(err)
	}
	want := make([]string, len(selected))
	for i, row := range selected {
		for _, v := range row {
			if v == nil {
				want[i] += "\x01"
			} else {
				want[i] += *v
			}
			want[i] += "\x00"
		}
	}
	inserted, updated := l.next().Events, l.next().Events
	for _, events := range [][]changes.Event{inserted, updated} {
		var got []string
		for _, e := range events {
			var b strings.Builder
			for i, v := range e.New.All() {
				if v.Kind == changes.Unchanged {
					v = e.Old.Value(i)
				}
				if v.Kind == changes.Null {
					b.WriteByte(1)
				}
				b.Write(v.Text)
				b.WriteByte(0)
			}
			got = append(got, b.String())
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("of %d rows selected and %d told, the first that differs:", len(want), len(got))
			for i := range min(len(got), len(want)) {
				g, w := strings.Split(got[i], "\x00"), strings.Split(want[i], "\x00")
				for c := range min(len(g), len(w)) {
					if g[c] != w[c] {
						t.Fatalf("row %d, column %d (%s): told %q, selected %q", i, c, columns[c], g[c], w[c])
					}
				}
			}
		}
	}
}

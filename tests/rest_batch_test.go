package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

func TestRestBatch(t *testing.T) {
	t.Parallel()
	s := newRest(t, writesFixture, func(c *restConfig) {
		withExtensions(c)
		c.BatchOperations, c.BatchAnswerLimit = 50, 20_000
		c.TxEnd = "commit-allow-override"
	})
	as := "Authorization: Bearer " + restToken(t, ada)
	batch := func(operations string) string { return `{"operations":[` + operations + `]}` }
	post := func(name string, status int, operations, want string, header ...string) restCase {
		return restCase{
			name: name, method: "POST", path: "/batch", header: append(header, as), body: batch(operations),
			status: status, want: want,
		}
	}
	const rep = `"headers":{"Prefer":"return=representation"}`
	s.run(t, []restCase{
		post("each is answered as it would be alone", 200,
			`{"id":"a","method":"POST","path":"/labels?select=name","body":{"name":"x"},`+rep+`},
			 {"id":"b","method":"POST","path":"/labels","body":[{"name":"y"},{"name":"z"}]},
			 {"method":"GET","path":"/labels?select=name&order=name","headers":{"Prefer":"count=exact"}},
			 {"id":"c","method":"PATCH","path":"/labels?name=eq.y","body":{"name":"yy"},`+rep+`},
			 {"id":"d","method":"DELETE","path":"/labels?name=in.(x,yy,z)"},
			 {"id":"e","method":"POST","path":"/rpc/touch","body":{"note":"made"}},
			 {"id":"f","method":"GET","path":"/labels?select=name","headers":{"Accept":"text/csv"}},
			 {"id":"g","method":"GET","path":"/labels?select=name","headers":{"Accept":"application/vnd.pgrst.object+json"}},
			 {"id":"h","method":"HEAD","path":"/labels"}`,
			`{"results":[
			 {"id":"a","status":201,"headers":{"Content-Range":"*/*","Preference-Applied":"return=representation"},"body":[{"name":"x"}]},
			 {"id":"b","status":201,"headers":{"Content-Range":"*/*"},"body":null},
			 {"id":"2","status":200,"headers":{"Content-Range":"0-2/3","Preference-Applied":"count=exact"},"body":[{"name":"x"},{"name":"y"},{"name":"z"}]},
			 {"id":"c","status":200,"headers":{"Content-Range":"0-0/*","Preference-Applied":"return=representation"},"body":[{"id":2,"name":"yy"}]},
			 {"id":"d","status":204,"headers":{"Content-Range":"*/*"},"body":null},
			 {"id":"e","status":200,"headers":{"Content-Range":"0-0/*"},"body":{"id":4,"name":"made"}},
			 {"id":"f","status":200,"headers":{"Content-Range":"0-0/*","Content-Type":"text/csv; charset=utf-8"},"body":"name\nmade"},
			 {"id":"g","status":200,"headers":{"Content-Range":"0-0/*"},"body":{"name":"made"}},
			 {"id":"h","status":200,"headers":{"Content-Range":"0-0/*"},"body":null}]}`),
		post("references", 200,
			`{"id":"c","method":"POST","path":"/customers?select=id","body":[{"name":"Ada"},{"name":"B, \"b\" (c)"}],`+rep+`},
			 {"id":"o","method":"POST","path":"/orders?select=id","body":[{"note":"1","customer_id":null},{"note":"2","customer_id":null}],
			  "refs":{"/0/customer_id":"c/0/id","/1/customer_id":"c/1/id"},`+rep+`},
			 {"method":"POST","path":"/order_items","body":[{"sku":"a"},{"sku":"b"}],"refs":{"/*/order_id":"o/1/id"}},
			 {"id":"q","method":"GET","path":"/order_items?select=sku,orders(note)&order_id=eq.{order}&order=sku","refs":{"order":"o/1/id"}},
			 {"id":"n","method":"GET","path":"/customers?select=name&id=in.{all}&order=id","refs":{"all":"c/*/id"}},
			 {"method":"GET","path":"/customers?select=name&name=in.{names}","refs":{"names":"n/*/name"}},
			 {"method":"DELETE","path":"/order_items?order_id=in.{all}","refs":{"all":"o/*/id"}},
			 {"method":"GET","path":"/counters?select=tags&tags=cs.{order}&name=eq.{n}","refs":{"n":"q/0/sku"}}`,
			""),
		{
			name: "references were right", path: "/customers?select=name,orders(note,order_items(sku))&order=id", header: []string{as}, status: 200,
			want: `[{"name":"Ada","orders":[{"note":"1","order_items":[]}]},{"name":"B, \"b\" (c)","orders":[{"note":"2","order_items":[]}]}]`,
		},
		post("data that looks like a reference is data", 200,
			`{"id":"a","method":"GET","path":"/customers?select=name&order=id&limit=1"},
			 {"id":"b","method":"POST","path":"/counters?select=data,tags","body":{"name":"j","data":{"$ref":"a/0/name","x":"{n}"},"tags":["{n}"]},
			  "refs":{"/data/y":"a/0/name"},`+rep+`},
			 {"id":"c","method":"GET","path":"/counters?select=name&tags=cs.{%7Bn%7D}&name=eq.{n}","refs":{"n":"a/0/name"}},
			 {"id":"d","method":"DELETE","path":"/counters?name=eq.j"}`, `{"results":[
			 {"id":"a","status":200,"headers":{"Content-Range":"0-0/*"},"body":[{"name":"Ada"}]},
			 {"id":"b","status":201,"headers":{"Content-Range":"*/*","Preference-Applied":"return=representation"},
			  "body":[{"data":{"$ref":"a/0/name","x":"{n}","y":"Ada"},"tags":["{n}"]}]},
			 {"id":"c","status":200,"headers":{"Content-Range":"*/*"},"body":[]},
			 {"id":"d","status":204,"headers":{"Content-Range":"*/*"},"body":null}]}`),
		post("the first failure undoes all and names its place", 409,
			`{"id":"a","method":"POST","path":"/labels","body":{"name":"gone"}},
			 {"id":"b","method":"POST","path":"/labels","body":{"name":"gone"}},
			 {"id":"c","method":"POST","path":"/secret","body":{"id":1}}`,
			`{"code":"23505","operation":{"index":1,"id":"b"}}`),
		{name: "undone", path: "/labels?select=name&name=eq.gone", status: 200, want: `[]`},
		post("what is deferred fails at the end", 409,
			`{"id":"a","method":"POST","path":"/labels","body":{"name":"gone"}},
			 {"id":"b","method":"POST","path":"/invoices","body":{"order_id":-1,"number":"n"}}`, `{"code":"23503","operation":null}`),
		post("a limit of one operation undoes all", 400,
			`{"id":"a","method":"POST","path":"/labels","body":{"name":"gone"}},
			 {"id":"b","method":"DELETE","path":"/labels?id=gt.0","headers":{"Prefer":"handling=strict, max-affected=1"}}`,
			`{"code":"PGRST124","operation":{"index":1,"id":"b"}}`),
		post("so does an answer that is not singular", 406,
			`{"id":"a","method":"POST","path":"/labels","body":{"name":"gone"}},
			 {"id":"b","method":"GET","path":"/labels","headers":{"Accept":"application/vnd.pgrst.object+json"}}`,
			`{"code":"PGRST116","operation":{"index":1,"id":"b"}}`),
		post("reading operations can't write", 405,
			`{"id":"a","method":"POST","path":"/labels","body":{"name":"gone"}},{"id":"b","method":"GET","path":"/rpc/sneak"}`,
			`{"code":"25006","operation":{"index":1,"id":"b"}}`),
		post("and those after them can", 200,
			`{"method":"GET","path":"/rpc/where_am_i"},{"method":"GET","path":"/rpc/where_am_i"},
			 {"method":"POST","path":"/rpc/sneak","body":{}},{"method":"GET","path":"/rpc/where_am_i"},{"method":"DELETE","path":"/labels?name=eq.sneaked"}`,
			`{"results":[
			{"id":"0","status":200,"headers":{"Content-Range":"0-0/*"},"body":{"method":"GET","path":"/rest/v1/rpc/where_am_i","read_only":"on","timeout":"0"}},
			{"id":"1","status":200,"headers":{"Content-Range":"0-0/*"},"body":{"method":"GET","path":"/rest/v1/rpc/where_am_i","read_only":"on","timeout":"0"}},
			{"id":"2","status":200,"headers":{"Content-Range":"0-0/*"},"body":1},
			{"id":"3","status":200,"headers":{"Content-Range":"0-0/*"},"body":{"method":"GET","path":"/rest/v1/rpc/where_am_i","read_only":"on","timeout":"0"}},
			{"id":"4","status":204,"headers":{"Content-Range":"*/*"},"body":null}]}`),
		post("a function's own timeout", 500,
			`{"method":"GET","path":"/labels?select=id&limit=0"},{"id":"s","method":"POST","path":"/rpc/slow","body":{}}`,
			`{"code":"57014","operation":{"index":1,"id":"s"}}`),
		post("what a function says of its answer stays with it", 200,
			`{"method":"POST","path":"/rpc/teapot","body":{}},{"method":"POST","path":"/rpc/where_am_i","body":{}}`,
			`{"results":[
			{"id":"0","status":418,"headers":{"Content-Range":"0-0/*","X-Custom":"yes"},"body":"teapot"},
			{"id":"1","status":200,"headers":{"Content-Range":"0-0/*"},"body":{"method":"POST","path":"/rest/v1/rpc/where_am_i","read_only":"on","timeout":"0"}}]}`),
		post("upserts tell which rows are new", 200,
			`{"method":"POST","path":"/counters","body":{"name":"u"},"headers":{"Prefer":"resolution=merge-duplicates"}},
			 {"method":"POST","path":"/counters","body":{"name":"u"},"headers":{"Prefer":"resolution=merge-duplicates"}},
			 {"method":"PUT","path":"/counters?name=eq.u","body":{"name":"u","n":2}},
			 {"method":"DELETE","path":"/counters?name=eq.u"}`, `{"results":[
			{"id":"0","status":201,"headers":{"Content-Range":"*/*","Preference-Applied":"resolution=merge-duplicates"},"body":null},
			{"id":"1","status":200,"headers":{"Content-Range":"*/*","Preference-Applied":"resolution=merge-duplicates"},"body":null},
			{"id":"2","status":204,"body":null},
			{"id":"3","status":204,"headers":{"Content-Range":"*/*"},"body":null}]}`),
		post("a dry run", 200, `{"method":"POST","path":"/labels?select=name","body":{"name":"dry"},`+rep+`}`, `{"results":[
			{"id":"0","status":201,"headers":{"Content-Range":"*/*","Preference-Applied":"return=representation"},"body":[{"name":"dry"}]}]}`,
			"Prefer: tx=rollback"),
		{name: "leaves nothing", path: "/labels?name=eq.dry", status: 200, want: `[]`},
		post("with other bodies", 200,
			`{"method":"POST","path":"/labels?select=name","body":"name\ncsv\n","headers":{"Content-Type":"text/csv","Prefer":"return=representation"}},
			 {"method":"DELETE","path":"/labels?name=eq.csv"}`, `{"results":[
			{"id":"0","status":201,"headers":{"Content-Range":"*/*","Preference-Applied":"return=representation"},"body":[{"name":"csv"}]},
			{"id":"1","status":204,"headers":{"Content-Range":"*/*"},"body":null}]}`),
		post("an answer that is too long", 413, `{"id":"a","method":"POST","path":"/labels","body":{"name":"gone"}},`+
			`{"id":"b","method":"POST","path":"/counters","body":{"name":"`+strings.Repeat("long", 5100)+`"},`+rep+`}`,
			`{"code":"batch_too_large","operation":{"index":1,"id":"b"}}`),
		{name: "undone every time", path: "/labels?select=name&name=eq.gone", status: 200, want: `[]`},
	})

	get := `{"id":"a","method":"GET","path":"/labels"}`
	for name, c := range map[string]struct {
		operations string
		status     int
		code       string
	}{
		"none":                       {``, 400, "batch_invalid"},
		"null":                       {`null`, 400, "batch_invalid"},
		"no object":                  {`1`, 400, "batch_invalid"},
		"unknown key":                {`{"id":"a","method":"GET","path":"/labels","url":"x"}`, 400, "batch_invalid"},
		"too many":                   {strings.Repeat(`{"method":"GET","path":"/labels"},`, 50) + get, 413, "batch_too_large"},
		"an id twice":                {get + "," + get, 400, "batch_invalid"},
		"a default id twice":         {`{"id":"1","method":"GET","path":"/labels"},{"method":"GET","path":"/labels"}`, 400, "batch_invalid"},
		"an id with a slash":         {`{"id":"a/b","method":"GET","path":"/labels"}`, 400, "batch_invalid"},
		"OPTIONS":                    {`{"method":"OPTIONS","path":"/labels"}`, 400, "batch_invalid"},
		"the root":                   {`{"method":"GET","path":"/"}`, 400, "batch_invalid"},
		"no path":                    {`{"method":"GET"}`, 400, "batch_invalid"},
		"a host":                     {`{"method":"GET","path":"//host/labels"}`, 404, "PGRST125"},
		"up":                         {`{"method":"GET","path":"/../auth/v1/x"}`, 404, "PGRST125"},
		"a batch":                    {`{"method":"POST","path":"/batch","body":{"operations":[` + get + `]}}`, 404, "PGRST205"},
		"a token":                    {`{"method":"GET","path":"/labels","headers":{"authorization":"Bearer x"}}`, 400, "batch_invalid"},
		"tx":                         {`{"method":"GET","path":"/labels","headers":{"Prefer":"return=minimal, tx=rollback"}}`, 400, "batch_invalid"},
		"timezone":                   {`{"method":"GET","path":"/labels","headers":{"Prefer":"timezone=UTC"}}`, 400, "batch_invalid"},
		"a planned count":            {`{"method":"GET","path":"/labels","headers":{"Prefer":"count=planned"}}`, 400, "batch_invalid"},
		"strict":                     {`{"method":"GET","path":"/labels","headers":{"Prefer":"handling=strict, foo=1"}}`, 400, "PGRST122"},
		"an unknown table":           {get + `,{"method":"GET","path":"/nothing"}`, 404, "PGRST205"},
		"an unknown column":          {get + `,{"method":"POST","path":"/labels","body":{"no":1}}`, 400, "PGRST204"},
		"a bad filter":               {get + `,{"method":"GET","path":"/labels?id=5"}`, 400, "PGRST100"},
		"csv that is no string":      {`{"method":"POST","path":"/labels","body":{},"headers":{"Content-Type":"text/csv"}}`, 400, "batch_invalid"},
		"ref: unknown":               {get + `,{"method":"POST","path":"/labels","body":{},"refs":{"/name":"b/0/name"}}`, 400, "batch_reference"},
		"ref: forward":               {`{"method":"POST","path":"/labels","body":{},"refs":{"/name":"a/0/name"}},` + get, 400, "batch_reference"},
		"ref: itself":                {`{"id":"a","method":"POST","path":"/labels","body":{},"refs":{"/name":"a/0/name"}}`, 400, "batch_reference"},
		"ref: to nothing":            {`{"id":"a","method":"POST","path":"/labels","body":{"name":"gone"}},{"method":"POST","path":"/labels","body":{},"refs":{"/name":"a/0/name"}}`, 400, "batch_reference"},
		"ref: to a head":             {`{"id":"a","method":"HEAD","path":"/labels"},{"method":"POST","path":"/labels","body":{},"refs":{"/name":"a/0/name"}}`, 400, "batch_reference"},
		"ref: to csv":                {`{"id":"a","method":"GET","path":"/labels","headers":{"Accept":"text/csv"}},{"method":"POST","path":"/labels","body":{},"refs":{"/name":"a/0/name"}}`, 400, "batch_reference"},
		"ref: bad pointer":           {get + `,{"method":"POST","path":"/labels","body":{},"refs":{"/~2":"a/0/name"}}`, 400, "batch_reference"},
		"ref: no such place":         {get + `,{"method":"POST","path":"/labels","body":{},"refs":{"/a/b":"a/0/name"}}`, 400, "batch_reference"},
		"ref: past the end":          {get + `,{"method":"POST","path":"/labels","body":[{}],"refs":{"/1/name":"a/0/name"}}`, 400, "batch_reference"},
		"ref: no such value":         {get + `,{"method":"POST","path":"/labels","body":{},"refs":{"/name":"a/7/name"}}`, 400, "batch_reference"},
		"ref: the whole body":        {get + `,{"method":"POST","path":"/labels","body":{},"refs":{"":"a/0/name"}}`, 400, "batch_reference"},
		"ref: csv":                   {get + `,{"method":"POST","path":"/labels","body":"name\nx","headers":{"Content-Type":"text/csv"},"refs":{"/name":"a"}}`, 400, "batch_reference"},
		"ref: in the table":          {get + `,{"method":"GET","path":"/{t}?id=eq.1","refs":{"t":"a/0/name"}}`, 400, "batch_reference"},
		"ref: in the column":         {get + `,{"method":"GET","path":"/labels?{t}=eq.1","refs":{"t":"a/0/name"}}`, 400, "batch_reference"},
		"ref: part of an operand":    {get + `,{"method":"GET","path":"/labels?id=eq.1{t}","refs":{"t":"a/0/name"}}`, 400, "batch_reference"},
		"ref: in or":                 {get + `,{"method":"GET","path":"/labels?or=(id.eq.{t})","refs":{"t":"a/0/name"}}`, 400, "batch_reference"},
		"ref: in select":             {get + `,{"method":"GET","path":"/labels?select={t}","refs":{"t":"a/0/name"}}`, 400, "batch_reference"},
		"ref: a pattern":             {get + `,{"method":"GET","path":"/labels?name=like.{t}","refs":{"t":"a/0/name"}}`, 400, "batch_reference"},
		"ref: an object as operand":  {get + `,{"method":"GET","path":"/labels?name=eq.{t}","refs":{"t":"a"}}`, 400, "batch_reference"},
		"ref: objects as a list":     {get + `,{"method":"GET","path":"/labels?name=in.{t}","refs":{"t":"a"}}`, 400, "batch_reference"},
		"a body that is no JSON":     {`{`, 400, "PGRST102"},
		"an operation's type errors": {get + `,{"id":"b","method":"POST","path":"/counters","body":{"name":"x","n":"y"}}`, 400, "22P02"},
	} {
		t.Run(name, func(t *testing.T) {
			s.check(t, restCase{
				method: "POST", path: "/batch", header: []string{as}, body: batch(c.operations), status: c.status,
				want: `{"code":"` + c.code + `"}`,
			})
		})
	}
	s.check(t, restCase{path: "/labels?select=name&name=neq.made", status: 200, want: `[]`})
}

// A table that is called so can be reached as every other.
func TestRestBatchBesideATableOfThatName(t *testing.T) {
	t.Parallel()
	const fixture = `create table public.batch (id int primary key, operations json);
grant all on public.batch to anon;`
	s := newRest(t, fixture, withExtensions)
	const body = `{"operations":[{"method":"GET","path":"/batch?select=id"}]}`
	s.run(t, []restCase{
		{name: "a row", method: "POST", path: "/batch", body: `{"id":1,"operations":[]}`, status: 201},
		{name: "rows", path: "/batch", status: 200, want: `[{"id":1,"operations":[]}]`},
		{
			name: "a batch by its media type", method: "POST", path: "/batch", body: body,
			header: []string{"Content-Type: application/vnd.fluxbase.batch+json"}, status: 200,
			want: `{"results":[{"id":"0","status":200,"headers":{"Content-Range":"0-0/*"},"body":[{"id":1}]}]}`,
		},
	})
	off := newRest(t, writesFixture, nil)
	off.run(t, []restCase{
		{name: "none without extensions", method: "POST", path: "/batch", body: body, status: 404, want: `{"code":"PGRST205"}`},
		{
			name: "nor by the media type", method: "POST", path: "/batch", body: body,
			header: []string{"Content-Type: application/vnd.fluxbase.batch+json"}, status: 400, want: `{"code":"PGRST102"}`,
		},
	})
}

// The function before requests is called once, and has its say about the answer.
func TestRestBatchCallsPreRequestOnce(t *testing.T) {
	t.Parallel()
	s := newRest(t, `create sequence public.calls; grant all on public.calls to anon;
create function public.before() returns void language plpgsql as $$
begin
  perform set_config('response.headers', json_build_array(json_build_object('X-Calls', nextval('public.calls')::text
    || ' ' || current_setting('request.method') || ' ' || current_setting('request.path')))::text, true);
end $$;
create table public.t (id int); grant all on public.t to anon;`, func(c *restConfig) { withExtensions(c); c.PreRequest = "public.before" })
	s.check(t, restCase{
		method: "POST", path: "/batch", status: 200,
		body:       `{"operations":[{"method":"POST","path":"/t","body":{"id":1}},{"method":"GET","path":"/t"}]}`,
		wantHeader: []string{"X-Calls: 1 POST /rest/v1/batch"},
		want: `{"results":[{"id":"0","status":201,"headers":{"Content-Range":"*/*"},"body":null},
			{"id":"1","status":200,"headers":{"Content-Range":"0-0/*"},"body":[{"id":1}]}]}`,
	})
}

// Batches over five tables that stand in each other's way leave all of their rows,
// or none.
func TestRestBatchIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := newRest(t, writesFixture, withExtensions)
	as := "Authorization: Bearer " + restToken(t, ada)
	exec(t, s.db, `insert into counters (name) values ('shared')`)
	const batches, rounds = 8, 5
	var group sync.WaitGroup
	var mu sync.Mutex
	codes := map[string]int{}
	committed := 0
	for n := range batches {
		group.Go(func() {
			for round := range rounds {
				id := fmt.Sprintf("%d-%d", n, round)
				var ops []string
				op := func(format string, args ...any) { ops = append(ops, fmt.Sprintf(format, args...)) }
				op(`{"id":"c","method":"POST","path":"/customers?select=id","body":{"name":"%s"},"headers":{"Prefer":"return=representation"}}`, id)
				op(`{"id":"o","method":"POST","path":"/orders?select=id","body":{"note":"%s"},"refs":{"/customer_id":"c/0/id"},"headers":{"Prefer":"return=representation"}}`, id)
				for i := range 46 {
					switch i % 4 {
					case 0:
						op(`{"method":"POST","path":"/order_items","body":{"sku":"%s"},"refs":{"/order_id":"o/0/id"}}`, id)
					case 1: // every second of the batches meets another's label
						op(`{"method":"POST","path":"/labels","body":{"name":"%d-%d-%d"}}`, n/2, round, i)
					case 2: // in orders that meet each other
						op(`{"method":"PATCH","path":"/counters?name=eq.%s","body":{"at":"now"}}`, [...]string{"shared", id}[(i/4+n)%2])
					case 3:
						op(`{"method":"POST","path":"/counters","body":{"name":"%s-%d"}}`, id, i)
					}
				}
				op(`{"method":"GET","path":"/orders?select=id&id=eq.{o}","refs":{"o":"o/0/id"}}`)
				op(`{"method":"PATCH","path":"/customers?id=eq.{c}","refs":{"c":"c/0/id"},"body":{"visits":1}}`)
				w := s.send(t, "POST", "/batch", `{"operations":[`+strings.Join(ops, ",")+`]}`, as)
				var e struct {
					Code      string
					Operation *struct{ Index int }
				}
				mu.Lock()
				if w.Code == http.StatusOK {
					committed++
				} else if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Operation == nil {
					t.Errorf("answer %d %s", w.Code, w.Body)
				}
				codes[e.Code]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for code := range codes {
		if code != "" && code != "23505" && code != "40P01" {
			t.Errorf("a batch failed with %s", code)
		}
	}
	if committed < batches*rounds/2-codes["40P01"] || committed == batches*rounds {
		t.Errorf("%d of %d batches were committed: %v", committed, batches*rounds, codes)
	}
	var got [6]int
	err := s.db.Conn(t).QueryRow(t.Context(), `select (select count(*) from customers where visits = 1), (select count(*) from customers),
  (select count(*) from orders), (select count(*) from order_items), (select count(*) from labels),
  (select count(*) from counters where name <> 'shared')`).Scan(&got[0], &got[1], &got[2], &got[3], &got[4], &got[5])
	if err != nil {
		t.Fatal(err)
	}
	if want := [6]int{committed, committed, committed, 12 * committed, 12 * committed, 11 * committed}; got != want {
		t.Errorf("rows of %d batches: %v, want %v", committed, got, want)
	}
}

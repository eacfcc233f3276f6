package tests

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fluxbase/fluxbase/cmd/fluxbase/demo"
	"github.com/fluxbase/fluxbase/sql"
	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// demoDB is a database with the demo schema.
func demoDB(t *testing.T) *dbtest.DB {
	t.Helper()
	db := dbtest.New(t)
	set, err := sql.Folder(demo.Migrations, demo.Table)
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Up(t.Context(), db.Conn(t), sql.Options{}); err != nil {
		t.Fatal(err)
	}
	return db
}

// serveEnv are the settings of a server of db.
func serveEnv(db *dbtest.DB) []string {
	return []string{
		"FLUXBASE_DATABASE_URL=" + db.URL(sql.Authenticator), "FLUXBASE_SERVICE_DATABASE_URL=" + db.URL(sql.Service),
		"FLUXBASE_JWT_SECRET=" + jwtSecret,
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	db := demoDB(t)
	exec(t, db, `select fluxbase.set_guard('anon', 'public.comments', filterable => '{id}', max_cost => 0.001)`)
	user := []string{"--role", "authenticated", "--claims", `{"sub":"` + demo.Ada + `"}`}
	for _, tt := range []struct {
		name    string
		args    []string
		status  int
		want    []string
		wantNot []string
	}{
		{
			name: "a read", args: []string{"GET /rest/v1/notes?select=id,notebooks(title)&title=like.L*"}, want: []string{
				"Transaction: read only, as anon", `claims {"role":"anon"}`, `from "public"."notes"`, `$1 "L%"`, "\nPlan:\n", "cost=",
				"public.notes: row level security holds for anon", "everyone_reads_public (for select to anon, authenticated)\n      using is_public",
				"public.notebooks: row level security holds, and no policy is for anon: no row",
			}, wantNot: []string{"owner_does_everything", "actual"},
		},
		{
			name: "a write", args: append(user, "PATCH /rest/v1/notes?id=eq.1", "--body", `{"title":"x"}`, "-H", "Prefer: return=representation"), want: []string{
				"Transaction: read write, as authenticated", `"sub":"` + demo.Ada, `update "public"."notes"`, `$1 "{\"title\":\"x\"}"`,
				"owner_does_everything (for all to authenticated)", "with check ", "(reached through a view, a function or a policy",
			}, wantNot: []string{"reader_of_note"},
		},
		{
			name: "a write that runs", args: append(user, "DELETE /rest/v1/notes?id=gt.0", "--analyze"),
			want: []string{"actual", "Delete on notes"},
		},
		{name: "a function", args: append(user, "POST /rest/v1/rpc/search_notes", "--body", `{"query":"soil"}`), want: []string{`"public"."search_notes"(`, "read only"}},
		{name: "who passes the policies", args: []string{"GET /rest/v1/notes", "--role", "service_role"}, want: []string{"public.notes: row level security is passed by service_role"}},
		{name: "no method is GET", args: []string{"/rest/v1/notes?limit=0"}, want: []string{"read only"}},

		{name: "a guard", args: []string{"GET /rest/v1/comments?body=eq.x"}, status: 1, want: []string{"the server refuses this request with 403 guard_filter: ", "; hint: Columns to filter by: id"}},
		{name: "a guard of the cost", args: []string{"GET /rest/v1/comments", "--analyze"}, status: 1, want: []string{"\nPlan:\n", "guard_cost"}, wantNot: []string{"actual"}},
		{name: "an unknown table", args: []string{"GET /rest/v1/note"}, status: 1, want: []string{"404 PGRST205", "notes"}},
		{name: "a role that can't be", args: []string{"GET /rest/v1/notes", "--role", "nobody_knows"}, status: 1, want: []string{`role "nobody_knows" does not exist`}},
		{name: "another prefix", args: []string{"GET /notes"}, status: 2, want: []string{"give a method and a path below /rest/v1/"}},
		{name: "no request", args: nil, status: 2, want: []string{"takes one argument"}},
		{name: "claims that are none", args: []string{"GET /rest/v1/notes", "--claims", "ada"}, status: 2, want: []string{"--claims is no JSON object"}},
		{name: "a header that is none", args: []string{"GET /rest/v1/notes", "-H", "Prefer"}, status: 2, want: []string{"give 'Name: value'"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, out := runs(t, command(t, serveEnv(db), append([]string{"explain"}, tt.args...)...))
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q", want)
				}
			}
			for _, not := range tt.wantNot {
				if strings.Contains(out, not) {
					t.Errorf("it says %q", not)
				}
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
	var notes int
	if err := db.Conn(t).QueryRow(t.Context(), `select count(*) from public.notes where title <> 'x'`).Scan(&notes); err != nil {
		t.Fatal(err)
	}
	if notes < 4 {
		t.Errorf("explaining writes has left %d notes", notes)
	}
}

// What explain shows is what a server runs.
func TestExplainShowsTheServersSQL(t *testing.T) {
	t.Parallel()
	db := demoDB(t)
	s := startServer(t, db, "FLUXBASE_LOG_QUERY=true")
	const path = "/rest/v1/notes?select=id,comments(body)&order=id.desc&or=(id.gt.1,title.eq.x)&limit=3"
	s.call(t, "GET", path, "", "X-Request-Id: asked")
	var ran []string
	eventually(t, "the request is logged", func() bool {
		for line := range strings.Lines(s.Log()) {
			var entry struct {
				RequestID string `json:"request_id"`
				SQL       any
			}
			if json.Unmarshal([]byte(line), &entry) == nil && entry.RequestID == "asked" {
				b, err := json.Marshal(entry.SQL)
				if err != nil {
					t.Fatal(err)
				}
				ran = append(ran, string(b))
			}
		}
		return ran != nil
	})
	_, out := runs(t, command(t, serveEnv(db), "explain", "GET "+path))
	_, rest, _ := strings.Cut(out, "\nSQL:\n  ")
	statement, _, _ := strings.Cut(rest, "\n")
	shown, err := json.Marshal(statement)
	if err != nil {
		t.Fatal(err)
	}
	if statement == "" || !strings.Contains(ran[0], string(shown)) {
		t.Errorf("shown %s\nran %s", shown, ran[0])
	}
}

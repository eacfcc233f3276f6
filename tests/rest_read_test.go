package tests

import "testing"

func TestRestReads(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	s.run(t, []restCase{
		{
			name: "all", path: "/clients", status: 200, want: `[{"id":1,"name":"Microsoft"},{"id":2,"name":"Apple"}]`,
			wantHeader: []string{"Content-Range: 0-1/*", "Content-Type: application/json; charset=utf-8", "Content-Location: /rest/v1/clients"},
		},
		{name: "text as Postgres builds it", path: "/clients?id=eq.1", status: 200, wantText: `[{"id":1,"name":"Microsoft"}]`},
		{name: "columns, alias, cast", path: "/clients?select=id::text,label:name&id=eq.1", status: 200, want: `[{"id":"1","label":"Microsoft"}]`},
		{
			name: "json path", path: "/items?select=id,data->>k,data->list->0,v:data->deep&id=eq.1", status: 200,
			want: `[{"id":1,"k":"x","list":10,"v":{"q":true}}]`,
		},
		{name: "columns that a read has no use for", path: "/clients?columns=id&select=id&id=eq.1", status: 200, wantText: `[{"id":1}]`},
		{name: "columns of nothing", path: "/clients?columns=", status: 400, want: `{"code":"PGRST100"}`},
		{name: "negative index", path: "/items?select=data->list->-1&id=eq.1", status: 200, want: `[{"list":20}]`},
		{name: "path into an array column", path: "/items?select=tags->0&id=eq.1", status: 200, want: `[{"tags":"a"}]`},
		{
			name: "computed field", path: "/items?select=id,label_length&label_length=eq.3&order=label_length,id", status: 200,
			want: `[{"id":1,"label_length":3},{"id":2,"label_length":3}]`,
		},
		{
			name: "unicode and quotes", path: "/%C3%9Cn%C3%AF%20%C3%A7%C3%B8d%C3%A9%20%E2%98%83?select=id,%22a%20b%22,%22x,y%22,%22q%5C%22t%22&%22x,y%22=eq.comma", status: 200,
			want: `[{"id":1,"a b":"space","x,y":"comma","q\"t":"quote"}]`,
		},
		{name: "order", path: "/items?select=id&order=qty.desc.nullslast,id", status: 200, want: `[{"id":4},{"id":2},{"id":1},{"id":3}]`},
		{name: "order nullsfirst", path: "/items?select=id&order=qty.nullsfirst", status: 200, want: `[{"id":3},{"id":1},{"id":2},{"id":4}]`},
		{name: "order by json path", path: "/items?select=id&data=not.is.null&order=data->>k.desc.nullslast", status: 200, want: `[{"id":2},{"id":1},{"id":4}]`},
		{name: "limit and offset", path: "/items?select=id&order=id&limit=2&offset=1", status: 200, want: `[{"id":2},{"id":3}]`, wantHeader: []string{"Content-Range: 1-2/*"}},
		{name: "offset negative", path: "/items?select=id&order=id&limit=2&offset=-1", status: 200, want: `[{"id":1}]`, wantHeader: []string{"Content-Range: 0-0/*"}},
		{name: "limit 0", path: "/items?limit=0", status: 200, wantText: `[]`, wantHeader: []string{"Content-Range: */*"}},
		{
			name: "range header", path: "/items?select=id&order=id", header: []string{"Range: 1-2", "Range-Unit: items"}, status: 200,
			want: `[{"id":2},{"id":3}]`, wantHeader: []string{"Content-Range: 1-2/*"},
		},
		{
			name: "range inverted", path: "/items", header: []string{"Range: 2-1"}, status: 416,
			want: `{"code":"PGRST103","message":"Requested range not satisfiable","details":"The lower boundary must be lower than or equal to the upper boundary in the Range header.","hint":null}`,
		},
		{name: "limit negative", path: "/items?limit=-1", status: 416, want: `{"code":"PGRST103","details":"Limit should be greater than or equal to zero."}`},
		{
			name: "count exact", path: "/items?select=id&order=id", header: []string{"Prefer: count=exact"}, status: 200,
			wantHeader: []string{"Content-Range: 0-3/4", "Preference-Applied: count=exact"},
		},
		{
			name: "count exact of a page", path: "/items?select=id&order=id&limit=2", header: []string{"Prefer: count=exact"}, status: 206, want: `[{"id":1},{"id":2}]`,
			wantHeader: []string{"Content-Range: 0-1/4"},
		},
		{
			name: "count beyond the end", path: "/items?offset=100", header: []string{"Prefer: count=exact"}, status: 416,
			want: `{"code":"PGRST103","details":"An offset of 100 was requested, but there are only 4 rows."}`,
		},
		{name: "count of nothing", path: "/items?id=eq.99", header: []string{"Prefer: count=exact"}, status: 200, wantText: `[]`, wantHeader: []string{"Content-Range: */0"}},
		{name: "head", method: "HEAD", path: "/items", header: []string{"Prefer: count=exact"}, status: 200, wantHeader: []string{"Content-Range: 0-3/4", "Content-Length:"}},
		{
			name: "single", path: "/clients?id=eq.1", header: []string{"Accept: application/vnd.pgrst.object+json"}, status: 200, wantText: `{"id":1,"name":"Microsoft"}`,
			wantHeader: []string{"Content-Type: application/vnd.pgrst.object+json; charset=utf-8"},
		},
		{
			name: "single of many", path: "/clients", header: []string{"Accept: application/vnd.pgrst.object+json"}, status: 406,
			want: `{"code":"PGRST116","message":"Cannot coerce the result to a single JSON object","details":"The result contains 2 rows","hint":null}`,
		},
		{name: "single of none", path: "/clients?id=eq.9", header: []string{"Accept: application/vnd.pgrst.object"}, status: 406, want: `{"details":"The result contains 0 rows"}`},
		{
			name: "stripped", path: "/items?select=id,qty&id=eq.3", header: []string{"Accept: application/vnd.pgrst.array+json;nulls=stripped"}, status: 200, want: `[{"id":3}]`,
			wantHeader: []string{"Content-Type: application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8"},
		},
		{
			name: "csv", path: "/items?select=id,label,qty&order=id&id=lt.4", header: []string{"Accept: text/csv"}, status: 200,
			wantText: "id,label,qty\n1,one,10\n2,two,20\n3,\"three, \"\"quoted\"\" (x)\",", wantHeader: []string{"Content-Type: text/csv; charset=utf-8"},
		},
		{name: "media types by quality", path: "/clients?select=id&limit=1", header: []string{"Accept: text/csv;q=0.5, application/json;q=0.9, image/png"}, status: 200, wantText: `[{"id":1}]`},
		{
			name: "no media type", path: "/clients", header: []string{"Accept: image/png"}, status: 406,
			want: `{"code":"PGRST107","message":"None of these media types are available: image/png"}`,
		},
		{name: "view", path: "/items_view?id=eq.1", status: 200, want: `[{"id":1,"label":"one","qty":10}]`},
		{name: "empty select", path: "/clients?select=&id=eq.1", status: 200, want: `[{"id":1,"name":"Microsoft"}]`},
		{name: "content location is canonical", path: "/clients?select=name&id=eq.1&a=", status: 400},
		{name: "content location", path: "/clients?select=name&id=eq.1", status: 200, wantHeader: []string{"Content-Location: /rest/v1/clients?id=eq.1&select=name"}},
	})
}

func TestRestOperators(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	for _, c := range []struct{ filter, want string }{
		{"id=eq.2", "2"},
		{"id=neq.2", "1,3,4"},
		{"id=not.eq.2", "1,3,4"},
		{"id=gt.2", "3,4"},
		{"id=gte.2", "2,3,4"},
		{"id=lt.2", "1"},
		{"id=lte.2", "1,2"},
		{"label=like.t*", "2,3"},
		{"label=ilike.T*", "2,3"},
		{"label=match.%5Et", "2,3"},
		{"label=imatch.%5ET", "2,3"},
		{"id=in.(1,3)", "1,3"},
		{"id=in.()", ""},
		{"id=not.in.()", "1,2,3,4"},
		{`label=in.("one","three, \"quoted\" (x)")`, "1,3"},
		{"qty=is.null", "3"},
		{"qty=is.NOT_NULL", "1,2,4"},
		{"qty=not.is.null", "1,2,4"},
		{"qty=isdistinct.10", "2,3,4"},
		{"tags=cs.{b}", "1,2"},
		{"tags=cd.{a,b,z}", "1,3"},
		{"tags=ov.{a,c}", "1,2"},
		{"data=cs.{%22k%22:%22x%22}", "1"},
		{"span=sl.(6,8)", "1"},
		{"span=sr.(0,4)", "2"},
		{"span=nxr.(0,6)", "1"},
		{"span=nxl.(4,9)", "2"},
		{"span=adj.[9,10)", "2"},
		{"span=ov.[4,6)", "1,2"},
		{"words=fts.cat", "1"},
		{"words=fts(english).cats", "1"},
		{"words=plfts(english).fat%20cats", "1"},
		{"words=phfts(english).fat%20cats", "1"},
		{"words=wfts(english).dog%20or%20rat", "1,2"},
		{"label=fts(simple).two", "2"},
		{"words=not.fts.cat", "2"},
		{"id=eq(any).{1,2}", "1,2"},
		{"label=like(any).{o*,tw*}", "1,2"},
		{"label=like(all).{o*,*e}", "1"},
		{"id=gt(all).{1,2}", "3,4"},
		{"id=not.eq(any).{1,2}", "3,4"},
		{"mood=eq.sad", "1"},
		{"mood=gt.sad", "2,4"},
		{"data->>k=eq.x", "1"},
		{"data->n=gt.1", "2"},
		{"data->deep->>q=eq.true", "1"},
		{"or=(id.eq.1,id.eq.2)", "1,2"},
		{"and=(id.gt.1,id.lt.4)", "2,3"},
		{"or=(id.eq.1,and(qty.gte.20,qty.lt.40))", "1,2"},
		{"not.or=(id.eq.1,id.eq.2)", "3,4"},
		{"or=(id.eq.1,not.and(id.lt.4,id.gt.0))", "1,4"},
		{`or=(label.eq."three, \"quoted\" (x)",tags.cs.{c})`, "2,3"},
		{"or=(id.in.(1,2),mood.is.null)", "1,2,3"},
		{"id=gt.1&id=lt.3", "2"},
		{"price=gte.2.5", "2,4"},
	} {
		t.Run(c.filter, func(t *testing.T) {
			w := s.send(t, "GET", "/items?select=id&order=id&"+c.filter, "", "Accept: text/csv")
			got := ""
			if w.Code == 200 {
				got = csvColumn(w.Body.String())
			}
			if w.Code != 200 || got != c.want {
				t.Errorf("status %d, rows %q, want %q\n%s", w.Code, got, c.want, w.Body)
			}
		})
	}
}

func TestRestEmbeds(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, nil)
	s.run(t, []restCase{
		{
			name: "to one", path: "/projects?select=id,clients(name)&order=id&id=in.(1,5)", status: 200,
			want: `[{"id":1,"clients":{"name":"Microsoft"}},{"id":5,"clients":null}]`,
		},
		{
			name: "to many", path: "/clients?select=name,projects(id)&projects.order=id.desc&order=id", status: 200,
			want: `[{"name":"Microsoft","projects":[{"id":2},{"id":1}]},{"name":"Apple","projects":[{"id":4},{"id":3}]}]`,
		},
		{name: "none", path: "/projects?select=id,tasks(id)&id=eq.4", status: 200, want: `[{"id":4,"tasks":[]}]`},
		{
			name: "many to many", path: "/users?select=name,tasks(name)&order=id&tasks.order=id&id=eq.1", status: 200,
			want: `[{"name":"Angela","tasks":[{"name":"Design w7"},{"name":"Code w7"}]}]`,
		},
		{name: "many to many by junction", path: "/tasks?select=id,users!users_tasks(id)&id=eq.1&users.order=id", status: 200, want: `[{"id":1,"users":[{"id":1},{"id":2}]}]`},
		{
			name: "one to one", path: "/projects?select=id,project_details(budget)&order=id&limit=2", status: 200,
			want: `[{"id":1,"project_details":{"budget":1000}},{"id":2,"project_details":null}]`,
		},
		{name: "by column", path: "/projects?select=id,client_id(name)&id=eq.1", status: 200, want: `[{"id":1,"client_id":{"name":"Microsoft"}}]`},
		{name: "by constraint", path: "/projects?select=id,c:projects_client_id_fkey(name)&id=eq.1", status: 200, want: `[{"id":1,"c":{"name":"Microsoft"}}]`},
		{
			name: "hint", path: "/messages?select=body,sender:users!message_sender_fkey(name),recipient:users!recipient(name)&id=eq.1", status: 200,
			want: `[{"body":"hi","sender":{"name":"Angela"},"recipient":{"name":"Michael"}}]`,
		},
		{
			name: "ambiguous", path: "/messages?select=users(*)", status: 300,
			want: `{"code":"PGRST201","message":"Could not embed because more than one relationship was found for 'messages' and 'users'",
			 "hint":"Try changing 'users' to one of the following: 'users!message_recipient_fkey', 'users!message_sender_fkey'. Find the desired relationship in the 'details' key.",
			 "details":[
			  {"cardinality":"many-to-one","embedding":"messages with users","relationship":"message_recipient_fkey using messages(recipient) and users(id)"},
			  {"cardinality":"many-to-one","embedding":"messages with users","relationship":"message_sender_fkey using messages(sender) and users(id)"}]}`,
		},
		{
			name: "unrelated", path: "/clients?select=items(*)", status: 400,
			want: `{"code":"PGRST200","message":"Could not find a relationship between 'clients' and 'items' in the schema cache",
			 "details":"Searched for a foreign key relationship between 'clients' and 'items' in the schema 'public', but no matches were found."}`,
		},
		{name: "near name", path: "/clients?select=project(*)", status: 400, want: `{"code":"PGRST200","hint":"Perhaps you meant 'projects' instead of 'project'."}`},
		{
			name: "inner", path: "/projects?select=id,tasks!inner(id)&tasks.name=like.Design*&order=id", status: 200,
			want: `[{"id":1,"tasks":[{"id":1}]},{"id":2,"tasks":[{"id":3}]},{"id":3,"tasks":[{"id":5}]}]`,
		},
		{
			name: "inner counts", path: "/projects?select=id,clients!inner(id)&clients.name=eq.Apple&order=id&limit=1", header: []string{"Prefer: count=exact"}, status: 206,
			want: `[{"id":3,"clients":{"id":2}}]`, wantHeader: []string{"Content-Range: 0-0/2"},
		},
		{
			name: "nested", path: "/clients?select=id,projects(id,tasks(id,users(name)))&id=eq.1&projects.tasks.users.order=name&projects.order=id&projects.tasks.order=id&projects.limit=1", status: 200,
			want: `[{"id":1,"projects":[{"id":1,"tasks":[{"id":1,"users":[{"name":"Angela"},{"name":"Michael"}]},{"id":2,"users":[{"name":"Angela"}]}]}]}]`,
		},
		{
			name: "embedded filter and range", path: "/clients?select=id,projects(id)&projects.id=gt.1&projects.order=id&projects.limit=1&projects.offset=1&order=id", status: 200,
			want: `[{"id":1,"projects":[]},{"id":2,"projects":[{"id":4}]}]`,
		},
		{
			name: "embedded or", path: "/clients?select=id,projects(id)&projects.or=(id.eq.1,id.eq.4)&order=id", status: 200,
			want: `[{"id":1,"projects":[{"id":1}]},{"id":2,"projects":[{"id":4}]}]`,
		},
		{name: "null filter", path: "/projects?select=id,clients(id)&clients=is.null", status: 200, want: `[{"id":5,"clients":null}]`},
		{name: "not null filter", path: "/projects?select=id,tasks()&tasks=not.is.null&order=id", status: 200, want: `[{"id":1},{"id":2},{"id":3}]`},
		{
			name: "null filter in or, counted", path: "/projects?select=id,tasks(),clients()&or=(tasks.is.null,clients.is.null)&order=id&limit=1", header: []string{"Prefer: count=exact"}, status: 206,
			want: `[{"id":4}]`, wantHeader: []string{"Content-Range: 0-0/2"},
		},
		{
			name: "other filter", path: "/projects?select=id,tasks(id)&tasks=eq.1", status: 400,
			want: `{"code":"PGRST120","message":"Bad operator on the 'tasks' embedded resource","details":"Only is null or not is null filters are allowed on embedded resources"}`,
		},
		{
			name: "not embedded", path: "/projects?select=id&tasks.id=eq.1", status: 400,
			want: `{"code":"PGRST108","message":"'tasks' is not an embedded resource in this request","hint":"Verify that 'tasks' is included in the 'select' query parameter."}`,
		},
		{
			name: "related order", path: "/projects?select=id,clients(name)&order=clients(name).desc.nullslast,id.desc", status: 200,
			want: `[{"id":2,"clients":{"name":"Microsoft"}},{"id":1,"clients":{"name":"Microsoft"}},{"id":4,"clients":{"name":"Apple"}},{"id":3,"clients":{"name":"Apple"}},{"id":5,"clients":null}]`,
		},
		{
			name: "related order of many", path: "/clients?select=id,projects(id)&order=projects(id)", status: 400,
			want: `{"code":"PGRST118","message":"A related order on 'projects' is not possible","details":"'clients' and 'projects' do not form a many-to-one or one-to-one relationship"}`,
		},
		{
			name: "to one with a function of one row that gives two", path: "/projects?select=id,clients(some_project(id))&id=eq.3", status: 200,
			want: `[{"id":3,"clients":{"some_project":{"id":3}}},{"id":3,"clients":{"some_project":{"id":4}}}]`,
		},
		{name: "spread", path: "/projects?select=id,...clients(client:name)&order=id&id=in.(1,5)", status: 200, want: `[{"id":1,"client":"Microsoft"},{"id":5,"client":null}]`},
		{
			name: "spread of many", path: "/clients?select=id,...projects(pid:id,name)&projects.order=id.desc&order=id", status: 200,
			want: `[{"id":1,"pid":[2,1],"name":["Windows 10","Windows 7"]},{"id":2,"pid":[4,3],"name":["OSX","IOS"]}]`,
		},
		{name: "spread of many, all columns, none", path: "/projects?select=id,...tasks(*)&id=eq.4", status: 200, want: `[{"id":[],"name":[],"project_id":[]}]`},
		{
			name: "spread of many, all columns, and those of one within", path: "/clients?select=client:name,...projects(*,...project_details(*))&projects.order=id&id=eq.1", status: 200,
			want: `[{"client":"Microsoft","id":[1,2],"name":["Windows 7","Windows 10"],"client_id":[1,1],"project_id":[1,null],"budget":[1000,null]}]`,
		},
		{name: "spread within a spread", path: "/clients?select=id,...projects(p:id,...tasks(t:id))&projects.order=id&projects.tasks.order=id&id=eq.1", status: 200, want: `[{"id":1,"p":[1,2],"t":[[1,2],[3,4]]}]`},
		{name: "inner spread of many", path: "/projects?select=id,...tasks!inner(t:id)&order=id&tasks.order=id", status: 200, want: `[{"id":1,"t":[1,2]},{"id":2,"t":[3,4]},{"id":3,"t":[5]}]`},
		{name: "null filter of a spread", path: "/projects?select=id,...tasks(t:id)&tasks=is.null&order=id", status: 200, want: `[{"id":4,"t":[]},{"id":5,"t":[]}]`},
		{
			name: "recursive", path: "/tree?select=id,parent(id),children:tree(id)&order=id&children.order=id", status: 200,
			want: `[{"id":1,"parent":null,"children":[{"id":2},{"id":3}]},{"id":2,"parent":{"id":1},"children":[]},{"id":3,"parent":{"id":1},"children":[]}]`,
		},
		{
			name: "through a view", path: "/projects_view?select=pid,clients(name),tasks(id)&pid=eq.1&tasks.order=id", status: 200,
			want: `[{"pid":1,"clients":{"name":"Microsoft"},"tasks":[{"id":1},{"id":2}]}]`,
		},
		{
			name: "computed relationship", path: "/projects?select=id,newest_task(id)&order=id&limit=2", status: 200,
			want: `[{"id":1,"newest_task":{"id":2}},{"id":2,"newest_task":{"id":4}}]`,
		},
		{
			name: "alias is a legacy target", path: "/projects?select=id,c:clients(name)&clients.name=eq.Apple&order=id&limit=1", status: 200, want: `[{"id":1,"c":null}]`,
			wantHeader: []string{"Warning: 299 PostgREST16 \"Embedded resource was referenced by relation name even though it has an alias. This is deprecated and will stop working in a future release. Update `clients` to `c` in query string filters, orders or limits.\""},
		},
		{name: "alias is the target", path: "/projects?select=id,c:clients(name)&c.name=eq.Apple&order=id&limit=1", status: 200, want: `[{"id":1,"c":null}]`, wantHeader: []string{"Warning:"}},
		{name: "aggregates are off", path: "/items?select=qty.sum()", status: 400, want: `{"code":"PGRST123","message":"Use of aggregate functions is not allowed"}`},
	})
}

func TestRestAggregates(t *testing.T) {
	t.Parallel()
	s := newRest(t, restFixture, func(c *restConfig) { c.AggregatesEnabled = true })
	s.run(t, []restCase{
		{name: "count", path: "/items?select=count()", status: 200, want: `[{"count":4}]`},
		{
			name: "grouped", path: "/projects?select=client_id,n:count(),id.max()&order=client_id", status: 200,
			want: `[{"client_id":1,"n":2,"max":2},{"client_id":2,"n":2,"max":4},{"client_id":null,"n":1,"max":5}]`,
		},
		{name: "casts", path: "/items?select=s:qty::text.max()::int", status: 200, want: `[{"s":40}]`},
		{name: "in an embed", path: "/clients?select=id,projects(count())&order=id", status: 200, want: `[{"id":1,"projects":[{"count":2}]},{"id":2,"projects":[{"count":2}]}]`},
		{
			name: "hoisted out of a spread", path: "/projects?select=...clients(name,n:id.count())&client_id=not.is.null&order=clients(name)", status: 200,
			want: `[{"name":"Apple","n":2},{"name":"Microsoft","n":2}]`,
		},
		{
			name: "of a spread", path: "/projects?select=client_id,...project_details(budget.sum())&order=client_id", status: 200,
			want: `[{"client_id":1,"sum":1000},{"client_id":2,"sum":3.50},{"client_id":null,"sum":null}]`,
		},
		{name: "count of a spread", path: "/tasks?select=project_id,...projects(count())&order=project_id&limit=1", status: 200, want: `[{"project_id":1,"count":2}]`},
		{name: "in a spread of many", path: "/clients?select=...projects(id.sum())", status: 400, want: `{"code":"PGRST127","details":"Aggregates are not implemented for one-to-many or many-to-many spreads."}`},
		{
			name: "grouped by an embed within a spread", path: "/tasks?select=...projects!inner(clients(name),count())&id=lte.4", status: 200,
			want: `[{"clients":{"name":"Microsoft"},"count":4}]`,
		},
		{
			name: "grouped by a spread of many", path: "/clients?select=name,count(),...projects(p:id)&projects.order=id&id=eq.1", status: 200,
			want: `[{"name":"Microsoft","count":1,"p":[1,2]}]`,
		},
		{
			name: "grouped by an embed", path: "/projects?select=clients(name),count()&id=lt.4&order=count", status: 200,
			want: `[{"clients":{"name":"Apple"},"count":1},{"clients":{"name":"Microsoft"},"count":2}]`,
		},
	})
}

package tests

import "testing"

// specFixture is what PostgREST's own specification asks for and the other
// fixture has not: ambiguous relationships, composite keys that a view shows
// twice, functions of every shape.
const specFixture = restFixture + `
create table public.big_projects (big_project_id int primary key, name text);
create table public.sites (site_id int primary key, name text,
  main_project_id int constraint main_project references public.big_projects);
create table public.jobs (
  job_id int, site_id int references public.sites, big_project_id int references public.big_projects,
  primary key (job_id, site_id, big_project_id));
create view public.main_jobs as select * from public.jobs;

create table public.agents (id int primary key, department_id int);
create table public.departments (id int primary key, head_id int references public.agents (id));
alter table public.agents add foreign key (department_id) references public.departments (id);

create table public.agency (id int primary key);
create table public.agendas (id int primary key);
create schema hidden;
create table hidden.agency_agendas (agency int references public.agency (id), agenda int references public.agendas (id),
  primary key (agency, agenda));

create table public.second (id int primary key);
create table public.first (id int primary key,
  second_id_1 int unique references public.second (id), second_id_2 int unique references public.second (id));

create table public.t1 (a int, b int, primary key (a, b));
create table public.t2 (id int primary key, t1_a int, t1_b int,
  constraint t2_t1_fkey foreign key (t1_a, t1_b) references public.t1 (a, b));
create view public.v1 as select * from public.t1;
create view public.v2 as select t1_a as a1, t1_b as b1, t1_a as a2, t1_b as b2 from public.t2;

create function public.variadic_param(variadic v text[] default '{}') returns text[] language sql immutable return v;
create function public.json_argument(arg json) returns text language sql immutable return json_typeof(arg);
create function public.varied(arr text[], i int, d date default '2020-01-01') returns json language sql immutable
  return json_build_object('arr', arr, 'i', i, 'd', d);
create function public.three_defaults(a int default 1, b int default 2, c int default 3) returns int language sql immutable
  return a + b + c;
create function public.overloaded_unnamed() returns int language sql immutable return 1;
create function public.overloaded_unnamed(json) returns json language sql immutable return $1;
create function public.overloaded_unnamed(bytea) returns bytea language sql immutable return $1;
create function public.overloaded_unnamed(text) returns text language sql immutable return $1;
create function public.overloaded_unnamed(x int, y int) returns int language sql immutable return x + y;
create function public.unnamed_both(json) returns json language sql immutable return $1;
create function public.unnamed_both(jsonb) returns jsonb language sql immutable return $1;
create function public.char_param(c char(4), cs char(4)[]) returns table (c text, cs text[]) language sql immutable
  as $$ select $1::text, $2::text[] $$;
create function public.single_out(num int, out num_plus_one int) language sql immutable as 'select num + 1';
create function public.single_inout(inout num int) language sql immutable as 'select num + 1';
create function public.many_out(out my_json json, out num int, out str text) language sql immutable
  as $$ select '{"a": 1}'::json, 3, 'four' $$;
create function public.one_column() returns table (a text) language sql immutable as $$ select 'A' $$;
create function public.projects_below(id int) returns setof public.projects language sql stable
  as 'select * from public.projects as p where p.id < $1';
create function public.set_of_records() returns setof record language sql stable
  as 'select id, name from public.projects where id < 3';
create domain public.projects_domain as public.projects;
create function public.project_domain(id int) returns setof public.projects_domain language sql stable
  as 'select p::public.projects_domain from public.projects as p where p.id = $1';
create function public.test() returns table (test text, value int) language sql immutable as $$ values ('hello', 1) $$;
create function public.raise_bad_pt() returns void language plpgsql as $$ begin raise sqlstate 'PT40A' using message = 'Wrong'; end $$;
create function public.bad_headers() returns void language plpgsql stable as $$
begin perform set_config('response.headers', '{"X-Test": "x"}', true); end $$;
create function public.two_cookies() returns void language plpgsql stable as $$
begin perform set_config('response.headers', '[{"Set-Cookie": "a=1"}, {"Set-Cookie": "b=2"}]', true); end $$;
create function public.item_count(c public.clients) returns int language sql stable
  as 'select count(*)::int from public.projects where client_id = c.id';
create function public.client_projects(c public.clients) returns setof public.projects language sql stable
  as 'select * from public.projects where client_id = c.id';
create table public.car_brands (name text primary key);
create table public.car_models (name text, year int, brand text references public.car_brands, primary key (name, year))
  partition by list (year);
create table public.car_models_2021 partition of public.car_models for values in (2021);
create table public.car_models_2022 partition of public.car_models for values in (2022);
create table public.shelves (shelf int primary key);
create table public.boxes (box int primary key, shelf int references public.shelves);
create view public.places as select s.shelf, b.box from public.boxes as b left join public.shelves as s using (shelf);
create function public.tg_places__put() returns trigger language plpgsql as $$
begin insert into public.boxes values (NEW.box, NEW.shelf); return NEW; end $$;
create trigger put instead of insert on public.places for each row execute function public.tg_places__put();
insert into public.shelves values (7);
insert into public.car_brands values ('DMC'), ('Ferrari');
insert into public.car_models values ('DeLorean', 2021, 'DMC'), ('Roma', 2022, 'Ferrari');
grant all on all tables in schema public to anon, authenticated, service_role;
`

func TestRestSpecRelationships(t *testing.T) {
	t.Parallel()
	s := newRest(t, specFixture, nil)
	s.run(t, []restCase{
		{
			name: "to one and to many", path: "/sites?select=*,big_projects(*)", status: 300,
			want: `{"code":"PGRST201","message":"Could not embed because more than one relationship was found for 'sites' and 'big_projects'",
			 "details":[
			  {"cardinality":"many-to-one","relationship":"main_project using sites(main_project_id) and big_projects(big_project_id)","embedding":"sites with big_projects"},
			  {"cardinality":"many-to-many","relationship":"jobs using jobs_site_id_fkey(site_id) and jobs_big_project_id_fkey(big_project_id)","embedding":"sites with big_projects"},
			  {"cardinality":"many-to-many","relationship":"main_jobs using jobs_site_id_fkey(site_id) and jobs_big_project_id_fkey(big_project_id)","embedding":"sites with big_projects"}],
			 "hint":"Try changing 'big_projects' to one of the following: 'big_projects!main_project', 'big_projects!jobs', 'big_projects!main_jobs'. Find the desired relationship in the 'details' key."}`,
		},
		{
			name: "in a circle", path: "/agents?select=*,departments(*)", status: 300,
			want: `{"details":[
			  {"cardinality":"one-to-many","relationship":"departments_head_id_fkey using agents(id) and departments(head_id)","embedding":"agents with departments"},
			  {"cardinality":"many-to-one","relationship":"agents_department_id_fkey using agents(department_id) and departments(id)","embedding":"agents with departments"}]}`,
		},
		{
			name: "two one-to-one", path: "/first?select=second(*)", status: 300,
			want: `{"details":[
			  {"cardinality":"one-to-one","embedding":"first with second","relationship":"first_second_id_1_fkey using first(second_id_1) and second(id)"},
			  {"cardinality":"one-to-one","embedding":"first with second","relationship":"first_second_id_2_fkey using first(second_id_2) and second(id)"}]}`,
		},
		{
			name: "a key that a view shows twice", path: "/v2?select=*,v1(*)", status: 300,
			want: `{"details":[
			  {"cardinality":"many-to-one","embedding":"v2 with v1","relationship":"t2_t1_fkey using v2(a1, b1) and v1(a, b)"},
			  {"cardinality":"many-to-one","embedding":"v2 with v1","relationship":"t2_t1_fkey using v2(a1, b2) and v1(a, b)"},
			  {"cardinality":"many-to-one","embedding":"v2 with v1","relationship":"t2_t1_fkey using v2(a2, b1) and v1(a, b)"},
			  {"cardinality":"many-to-one","embedding":"v2 with v1","relationship":"t2_t1_fkey using v2(a2, b2) and v1(a, b)"}]}`,
		},
		{
			name: "an unknown hint", path: "/messages?select=id,users!space(name)", status: 400,
			want: `{"code":"PGRST200","hint":null,"details":"Searched for a foreign key relationship between 'messages' and 'users' using the hint 'space' in the schema 'public', but no matches were found."}`,
		},
		{
			name: "a junction that is not exposed", path: "/agency?select=agendas(*)", status: 400,
			want: `{"code":"PGRST200","hint":null,"message":"Could not find a relationship between 'agency' and 'agendas' in the schema cache"}`,
		},
		{name: "of a partitioned table", path: "/car_models?select=name,car_brands(name)&order=year", status: 200, want: `[{"name":"DeLorean","car_brands":{"name":"DMC"}},{"name":"Roma","car_brands":{"name":"Ferrari"}}]`},
		{name: "to a partitioned table", path: "/car_brands?select=name,car_models(name)&name=eq.DMC", status: 200, want: `[{"name":"DMC","car_models":[{"name":"DeLorean"}]}]`},
		{name: "a partition is none", path: "/car_models_2021", status: 404, want: `{"code":"PGRST205"}`},
		{name: "to a partition", path: "/car_brands?select=name,car_models_2021(name)", status: 400, want: `{"code":"PGRST200"}`},
		{name: "a hint chooses", path: "/sites?select=name,main_project(name)", status: 200, want: `[]`},
		{name: "an unknown embed in a filter", path: "/clients?select=*&nope.name=like.*x*", status: 400, want: `{"code":"PGRST108","message":"'nope' is not an embedded resource in this request","hint":"Verify that 'nope' is included in the 'select' query parameter.","details":null}`},
		{name: "a deep one", path: "/clients?select=id,projects(id,tasks(id))&projects.tasks2.name=like.x*", status: 400, want: `{"message":"'tasks2' is not an embedded resource in this request"}`},
		{
			name: "or across embeds", path: "/projects?select=id,clients(),tasks()&clients.name=eq.Apple&or=(clients.not.is.null,tasks.not.is.null)&order=id", status: 200,
			want: `[{"id":1},{"id":2},{"id":3},{"id":4}]`,
		},
		{
			name: "null filters within embeds", path: "/clients?select=name,projects(id,tasks())&projects.tasks=is.null&order=id", status: 200,
			want: `[{"name":"Microsoft","projects":[]},{"name":"Apple","projects":[{"id":4}]}]`,
		},
		{
			name: "a related order within an embed", path: "/users?select=name,tasks(id,projects(id))&tasks.order=projects(id).desc,id.desc&id=eq.1", status: 200,
			want: `[{"name":"Angela","tasks":[{"id":2,"projects":{"id":1}},{"id":1,"projects":{"id":1}}]}]`,
		},
		{name: "a null filter counted", path: "/projects?select=name,clients()&clients=is.null", header: []string{"Prefer: count=exact"}, status: 200, want: `[{"name":"Orphan"}]`, wantHeader: []string{"Content-Range: 0-0/1"}},
		{name: "the null of an embed that is named as a column", path: "/projects?select=id,client_id(name)&client_id=is.null", status: 200, want: `[{"id":5,"client_id":null}]`},
		{name: "columns named as their embed", path: "/projects?select=id,client_id(name)&client_id=eq.2&order=id", status: 200, want: `[{"id":3,"client_id":{"name":"Apple"}},{"id":4,"client_id":{"name":"Apple"}}]`},
	})
}

func TestRestSpecWrites(t *testing.T) {
	t.Parallel()
	s := newRest(t, specFixture, nil)
	const full = "Prefer: return=representation"
	s.run(t, []restCase{
		{name: "computed field beside a star", method: "POST", path: "/items?select=*,label_length&columns=id,label,made", body: `{"id":50,"label":"abcd","made":null}`, header: []string{full, "Accept: application/vnd.pgrst.object+json;nulls=stripped"}, status: 201, want: `{"id":50,"label":"abcd","label_length":4}`},
		{name: "computed field and order", method: "PATCH", path: "/clients?select=*,item_count&order=item_count.desc,id.desc&id=lt.3", body: `{"name":"x"}`, header: []string{full}, status: 200, want: `[{"id":2,"name":"x","item_count":2},{"id":1,"name":"x","item_count":2}]`},
		{name: "computed field and relationship", method: "PATCH", path: "/clients?select=id,item_count,client_projects(id)&client_projects.order=id&id=eq.1", body: `{"name":"y"}`, header: []string{full}, status: 200, want: `[{"id":1,"item_count":2,"client_projects":[{"id":1},{"id":2}]}]`},
		{name: "computed field of what is gone", method: "DELETE", path: "/items?select=*,label_length&id=eq.50", header: []string{full, "Accept: application/vnd.pgrst.object+json;nulls=stripped"}, status: 200, want: `{"id":50,"label":"abcd","label_length":4}`},
		{name: "casts and names", method: "POST", path: "/projects?select=pId:id::text,pName:name", body: `{"id":7,"name":"New"}`, header: []string{full}, status: 201, want: `[{"pId":"7","pName":"New"}]`, wantHeader: []string{"Location:", "Content-Range: */*", "Preference-Applied: return=representation"}},
		{name: "select means nothing without a representation", method: "POST", path: "/projects?select=name", body: `{"id":11,"name":"New"}`, header: []string{"Prefer: return=headers-only"}, status: 201, wantHeader: []string{"Location: /rest/v1/projects?id=eq.11", "Content-Type:", "Content-Range: */*"}},
		{name: "rows that are no objects", method: "POST", path: "/projects", body: `[{"id":100}, 123, {"id":111}]`, status: 400, want: `{"code":"PGRST102","message":"All object keys must match"}`},
		{name: "no body", method: "POST", path: "/projects", status: 400, want: `{"code":"PGRST102","message":"Empty or invalid json","details":null,"hint":null}`},
		{name: "form", method: "POST", path: "/items?select=id,label,qty", body: "id=60&label=forms+are+fun&qty=3", header: []string{full, "Content-Type: application/x-www-form-urlencoded"}, status: 201, want: `[{"id":60,"label":"forms are fun","qty":3}]`},
		{name: "a type that is none of ours", method: "POST", path: "/projects", body: "x", header: []string{"Content-Type: application/what; v=1"}, status: 400, want: `{"code":"PGRST102","message":"Content-Type not acceptable: application/what; v=1"}`},
		{name: "parameters of json do not matter", method: "POST", path: "/rpc/add", body: `{"a":1}`, header: []string{"Content-Type: application/json; $$ ignored $$"}, status: 200, wantText: "11"},
		{name: "into a partitioned table", method: "POST", path: "/car_models", body: `{"name":"Enzo","year":2021}`, header: []string{"Prefer: return=headers-only"}, status: 201, wantHeader: []string{"Location: /rest/v1/car_models?name=eq.Enzo&year=eq.2021"}},
		{name: "a view of two tables has the keys of both", method: "POST", path: "/places", body: `{"box":1,"shelf":7}`, header: []string{"Prefer: return=headers-only"}, status: 201, wantHeader: []string{"Location: /rest/v1/places?shelf=eq.7&box=eq.1"}},
		{name: "one of which may be null", method: "POST", path: "/places", body: `{"box":2}`, header: []string{"Prefer: return=headers-only"}, status: 201, wantHeader: []string{"Location: /rest/v1/places?shelf=is.null&box=eq.2"}},
		{name: "merged in a partitioned table", method: "POST", path: "/car_models?select=name,brand", body: `[{"name":"Roma","year":2022,"brand":null},{"name":"F8","year":2022,"brand":"Ferrari"}]`, header: []string{full, "Prefer: resolution=merge-duplicates"}, status: 201, want: `[{"name":"Roma","brand":null},{"name":"F8","brand":"Ferrari"}]`},
		{name: "blank columns", method: "POST", path: "/projects?columns=", body: `[{"id":204}]`, status: 400, want: `{"code":"PGRST100","message":"\"failed to parse columns parameter ()\" (line 1, column 1)","details":"unexpected end of input expecting field name (* or [a..z0..9_$])"}`},
		{name: "rows that are no objects, beside columns", method: "POST", path: "/projects?columns=id,name", body: `[{"id":204}, 333, "asdf"]`, status: 400},
		{name: "space around a body", method: "PATCH", path: "/items?id=eq.2&select=id,qty", body: "\t \n \r { \"qty\": 99 } \t \n \r ", header: []string{full}, status: 200, want: `[{"id":2,"qty":99}]`},
		{name: "an array of nothing changes nothing", method: "PATCH", path: "/items", body: `[{}]`, status: 204, wantHeader: []string{"Content-Range: */*"}},
		{name: "chosen by a computed field", method: "PATCH", path: "/items?label_length=eq.3&id=eq.1&select=id,label_length", body: `{"qty":11}`, header: []string{full}, status: 200, want: `[{"id":1,"label_length":3}]`},
		{name: "csv and null", method: "POST", path: "/projects?select=id,client_id", body: "id,name,client_id\n80,Xenix,NULL\n81,NT,1", header: []string{full, "Content-Type: text/csv", "Accept: text/csv"}, status: 201, wantText: "id,client_id\n80,\n81,1"},
		{name: "csv with lines of different length", method: "POST", path: "/projects", body: "id,name\n90,x\n91", header: []string{"Content-Type: text/csv"}, status: 400, want: `{"code":"PGRST102","message":"All lines must have same number of fields"}`},
		{name: "keys twice in json stay", method: "POST", path: "/items?select=raw", body: `{"id":70,"raw":{"a":1,"a":2}}`, header: []string{full}, status: 201, wantText: `[{"raw":{"a":1,"a":2}}]`},
		{name: "to itself after an insert", method: "POST", path: "/tree?select=id,parent(name)", body: `{"id":9,"name":"leaf","parent":1}`, header: []string{full}, status: 201, want: `[{"id":9,"parent":{"name":"root"}}]`},
		{name: "merged, nothing given", method: "POST", path: "/projects", body: `[]`, header: []string{full, "Prefer: resolution=merge-duplicates"}, status: 200, want: `[]`},
		{name: "resolution without a key", method: "POST", path: "/nopk", body: `[{"v":"1"}]`, header: []string{full, "Prefer: resolution=merge-duplicates"}, status: 201, want: `[{"v":"1"}]`, wantHeader: []string{"Preference-Applied: return=representation"}},
	})
}

func TestRestSpecFunctions(t *testing.T) {
	t.Parallel()
	s := newRest(t, specFixture, func(c *restConfig) { c.MaxRows = new(int64(3)) })
	const form = "Content-Type: application/x-www-form-urlencoded"
	s.run(t, []restCase{
		{name: "no variadic", path: "/rpc/variadic_param", status: 200, wantText: `[]`},
		{name: "one", path: "/rpc/variadic_param?v=hi", status: 200, wantText: `["hi"]`},
		{name: "none by form", method: "POST", path: "/rpc/variadic_param", header: []string{form}, status: 200, wantText: `[]`},
		{name: "two by form", method: "POST", path: "/rpc/variadic_param", body: "v=hi&v=there", header: []string{form}, status: 200, wantText: `["hi","there"]`},
		{name: "json by form is json", method: "POST", path: "/rpc/json_argument", body: "arg=%7B%22a%22%3A1%7D", header: []string{form}, status: 200, wantText: `"object"`},
		{name: "json in quotes is a string", method: "POST", path: "/rpc/json_argument", body: `{"arg":"{ \"key\": 3 }"}`, status: 200, wantText: `"string"`},
		{name: "an array by form", method: "POST", path: "/rpc/varied", body: "arr=%7Ba,b%7D&i=43&d=20190101", header: []string{form}, status: 200, want: `{"arr":["a","b"],"i":43,"d":"2019-01-01"}`},
		{name: "the last of a form counts", method: "POST", path: "/rpc/add", body: "a=1&a=5", header: []string{form}, status: 200, wantText: `15`},
		{name: "unknown by form", method: "POST", path: "/rpc/add", body: "a=1&z=5", header: []string{form}, status: 404, want: `{"code":"PGRST202","details":"Searched for the function public.add with parameters a, z, but no matches were found in the schema cache."}`},
		{name: "some defaults", path: "/rpc/three_defaults?b=4", status: 200, wantText: `8`},
		{name: "no parameters before an unnamed one", method: "POST", path: "/rpc/overloaded_unnamed", body: `{}`, status: 200, wantText: `1`},
		{name: "named before unnamed", method: "POST", path: "/rpc/overloaded_unnamed", body: `{"x":1,"y":2}`, status: 200, wantText: `3`},
		{name: "unnamed at last", method: "POST", path: "/rpc/overloaded_unnamed", body: `{"A":1}`, status: 200, want: `{"A":1}`},
		{name: "unnamed text", method: "POST", path: "/rpc/overloaded_unnamed", body: `x`, header: []string{"Content-Type: text/plain"}, status: 200, wantText: `"x"`},
		{name: "the type of a body that is none", path: "/rpc/overloaded_unnamed", header: []string{"Content-Type: text/plain"}, status: 200, wantText: `1`},
		{
			name: "no unnamed csv", method: "POST", path: "/rpc/overloaded_unnamed", body: "a,b\n1,2", header: []string{"Content-Type: text/csv"}, status: 404,
			want: `{"hint":"Perhaps you meant to call the function public.overloaded_unnamed(x, y)","details":"Searched for the function public.overloaded_unnamed with parameters a, b, but no matches were found in the schema cache."}`,
		},
		{name: "two unnamed", method: "POST", path: "/rpc/unnamed_both", body: `{"A":1}`, status: 300, want: `{"message":"Could not choose the best candidate function between: public.unnamed_both( => json), public.unnamed_both( => jsonb)"}`},
		{name: "char keeps its length", path: "/rpc/char_param?c=abcdefg&cs={abc,abcdefg}", status: 200, want: `[{"c":"abcdefg","cs":["abc","abcdefg"]}]`},
		{name: "one out", path: "/rpc/single_out?num=5", status: 200, want: `{"num_plus_one":6}`},
		{name: "one inout", path: "/rpc/single_inout?num=2", status: 200, want: `{"num":3}`},
		{name: "many out", path: "/rpc/many_out", status: 200, want: `{"my_json":{"a":1},"num":3,"str":"four"}`},
		{name: "a table of one column", path: "/rpc/one_column", status: 200, want: `[{"a":"A"}]`},
		{name: "an argument named as a filter", path: "/rpc/projects_below?id=5&id=gt.2&select=id", status: 200, want: `[{"id":3},{"id":4}]`},
		{name: "a filter with not", path: "/rpc/projects_below?id=5&id=not.in.(1,3)&select=id", status: 200, want: `[{"id":2},{"id":4}]`},
		{name: "records", path: "/rpc/set_of_records", status: 200, want: `[{"id":1,"name":"Windows 7"},{"id":2,"name":"Windows 10"}]`},
		{name: "a domain over a table's rows", path: "/rpc/project_domain?id=1&select=id,clients(id),tasks(id)&tasks.order=id", status: 200, want: `[{"id":1,"clients":{"id":1},"tasks":[{"id":1},{"id":2}]}]`},
		{name: "a column named as the function", path: "/rpc/test", status: 200, want: `[{"test":"hello","value":1}]`},
		{name: "the first of an array", method: "POST", path: "/rpc/add", body: `[{"a":1,"b":2},{"a":4,"b":6}]`, status: 200, wantText: `3`},
		{name: "an argument in the url of a post", method: "POST", path: "/rpc/add?a=1", body: `{"a":1}`, status: 400, want: `{"code":"PGRST100"}`},
		{name: "a bad status of a raise", method: "POST", path: "/rpc/raise_bad_pt", status: 500, want: `{"code":"PT40A","message":"Wrong"}`},
		{name: "bad headers", path: "/rpc/bad_headers", status: 500, want: `{"code":"PGRST111"}`},
		{name: "a header twice", path: "/rpc/two_cookies", status: 204, wantHeader: []string{"Set-Cookie: a=1 | b=2", "Content-Type:"}},
		{name: "one value counted", path: "/rpc/add?a=3&b=4", header: []string{"Prefer: count=exact"}, status: 200, wantText: "7", wantHeader: []string{"Content-Range: 0-0/1"}},
		{name: "an inner embed counted", method: "HEAD", path: "/rpc/all_projects?select=*,clients!inner(*)&clients.id=eq.1", header: []string{"Prefer: count=exact"}, status: 200, wantHeader: []string{"Content-Range: 0-1/2"}},
		{name: "estimated is exact", path: "/rpc/all_projects?select=id&limit=1", header: []string{"Prefer: count=estimated"}, status: 206, want: `[{"id":1}]`, wantHeader: []string{"Content-Range: 0-0/5", "Preference-Applied: count=estimated"}},
		{name: "planned is unknown", path: "/rpc/all_projects?select=id&limit=1", header: []string{"Prefer: count=planned"}, status: 200, want: `[{"id":1}]`, wantHeader: []string{"Content-Range: 0-0/*", "Preference-Applied: count=planned"}},
		{name: "a range is for get alone", method: "POST", path: "/rpc/all_projects?select=id&id=lt.4", body: `{}`, header: []string{"Range: 1-1"}, status: 200, want: `[{"id":1},{"id":2},{"id":3}]`},
	})
}

func TestRestSpecReads(t *testing.T) {
	t.Parallel()
	s := newRest(t, specFixture, nil)
	s.run(t, []restCase{
		{name: "empty select is all", path: "/clients?select=&id=eq.1", status: 200, want: `[{"id":1,"name":"Microsoft"}]`},
		{name: "count and a column named select", path: "/clients?select=id&id=in.(1,2)&order=id.desc", header: []string{"Prefer: count=exact"}, status: 200, want: `[{"id":2},{"id":1}]`, wantHeader: []string{"Content-Range: 0-1/2"}},
		{name: "in with spaces and quotes", path: "/items?select=id&label=in.(\"three, \\\"quoted\\\" (x)\",one)&order=id", status: 200, want: `[{"id":1},{"id":3}]`},
		{name: "in of nothing", path: "/items?select=id&id=in.()", status: 200, want: `[]`},
		{name: "not in of nothing", path: "/items?select=id&id=not.in.()&order=id&limit=1", status: 200, want: `[{"id":1}]`},
		{name: "isdistinct", path: "/items?select=id&qty=isdistinct.10&order=id", status: 200, want: `[{"id":2},{"id":3},{"id":4}]`},
		{name: "any of like", path: "/items?select=id&label=like(any).{o*,*w*}&order=id", status: 200, want: `[{"id":1},{"id":2}]`},
		{name: "all of like", path: "/items?select=id&label=like(all).{t*,*w*}&order=id", status: 200, want: `[{"id":2}]`},
		{name: "text search in text", path: "/items?select=id&label=fts(english).one", status: 200, want: `[{"id":1}]`},
		{name: "text search in json", path: "/items?select=id&data=phfts.x", status: 200, want: `[{"id":1}]`},
		{name: "json path in a filter", path: "/items?select=id&data->deep->>q=eq.true", status: 200, want: `[{"id":1}]`},
		{name: "json path into a row", path: "/items?select=id,raw->r&id=eq.1", status: 200, want: `[{"id":1,"r":1}]`},
		{name: "json number in a filter", path: "/items?select=id&data->n=gt.1", status: 200, want: `[{"id":2}]`},
		{name: "cast of a path", path: "/items?select=n:data->>n::int&id=eq.2", status: 200, want: `[{"n":2}]`},
		{name: "not and or", path: "/items?select=id&not.or=(id.eq.1,and(id.gt.2,label.not.is.null))", status: 200, want: `[{"id":2}]`},
		{name: "or on an embed", path: "/clients?select=id,projects(id)&projects.or=(id.eq.1,id.eq.4)&order=id", status: 200, want: `[{"id":1,"projects":[{"id":1}]},{"id":2,"projects":[{"id":4}]}]`},
		{name: "limits of embeds", path: "/clients?select=id,projects(id)&projects.order=id.desc&projects.limit=1&projects.offset=1&order=id", status: 200, want: `[{"id":1,"projects":[{"id":1}]},{"id":2,"projects":[{"id":3}]}]`},
		{name: "deep limits", path: "/clients?select=id,projects(id,tasks(id))&projects.tasks.order=id.desc&projects.tasks.limit=1&projects.order=id&id=eq.1", status: 200, want: `[{"id":1,"projects":[{"id":1,"tasks":[{"id":2}]},{"id":2,"tasks":[{"id":4}]}]}]`},
		{name: "range past the end", path: "/items?select=id&order=id", header: []string{"Range: 100-200"}, status: 200, want: `[]`, wantHeader: []string{"Content-Range: */*"}},
		{name: "range past a known end", path: "/items", header: []string{"Range: 100-200", "Prefer: count=exact"}, status: 416, want: `{"code":"PGRST103","details":"An offset of 100 was requested, but there are only 4 rows."}`, wantHeader: []string{"Content-Range: */4"}},
		{name: "range from the end", path: "/items?select=id&order=id", header: []string{"Range: 3-", "Prefer: count=exact"}, status: 206, want: `[{"id":4}]`, wantHeader: []string{"Content-Range: 3-3/4"}},
		{name: "inverted range", path: "/items", header: []string{"Range: 1-0"}, status: 416, want: `{"code":"PGRST103","details":"The lower boundary must be lower than or equal to the upper boundary in the Range header."}`},
		{name: "negative limit", path: "/items?limit=-1", status: 416, want: `{"code":"PGRST103","details":"Limit should be greater than or equal to zero."}`},
		{name: "limit 0 counted", path: "/items?limit=0", header: []string{"Prefer: count=exact"}, status: 206, wantText: `[]`, wantHeader: []string{"Content-Range: */4"}},
		{name: "csv with quotes", path: "/items?select=id,label&id=eq.3", header: []string{"Accept: text/csv"}, status: 200, wantText: "id,label\n3,\"three, \"\"quoted\"\" (x)\""},
		{name: "csv of nothing", path: "/items?select=id&id=eq.99", header: []string{"Accept: text/csv"}, status: 200, wantText: "\n"},
		{name: "csv single", path: "/items?select=id&id=eq.1", header: []string{"Accept: text/csv; header=present"}, status: 200, wantText: "id\n1"},
		{name: "stripped single", path: "/items?select=id,qty&id=eq.3", header: []string{"Accept: application/vnd.pgrst.object+json;nulls=stripped"}, status: 200, wantText: `{"id":3}`, wantHeader: []string{"Content-Type: application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"}},
		{name: "strict", path: "/items?select=id&limit=1", header: []string{"Prefer: handling=strict, anything"}, status: 400, want: `{"code":"PGRST122","details":"Invalid preferences: anything"}`},
		{name: "lenient", path: "/items?select=id&limit=1&order=id", header: []string{"Prefer: handling=lenient, anything"}, status: 200, want: `[{"id":1}]`, wantHeader: []string{"Preference-Applied: handling=lenient"}},
		{name: "timezone", path: "/items?select=made&id=eq.1", header: []string{"Prefer: timezone=America/Los_Angeles"}, status: 200, want: `[{"made":"2024-01-01T19:04:05-08:00"}]`, wantHeader: []string{"Preference-Applied: timezone=America/Los_Angeles"}},
		{name: "no timezone", path: "/items?select=made&id=eq.1", header: []string{"Prefer: timezone=Nowhere/X"}, status: 400, want: `{"code":"22023"}`},
		{name: "a hint with inner", path: "/projects?select=id,clients!projects_client_id_fkey!inner(name)&clients.name=eq.Apple&order=id", status: 200, want: `[{"id":3,"clients":{"name":"Apple"}},{"id":4,"clients":{"name":"Apple"}}]`},
		{name: "inner within inner", path: "/clients?select=id,projects!inner(id,tasks!inner(id))&projects.tasks.id=eq.5", status: 200, want: `[{"id":2,"projects":[{"id":3,"tasks":[{"id":5}]}]}]`},
		{name: "inner of an embed that is left", path: "/clients?select=id,projects(id,tasks!inner(id))&projects.tasks.id=eq.5&order=id", status: 200, want: `[{"id":1,"projects":[]},{"id":2,"projects":[{"id":3,"tasks":[{"id":5}]}]}]`},
		{name: "spread of the junction's other side", path: "/users?select=name,tasks:users_tasks(...tasks(*))&id=eq.3", status: 200, want: `[{"name":"Dwight","tasks":[{"id":5,"name":"Design IOS","project_id":3}]}]`},
		{name: "spread of a spread, to one", path: "/tasks?select=name,...projects(project:name,...clients(client:name))&id=eq.1", status: 200, want: `[{"name":"Design w7","project":"Windows 7","client":"Microsoft"}]`},
		{name: "head has no body, and its counts", method: "HEAD", path: "/items", header: []string{"Prefer: count=exact"}, status: 200, wantHeader: []string{"Content-Range: 0-3/4", "Content-Type: application/json; charset=utf-8", "Content-Length:"}},
		{name: "content location is canonical", path: "/items?select=id&order=id&id=eq.1&label=eq.one", status: 200, want: `[{"id":1}]`, wantHeader: []string{"Content-Location: /rest/v1/items?id=eq.1&label=eq.one&order=id&select=id"}},
		{name: "vary", path: "/items?limit=0", status: 200, wantHeader: []string{"Vary: Accept, Prefer, Range"}},
	})
}

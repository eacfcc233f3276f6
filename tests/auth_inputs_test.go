package tests

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/tests/dbtest"
)

// hostileValues are those of a type that somebody might send, as SQL. What is large lies in
// pg_temp.large.
var hostileValues = map[string][]string{
	"text":    {"null", "''", "'-infinity'", `E'\'"\\%_\u00a0\U0010ffff$1{}[]'`, "pg_temp.large('text')"},
	"uuid":    {"null", "gen_random_uuid()"},
	"boolean": {"null", "true"},
	"integer": {"null", "0", "-2147483648", "2147483647"},
	"bigint":  {"null", "0", "-9223372036854775808", "9223372036854775807"},
	"jsonb": {
		"null", "'null'", "'[]'", `'"x"'`, "'-1e300'", "'[null]'", "pg_temp.large('jsonb')::jsonb", "pg_temp.large('array')::jsonb",
		"pg_temp.large('objects')::jsonb", "pg_temp.large('deep')::jsonb", "pg_temp.large('keys')::jsonb",
	},
	"timestamp with time zone": {"null", "'infinity'", "'-infinity'", "'294276-12-31'", "'4713-01-01 BC'"},
	"interval":                 {"null", "'-1 day'", "'178000000 years'", "'-178000000 years'"},
	"inet":                     {"null", "'::/0'", "'0.0.0.0/0'"},
	"bytea":                    {"null", `'\x'`, "decode(pg_temp.large('text'), 'escape')"},
	"oid":                      {"null", "0", "4294967295"},
	"text[]":                   {"null", "'{}'", "'{null}'", "'{{a,b},{c,d}}'", "pg_temp.many()"},
	"uuid[]":                   {"null", "'{}'", "'{null}'"},
	"cidr[]":                   {"null", "'{}'", "'{null}'", "'{{::/0},{0.0.0.0/0}}'"},
	"bytea[]":                  {"null", "'{}'", "'{null}'", "pg_temp.many()::bytea[]"},
	"anyelement":               {"null::text", "1"},
	"auth.aal_level":           {"null", "'aal3'"},
	"auth.factor_type":         {"null", "'recovery_code'"},
}

// hostileMembers are values of a member of a JSON object.
var hostileMembers = []string{"'null'", `'"-infinity"'`, "'-1e300'", "'{}'", "'[null]'", `to_jsonb(repeat('x', 65536))`}

const goodID = "00000000-0000-0000-0000-000000000001"

// goodInputs has a user with all that a user can have, under names of arguments; their
// ids are all goodID.
const goodInputs = `
	select auth.set_setting(k.name, 'true')
	from auth.known_settings() as k
	where k.kind = 'boolean' and k.name in ('phone_enabled', 'anonymous_users_enabled', 'manual_linking_enabled', 'passkeys_enabled');
	select auth.set_setting('mfa_verify', '["totp", "webauthn", "phone", "recovery_codes", "recovery_code"]');
	insert into auth.users (id, email, email_confirmed_at, phone, phone_confirmed_at, encrypted_password, email_change, email_change_confirm_status)
	values ('ID', 'ada@example.com', now(), '491234567', now(), 'hash', 'new@example.com', 0);
	select auth.keep_identity('ID', 'email'), auth.keep_identity('ID', 'phone');
	insert into auth.identities (id, provider_id, user_id, provider, identity_data) values ('ID', '1', 'ID', 'google', '{}');
	insert into auth.sessions (id, user_id, aal, tokens_until) values ('ID', 'ID', 'aal2', now() + interval '1 h');
	insert into auth.mfa_amr_claims (session_id, authentication_method) values ('ID', 'password');
	insert into auth.refresh_tokens (token, session_id, revoked) values ('text', 'ID', false);
	insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, secret) values ('ID', 'ID', 'f', 'totp', 'verified', 'secret');
	insert into auth.mfa_factors (user_id, friendly_name, factor_type, status) values ('ID', 'r', 'recovery_code', 'verified');
	insert into auth.mfa_recovery_codes (factor_id, code_hash) select f.id, sha256('code') from auth.mfa_factors as f where f.factor_type = 'recovery_code';
	insert into auth.mfa_challenges (id, factor_id) values ('ID', 'ID');
	insert into auth.two_factor_recovery_attempts (user_id, kind, factor_id, session_id, challenge_id) values ('ID', 'totp', 'ID', 'ID', 'ID');
	insert into auth.webauthn_credentials (id, user_id, credential_id, public_key) values ('ID', 'ID', sha256('code'), sha256('code'));
	insert into auth.webauthn_challenges (id, user_id, challenge_type, session_data, expires_at) values ('ID', 'ID', 'registration', '{}', 'infinity');
	select auth.set_oauth_provider('google', '{"client_id": "c", "issuer": "https://accounts.example.com"}');
	insert into auth.oauth_states (state_hash, provider, redirect_to, verifier_sealed, nonce) values (sha256('code'), 'google', '', 's', 'n');
	insert into auth.flow_state (id, user_id, provider_type, authentication_method, code_hash, expires_at, code_challenge, code_challenge_method)
	values ('ID', 'ID', 'email', 'otp', sha256('code'), 'infinity', 'text', 'plain');
	insert into auth.one_time_tokens (user_id, token_type, purpose, token_hash, code_hash, relates_to, expires_at)
	select 'ID', 'recovery_token', p.purpose, 'text', sha256('code'), 'ada@example.com', 'infinity'
	from unnest(array['recovery', 'email_change']) as p (purpose);
	insert into auth.mails (id, kind, user_id, to_address, data) values ('ID', 'recovery', 'ID', 'ada@example.com', '{}');
	insert into auth.hook_secrets (id, hook, sealed) values ('ID', 'send_sms', 's');
	select auth.add_signing_key(k.kid, 'ES256', jsonb_build_object('kid', k.kid, 'alg', 'ES256'), 'fbs1.s')
	from (values ('old'), ('kid')) as k (kid);
	update auth.signing_keys set created_at = now() - interval '1 h';
	insert into auth.service_keys (id, name, kind, hash, role, created_by) values ('000000000000', 'n', 'secret', sha256('code'), 'service_role', 'x');
	delete from auth.attempts;`

// goodValues are those of an argument that all functions have in mind, by name, or by
// function and name.
var goodValues = map[string]string{
	"email": "'ada@example.com'", "new_email": "'newer@example.com'", "address": "'ada@example.com'", "to_address": "'ada@example.com'", "phone": "'491234567'",
	"account": "'ada@example.com'", "provider": "'google'", "provider_id": "'1'", "kind": "'totp'", "purpose": "'recovery'", "scope": "'local'",
	"code_hash": "sha256('code')", "auth_code": "sha256('2')", "state_hash": "sha256('code')", "credential_id": "sha256('code')", "verifier": "'text'", "attempt": "1", "fence": "0",
	"kid": "'kid'", "alg": "'ES256'", "private_sealed": "'fbs1.s'", "sealed": "'fbs1.s'", "reason": "'r'", "role": "'authenticated'", "language": "'de'",
	"per_page": "10", "page": "1", "most": "10", "length": "8", "max_rows": "10", "batch": "10", "factor_type": "'totp'", "duration": "'5 min'",
	"after": "'00000000-0000-0000-0000-000000000000'", "codes": "array[sha256('code')]", "filter": "'a'", "uri": "'pg-functions://postgres/a/b'",
	"hook": "'send_sms'", "service_key_audit.key_id": "'000000000000'", "add_hook_secret.id": "gen_random_uuid()", "enroll_factor.factor_id": "gen_random_uuid()",
	"end_service_key.id": "'000000000000'", "revoke_service_key.id": "'000000000000'", "lock_service_key.id": "'000000000000'",
	"deprecate_service_key.id": "'000000000000'", "rotate_service_key.old_id": "'000000000000'", "call.hook": "0",
	"setting.name": "'jwt_exp'", "set_setting.name": "'jwt_exp'", "set_setting.value": "'60'", "run_hook.name": "'send_sms'",
	"set_oauth_provider.name": "'google'", "drop_oauth_provider.name": "'google'", "oauth_provider.name": "'google'", "issue_service_key.name": "'n'",
	"issue_service_key.kind": "'secret'", "issue_service_key.modules": "null", "issue_service_key.schemas": "null", "issue_service_key.addresses": "null",
	"begin_attempt.address": "'192.0.2.1'", "clear_attempts.address": "'192.0.2.1'", "attempt_counters.address": "'192.0.2.1'",
	"begin_attempt.kind": "'password'", "clear_attempts.kind": "'password'", "attempt_counters.kind": "'password'", "take_turn.kind": "'mail'",
	"queue_mail.kind": "'recovery'", "mail_template.kind": "'recovery'", "set_mail_template.kind": "'recovery'",
	"sign_up.email": "'new@example.com'", "sign_up.phone": "null", "make_user.email": "'new@example.com'", "make_user.phone": "null",
	"register_user.email": "'new@example.com'", "register_user.phone": "null", "request_otp.phone": "null", "find_account.phone": "null", "begin_sign_in.phone": "null",
	"sign_in_with_password.hash": "'hash'", "sign_in_with_password.new_hash": "null", "refresh_session.counter": "0", "enroll_factor.phone": "null",
	"keep_identity.provider": "'email'", "begin_change.provider": "'email'", "change_address.provider": "'email'", "change_address.address": "'newer@example.com'",
	"confirm_address.purpose": "'signup'", "verify.type": "'recovery'", "take_one_time_token.type": "'recovery'", "pending_change.type": "'email_change'",
	"resend.type": "'signup'", "unconfirmed_json.provider": "'email'", "merge_metadata.held": "'{}'", "end_one_time_tokens.purposes": "null",
	"link_identity.provider_id": "'2'", "add_identity.provider_id": "'2'", "add_passkey.credential_id": "sha256('2')", "end_legacy_keys.jti": "null",
	"end_legacy_keys.issued_before": "null", "revoke_legacy_keys.jti": "null", "revoke_legacy_keys.issued_before": "null", "read_ended_sessions.after": "gen_random_uuid()",
	"create_oauth_state.state_hash": "sha256('2')", "create_oauth_state.details": `'{"redirect_to": "", "verifier_sealed": "s", "nonce": "n"}'`,
	"import_users.users": `'[{"email": "new@example.com"}]'`, "list_users.cursor": "null", "note_service_key_uses.uses": `'[{"id": "000000000000", "at": 1}]'`,
	"make_recovery_codes.again": "true", "claim_mails.has_server": "true", "seal_secret.secret": "'secret'", "queue_mail.sealed": "null", "sign_in_with_identity.link_user_id": "null",
	"flow":                   `jsonb_build_object('id', gen_random_uuid(), 'code_hash', encode(sha256('2'), 'hex'))`,
	"create_user.attributes": `'{"email": "new@example.com"}'`, "public_jwk": `'{"kid": "kid", "alg": "ES256"}'`, "take_passkey_challenge.user_id": "'ID'",
	"ticket": "jsonb_build_object('hash', 'h', 'code', encode(sha256('2'), 'hex'))", "tickets": `'{"now": {"hash": "h"}, "new": {"hash": "i"}}'`,
}

// goodOfType is what an argument is given that has no name of its own above.
var goodOfType = map[string]string{
	"text": "'text'", "uuid": "'ID'", "boolean": "false", "integer": "1", "bigint": "1", "jsonb": "'{}'", "timestamp with time zone": "null",
	"interval": "'1 h'", "inet": "'192.0.2.1'", "bytea": "sha256('code')", "oid": "0", "text[]": "null", "uuid[]": "'{ID}'", "cidr[]": "null",
	"bytea[]": "null", "anyelement": "1", "auth.aal_level": "'aal1'", "auth.factor_type": "'totp'",
}

// sqlFunctionOf is a function of a schema, with what can be called of it.
type sqlFunctionOf struct {
	Name, Kind, Comment, Body string
	Args, Types               []string
}

func functionsOf(t *testing.T, db *dbtest.DB, schema string) []sqlFunctionOf {
	t.Helper()
	rows, err := db.Conn(t).Query(t.Context(), `
		select p.proname::text as name, p.prokind::text as kind, obj_description(p.oid, 'pg_proc') as comment,
		  coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body, a.args, a.types
		from pg_proc as p
		cross join lateral (
		  select coalesce(array_agg(coalesce(p.proargnames[i.n], '') order by i.n), '{}') as args,
		    coalesce(array_agg(format_type(p.proargtypes[i.n - 1], null) order by i.n), '{}') as types
		  from generate_series(1, p.pronargs) as i (n)
		) as a
		where p.pronamespace = $1::regnamespace
		and p.prorettype <> 'trigger'::regtype
		order by p.oid::regprocedure::text`, schema)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[sqlFunctionOf])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var (
	// memberOf finds the names of members of JSON objects in the body of a function.
	memberOf   = regexp.MustCompile(`(?:->>?|\?) '(\w+)'`)
	manyOf     = regexp.MustCompile(`(?:\?[|&]|#>>?) array\[([^\]]*)\]`)
	quotedName = regexp.MustCompile(`'(\w+)'`)
	// stateOf finds SQLSTATEs in what is told of a function, and likeOf functions whose are
	// its own, too.
	stateOf = regexp.MustCompile(`\b(?:[0-9][0-9A-Z]{4}|P000\d|FXH\d\d|XX\d{3})\b`)
	likeOf  = regexp.MustCompile(`auth\.(\w+)`)
	// insideOf is what an error must not tell.
	insideOf = regexp.MustCompile(`relation "|column "|index "|operator |EXECUTE|record |variable |PL/pgSQL|FOREACH|missing`)
)

// refuses tells whether f may refuse what it was given by a state: one that is for that,
// or that its comment, or that of one that it names, tells of.
func (f sqlFunctionOf) refuses(state string, comments map[string]string) bool {
	if state == "" || state[:2] == "22" || slices.Contains([]string{"23514", "P0002", "42501"}, state) {
		return true
	}
	told := f.Comment
	for _, like := range likeOf.FindAllStringSubmatch(f.Comment, -1) {
		told += " " + comments[like[1]]
	}
	return slices.Contains(stateOf.FindAllString(told, -1), state)
}

// calls are the ways in which a walk calls f: each argument at a time has each hostile
// value, while the others are good; all have one; and the members of objects as well.
func (f sqlFunctionOf) calls(t *testing.T) (list []string) {
	t.Helper()
	good := make([]string, len(f.Args))
	for i, name := range f.Args {
		good[i] = goodOfType[f.Types[i]]
		if v, ok := goodValues[name]; ok {
			good[i] = v
		}
		if v, ok := goodValues[f.Name+"."+name]; ok {
			good[i] = v
		}
		if name == "" || good[i] == "" || hostileValues[f.Types[i]] == nil {
			t.Fatalf("auth.%s: the walk has no values of %s %s: add some", f.Name, name, f.Types[i])
		}
	}
	call := func(values []string) {
		for i, name := range f.Args {
			if values[i] = name + " => (" + values[i] + ")"; f.Types[i] != "anyelement" {
				values[i] += "::" + f.Types[i]
			}
		}
		args := "auth." + f.Name + "(" + strings.Join(values, ", ") + ")"
		if f.Kind == "p" {
			args = "call " + args
		} else {
			args = "select f.* from " + args + " as f"
		}
		list = append(list, strings.ReplaceAll(args, "ID", goodID))
	}
	with := func(i int, value string) {
		values := slices.Clone(good)
		values[i] = value
		call(values)
	}
	call(slices.Clone(good))
	var members []string
	for _, m := range memberOf.FindAllStringSubmatch(f.Body, -1) {
		members = append(members, m[1])
	}
	for _, m := range manyOf.FindAllStringSubmatch(f.Body, -1) {
		for _, q := range quotedName.FindAllStringSubmatch(m[1], -1) {
			members = append(members, q[1])
		}
	}
	slices.Sort(members)
	most := 0
	for i := range f.Args {
		hostile := hostileValues[f.Types[i]]
		most = max(most, len(hostile))
		for _, v := range hostile {
			with(i, v)
		}
		if f.Types[i] == "jsonb" {
			for _, m := range slices.Compact(members) {
				for _, v := range hostileMembers {
					with(i, good[i]+"::jsonb || jsonb_build_object('"+m+"', "+v+"::jsonb)")
				}
			}
		}
	}
	for n := range min(most, 3) {
		values := make([]string, len(f.Args))
		for i := range values {
			hostile := hostileValues[f.Types[i]]
			values[i] = hostile[(len(hostile)+n-1)%len(hostile)] // the last, the first, the second
		}
		call(values)
	}
	return list
}

// Whatever a function of auth is given, it answers, or refuses in a way that its comment
// tells of: it does not run on, and no error is of its inside.
func TestNoInputBreaksAFunctionOfAuth(t *testing.T) {
	t.Parallel()
	type try struct {
		f    sqlFunctionOf
		call string
		good bool
	}
	work := make(chan try)
	comments := map[string]string{}
	states := map[string]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	var functions []sqlFunctionOf
	// Each has a database of its own, so that none waits for another.
	for range 2 {
		db := dbtest.New(t)
		exec(t, db, strings.ReplaceAll(goodInputs, "'ID'", "'"+goodID+"'"))
		functions = functionsOf(t, db, "auth")
		conn := db.Conn(t)
		if _, err := conn.Exec(t.Context(), hostileSetup); err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			for w := range work {
				var state, message string
				if err := conn.QueryRow(t.Context(), `select t.state, t.message from pg_temp.try($1) as t`, w.call).Scan(&state, &message); err != nil {
					t.Errorf("%s: %v", w.call, err)
				}
				mu.Lock()
				states[state]++
				mu.Unlock()
				switch {
				case w.good && state > "22" && state < "24":
					t.Errorf("%s is good, but: %s %s", w.call, state, message)
				case !w.f.refuses(state, comments) || state != "23514" && insideOf.MatchString(message):
					t.Errorf("%s: %s %.200s", w.call, state, message)
				}
			}
		})
	}
	for _, f := range functions {
		comments[f.Name] = f.Comment
	}
	n := 0
	for _, f := range functions {
		for i, call := range f.calls(t) {
			work <- try{f, call, i == 0}
			n++
		}
	}
	close(work)
	group.Wait()
	t.Logf("%d calls of %d functions: %v", n, len(functions), states)
	if len(functions) < 130 || states[""] < n/2 {
		t.Errorf("of %d calls of %d functions %d went well: the walk has lost its way", n, len(functions), states[""])
	}
}

// hostileSetup is what a connection of the walk needs: values that are large, and a
// function that tries a call and leaves nothing of it behind.
const hostileSetup = `
	set statement_timeout = '5s';
	set client_min_messages = error;
	create temp table texts as
	select 'text' as name, string_agg(md5(n::text), '') as value from generate_series(1, 32768) as n
	union all select 'jsonb', to_jsonb(string_agg(md5(n::text), ''))::text from generate_series(1, 32768) as n
	union all select 'array', jsonb_agg(n)::text from generate_series(1, 10000) as n
	union all select 'objects', jsonb_agg('{}'::jsonb)::text from generate_series(1, 10000) as n
	union all select 'deep', repeat('{"a":[', 500) || repeat(']}', 500)
	union all select 'keys', jsonb_object_agg(n, n)::text from generate_series(1, 10000) as n;
	create function pg_temp.large(of text) returns text language sql stable as
	$$ select t.value from pg_temp.texts as t where t.name = large.of $$;
	create function pg_temp.many() returns text[] language sql stable as
	$$ select array_agg(n::text) from generate_series(1, 10000) as n $$;
	create function pg_temp.try(call text, out state text, out message text) language plpgsql as $$
	begin
	  execute call;
	  raise exception using errcode = 'FXT00';
	exception when others then
	  state := case sqlstate when 'FXT00' then '' else sqlstate end;
	  message := sqlerrm;
	end;
	$$;`

var _ = fmt.Sprint

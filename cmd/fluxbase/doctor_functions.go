package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/fluxbase/fluxbase/proxy/functions"
)

// checkFunctions looks at what is deployed, and at what would call what is not.
func (d *doctor) checkFunctions(ctx context.Context) error {
	var installed bool
	if err := d.conn.QueryRow(ctx, `select to_regclass('functions.queues') is not null`).Scan(&installed); err != nil || !installed {
		return err // checkInstalled says so
	}
	var (
		deployed, open, stray, secrets int
		orphans                        []string
	)
	const ask = `
		select
		  count(*),
		  count(*) filter (where not f.verify_jwt),
		  (
		    select count(*) from functions.invocations_default as i
		    where i.at between now() - interval '1 year' and now() - interval '1 day'
		  ),
		  (select count(*) from functions.secrets),
		  (
		    select coalesce(array_agg(distinct w.what order by w.what), '{}')
		    from (
		      select h.edge_function, format('the handler of jobs of kind %s calls %s', h.kind, h.edge_function)
		      from jobs.handlers as h
		      where h.edge_function is not null
		      union all
		      select s.args ->> 'function', format('the schedule %s calls %s', s.name, s.args ->> 'function')
		      from jobs.schedules as s
		      where s.kind = 'functions.invoke'
		      and s.is_enabled
		    ) as w (name, what)
		    where not exists (
		      select from functions.functions as g where g.name = w.name and g.active is not null
		    )
		  )
		from functions.functions as f
		where f.active is not null`
	if err := d.conn.QueryRow(ctx, ask).Scan(&deployed, &open, &stray, &secrets, &orphans); err != nil {
		return err
	}
	for _, what := range orphans {
		d.report(levelWarn, "fluxbase functions deploy", "%s, which is not deployed", what)
	}
	if stray > 0 {
		d.report(levelWarn, "select functions.maintain();  -- serve calls it each hour, where FLUXBASE_MODULES has functions",
			"%d calls of functions are in no partition of their day, so that nothing drops them", stray)
	}
	if err := d.checkFunctionSecrets(ctx, secrets); err != nil {
		return err
	}
	if deployed == 0 {
		return nil
	}
	var cfg functions.Config
	_ = parseEnv(&cfg) // serve says what is wrong there
	serves := slices.Contains(d.modules.Modules, "all") || slices.Contains(d.modules.Modules, "functions")
	if serves && findDeno(cfg) == "" {
		d.report(levelWarn, "install Deno 2 where fluxbase serve runs (https://deno.com, or: npm install -g deno), or say where it is with FLUXBASE_DENO_BIN",
			"%d function(s) are deployed, and there is no Deno here: serve would answer 503 at /functions/v1", deployed)
		return nil
	}
	said := ""
	if open > 0 {
		said = fmt.Sprintf("; %d let(s) requests in without a key or token (verify_jwt is off)", open)
	}
	d.report(levelOK, "", "%d function(s) are deployed%s", deployed, said)
	return nil
}

// checkFunctionSecrets names the keys that secrets are sealed with and that are not there.
func (d *doctor) checkFunctionSecrets(ctx context.Context, count int) error {
	if count == 0 {
		return nil
	}
	rows, err := d.conn.Query(ctx, `select s.name, s.sealed from functions.secrets as s order by s.name`)
	if err != nil {
		return err
	}
	type row struct{ Name, Sealed string }
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return err
	}
	keys, err := sealKeys()
	if err != nil {
		d.report(levelWarn, "export FLUXBASE_ENCRYPTION_KEY=...  -- the one of the processes that serve",
			"whether the %d secret(s) of functions open can't be told without FLUXBASE_ENCRYPTION_KEY", count)
		return nil
	}
	var closed []string
	for _, s := range all {
		if _, err := keys.Open(s.Sealed, functions.SecretPlace(s.Name)); err != nil {
			closed = append(closed, s.Name)
		}
	}
	if len(closed) > 0 {
		d.report(levelFail, "fluxbase functions secrets set NAME < value  -- or add the key that sealed it to FLUXBASE_ENCRYPTION_KEY",
			"secrets of functions do not open with FLUXBASE_ENCRYPTION_KEY: %s", strings.Join(closed, ", "))
		return nil
	}
	d.report(levelOK, "", "the %d secret(s) of functions open", count)
	return nil
}

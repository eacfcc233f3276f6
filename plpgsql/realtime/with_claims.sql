create or replace function realtime.with_claims(condition text)
  returns text
  language sql
  immutable
  strict
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(
    case
      when t.token[1] ~ '^(\( SELECT )?auth\.uid\(' then '"fluxbase.uid"'
      when t.token[1] ~ '^(\( SELECT )?auth\.jwt\(' then '"fluxbase.claims"'
      when t.token[1] ~ '^(\( SELECT )?auth\.role\(' then '("fluxbase.claims" ->> ''role'')'
      when t.token[1] ~ '^(\( SELECT )?auth\.email\(' then '("fluxbase.claims" ->> ''email'')'
      else t.token[1]
    end,
    '' order by t.n
  )
  from regexp_matches(
    with_claims.condition,
    -- What is quoted, names, and what is none: calls must not be found in the former.
    '''(?:[^'']|'''')*'''
      || '|(?:[\w$]+|"(?:[^"]|"")*")(?:\.(?:[\w$]+|"(?:[^"]|"")*"))*(?:\(\))?'
      || '|\( SELECT auth\.(?:uid|jwt|role|email)\(\) AS [\w$]+\)'
      || '|[^''"\w$]',
    'g'
  ) with ordinality as t (token, n)
$$;

comment on function realtime.with_claims(text) is
  'A condition, as pg_get_expr gives it, with columns of claims in the place of auth.uid(),
auth.jwt(), auth.role() and auth.email(): "fluxbase.uid" and "fluxbase.claims".';

revoke all on function realtime.with_claims(text) from public;
grant execute on function realtime.with_claims(text) to authenticator;

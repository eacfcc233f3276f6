create or replace function auth.attempt_counters(account text, address inet, kind text)
  returns table (counter text, key text, free integer, longest integer)
  language plpgsql
  stable
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_account constant text := encode(
    sha256(convert_to(auth.require_value(attempt_counters.account, 'account'), 'UTF8')), 'hex'
  );
  -- Whoever has an address of IPv6 has a /64 of them.
  v_network constant text := coalesce(
    network(
      set_masklen(
        attempt_counters.address, case family(attempt_counters.address) when 6 then 64 else 32 end
      )
    )::text,
    'unknown'
  );
begin
  return query
    select auth.require_value(attempt_counters.kind, 'kind') || '_here',
      v_account || ' ' || v_network,
      auth.setting('attempts_free')::integer, auth.setting('attempts_longest_pause')::integer;

  if not exists (
    select
    from auth.known_addresses as k
    where k.account = v_account
    and k.network = v_network
  ) then
    return query
      select attempt_counters.kind || '_account', v_account,
        auth.setting('attempts_free_of_account')::integer,
        auth.setting('attempts_longest_pause')::integer
      union all
      select attempt_counters.kind || '_address', v_network,
        auth.setting('attempts_free_of_address')::integer, auth.setting('attempts_pause')::integer;
  end if;
end;
$$;

comment on function auth.attempt_counters(text, inet, text) is
  'What counts the failures of someone at an address to show that an account is theirs: that of the
two together (kind_here), and, unless the account was signed in to from there before, those of all
strangers at the account (kind_account) and of the address at all accounts (kind_address). free is
how many make no pause, longest to how many seconds the pauses after that grow.';

revoke all on function auth.attempt_counters(text, inet, text) from public;

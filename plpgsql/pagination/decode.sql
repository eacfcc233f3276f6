-- Not parallel safe: its exception block is a subtransaction, which a parallel plan can't have.
create or replace function pagination.decode(cursor text, scope text, filters bytea)
  returns text[]
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_bytes bytea;
  v_payload text;
  v_lifetime bigint;
begin
  -- Two texts of the same bytes are not the same cursor: the bits that base64 has to
  -- spare must be zero.
  if decode.cursor ~ '^[A-Za-z0-9_-]*$' and length(decode.cursor) > 22
    and length(decode.cursor) % 4 <> 1 then
    v_bytes := decode(
      rpad(translate(decode.cursor, '-_', '+/'), (length(decode.cursor) + 3) / 4 * 4, '='),
      'base64'
    );
    if rtrim(translate(encode(v_bytes, 'base64'), E'+/\n', '-_'), '=') <> decode.cursor then
      v_bytes := null;
    end if;
  end if;

  begin
    v_payload := convert_from(substr(v_bytes, 17), 'UTF8');
  exception when character_not_in_repertoire then
    null;
  end;

  -- Digests of the two, so that the time it takes says nothing of where they differ.
  if v_payload is null or not exists (
    select
    from pagination.keys as k
    where sha256(pagination.seal(k, decode.scope, decode.filters, v_payload))
      = sha256(substr(v_bytes, 1, 16))
  ) then
    raise exception using
      errcode = 'FXC01',
      message = 'the cursor leads nowhere here',
      hint = 'It is of another table, order, filter or role, or was changed. '
        'Begin again with the first page.';
  end if;

  select (s.value #>> '{}')::bigint into v_lifetime
  from fluxbase.settings as s
  where s.name = 'pagination.cursor_lifetime';

  if (v_payload::jsonb ->> 0)::bigint + v_lifetime < extract(epoch from now()) then
    raise exception using
      errcode = 'FXC02',
      message = 'the cursor has expired',
      hint = 'Begin again with the first page.';
  end if;

  return (
    select array_agg(v.value order by v.n)
    from jsonb_array_elements_text(v_payload::jsonb) with ordinality as v (value, n)
    where v.n > 1
  );
end;
$$;

comment on function pagination.decode(text, text, bytea) is
  'The values of the row that a cursor of pagination.encode leads behind. Raises FXC01 for a cursor
that was not made for this scope, these filters and this role, and FXC02 for one that is older than
the setting pagination.cursor_lifetime, in seconds; without that setting cursors do not expire.';

revoke all on function pagination.decode(text, text, bytea) from public;
grant execute on function pagination.decode(text, text, bytea)
  to anon, authenticated, service_role;

create or replace function pagination.encode(
  scope text, filters bytea, last text[], following text[]
)
  returns text
  language plpgsql
  stable
  parallel safe
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key pagination.keys;
  v_payload text;
begin
  if encode.following is null then
    return null;
  end if;
  -- What follows could not be told from what was read, and rows would be left out.
  if encode.following = encode.last then
    raise exception using
      errcode = 'FXC03',
      message = 'two rows have the same key, so there is no place between them',
      hint = 'Page through a table, or a view that shows each key of a table once.';
  end if;

  select k.* into strict v_key
  from pagination.keys as k
  order by k.id desc
  limit 1;

  v_payload := to_jsonb(array[extract(epoch from now())::bigint::text] || encode.last);
  return rtrim(translate(encode(
    pagination.seal(v_key, encode.scope, encode.filters, v_payload)
      || convert_to(v_payload, 'UTF8'),
    'base64'
  ), E'+/\n', '-_'), '=');
end;
$$;

comment on function pagination.encode(text, bytea, text[], text[]) is
  'Makes a cursor: it leads to what comes after the row whose values in the columns of the order,
as pagination.text_of writes them, are last; following are those of the next row, null if there is
none, and then there is no cursor. scope names table and order, filters is a digest of what chose
the rows; pagination.decode must be given the same, as the same role. Raises FXC03 for equal rows.';

revoke all on function pagination.encode(text, bytea, text[], text[]) from public;
grant execute on function pagination.encode(text, bytea, text[], text[])
  to anon, authenticated, service_role;

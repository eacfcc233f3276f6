create or replace function realtime.const_text(node jsonb)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type constant oid := (const_text.node #>> '{consttype,0}')::oid;
  v_bytes bytea;
begin
  select string_agg(set_byte('\x00', 0, (b.value::integer + 256) % 256), '' order by b.n)
  into v_bytes
  from jsonb_array_elements_text(const_text.node #> '{constvalue,1}')
    with ordinality as b (value, n);

  case v_type
    when 'boolean'::regtype then
      return case get_byte(v_bytes, 0) when 0 then 'f' else 't' end;
    when 'smallint'::regtype, 'integer'::regtype then
      -- The lowest byte comes first; the four hold the sign.
      return ('x' || encode(
        substr(v_bytes, 4, 1) || substr(v_bytes, 3, 1) || substr(v_bytes, 2, 1)
          || substr(v_bytes, 1, 1),
        'hex'
      ))::bit(32)::integer;
    when 'uuid'::regtype then
      return encode(v_bytes, 'hex')::uuid;
    when 'text'::regtype then
      return convert_from(substr(v_bytes, 5), getdatabaseencoding());
    else
      return null;
  end case;
end;
$$;

comment on function realtime.const_text(jsonb) is
  'The text of a constant that realtime.parse_node gave, as the change stream would write it: of
type boolean, smallint, integer, uuid or text. Null for all others.';

revoke all on function realtime.const_text(jsonb) from public;
grant execute on function realtime.const_text(jsonb) to authenticator;

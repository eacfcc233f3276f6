create or replace function realtime.parse_node(tree text)
  returns jsonb
  language sql
  immutable
  strict
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(
    case
      when t.token like '{%' then t.comma || '{"node":[' || to_json(substr(t.token, 2))
      when t.token like ':_%' then '],' || to_json(substr(t.token, 2)) || ':['
      when t.token = '}' then ']}'
      when t.token in ('(', '[') then t.comma || '['
      when t.token in (')', ']') then ']'
      else t.comma || to_json(t.token)
    end,
    '' order by t.n
  )::jsonb
  from (
    select
      m.token[1] as token,
      m.n,
      -- Values within a field or a list follow each other without a sign between them.
      case
        when lag(m.token[1], 1, '(') over (order by m.n) ~ '^([{:(].*|\[)$' then ''
        else ','
      end as comma
    from regexp_matches(
      parse_node.tree,
      '\{[[:alnum:]_]*|[(){}]|"(?:\\.|[^"\\])*"|(?:\\.|[^\s(){}\\])+', 'g'
    ) with ordinality as m (token, n)
  ) as t
$$;

comment on function realtime.parse_node(text) is
  'An expression of the catalog (the text of a pg_node_tree) as JSON: a node is an object of its
fields, each an array of what it holds, and node, its kind; a list is an array; all else is text.';

revoke all on function realtime.parse_node(text) from public;
grant execute on function realtime.parse_node(text) to authenticator;

create or replace function auth.merge_metadata(held jsonb, changes jsonb)
  returns jsonb
  language sql
  immutable
  parallel safe
return (coalesce(held, '{}') || coalesce(nullif(changes, 'null'), '{}')) - coalesce(
  (
    select array_agg(e.key)
    from jsonb_each(nullif(changes, 'null')) as e
    where e.value = 'null'
  ),
  '{}'
);

comment on function auth.merge_metadata(jsonb, jsonb) is
  'What is known of a user after a change: each name that the change has is replaced, or taken away
by null; the others stay. Raises 22023 for a change that is no object.';

revoke all on function auth.merge_metadata(jsonb, jsonb) from public;

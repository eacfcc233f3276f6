create or replace function auth.list_mail_templates()
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_object_agg(k.kind, k.list), '{}')
  from (
    select t.kind, jsonb_agg(to_jsonb(t) - 'kind' order by t.language) as list
    from auth.mail_templates as t
    group by t.kind
  ) as k;
$$;

comment on function auth.list_mail_templates() is
  'What auth.set_mail_template has set, by kind of mails: {"recovery": [{"language", "subject",
"html", "text", "updated_at", "updated_by"}]}.';

revoke all on function auth.list_mail_templates() from public;
grant execute on function auth.list_mail_templates() to service_role;

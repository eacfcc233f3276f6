create or replace function auth.mail_template(kind text, language text default null)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('subject', t.subject, 'html', t.html, 'text', t.text)
  from auth.mail_templates as t
  where t.kind = mail_template.kind
  and t.language in (
    '', split_part(lower(mail_template.language), '-', 1), lower(mail_template.language)
  )
  order by length(t.language) desc
  limit 1;
$$;

comment on function auth.mail_template(text, text) is
  'The template of a kind of mails for a language (de-at: or else that for de, or that for all):
{"subject", "html", "text"}. Null where the built-in one holds.';

revoke all on function auth.mail_template(text, text) from public;
grant execute on function auth.mail_template(text, text) to service_role;

create or replace function auth.set_mail_template(
  kind text,
  subject text,
  html text,
  "text" text default null,
  language text default ''
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if set_mail_template.subject is null and set_mail_template.html is null then
    delete from auth.mail_templates as t
    where t.kind = set_mail_template.kind
    and t.language = lower(set_mail_template.language);
  else
    insert into auth.mail_templates as t (kind, language, subject, html, text, updated_by)
    values (
      auth.require_value(set_mail_template.kind, 'kind'),
      auth.require_value(lower(set_mail_template.language), 'language'),
      auth.require_value(set_mail_template.subject, 'subject'),
      auth.require_value(set_mail_template.html, 'html'),
      set_mail_template."text", audit.actor()
    )
    on conflict on constraint mail_templates_pkey do update
    set subject = excluded.subject,
        html = excluded.html,
        text = excluded.text,
        updated_at = now(),
        updated_by = excluded.updated_by;
  end if;

  perform audit.record(
    'mail_template.changed', set_mail_template.kind,
    jsonb_build_object('language', lower(set_mail_template.language))
  );
end;
$$;

comment on function auth.set_mail_template(text, text, text, text, text) is
  'Says what mails of a kind say: subject, HTML and plain text (null: the built-in one), for readers
of a language or (empty) of all others. With neither subject nor HTML the built-in template holds
again. It holds for the next mail, and one that does not work is not used: the preview tells why.';

revoke all on function auth.set_mail_template(text, text, text, text, text) from public;
grant execute on function auth.set_mail_template(text, text, text, text, text) to service_role;

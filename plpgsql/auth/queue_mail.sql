create or replace function auth.queue_mail(
  kind text,
  user_id uuid,
  to_address text,
  data jsonb default '{}',
  sealed jsonb default null
)
  returns uuid
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into auth.mails (id, kind, user_id, to_address, data, secrets)
  values (
    coalesce((queue_mail.sealed ->> 'id')::uuid, gen_random_uuid()),
    auth.require_value(queue_mail.kind, 'kind'),
    queue_mail.user_id,
    auth.require_value(queue_mail.to_address, 'to_address'),
    coalesce(queue_mail.data, '{}'),
    queue_mail.sealed ->> 'secrets'
  )
  returning id;
$$;

comment on function auth.queue_mail(text, uuid, text, jsonb, jsonb) is
  'Queues a mail, which is sent when the transaction has committed: its kind (confirmation, invite,
magic_link, recovery, email_change, reauthentication, or a notice such as
password_changed_notification), whom it is about (null if nobody), to whom it goes, what the
template is told (redirect_to, new_email, old_email, old_phone, provider, factor_type, language),
and its link and code as a process sealed them for it: {"id" of the mail, "secrets"}. Returns its
id. Raises 23503 without such a user, 23514 for an address that is none.';

revoke all on function auth.queue_mail(text, uuid, text, jsonb, jsonb) from public;
grant execute on function auth.queue_mail(text, uuid, text, jsonb, jsonb) to service_role;

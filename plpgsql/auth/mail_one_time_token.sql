create or replace function auth.mail_one_time_token(
  user_id uuid,
  purpose text,
  address text,
  ticket jsonb,
  data jsonb default '{}'
)
  returns uuid
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_token constant uuid := auth.issue_one_time_token(
    mail_one_time_token.user_id, mail_one_time_token.purpose,
    case
      when mail_one_time_token.purpose = 'reauthentication' then mail_one_time_token.user_id::text
      else mail_one_time_token.address
    end,
    mail_one_time_token.ticket
  );
begin
  perform auth.queue_mail(
    case
      when mail_one_time_token.purpose = 'signup' then 'confirmation'
      when mail_one_time_token.purpose = 'magiclink' then 'magic_link'
      when mail_one_time_token.purpose like 'email\_change\_%' then 'email_change'
      else mail_one_time_token.purpose
    end,
    mail_one_time_token.user_id,
    mail_one_time_token.address,
    mail_one_time_token.data
      || jsonb_build_object(
        'redirect_to', coalesce(mail_one_time_token.ticket ->> 'redirect_to', '')
      ),
    mail_one_time_token.ticket -> 'mail'
  );
  return v_token;
end;
$$;

comment on function auth.mail_one_time_token(uuid, text, text, jsonb, jsonb) is
  'auth.issue_one_time_token, and the mail that brings it to the address: ticket has also "mail",
the link and the code as sealed for it, and data what the template is told.';

revoke all on function auth.mail_one_time_token(uuid, text, text, jsonb, jsonb) from public;
grant execute on function auth.mail_one_time_token(uuid, text, text, jsonb, jsonb) to service_role;

create or replace function auth.claim_mails(
  worker text,
  most integer,
  has_server boolean default true,
  lease interval default '2 minutes'
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_hook constant boolean := auth.setting('hook_send_email_uri') <> '""';
  v_tries constant integer := auth.setting('mail_max_attempts')::integer;
  v_claimed uuid[];
begin
  if not (claim_mails.has_server or v_hook) then
    return jsonb_build_object('hook', false, 'mails', jsonb_build_array());
  end if;

  with due as (
    select m.id
    from auth.mails as m
    where m.state = 'queued'
    and m.next_at <= clock_timestamp()
    order by m.next_at
    limit claim_mails.most
    for update skip locked
  ),
  claimed as (
    update auth.mails as m
    set attempts = m.attempts + 1,
        fence = m.fence + 1,
        claimed_by = claim_mails.worker,
        next_at = clock_timestamp() + auth.require_value(claim_mails.lease, 'lease'),
        -- Claims that nobody finished count too: it may be this mail that ends processes.
        state = case when m.attempts < v_tries then 'queued' else 'failed' end,
        done_at = case when m.attempts < v_tries then null else clock_timestamp() end,
        data = case when m.attempts < v_tries then m.data else '{}' end,
        secrets = case when m.attempts < v_tries then m.secrets end
    from due
    where m.id = due.id
    returning m.id, m.state
  )
  select array_agg(c.id) into v_claimed
  from claimed as c
  where c.state = 'queued';

  return jsonb_build_object(
    'hook', v_hook,
    'site_url', auth.setting('site_url'),
    'mails', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'id', m.id,
            'kind', m.kind,
            'to', m.to_address,
            'fence', m.fence,
            'created_at', extract(epoch from m.created_at),
            'data', m.data,
            'secrets', m.secrets,
            'user', auth.user_json(m.user_id),
            'template', auth.mail_template(
              m.kind,
              coalesce(m.data ->> 'language', u.raw_user_meta_data ->> 'language')
            )
          )
          order by m.created_at
        ),
        '[]'
      )
      from auth.mails as m
      left join auth.users as u on u.id = m.user_id
      where m.id = any (v_claimed)
    )
  );
end;
$$;

comment on function auth.claim_mails(text, integer, boolean, interval) is
  'Gives a process mails to send, the oldest first and not more than most, which no other is given
before the lease has ended or auth.finish_mail has told what came of it: {"hook": whether the hook
send_email sends them, "site_url", "mails": [...]}. One that knows no mail server (has_server) is
given none unless there is a hook.';

revoke all on function auth.claim_mails(text, integer, boolean, interval) from public;
grant execute on function auth.claim_mails(text, integer, boolean, interval) to service_role;

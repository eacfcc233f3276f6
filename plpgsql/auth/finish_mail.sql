create or replace function auth.finish_mail(
  id uuid,
  fence bigint,
  error text default null,
  permanent boolean default false
)
  returns text
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  update auth.mails as m
  set state = n.state,
      last_error = left(finish_mail.error, 200),
      done_at = case when n.state <> 'queued' then clock_timestamp() end,
      data = case when n.state <> 'queued' then '{}' else m.data end,
      secrets = case when n.state = 'queued' then m.secrets end,
      -- 5 s, 10 s, 20 s ... 15 min, and up to a half more: they shall not come back all at once.
      next_at = clock_timestamp() + (1 + random() / 2)
        * least(interval '5 s' * power(2, least(m.attempts, 12) - 1), interval '15 min')
  from (
    select
      q.id,
      case
        when finish_mail.error is null then 'sent'
        when finish_mail.permanent or q.attempts >= auth.setting('mail_max_attempts')::integer
          then 'failed'
        else 'queued'
      end as state
    from auth.mails as q
    where q.id = finish_mail.id
    and q.fence = finish_mail.fence
    and q.state = 'queued'
    for update
  ) as n
  where m.id = n.id
  returning m.state;
$$;

comment on function auth.finish_mail(uuid, bigint, text, boolean) is
  'Tells what came of a claimed mail: sent (no error), or why not, and whether it never will be. It
is tried again after 5 s, 10 s, 20 s and so on up to 15 min, mail_max_attempts times at most.
Returns what it is now: sent, queued or failed; null if the claim (fence) was not the last, which
changes nothing.';

revoke all on function auth.finish_mail(uuid, bigint, text, boolean) from public;
grant execute on function auth.finish_mail(uuid, bigint, text, boolean) to service_role;

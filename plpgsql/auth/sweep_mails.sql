create or replace function auth.sweep_mails()
  returns bigint
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  with unsent as (
    update auth.mails as m
    set state = 'failed',
        done_at = clock_timestamp(),
        last_error = 'nobody could send it for a day',
        data = '{}',
        secrets = null
    where m.id in (
      select d.id
      from auth.mails as d
      where d.state = 'queued'
      and d.next_at < now() - interval '1 day'
      order by d.next_at
      limit 10000
      for update skip locked
    )
  ),
  old as (
    delete from auth.mails as m
    where m.id in (
      select d.id
      from auth.mails as d
      where d.state <> 'queued'
      and d.done_at < now() - interval '1 day' * auth.setting('mail_kept_days')::integer
      order by d.done_at
      limit 10000
      for update skip locked
    )
    returning 1
  )
  select count(*)
  from old;
$$;

comment on function auth.sweep_mails() is
  'Gives up mails that nobody has tried to send for a day, since no process knows a mail server:
what they tell of is no news then. Deletes mails that were sent or given up more than
mail_kept_days ago, and tells how many. At most 10,000 of both. For the processes, now and then.';

revoke all on function auth.sweep_mails() from public;
grant execute on function auth.sweep_mails() to service_role;

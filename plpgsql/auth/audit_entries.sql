create or replace function auth.audit_entries(
  page integer default 1,
  per_page integer default 50,
  action text default null
)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'id', p.id::text,
        'created_at', auth.time_text(p.at),
        'ip_address', coalesce(host(p.origin), ''),
        'payload', jsonb_build_object(
          'actor_id', p.actor,
          'actor_username', p.actor,
          'actor_via_sso', false,
          'log_type', split_part(p.action, '.', 1),
          'action', coalesce(k.theirs, p.action),
          'traits', p.details || jsonb_build_object('user_id', p.target)
        )
      )
      order by p.id desc
    ),
    '[]'
  )
  from (
    select e.id, e.at, e.actor, e.action, e.target, e.origin, e.details
    from audit.events as e
    where audit_entries.action is null or e.action = audit_entries.action
    order by e.id desc
    offset (greatest(coalesce(audit_entries.page, 1), 1) - 1)::bigint
      * least(greatest(coalesce(audit_entries.per_page, 50), 1), 1000)
    limit least(greatest(coalesce(audit_entries.per_page, 50), 1), 1000)
  ) as p
  left join (
    values
      ('user.signed_up', 'user_signedup'),
      ('user.created', 'user_signedup'),
      ('user.invited', 'user_invited'),
      ('user.updated', 'user_modified'),
      ('user.deleted', 'user_deleted'),
      ('user.password_changed', 'user_updated_password'),
      ('session.opened', 'login'),
      ('session.signed_out', 'logout'),
      ('refresh_token.reused', 'token_revoked')
  ) as k (ours, theirs) on k.ours = p.action;
$$;

comment on function auth.audit_entries(integer, integer, text) is
  'audit.events as clients of auth know them, the newest first: an array of {"id", "created_at",
"ip_address", "payload": {"actor_id", "action", "log_type", "traits"}}. Actions that Supabase has
go by its names; action asks for those of one of ours, such as session.opened.';

revoke all on function auth.audit_entries(integer, integer, text) from public;
grant execute on function auth.audit_entries(integer, integer, text) to service_role;

-- The table of contents of our database code. Order matters only where one
-- file's policy, view or SQL function names another's.

-- Someone else's long transaction should fail this deploy, not queue behind it.
set local lock_timeout = '5s';

-- A name without its schema fails here instead of meaning something else there.
set local search_path = pg_catalog, pg_temp;

set local role fluxbase_admin;

{{ template "retired.sql" . }}

-- "create or replace" keeps old grants, so a grant deleted from a file would live
-- on. Take them all back here; each file below gives its own again. Only from what
-- is ours: applications may have functions of their own in these schemas.
do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid
    from pg_proc as p
    where p.pronamespace = any (array['auth', 'fluxbase', 'pagination', 'realtime']::regnamespace[])
    and p.proowner = 'fluxbase_admin'::regrole
  loop
    execute format(
      'revoke all on routine %s from public, anon, authenticated, service_role, '
      'fluxbase_replication, authenticator, fluxbase_service',
      v_function
    );
  end loop;
end;
$$;

{{ template "auth/uid.sql" . }}
{{ template "auth/role.sql" . }}
{{ template "auth/email.sql" . }}
{{ template "auth/jwt.sql" . }}

{{ template "fluxbase/hmac.sql" . }}
{{ template "fluxbase/emit.sql" . }}
{{ template "fluxbase/mark.sql" . }}
{{ template "fluxbase/await.sql" . }}
{{ template "fluxbase/renew.sql" . }}
{{ template "fluxbase/read_message_keys.sql" . }}
{{ template "fluxbase/set_setting.sql" . }}
{{ template "fluxbase/announce_guards.sql" . }}
{{ template "fluxbase/set_guard.sql" . }}
{{ template "fluxbase/drop_guard.sql" . }}
{{ template "fluxbase/claim_consumer.sql" . }}
{{ template "fluxbase/store_position.sql" . }}
{{ template "fluxbase/oldest_position.sql" . }}
{{ template "fluxbase/forget_consumer.sql" . }}

{{ template "pagination/rotate_key.sql" . }}
{{ template "pagination/seal.sql" . }}
{{ template "pagination/encode.sql" . }}
{{ template "pagination/decode.sql" . }}
{{ template "pagination/text_of.sql" . }}
{{ template "pagination/terms.sql" . }}
{{ template "pagination/page.sql" . }}

{{ template "realtime/has_identity.sql" . }}
{{ template "realtime/check_table.sql" . }}
{{ template "realtime/check_publication.sql" . }}
{{ template "realtime/is_enabled.sql" . }}
{{ template "realtime/is_followed.sql" . }}
{{ template "realtime/parse_node.sql" . }}
{{ template "realtime/follow_dependencies.sql" . }}
{{ template "realtime/enable.sql" . }}
{{ template "realtime/disable.sql" . }}
{{ template "realtime/slot_health.sql" . }}
{{ template "realtime/heartbeat.sql" . }}
{{ template "realtime/flush.sql" . }}
{{ template "realtime/create_publications.sql" . }}
{{ template "realtime/tg_ddl_command_end__announce.sql" . }}
{{ template "realtime/tg_sql_drop__announce.sql" . }}
{{ template "realtime/tg_ddl_command_end__keep_identity.sql" . }}
{{ template "realtime/tg_ddl_command_end__follow_dependencies.sql" . }}
{{ template "realtime/create_event_triggers.sql" . }}
{{ template "realtime/topic.sql" . }}
{{ template "realtime/insert_probes.sql" . }}
{{ template "realtime/authorize.sql" . }}
{{ template "realtime/tg_messages__broadcast.sql" . }}
{{ template "realtime/send.sql" . }}
{{ template "realtime/broadcast_changes.sql" . }}
{{ template "realtime/emit_broadcasts.sql" . }}
{{ template "realtime/keep_proxy.sql" . }}
{{ template "realtime/lock_rooms.sql" . }}
{{ template "realtime/emit_presences.sql" . }}
{{ template "realtime/change_presences.sql" . }}
{{ template "realtime/read_presences.sql" . }}
{{ template "realtime/remove_dead_proxies.sql" . }}
{{ template "realtime/presence.sql" . }}
{{ template "realtime/change_connections.sql" . }}
{{ template "realtime/connection_counts.sql" . }}
{{ template "realtime/see.sql" . }}
{{ template "realtime/const_text.sql" . }}
{{ template "realtime/translate.sql" . }}
{{ template "realtime/claims.sql" . }}
{{ template "realtime/register_claims.sql" . }}
{{ template "realtime/release_claims.sql" . }}
{{ template "realtime/passes_policies.sql" . }}
{{ template "realtime/with_claims.sql" . }}
{{ template "realtime/alternatives.sql" . }}
{{ template "realtime/dependencies.sql" . }}
{{ template "realtime/read_dependencies.sql" . }}
{{ template "realtime/join_policies.sql" . }}
{{ template "realtime/compile_policy.sql" . }}
{{ template "realtime/render.sql" . }}
{{ template "realtime/loose_columns.sql" . }}
{{ template "realtime/condition_field.sql" . }}
{{ template "realtime/condition.sql" . }}
{{ template "realtime/read_rows.sql" . }}
{{ template "realtime/match.sql" . }}
{{ template "realtime/check_changes.sql" . }}
{{ template "realtime/explain.sql" . }}

do $$
begin
  if not exists (select from pagination.keys as k) then
    perform pagination.rotate_key();
  end if;
end;
$$;

reset role;

-- As who migrates: fluxbase_admin may not.
do $$
begin
  -- A publication can't belong to an extension, so a dump of the database makes it
  -- again, and must not find it there.
  if not exists (select from pg_extension as e where e.extname = 'fluxbase') then
    perform realtime.create_publications();
  end if;
  perform realtime.create_event_triggers();
end;
$$;

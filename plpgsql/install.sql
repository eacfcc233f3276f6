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
    where p.pronamespace = any (array[
      'audit', 'auth', 'fluxbase', 'functions', 'idempotency', 'jobs', 'pagination', 'ratelimit',
      'realtime'
    ]::regnamespace[])
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

{{ template "audit/actor.sql" . }}
{{ template "audit/record.sql" . }}
{{ template "audit/tg_events__keep.sql" . }}
{{ template "audit/make_partitions.sql" . }}
{{ template "audit/drop_partitions.sql" . }}

{{ template "fluxbase/hmac.sql" . }}
{{ template "fluxbase/emit.sql" . }}
{{ template "fluxbase/mark.sql" . }}
{{ template "fluxbase/await.sql" . }}
{{ template "fluxbase/settle.sql" . }}
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

{{ template "auth/random_text.sql" . }}
{{ template "auth/require_value.sql" . }}
{{ template "auth/lock_service_key.sql" . }}
{{ template "auth/issue_service_key.sql" . }}
{{ template "auth/end_service_key.sql" . }}
{{ template "auth/revoke_service_key.sql" . }}
{{ template "auth/deprecate_service_key.sql" . }}
{{ template "auth/rotate_service_key.sql" . }}
{{ template "auth/list_service_keys.sql" . }}
{{ template "auth/service_key_audit.sql" . }}
{{ template "auth/end_legacy_keys.sql" . }}
{{ template "auth/revoke_legacy_keys.sql" . }}
{{ template "auth/read_service_keys.sql" . }}
{{ template "auth/note_service_key_uses.sql" . }}

{{ template "auth/time_text.sql" . }}
{{ template "auth/known_settings.sql" . }}
{{ template "auth/setting_defaults.sql" . }}
{{ template "auth/setting.sql" . }}
{{ template "auth/set_setting.sql" . }}
{{ template "auth/public_settings.sql" . }}
{{ template "auth/attempt_counters.sql" . }}
{{ template "auth/begin_attempt.sql" . }}
{{ template "auth/clear_attempts.sql" . }}
{{ template "auth/forget_attempts.sql" . }}
{{ template "auth/token_lifetime.sql" . }}
{{ template "auth/identities_json.sql" . }}
{{ template "auth/factors_json.sql" . }}
{{ template "auth/user_json.sql" . }}
{{ template "auth/claims_of.sql" . }}
{{ template "auth/find_hook.sql" . }}
{{ template "auth_hooks/call.sql" . }}
{{ template "auth/run_hook.sql" . }}
{{ template "auth/grant_of.sql" . }}
{{ template "auth/open_session.sql" . }}
{{ template "auth/refresh_session.sql" . }}
{{ template "auth/tg_sessions__end.sql" . }}
{{ template "auth/sign_out.sql" . }}
{{ template "auth/password_rules.sql" . }}
{{ template "auth/find_account.sql" . }}
{{ template "auth/begin_sign_in.sql" . }}
{{ template "auth/announce_user.sql" . }}
{{ template "auth/make_user.sql" . }}
{{ template "auth/register_user.sql" . }}
{{ template "auth/redirect_settings.sql" . }}
{{ template "auth/take_turn.sql" . }}
{{ template "auth/issue_one_time_token.sql" . }}
{{ template "auth/mail_one_time_token.sql" . }}
{{ template "auth/end_one_time_tokens.sql" . }}
{{ template "auth/take_one_time_token.sql" . }}
{{ template "auth/confirm_address.sql" . }}
{{ template "auth/change_address.sql" . }}
{{ template "auth/set_password.sql" . }}
{{ template "auth/unconfirmed_json.sql" . }}
{{ template "auth/sign_up.sql" . }}
{{ template "auth/request_otp.sql" . }}
{{ template "auth/request_recovery.sql" . }}
{{ template "auth/pending_change.sql" . }}
{{ template "auth/begin_change.sql" . }}
{{ template "auth/resend.sql" . }}
{{ template "auth/request_reauthentication.sql" . }}
{{ template "auth/change_user.sql" . }}
{{ template "auth/verify.sql" . }}
{{ template "auth/exchange_code.sql" . }}
{{ template "auth/sign_in_anonymously.sql" . }}
{{ template "auth/sign_in_with_password.sql" . }}
{{ template "auth/user_of_session.sql" . }}
{{ template "auth/oauth_preset.sql" . }}
{{ template "auth/list_oauth_providers.sql" . }}
{{ template "auth/set_oauth_provider.sql" . }}
{{ template "auth/drop_oauth_provider.sql" . }}
{{ template "auth/oauth_provider.sql" . }}
{{ template "auth/create_oauth_state.sql" . }}
{{ template "auth/take_oauth_state.sql" . }}
{{ template "auth/note_providers.sql" . }}
{{ template "auth/lock_identity.sql" . }}
{{ template "auth/add_identity.sql" . }}
{{ template "auth/disown_address.sql" . }}
{{ template "auth/user_of_identity.sql" . }}
{{ template "auth/link_identity.sql" . }}
{{ template "auth/unlink_identity.sql" . }}
{{ template "auth/sign_in_with_identity.sql" . }}
{{ template "auth/account_of_session.sql" . }}
{{ template "auth/sweep.sql" . }}
{{ template "auth/require_own_session.sql" . }}
{{ template "auth/end_sessions.sql" . }}
{{ template "auth/list_sessions.sql" . }}
{{ template "auth/own_sessions.sql" . }}
{{ template "auth/end_own_session.sql" . }}
{{ template "auth/impersonate.sql" . }}
{{ template "auth/is_role_of_users.sql" . }}
{{ template "auth/keep_identity.sql" . }}
{{ template "auth/merge_metadata.sql" . }}
{{ template "auth/create_user.sql" . }}
{{ template "auth/update_user.sql" . }}
{{ template "auth/delete_user.sql" . }}
{{ template "auth/list_users.sql" . }}
{{ template "auth/list_settings.sql" . }}
{{ template "auth/audit_entries.sql" . }}
{{ template "auth/refresh_imported.sql" . }}

{{ template "auth/add_signing_key.sql" . }}
{{ template "auth/promote_signing_key.sql" . }}
{{ template "auth/end_signing_key.sql" . }}
{{ template "auth/revoke_signing_key.sql" . }}
{{ template "auth/list_signing_keys.sql" . }}
{{ template "auth/jwks.sql" . }}
{{ template "auth/read_signing_key.sql" . }}
{{ template "auth/check_sessions.sql" . }}
{{ template "auth/read_ended_sessions.sql" . }}

{{ template "auth/aal.sql" . }}
{{ template "auth/next_aal.sql" . }}
{{ template "auth/hold_session.sql" . }}
{{ template "auth/require_aal.sql" . }}
{{ template "auth/relying_party.sql" . }}
{{ template "auth/enroll_factor.sql" . }}
{{ template "auth/challenge_factor.sql" . }}
{{ template "auth/bind_challenge.sql" . }}
{{ template "auth/count_attempt.sql" . }}
{{ template "auth/raise_session.sql" . }}
{{ template "auth/begin_factor_attempt.sql" . }}
{{ template "auth/finish_factor_attempt.sql" . }}
{{ template "auth/delete_factor.sql" . }}
{{ template "auth/unenroll_factor.sql" . }}
{{ template "auth/list_factors.sql" . }}
{{ template "auth/remove_factor.sql" . }}
{{ template "auth/clear_failed_attempts.sql" . }}
{{ template "auth/make_recovery_codes.sql" . }}
{{ template "auth/use_recovery_code.sql" . }}
{{ template "auth/recovery_codes_status.sql" . }}
{{ template "auth/read_unsealed_secrets.sql" . }}
{{ template "auth/seal_secret.sql" . }}
{{ template "auth/passkey_records.sql" . }}
{{ template "auth/passkey_json.sql" . }}
{{ template "auth/begin_passkey_registration.sql" . }}
{{ template "auth/begin_passkey_sign_in.sql" . }}
{{ template "auth/keep_passkey_challenge.sql" . }}
{{ template "auth/take_passkey_challenge.sql" . }}
{{ template "auth/add_passkey.sql" . }}
{{ template "auth/sign_in_with_passkey.sql" . }}
{{ template "auth/list_passkeys.sql" . }}
{{ template "auth/rename_passkey.sql" . }}
{{ template "auth/remove_passkey.sql" . }}

{{ template "idempotency/is_kept.sql" . }}
{{ template "idempotency/lock_of.sql" . }}
{{ template "idempotency/lock.sql" . }}
{{ template "idempotency/claim.sql" . }}
{{ template "idempotency/store.sql" . }}
{{ template "idempotency/replay.sql" . }}
{{ template "idempotency/lease.sql" . }}
{{ template "idempotency/finish.sql" . }}
{{ template "idempotency/sweep.sql" . }}

{{ template "auth/mail_template.sql" . }}
{{ template "auth/set_mail_template.sql" . }}
{{ template "auth/list_mail_templates.sql" . }}
{{ template "auth/queue_mail.sql" . }}
{{ template "auth/claim_mails.sql" . }}
{{ template "auth/finish_mail.sql" . }}
{{ template "auth/sweep_mails.sql" . }}
{{ template "auth/list_hooks.sql" . }}
{{ template "auth/add_hook_secret.sql" . }}
{{ template "auth/drop_hook_secret.sql" . }}
{{ template "auth/import_users.sql" . }}
{{ template "auth/generate_link.sql" . }}

{{ template "pagination/rotate_key.sql" . }}
{{ template "pagination/seal.sql" . }}
{{ template "pagination/encode.sql" . }}
{{ template "pagination/decode.sql" . }}
{{ template "pagination/text_of.sql" . }}
{{ template "pagination/terms.sql" . }}
{{ template "pagination/page.sql" . }}

{{ template "ratelimit/take_many.sql" . }}
{{ template "ratelimit/take.sql" . }}
{{ template "ratelimit/peek.sql" . }}
{{ template "ratelimit/reset.sql" . }}
{{ template "ratelimit/sweep.sql" . }}
{{ template "ratelimit/set_rule.sql" . }}
{{ template "ratelimit/drop_rule.sql" . }}
{{ template "ratelimit/count_proxies.sql" . }}

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
{{ template "jobs/adopt.sql" . }}
{{ template "jobs/lane.sql" . }}
{{ template "jobs/wake.sql" . }}
{{ template "jobs/add_ready.sql" . }}
{{ template "jobs/meta.sql" . }}
{{ template "jobs/hold_key.sql" . }}
{{ template "jobs/enqueue.sql" . }}
{{ template "jobs/enqueue_many.sql" . }}
{{ template "jobs/state_of.sql" . }}
{{ template "jobs/policies.sql" . }}
{{ template "jobs/jobs.sql" . }}
{{ template "jobs/heartbeat.sql" . }}
{{ template "jobs/room.sql" . }}
{{ template "jobs/queue_room.sql" . }}
{{ template "jobs/use_queue.sql" . }}
{{ template "jobs/free_slots.sql" . }}
{{ template "jobs/look.sql" . }}
{{ template "jobs/lock_lanes.sql" . }}
{{ template "jobs/take.sql" . }}
{{ template "jobs/claim.sql" . }}
{{ template "jobs/forget.sql" . }}
{{ template "jobs/put_back.sql" . }}
{{ template "jobs/take_back.sql" . }}
{{ template "jobs/store_progress.sql" . }}
{{ template "jobs/finish.sql" . }}
{{ template "jobs/expire.sql" . }}
{{ template "jobs/drain.sql" . }}
{{ template "jobs/interrupt.sql" . }}
{{ template "jobs/admit.sql" . }}
{{ template "jobs/deliver.sql" . }}
{{ template "jobs/promote.sql" . }}
{{ template "jobs/step.sql" . }}
{{ template "jobs/emit.sql" . }}
{{ template "jobs/limit_key.sql" . }}
{{ template "jobs/limit_queue.sql" . }}
{{ template "jobs/cancel.sql" . }}
{{ template "jobs/retry.sql" . }}
{{ template "jobs/redrive.sql" . }}
{{ template "jobs/pause.sql" . }}
{{ template "jobs/resume.sql" . }}
{{ template "jobs/settle_lane.sql" . }}
{{ template "jobs/segment_has_ready.sql" . }}
{{ template "jobs/clear_segment.sql" . }}
{{ template "jobs/sweep.sql" . }}
{{ template "jobs/duration_bounds.sql" . }}
{{ template "jobs/percentile.sql" . }}
{{ template "jobs/lane_depths.sql" . }}
{{ template "jobs/queue_depths.sql" . }}
{{ template "jobs/add_history.sql" . }}
{{ template "jobs/record.sql" . }}
{{ template "jobs/sample.sql" . }}
{{ template "jobs/read_history.sql" . }}
{{ template "jobs/maintain.sql" . }}
{{ template "jobs/cron_field.sql" . }}
{{ template "jobs/cron_fields.sql" . }}
{{ template "jobs/cron_period.sql" . }}
{{ template "jobs/cron_wall.sql" . }}
{{ template "jobs/clock_change.sql" . }}
{{ template "jobs/cron_next.sql" . }}
{{ template "jobs/schedule.sql" . }}
{{ template "jobs/unschedule.sql" . }}
{{ template "jobs/pause_schedule.sql" . }}
{{ template "jobs/resume_schedule.sql" . }}
{{ template "jobs/enqueue_scheduled.sql" . }}
{{ template "jobs/run_schedule.sql" . }}
{{ template "jobs/run_due.sql" . }}
{{ template "jobs/run_schedules.sql" . }}
{{ template "jobs/next_schedule_at.sql" . }}
{{ template "jobs/schedule_list.sql" . }}
{{ template "jobs/enqueue_all.sql" . }}
{{ template "jobs/find_jobs.sql" . }}
{{ template "jobs/stats.sql" . }}
{{ template "jobs/overview.sql" . }}
{{ template "jobs/list_jobs.sql" . }}
{{ template "jobs/list_failures.sql" . }}
{{ template "jobs/get_job.sql" . }}
{{ template "jobs/list_workers.sql" . }}
{{ template "jobs/list_limits.sql" . }}
{{ template "jobs/held.sql" . }}
{{ template "jobs/handler_policies.sql" . }}
{{ template "jobs/set_handler.sql" . }}
{{ template "jobs/drop_handler.sql" . }}
{{ template "jobs/list_handlers.sql" . }}
{{ template "jobs/add_handler_secret.sql" . }}
{{ template "jobs/drop_handler_secret.sql" . }}

{{ template "functions/policies.sql" . }}
{{ template "functions/kept.sql" . }}
{{ template "functions/keep.sql" . }}
{{ template "functions/read_files.sql" . }}
{{ template "functions/lock.sql" . }}
{{ template "functions/change.sql" . }}
{{ template "functions/use_queue.sql" . }}
{{ template "functions/deploy.sql" . }}
{{ template "functions/configure.sql" . }}
{{ template "functions/rollback.sql" . }}
{{ template "functions/delete.sql" . }}
{{ template "functions/list.sql" . }}
{{ template "functions/versions.sql" . }}
{{ template "functions/definitions.sql" . }}
{{ template "functions/code.sql" . }}
{{ template "functions/bump_secrets.sql" . }}
{{ template "functions/set_secret.sql" . }}
{{ template "functions/unset_secret.sql" . }}
{{ template "functions/secret_names.sql" . }}
{{ template "functions/read_secrets.sql" . }}
{{ template "functions/record.sql" . }}
{{ template "functions/logs.sql" . }}
{{ template "functions/make_partitions.sql" . }}
{{ template "functions/drop_partitions.sql" . }}
{{ template "functions/sweep.sql" . }}
{{ template "functions/maintain.sql" . }}
{{ template "functions/invoke.sql" . }}

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

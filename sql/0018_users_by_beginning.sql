set local role fluxbase_admin;

-- For auth.list_users, which finds addresses and numbers by how they begin.
-- squawk-ignore require-concurrent-index-creation
create index users_email_pattern_idx on auth.users (email varchar_pattern_ops);
-- squawk-ignore require-concurrent-index-creation
create index users_phone_pattern_idx on auth.users (phone text_pattern_ops);

---- create above / drop below ----

set local role fluxbase_admin;

drop function if exists auth.generate_link(text, text, jsonb, jsonb, text, text, boolean);
drop function if exists auth.import_users(jsonb);
drop function if exists auth.refresh_imported(text, text, inet);
drop function if exists auth.audit_entries(integer, integer, text);
drop function if exists auth.list_settings();
drop function if exists auth.list_users(integer, integer, text, text);
drop function if exists auth.delete_user(uuid, boolean);
drop function if exists auth.update_user(uuid, jsonb);
drop function if exists auth.merge_metadata(jsonb, jsonb);
drop function if exists auth.create_user(jsonb);
drop function if exists auth.keep_identity(uuid, text);
drop function if exists auth.is_role_of_users(text);
drop function if exists auth.impersonate(uuid, text, interval, text, inet);
drop function if exists auth.end_own_session(uuid, uuid, uuid);
drop function if exists auth.own_sessions(uuid, uuid);
drop function if exists auth.list_sessions(uuid);
drop function if exists auth.end_sessions(uuid, uuid);
drop function if exists auth.require_own_session(uuid);

drop index auth.users_phone_pattern_idx;
drop index auth.users_email_pattern_idx;

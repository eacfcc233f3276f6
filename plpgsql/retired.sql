-- What earlier releases installed and this one does not, and the old signature of
-- each function whose arguments or result changed ("create or replace" cannot).
-- One "drop ... if exists" a line.
drop function if exists realtime.check_changes(text, text, text, jsonb);
drop function if exists realtime.match(text[], oid[], jsonb, jsonb);
drop function if exists idempotency.store(text, text, bytea, integer, jsonb, bytea, interval);
drop function if exists auth.delete_factor(uuid);
drop function if exists jobs.set_handler(text, regprocedure, text, text, text, text, interval);
drop function if exists jobs.list_handlers();
drop function if exists functions.logs(text, timestamptz, text, uuid, integer, timestamptz);

set local role fluxbase_admin;

-- The processes make the partitions of audit.events, as the login of requests.
grant usage on schema audit to authenticator;

---- create above / drop below ----

set local role fluxbase_admin;

revoke usage on schema audit from authenticator;

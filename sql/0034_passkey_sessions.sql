set local role fluxbase_admin;

comment on column auth.sessions.factor_id is
  'The second factor that was given, or the passkey that opened it and no factor since. It ends with
that.';

---- create above / drop below ----

set local role fluxbase_admin;

comment on column auth.sessions.factor_id is
  'The second factor that was given.';

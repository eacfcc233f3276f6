set local role fluxbase_admin;

alter table auth.hook_secrets
  drop constraint hook_is_known,
  -- There are a few rows at most.
  -- squawk-ignore constraint-missing-not-valid
  add constraint hook_is_known check (
    hook in (
      'before_user_created', 'send_email', 'send_sms', 'custom_access_token',
      'mfa_verification_attempt', 'password_verification_attempt', 'captcha_verification'
    )
  );

---- create above / drop below ----

set local role fluxbase_admin;

delete from auth.hook_secrets as s
where s.hook = 'captcha_verification';

alter table auth.hook_secrets
  drop constraint hook_is_known,
  add constraint hook_is_known check (
    hook in (
      'before_user_created', 'send_email', 'send_sms', 'custom_access_token',
      'mfa_verification_attempt', 'password_verification_attempt'
    )
  );

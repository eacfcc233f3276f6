create or replace function auth.unconfirmed_json(
  provider text,
  address text,
  data jsonb,
  id uuid
)
  returns jsonb
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', unconfirmed_json.id,
    'aud', 'authenticated',
    'role', 'authenticated',
    'email', '',
    'phone', '',
    'confirmation_sent_at', n.now,
    'app_metadata', jsonb_build_object(
      'provider', unconfirmed_json.provider,
      'providers', jsonb_build_array(unconfirmed_json.provider)
    ),
    'user_metadata', coalesce(unconfirmed_json.data, '{}') || s.said,
    'identities', jsonb_build_array(jsonb_build_object(
      'identity_id', gen_random_uuid(),
      'id', unconfirmed_json.id,
      'user_id', unconfirmed_json.id,
      'identity_data', s.said,
      'provider', unconfirmed_json.provider,
      'last_sign_in_at', n.now,
      'created_at', n.now,
      'updated_at', n.now
    ) || case unconfirmed_json.provider
      when 'email' then jsonb_build_object('email', unconfirmed_json.address)
      else '{}'
    end),
    'created_at', n.now,
    'updated_at', n.now,
    'is_anonymous', false
  ) || jsonb_build_object(unconfirmed_json.provider, unconfirmed_json.address)
  from (select auth.time_text(clock_timestamp()) as now) as n
  cross join (
    select jsonb_build_object(
      'sub', unconfirmed_json.id,
      unconfirmed_json.provider, unconfirmed_json.address,
      'email_verified', false,
      'phone_verified', false
    ) as said
  ) as s;
$$;

comment on function auth.unconfirmed_json(text, text, jsonb, uuid) is
  'The user that a sign-up answers with whose address (provider email) or number (phone) has to be
confirmed: made of what was sent alone, so that it does not tell whether there was such a user.';

revoke all on function auth.unconfirmed_json(text, text, jsonb, uuid) from public;

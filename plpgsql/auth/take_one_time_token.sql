create or replace function auth.take_one_time_token(
  type text,
  hash text default null,
  address text default null,
  codes bytea[] default null,
  again boolean default false
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_purposes constant text[] := case take_one_time_token.type
    when 'email' then array['signup', 'invite', 'magiclink', 'recovery']
    -- The first magic link of somebody confirms the address: its type is signup then.
    when 'magiclink' then array['magiclink', 'signup']
    when 'sms' then array['sms', 'phone_otp']
    else array[take_one_time_token.type]
  end;
  v_most constant integer := auth.setting('otp_max_guesses')::integer;
  v_now timestamptz;
  v_token auth.one_time_tokens;
  v_tried uuid;
  v_guesses integer;
  v_why text;
begin
  -- All of a user who come at once wait for each other at the user's row.
  perform
  from auth.users as u
  where u.id in (
    select t.user_id
    from auth.one_time_tokens as t
    where case
      when take_one_time_token.hash is not null then t.token_hash = take_one_time_token.hash
      else t.relates_to = take_one_time_token.address
    end
    and t.purpose = any (v_purposes)
  )
  order by u.id
  for no key update;
  v_now := clock_timestamp();

  if take_one_time_token.hash is not null then
    select t.* into v_token
    from auth.one_time_tokens as t
    where t.token_hash = take_one_time_token.hash
    and t.purpose = any (v_purposes);
  else
    with tried as (
      update auth.one_time_tokens as t
      set guesses = t.guesses + 1
      where t.relates_to = take_one_time_token.address
      and t.purpose = any (v_purposes)
      and t.used_at is null
      and t.superseded_at is null
      and t.expires_at > v_now
      returning t.user_id, t.guesses
    )
    select r.user_id, r.guesses into v_tried, v_guesses
    from tried as r
    order by r.guesses desc
    limit 1;

    select t.* into v_token
    from auth.one_time_tokens as t
    where t.relates_to = take_one_time_token.address
    and t.purpose = any (v_purposes)
    and t.code_hash = any (take_one_time_token.codes)
    order by (t.used_at is null and t.superseded_at is null) desc, t.created_at desc
    limit 1;
  end if;

  v_why := case
    when v_token.id is null then case when v_tried is null then 'unknown' else 'wrong code' end
    -- Who began the flow alone can end it, so its link may be opened until then.
    when v_token.used_at is not null and not (
      take_one_time_token.again and exists (
        select
        from auth.flow_state as f
        where f.id = v_token.flow_id
        and f.used_at is null
      )
    ) then 'used'
    when v_token.superseded_at is not null then 'superseded'
    when v_token.expires_at <= v_now then 'expired'
    -- The link stays good: else anybody could spoil it for who got it.
    when take_one_time_token.hash is null and v_token.guesses > v_most then 'void'
  end;

  if v_why is not null then
    -- Not each of thousands of guesses.
    if v_token.id is not null or v_guesses <= v_most then
      perform audit.record(
        'one_time_token.refused', coalesce(v_token.user_id, v_tried)::text,
        jsonb_strip_nulls(jsonb_build_object(
          'token', v_token.id, 'type', take_one_time_token.type, 'why', v_why
        ))
      );
    end if;
    return jsonb_build_object(
      'error', 'otp_expired',
      'message', case
        when take_one_time_token.hash is null then 'Token has expired or is invalid'
        else 'Email link is invalid or has expired'
      end,
      'why', v_why
    );
  end if;

  update auth.one_time_tokens as t
  set used_at = coalesce(t.used_at, v_now),
      updated_at = v_now at time zone 'UTC'
  where t.id = v_token.id;

  return jsonb_build_object(
    'id', v_token.id,
    'user_id', v_token.user_id,
    'purpose', v_token.purpose,
    'token_type', v_token.token_type,
    'address', v_token.relates_to,
    'redirect_to', v_token.redirect_to,
    'flow_id', v_token.flow_id,
    'again', v_token.used_at is not null
  );
end;
$$;

comment on function auth.take_one_time_token(text, text, text, bytea[], boolean) is
  'Uses up a link by its hash, or a code by the address that it went to and what it may be hashed
to. type is that of /verify: signup, invite, magiclink, recovery, email (any of these four),
email_change, sms, phone_change; or reauthentication. Of many at once one succeeds. Each code that
is tried counts before it is compared, and after otp_max_guesses no code is good any more, though
the link is. again takes also a link that was used, as long as its PKCE flow has not ended.
Returns {"id", "user_id", "purpose", "token_type", "address", "redirect_to", "flow_id", "again"},
or {"error": "otp_expired", "message", "why": unknown, wrong code, used, superseded, expired or
void}; why is for the log and audit.events.';

revoke all on function auth.take_one_time_token(text, text, text, bytea[], boolean) from public;
grant execute on function auth.take_one_time_token(text, text, text, bytea[], boolean)
  to service_role;

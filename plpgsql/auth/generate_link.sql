create or replace function auth.generate_link(
  purpose text,
  email text,
  ticket jsonb,
  data jsonb default null,
  hash text default null,
  new_email text default null,
  send boolean default false
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_email constant text := lower(generate_link.email);
  v_new constant text := lower(generate_link.new_email);
  v_is_change constant boolean :=
    generate_link.purpose in ('email_change_current', 'email_change_new');
  v_address constant text :=
    case generate_link.purpose when 'email_change_new' then v_new else v_email end;
  v_user auth.users;
  v_ran text;
begin
  if v_email is null or v_is_change and v_new is null
  or generate_link.purpose not in ('signup', 'invite', 'magiclink', 'recovery')
    and not v_is_change then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('no link is made for "%s" of this', generate_link.purpose);
  end if;

  if generate_link.purpose in ('signup', 'invite', 'magiclink') then
    -- Null if there is one already.
    perform auth.register_user(v_email, null, generate_link.hash, generate_link.data);
  end if;
  select u.* into v_user
  from auth.users as u
  where u.email = v_email
  and not u.is_sso_user
  and u.deleted_at is null
  for no key update;
  if not found then
    return '{"error": "user_not_found"}'::jsonb;
  end if;
  if generate_link.purpose in ('signup', 'invite') and v_user.email_confirmed_at is not null then
    return '{"error": "email_exists"}'::jsonb;
  end if;

  if v_is_change then
    if exists (
      select
      from auth.users as o
      where o.email = v_new
      and not o.is_sso_user
    ) then
      return '{"error": "email_exists"}'::jsonb;
    end if;
    update auth.users as u
    set email_change = v_new,
        email_change_confirm_status = 0
    where u.id = v_user.id
    and u.email_change is distinct from v_new;
  end if;

  if generate_link.send then
    perform auth.mail_one_time_token(
      v_user.id, generate_link.purpose, v_address, generate_link.ticket
    );
  else
    perform auth.issue_one_time_token(
      v_user.id, generate_link.purpose, v_address, generate_link.ticket
    );
  end if;
  perform audit.record(
    case generate_link.purpose when 'invite' then 'user.invited' else 'user.link_made' end,
    v_user.id::text,
    jsonb_build_object('purpose', generate_link.purpose, 'sent', generate_link.send)
  );
  return jsonb_build_object('user', auth.user_json(v_user.id));
exception
  when sqlstate 'FXH01' then
    get stacked diagnostics v_ran = pg_exception_detail;
    return jsonb_build_object('announced', v_ran::jsonb);
end;
$$;

comment on function auth.generate_link(text, text, jsonb, jsonb, text, text, boolean) is
  'Makes a link and a code for who has an address, as an administrator: for signup (with the hash of
a password), invite or magiclink, which make the user unless there is one, recovery, and
email_change_current or email_change_new, to new_email. ticket is that of auth.issue_one_time_token;
send has it mailed, else who asks passes it on. data is user_metadata of a new user. Returns
{"user"}, or {"error"}: user_not_found; email_exists, for signup and invite of an address that is
confirmed, too; or {"announced"} of auth.announce_user. Raises 22023 for another purpose.';

revoke all on function auth.generate_link(text, text, jsonb, jsonb, text, text, boolean)
  from public;
grant execute on function auth.generate_link(text, text, jsonb, jsonb, text, text, boolean)
  to service_role;

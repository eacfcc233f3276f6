-- Hooks of auth run with the rights of this role, which has none but those that are granted to it
-- for them. It has the name by which Supabase's hooks are granted, so that they move unchanged.
-- Roles belong to the cluster: see 0001 for why it is made like this.
do $$
declare
  v_is_16 constant boolean := current_setting('server_version_num')::integer >= 160000;
begin
  for v_attempt in 1..30 loop
    begin
      if to_regrole('supabase_auth_admin') is null then
        create role supabase_auth_admin nologin noinherit;
        comment on role supabase_auth_admin is 'Fluxbase: what hooks of auth run as';
      end if;
      -- Who migrates makes a function that belongs to it.
      if not pg_has_role('supabase_auth_admin', case when v_is_16 then 'SET' else 'MEMBER' end)
      or not pg_has_role('supabase_auth_admin', 'USAGE') then
        execute format('grant supabase_auth_admin to %I', current_user)
          || case when v_is_16 then ' with set true, inherit true' else '' end;
      end if;
      exit;
    exception
      -- internal_error is "tuple concurrently updated": a grant met another.
      when duplicate_object or unique_violation or internal_error then
        if v_attempt = 30 then
          raise;
        end if;
        perform pg_sleep(0.01 * v_attempt);
    end;
  end loop;
end;
$$;

create schema auth_hooks authorization supabase_auth_admin;

comment on schema auth_hooks is
  'Fluxbase: calls the hooks of auth, with the rights of supabase_auth_admin alone.';

set local role supabase_auth_admin;
grant usage on schema auth_hooks to fluxbase_admin;

set local role fluxbase_admin;

create table auth.mails (
  id uuid primary key default gen_random_uuid(),
  kind text not null,
  user_id uuid references auth.users (id) on delete cascade,
  to_address text not null,
  data jsonb not null,
  secrets text,
  state text not null default 'queued',
  -- squawk-ignore prefer-bigint-over-int
  attempts integer not null default 0,
  next_at timestamptz not null default clock_timestamp(),
  claimed_by text,
  fence bigint not null default 0,
  last_error text,
  created_at timestamptz not null default clock_timestamp(),
  done_at timestamptz,
  constraint kind_is_a_word check (kind ~ '^[a-z][a-z0-9_]{0,62}$'),
  -- What an address is, the process finds out by parsing it; this keeps lines and lists out.
  constraint to_address_is_one check (
    to_address ~ '^[^[:space:][:cntrl:],;<>]+@[^[:space:][:cntrl:],;<>@]+$'
    and octet_length(to_address) <= 320
  ),
  constraint data_is_a_short_object check (
    jsonb_typeof(data) = 'object' and pg_column_size(data) <= 65536
  ),
  constraint state_is_known check (state in ('queued', 'sent', 'failed')),
  constraint done_if_not_queued check ((state = 'queued') = (done_at is null)),
  constraint secrets_go_when_done check (state = 'queued' or secrets is null)
)
with (fillfactor = 70);

create index mails_next_at_idx on auth.mails (next_at) where state = 'queued';
create index mails_done_at_idx on auth.mails (done_at) where state <> 'queued';
create index mails_user_id_idx on auth.mails (user_id);

comment on table auth.mails is
  'Mails to send, and for some days those that were. auth.queue_mail adds one in the transaction of
what it tells of; every process that knows a mail server sends (auth.claim_mails,
auth.finish_mail).';
comment on column auth.mails.id is 'Also the Message-ID of each attempt.';
comment on column auth.mails.kind is 'Which template it is made from: confirmation and so on.';
comment on column auth.mails.user_id is
  'Whose doing it is about; null if nobody''s. It goes with them.';
comment on column auth.mails.to_address is 'Who gets it.';
comment on column auth.mails.data is
  'Variables of the template that are no secret: redirect_to, new_email and so on; {} once done.';
comment on column auth.mails.secrets is
  'The link and the code in it, sealed by a process (proxy/seal), so that no copy of this table
signs anybody in; null once done.';
comment on column auth.mails.state is
  'queued, sent (a mail server took it), or failed (none ever will).';
comment on column auth.mails.attempts is 'How often a process began to send it.';
comment on column auth.mails.next_at is
  'From when on a process may claim it. While one sends it, when the claim ends.';
comment on column auth.mails.claimed_by is 'The process that claimed it last.';
comment on column auth.mails.fence is
  'Counts claims: the outcome of an earlier one changes nothing.';
comment on column auth.mails.last_error is
  'Why the last attempt failed: the server''s code, never its words, which may quote the mail.';
comment on column auth.mails.created_at is 'When it was queued; the mail''s Date.';
comment on column auth.mails.done_at is 'When it was sent or given up.';

-- No policy: only security definer functions of ours use these tables.
alter table auth.mails enable row level security;

create table auth.mail_templates (
  kind text not null,
  language text not null default '',
  subject text not null,
  html text not null,
  text text,
  updated_at timestamptz not null default now(),
  updated_by text not null,
  primary key (kind, language),
  constraint kind_is_a_word check (kind ~ '^[a-z][a-z0-9_]{0,62}$'),
  constraint language_is_a_tag check (language ~ '^([a-z]{2,3}(-[a-z0-9]{2,8})*)?$'),
  constraint subject_is_one_short_line check (
    subject <> '' and length(subject) <= 1000 and subject !~ '[[:cntrl:]]'
  ),
  constraint bodies_are_at_most_256_kib check (
    octet_length(html) <= 262144 and octet_length(text) <= 262144
  )
);

comment on table auth.mail_templates is
  'What mails say where it is not the built-in text; auth.set_mail_template changes one.';
comment on column auth.mail_templates.kind is 'The mails that it is for.';
comment on column auth.mail_templates.language is
  'The language of their readers (de, pt-br); empty is for all others.';
comment on column auth.mail_templates.subject is 'The subject, a template as the bodies are.';
comment on column auth.mail_templates.html is
  'The body: a template in the language of Go''s html/template, with the variables of Supabase.';
comment on column auth.mail_templates.text is
  'The body for readers without HTML; null is the built-in text of this kind.';
comment on column auth.mail_templates.updated_at is 'When it was set.';
comment on column auth.mail_templates.updated_by is 'Who set it, as in audit.events.';

alter table auth.mail_templates enable row level security;

create table auth.hook_secrets (
  id uuid primary key default gen_random_uuid(),
  hook text not null,
  sealed text not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint hook_is_known check (
    hook in (
      'before_user_created', 'send_email', 'send_sms', 'custom_access_token',
      'mfa_verification_attempt', 'password_verification_attempt'
    )
  ),
  constraint sealed_is_given check (sealed <> '')
);

create index hook_secrets_hook_idx on auth.hook_secrets (hook);

comment on table auth.hook_secrets is
  'What calls of hooks over HTTP are signed with. A hook has two while its secret is replaced.';
comment on column auth.hook_secrets.id is 'By which it is dropped.';
comment on column auth.hook_secrets.hook is 'The hook.';
comment on column auth.hook_secrets.sealed is
  'The secret, sealed by a process (proxy/seal).';
comment on column auth.hook_secrets.created_at is 'When it was added.';

alter table auth.hook_secrets enable row level security;

---- create above / drop below ----

set local role fluxbase_admin;

-- Functions in plpgsql/ name these tables.
drop table auth.hook_secrets, auth.mail_templates, auth.mails cascade;

reset role;

drop schema auth_hooks cascade;

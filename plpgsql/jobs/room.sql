create or replace function jobs.room(
  full_at timestamptz,
  rate double precision,
  burst double precision,
  want bigint
)
  returns bigint
  language sql
  volatile
  set search_path = pg_catalog, pg_temp
begin atomic
  select case
    when room.rate is null then room.want
    else greatest(0, least(
      room.want,
      floor(
        room.burst
          - greatest(0, extract(epoch from room.full_at - clock_timestamp())) * room.rate + 1e-6
      )::bigint
    ))
  end;
end;

comment on function jobs.room(timestamptz, double precision, double precision, bigint) is
  'How many of the jobs that want to may begin now, by the generic cell rate algorithm: full_at is
when the burst is whole again (null: it is), rate is jobs a second (null: any number), burst the
most at once.';

revoke all on function jobs.room(timestamptz, double precision, double precision, bigint)
  from public;

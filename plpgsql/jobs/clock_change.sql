create or replace function jobs.clock_change(zone text, low timestamptz, high timestamptz)
  returns timestamptz
  language plpgsql
  stable
  strict
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_low timestamp := date_trunc('second', low at time zone 'UTC');
  v_high timestamp := date_trunc('second', high at time zone 'UTC');
  v_middle timestamp;
  v_offset constant interval := high at time zone zone - high at time zone 'UTC';
begin
  while v_high - v_low > interval '1 second' loop
    v_middle := date_trunc('second', v_low + (v_high - v_low) / 2);
    if v_middle at time zone 'UTC' at time zone zone - v_middle = v_offset then
      v_high := v_middle;
    else
      v_low := v_middle;
    end if;
  end loop;
  return v_high at time zone 'UTC';
end;
$$;

comment on function jobs.clock_change(text, timestamptz, timestamptz) is
  'The second at which the clocks of a time zone are changed, where that is so once after low and no
later than high.';

revoke all on function jobs.clock_change(text, timestamptz, timestamptz) from public;
grant execute on function jobs.clock_change(text, timestamptz, timestamptz) to service_role;

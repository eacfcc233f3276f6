create or replace function pagination.terms(source regclass, order_by text)
  returns table (
    n integer, name text, type text, is_filled boolean, descends boolean, nulls_first boolean
  )
  language plpgsql
  stable
as $$
declare
  c_term constant text := '("(?:[^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*)'
    '(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?';
begin
  if terms.order_by !~* ('^\s*' || c_term || '\s*(,\s*' || c_term || '\s*)*$') then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('%L is no list of columns to order by', terms.order_by),
      hint = 'Name columns, as in: created_at desc nulls last, id';
  end if;

  return query
  with asked as (
    select
      m.n,
      case
        when starts_with(m.part[1], '"')
          then replace(substr(m.part[1], 2, length(m.part[1]) - 2), '""', '"')
        else lower(m.part[1])
      end as name,
      coalesce(lower(m.part[2]) = 'desc', false) as descends,
      lower(m.part[3]) = 'first' as nulls_first
    from regexp_matches(terms.order_by, c_term, 'gi') with ordinality as m (part, n)
  ),
  term as (
    select d.n, d.name, d.descends, coalesce(d.nulls_first, d.descends) as nulls_first
    from asked as d
    union all
    select 1000 + k.n, a.attname, false, false
    from pg_index as i
    cross join unnest(i.indkey::int2[]) with ordinality as k (attnum, n)
    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = terms.source
    and i.indisprimary
    and a.attname::text not in (select d.name from asked as d)
  )
  select
    (row_number() over (order by t.n))::integer, t.name, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, t.descends, t.nulls_first
  from term as t
  left join pg_attribute as a
    on a.attrelid = terms.source and a.attname = t.name and a.attnum > 0 and not a.attisdropped
  order by t.n;
end;
$$;

comment on function pagination.terms(regclass, text) is
  'The columns that pagination.page orders by: those of order_by, then what it leaves out of the
primary key. The type of a column that is not there is null.';

revoke all on function pagination.terms(regclass, text) from public;
grant execute on function pagination.terms(regclass, text)
  to anon, authenticated, service_role;

create or replace function realtime.condition(tree jsonb, columns text[], types text[])
  returns text
  language plpgsql
  stable
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_place constant integer := array_position(condition.columns, condition.tree ->> 'column');
  v_op constant text := condition.tree ->> 'op';
  v_operator text;
  v_type text := condition.types[v_place];
  v_field text := 'r.' || quote_ident(condition.tree ->> 'column');
  v_is_json constant boolean := v_type in ('json', 'jsonb');
  v_step record;
  v_language text;
  -- The value as a text; from our own index alone.
  v_value constant text := format('(f.v ->> %s)', (condition.tree ->> 'value')::integer);
  v_sql text;
begin
  if condition.tree ?| array['and', 'or'] then
    select string_agg(
      realtime.condition(k.value, condition.columns, condition.types),
      case when condition.tree ? 'or' then ' or ' else ' and ' end order by k.i
    ) into v_sql
    from jsonb_array_elements(coalesce(condition.tree -> 'or', condition.tree -> 'and'))
      with ordinality as k (value, i);
  elsif v_place is null then
    v_sql := 'null::boolean';
  else
    for v_step in
      select
        s.i,
        s.value ->> 'key' as key,
        coalesce((s.value -> 'index')::boolean, false) as is_index,
        coalesce((s.value -> 'text')::boolean, false) as is_text
      from jsonb_array_elements(condition.tree -> 'path') with ordinality as s (value, i)
      order by s.i
    loop
      if v_step.i = 1 and not v_is_json then
        v_field := format('to_jsonb(%s)', v_field);
      end if;
      v_field := format(
        case when v_step.is_index then '(%s %s %L::integer)' else '(%s %s %L::text)' end,
        v_field,
        case when v_step.is_text then '->>' else '->' end,
        v_step.key
      );
      v_type := case
        when v_step.is_text then 'text'
        when v_type = 'json' then 'json'
        else 'jsonb'
      end;
    end loop;

    v_operator := case v_op
      when 'eq' then '='
      when 'neq' then '<>'
      when 'gt' then '>'
      when 'gte' then '>='
      when 'lt' then '<'
      when 'lte' then '<='
      when 'like' then 'like'
      when 'ilike' then 'ilike'
      when 'match' then '~'
      when 'imatch' then '~*'
      when 'isdistinct' then 'is distinct from'
      when 'cs' then '@>'
      when 'cd' then '<@'
      when 'ov' then '&&'
      when 'sl' then '<<'
      when 'sr' then '>>'
      when 'nxr' then '&<'
      when 'nxl' then '&>'
      when 'adj' then '-|-'
    end;
    if v_op in ('like', 'ilike', 'match', 'imatch') then
      v_type := 'text';
    end if;

    v_sql := case
      when v_op = 'is' then format('%s is %s', v_field, case condition.tree ->> 'truth'
        when 'null' then 'null'
        when 'not_null' then 'not null'
        when 'true' then 'true'
        when 'false' then 'false'
        when 'unknown' then 'unknown'
      end)
      when v_op = 'in' or condition.tree ->> 'quantifier' = 'any'
      then format('%s %s any (%s::%s[])', v_field, coalesce(v_operator, '='), v_value, v_type)
      when condition.tree ->> 'quantifier' = 'all'
      then format('%s %s all (%s::%s[])', v_field, v_operator, v_value, v_type)
      when v_operator is not null
      then format('%s %s %s::%s', v_field, v_operator, v_value, v_type)
    end;

    if v_op in ('fts', 'plfts', 'phfts', 'wfts') then
      v_language := condition.tree ->> 'language';
      v_language := case
        when v_language is null then ''
        -- Digits alone, or a dash, would be taken for an oid.
        when v_language ~ '^([0-9]+|-)$' then format('%L::regconfig, ', format('"%s"', v_language))
        else format('%L::regconfig, ', v_language)
      end;
      v_sql := format(
        case
          when v_type = 'tsvector' then '%s @@ %s(%s%s)'
          else 'to_tsvector(%3$s%1$s) @@ %2$s(%3$s%4$s)'
        end,
        v_field,
        case v_op
          when 'fts' then 'to_tsquery'
          when 'plfts' then 'plainto_tsquery'
          when 'phfts' then 'phraseto_tsquery'
          else 'websearch_to_tsquery'
        end,
        v_language,
        v_value
      );
    end if;
  end if;

  if v_sql is null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('%s is no condition', condition.tree);
  end if;

  return format(
    case when (condition.tree -> 'not')::boolean then '(not (%s))' else '(%s)' end,
    v_sql
  );
end;
$$;

comment on function realtime.condition(jsonb, text[], text[]) is
  'A filter as SQL over r, which has columns of these types, and the array of values f.v. The filter
is {not, and: [filter]}, {not, or: [filter]} or {not, column, path: [{key, index, text}], op,
quantifier, language, truth, value}: op is an operator of docs/reference/filters.md, truth what the
operator is takes, value the index of the value. A column that is not among those is null, and so is
all that is asked of it. Raises 22023 for what is no filter.';

revoke all on function realtime.condition(jsonb, text[], text[]) from public;
grant execute on function realtime.condition(jsonb, text[], text[])
  to authenticator, fluxbase_service;

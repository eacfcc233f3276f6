create or replace function realtime.condition(tree jsonb, columns text[], types text[])
  returns text
  language plpgsql
  stable
  parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_op constant text := condition.tree ->> 'op';
  v_operator text;
  v_left constant text[]
    := realtime.condition_field(condition.tree, condition.columns, condition.types);
  v_right constant text[]
    := realtime.condition_field(condition.tree -> 'other', condition.columns, condition.types);
  v_field text := v_left[1];
  v_type text := v_left[2];
  v_is_compared constant boolean := condition.tree ? 'other';
  v_is_within constant boolean[] := array[
    condition.tree ? 'path', condition.tree -> 'other' ? 'path'
  ];
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
  elsif v_left is null or v_is_compared and v_right is null then
    v_sql := 'null::boolean';
  else
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
      when v_is_compared and v_operator is null then null
      -- Two columns compare as what they are; with a value within JSON both as JSON, with
      -- a text within JSON as what the other is.
      when v_is_compared and (v_is_within[1] and v_left[2] <> 'text'
        or v_is_within[2] and v_right[2] <> 'text')
      then format('to_jsonb(%s) %s to_jsonb(%s)', v_left[1], v_operator, v_right[1])
      when v_is_compared and v_is_within[1] and not v_is_within[2]
      then format('%s::%s %s %s', v_left[1], v_right[2], v_operator, v_right[1])
      when v_is_compared and v_is_within[2] and not v_is_within[1]
      then format('%s %s %s::%s', v_left[1], v_operator, v_right[1], v_left[2])
      when v_is_compared
      then format('%s %s %s', v_left[1], v_operator, v_right[1])
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
quantifier, language, truth, value, other}: op is an operator of docs/reference/filters.md, truth
what the operator is takes, value the index of the value, other a column and path to compare with
instead. A column that is not among those is null, and so is all that is asked of it. Raises 22023
for what is no filter.';

revoke all on function realtime.condition(jsonb, text[], text[]) from public;
grant execute on function realtime.condition(jsonb, text[], text[])
  to authenticator, fluxbase_service;

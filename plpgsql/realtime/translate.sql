create or replace function realtime.translate(node jsonb, rel oid)
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_args constant jsonb := coalesce(translate.node #> '{args,0}', '[]');
  v_operator pg_operator;
  v_left jsonb;
  v_right jsonb;
  v_result jsonb;
begin
  case translate.node #>> '{node,0}'

    when 'CONST' then
      return case
        when translate.node #>> '{constisnull,0}' = 'true' then '{"text": null}'
        when realtime.const_text(translate.node) is not null
        then jsonb_build_object('text', realtime.const_text(translate.node))
      end;

    when 'VAR' then
      select jsonb_build_object('column', a.attname) into v_result
      from pg_attribute as a
      where a.attrelid = translate.rel
      and a.attnum = (translate.node #>> '{varattno,0}')::integer
      and a.attnum > 0
      and a.attgenerated = ''
      and a.atttypid in (
        'uuid'::regtype, 'boolean'::regtype, 'smallint'::regtype, 'integer'::regtype,
        'bigint'::regtype, 'text'::regtype, 'varchar'::regtype
      )
      and translate.node #>> '{varno,0}' = '1'
      and translate.node #>> '{varlevelsup,0}' = '0';
      return v_result;

    when 'RELABELTYPE' then
      return case
        when (translate.node #>> '{resulttype,0}')::oid in ('text'::regtype, 'varchar'::regtype)
        then realtime.translate(translate.node #> '{arg,0}', translate.rel)
      end;

    when 'FUNCEXPR' then
      select
        case p.proname
          when 'uid' then '{"claim": ["sub"], "type": "uuid"}'
          when 'role' then '{"claim": ["role"], "type": "text"}'
          when 'email' then '{"claim": ["email"], "type": "text"}'
          when 'jwt' then '{"claims": []}'
          when 'current_setting' then '{"setting": "request.jwt.claims"}'
        end::jsonb
      into v_result
      from pg_proc as p
      where p.oid = (translate.node #>> '{funcid,0}')::oid
      and (
        p.pronamespace = 'auth'::regnamespace
          and p.proowner = 'fluxbase_admin'::regrole
          and p.pronargs = 0
        or p.oid in (
            'current_setting(text)'::regprocedure, 'current_setting(text, boolean)'::regprocedure
          )
          and realtime.const_text(v_args -> 0) = 'request.jwt.claims'
      );
      return v_result;

    when 'COERCEVIAIO' then
      v_left := realtime.translate(translate.node #> '{arg,0}', translate.rel);
      return case
        when (translate.node #>> '{resulttype,0}')::oid in ('json'::regtype, 'jsonb'::regtype)
        then case when v_left ? 'setting' then '{"claims": []}'::jsonb end
        -- Of these types the text is what the cast gives.
        when (translate.node #>> '{resulttype,0}')::oid in ('text'::regtype, 'varchar'::regtype)
        then case when v_left ? 'column' or v_left ? 'claim' then v_left end
        -- The text of a claim is checked before it is compared.
        when v_left ->> 'type' = 'text'
        then v_left || (
          select jsonb_build_object('type', t.typname)
          from pg_type as t
          where t.oid = (translate.node #>> '{resulttype,0}')::oid
          and t.oid in (
            'uuid'::regtype, 'boolean'::regtype, 'smallint'::regtype, 'integer'::regtype,
            'bigint'::regtype
          )
        )
      end;

    when 'SUBLINK' then
      -- (select auth.uid()), which is there to be evaluated once.
      if translate.node #>> '{subLinkType,0}' <> '4' or exists (
        select
        from unnest(array[
          '{cteList}', '{rtable}', '{jointree,0,fromlist}', '{jointree,0,quals}', '{groupClause}',
          '{groupingSets}', '{havingQual}', '{windowClause}', '{distinctClause}', '{limitOffset}',
          '{limitCount}', '{setOperations}'
        ]) as f (path)
        where translate.node #> ('{subselect,0}'::text[] || f.path::text[]) <> '["<>"]'
      ) then
        return null;
      end if;
      v_result := realtime.translate(
        translate.node #> '{subselect,0,targetList,0,0,expr,0}', translate.rel
      );
      return case when v_result ? 'claim' or v_result ? 'claims' then v_result end;

    when 'OPEXPR' then
      select o.* into v_operator
      from pg_operator as o
      where o.oid = (translate.node #>> '{opno,0}')::oid
      and o.oprnamespace = 'pg_catalog'::regnamespace;
      v_left := realtime.translate(v_args -> 0, translate.rel);
      v_right := realtime.translate(v_args -> 1, translate.rel);
      if v_operator.oprname in ('->', '->>') then
        return case
          when not v_left ? 'claims' or coalesce(v_right ->> 'text', '') = ''
            or v_operator.oprright <> 'text'::regtype then null
          when v_operator.oprname = '->'
          then jsonb_build_object('claims', (v_left -> 'claims') || (v_right -> 'text'))
          else jsonb_build_object(
            'claim', (v_left -> 'claims') || (v_right -> 'text'), 'type', 'text'
          )
        end;
      end if;
      -- Equal texts are equal values of these types, and of no others.
      if v_left is null or v_right is null or v_operator.oprname not in ('=', '<>') or not (
        v_operator.oprleft = v_operator.oprright
          and v_operator.oprleft in ('uuid'::regtype, 'boolean'::regtype)
        or v_operator.oprleft in ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
          and v_operator.oprright in ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
        or v_operator.oprleft = 'text'::regtype
          and v_operator.oprright = 'text'::regtype
          and exists (
            select
            from pg_collation as c
            where c.oid = (translate.node #>> '{inputcollid,0}')::oid
            and c.collisdeterministic
          )
      ) then
        return null;
      end if;
      v_result := jsonb_build_object('equal', jsonb_build_array(v_left, v_right));
      return case v_operator.oprname
        when '=' then v_result
        else jsonb_build_object('not', v_result)
      end;

    when 'NULLTEST' then
      v_left := realtime.translate(translate.node #> '{arg,0}', translate.rel);
      v_result := jsonb_build_object('null', v_left);
      return case
        when v_left is null or v_left ? 'claims' or v_left ? 'setting' then null
        when translate.node #>> '{nulltesttype,0}' = '0' then v_result
        else jsonb_build_object('not', v_result)
      end;

    when 'BOOLEANTEST' then
      v_left := realtime.translate(translate.node #> '{arg,0}', translate.rel);
      return case
        when v_left is null then null
        else case translate.node #>> '{booltesttype,0}'
          when '0' then jsonb_build_object('true', v_left)
          when '1' then jsonb_build_object('not', jsonb_build_object('true', v_left))
          when '2' then jsonb_build_object('true', jsonb_build_object('not', v_left))
          when '3' then
            jsonb_build_object('not', jsonb_build_object('true', jsonb_build_object('not', v_left)))
        end
      end;

    when 'BOOLEXPR' then
      select case
        when bool_and(a.value is not null) then case translate.node #>> '{boolop,0}'
          when 'not' then jsonb_build_object('not', jsonb_agg(a.value) -> 0)
          else jsonb_build_object(translate.node #>> '{boolop,0}', jsonb_agg(a.value order by a.n))
        end
      end
      into v_result
      from (
        select realtime.translate(a.value, translate.rel) as value, a.n
        from jsonb_array_elements(v_args) with ordinality as a (value, n)
      ) as a;
      return v_result;

    else
      return null;
  end case;
end;
$$;

comment on function realtime.translate(jsonb, oid) is
  'A condition on rows of a table, as realtime.parse_node gives it, in a form that needs no
database: and, or (lists), not, true, null (is null), equal (two), column (a name), text (a
constant, or null) and claim (a path in the token''s claims, with the type to which it is cast).
Null where it can''t be said so. Values are the texts of the change stream; only types for which
equal texts are equal values have a form.';

revoke all on function realtime.translate(jsonb, oid) from public;
grant execute on function realtime.translate(jsonb, oid) to authenticator;

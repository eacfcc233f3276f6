select plan(3);

select is(
  (
    select array_agg(s.status order by s.status)
    from unnest(
      array[200, 201, 204, 304, 400, 401, 403, 404, 409, 422, 429, 500, 503]
    ) as s (status)
    where idempotency.is_kept(s.status, '{}')
  ),
  array[200, 201, 204, 304, 400, 404, 422],
  'refusals that may pass, and failures, are not kept'
);
select is(
  (
    select array_agg(idempotency.is_kept(200, h.headers) order by h.headers::text)
    from unnest(array[
      null, '{"Etag": ["no-store"]}', '{"Cache-Control": ["private", "No-Store, max-age=0"]}'
    ]::jsonb[]) as h (headers)
  ),
  array[false, true, true],
  'nor what no cache may keep'
);

set local role authenticated;
select throws_ok($$ select idempotency.is_kept(200, '{}') $$, '42501', null, 'users may not ask');

select * from finish();

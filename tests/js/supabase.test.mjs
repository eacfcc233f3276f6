// The unmodified client of Supabase against a running server with the demo's notes.
import { test, describe, after } from 'node:test'
import assert from 'node:assert/strict'
import { ada, anonKey, as, bob, client, good, refused, rows, serviceKey, sign, url, userToken } from './helpers.mjs'

const anon = client()
const service = client(serviceKey)
const [adas, bobs] = [as(ada), as(bob)]

const titles = (list) => list.map((row) => row.title)

describe('who sees what', () => {
  const see = (who) => rows(who.from('notes').select('title').order('title'))

  test('anon sees the public notes', async () => {
    assert.deepEqual(titles(await see(anon)), ['Loops', 'Tomatoes'])
  })
  test('each user sees the public ones and their own', async () => {
    assert.deepEqual(titles(await see(adas)), ['Bernoulli numbers', 'Loops', 'Shopping', 'Tomatoes'])
    assert.deepEqual(titles(await see(bobs)), ['Letter to the neighbour', 'Loops', 'Tomatoes'])
  })
  test('the service role sees all', async () => {
    assert.equal((await see(service)).length, 5)
  })
  test('a token given as a header counts as one given by accessToken', async () => {
    const { createClient } = await import('@supabase/supabase-js')
    const headers = { Authorization: `Bearer ${userToken(bob)}` }
    assert.equal((await see(createClient(url, anonKey, { global: { headers } }))).length, 3)
  })
  test('what no grant allows is 401 for anon and 403 for a user', async () => {
    await refused(anon.from('tags').insert({ name: 'mine' }), 401, '42501')
    await refused(adas.from('tags').insert({ name: 'mine' }), 403, '42501')
  })
  test('the description of the API shows what the caller may use', async () => {
    const { data } = good(await adas.getOpenApiSpec())
    assert.equal(data.swagger, '2.0')
    assert.match(data.definitions.notes.properties.id.description, /<pk\/>/)
    assert.ok(data.paths['/notes'].get && data.paths['/notes'].post)
  })
})

describe('writing', () => {
  // Each test writes notes with a title of its own and leaves none.
  const mine = 'written by a test'
  after(() => rows(service.from('notes').delete().like('title', `${mine}%`)))

  test('a user writes, changes and deletes their own note', async () => {
    const made = good(await adas.from('notes').insert({ title: mine, body: 'one' }).select().single())
    assert.equal(made.status, 201)
    assert.equal(made.data.owner_id, ada)
    const changed = good(await adas.from('notes').update({ body: 'two' }).eq('id', made.data.id).select('id, body'))
    assert.deepEqual([changed.status, changed.data], [200, [{ id: made.data.id, body: 'two' }]])
    const gone = good(await adas.from('notes').delete().eq('id', made.data.id))
    assert.deepEqual([gone.status, gone.data], [204, null])
    assert.deepEqual(await rows(adas.from('notes').select().eq('id', made.data.id)), [])
  })
  test("another's note is not there to change or delete", async () => {
    const [note] = await rows(service.from('notes').select('id').eq('title', 'Shopping'))
    for (const call of [
      bobs.from('notes').update({ body: 'x' }).eq('id', note.id).select(),
      bobs.from('notes').delete().eq('id', note.id).select(),
      anon.from('notes').select().eq('id', note.id),
    ]) assert.deepEqual(await rows(call), [])
    assert.equal((await rows(adas.from('notes').select('body').eq('id', note.id)))[0].body, 'Candles, ink, paper.')
  })
  test('a change or delete without a filter is refused, and says how to mean it', async () => {
    for (const call of [adas.from('comments').delete(), adas.from('comments').update({ body: 'x' })]) {
      const error = await refused(call, 400, 'unfiltered_write')
      assert.match(error.hint, /handling=all-rows/)
    }
    const rolled = adas.from('notes').update({ body: 'x' }).setHeader('Prefer', 'handling=all-rows, handling=strict, max-affected=0')
    await refused(rolled, 400, 'PGRST124')
  })
  test('an insert for someone else is 403 with code 42501', async () => {
    const error = await refused(adas.from('notes').insert({ title: mine, owner_id: bob }), 403, '42501')
    assert.match(error.message, /row-level security policy for table "notes"/)
    await refused(anon.from('notes').insert({ title: mine, owner_id: ada }), 401, '42501')
    await refused(adas.from('notes').update({ owner_id: bob }).eq('title', 'Shopping'), 403, '42501')
  })
  test('an insert without select answers 201 and nothing', async () => {
    const { status, data, count } = good(await adas.from('notes').insert({ title: mine }, { count: 'exact' }))
    assert.deepEqual({ status, data, count }, { status: 201, data: null, count: 1 })
  })
  test('many rows with different keys; missing ones are null, or the default when asked', async () => {
    const many = [{ title: `${mine} 1`, is_public: true }, { title: `${mine} 2` }]
    await refused(adas.from('notes').insert(many), 400, '23502')
    const made = await rows(adas.from('notes').insert(many, { defaultToNull: false }).select('title, is_public'))
    assert.deepEqual(made, [{ title: `${mine} 1`, is_public: true }, { title: `${mine} 2`, is_public: false }])
  })
  test('one bad row of many undoes all', async () => {
    const many = [{ title: `${mine} a` }, { title: 'x'.repeat(201) }]
    await refused(adas.from('notes').insert(many), 400, '23514')
    assert.deepEqual(await rows(adas.from('notes').select().eq('title', `${mine} a`)), [])
  })
  test('upsert inserts, merges and ignores', async () => {
    const tags = service.from('tags')
    const first = good(await tags.upsert({ name: mine }, { onConflict: 'name' }).select())
    assert.deepEqual([first.status, first.data.length], [201, 1])
    const again = good(await tags.upsert({ name: mine }, { onConflict: 'name' }).select())
    assert.deepEqual([again.status, again.data], [200, first.data])
    assert.deepEqual(await rows(tags.upsert({ name: mine }, { onConflict: 'name', ignoreDuplicates: true }).select()), [])
    await refused(tags.insert({ name: mine }), 409, '23505')
    good(await tags.delete().eq('name', mine))
  })
  test('select after a write embeds', async () => {
    const made = await rows(bobs.from('notes').insert({ title: mine, notebook_id: 3 }).select('title, notebooks(title)').single())
    assert.deepEqual(made, { title: mine, notebooks: { title: 'Garden' } })
  })
  test('maxAffected undoes what would change more', async () => {
    await refused(service.from('notes').update({ body: 'x' }).gt('id', 0).maxAffected(2), 400, 'PGRST124')
    assert.deepEqual(await rows(service.from('notes').select('id').eq('body', 'x')), [])
  })
})

describe('reading', () => {
  const ids = async (filter) => (await rows(filter(anon.from('kinds').select('id')).order('id'))).map((row) => row.id)

  for (const [name, filter, want] of [
    ['eq', (q) => q.eq('id', 2), [2]],
    ['neq', (q) => q.neq('id', 2), [1, 3]],
    ['gt, lte', (q) => q.gt('id', 1).lte('id', 3), [2, 3]],
    ['in', (q) => q.in('id', [1, 3, 99]), [1, 3]],
    ['is null', (q) => q.is('amount', null), [3]],
    ['is true', (q) => q.is('is_on', true), [1]],
    ['not is null', (q) => q.not('amount', 'is', null), [1, 2]],
    ['isDistinct', (q) => q.isDistinct('is_on', true), [2, 3]],
    ['or', (q) => q.or('id.eq.1,and(big.gte.3,amount.is.null)'), [1, 3]],
    ['match', (q) => q.match({ id: 2, is_on: false }), [2]],
    ['numeric by text', (q) => q.eq('amount', '2.25'), [2]],
    ['a big integer', (q) => q.eq('big', '9007199254740993'), [1]],
    ['contains, array', (q) => q.contains('words', ['b']), [1, 2]],
    ['contains, json', (q) => q.contains('data', { color: 'red' }), [1]],
    ['contains, range', (q) => q.contains('span', '[2,3)'), [1]],
    ['containedBy', (q) => q.containedBy('words', ['a', 'b', 'z']), [1, 3]],
    ['overlaps', (q) => q.overlaps('words', ['a', 'c']), [1, 2]],
    ['rangeGt', (q) => q.rangeGt('span', '[1,5)'), [2, 3]],
    ['rangeAdjacent', (q) => q.rangeAdjacent('span', '[9,20)'), [2, 3]],
    ['a json path', (q) => q.eq('data->>color', 'blue'), [2]],
    ['a json number', (q) => q.gt('data->n', 1), [2]],
  ]) {
    test(`filter: ${name}`, async () => assert.deepEqual(await ids(filter), want))
  }

  for (const [name, filter, want] of [
    ['like', (q) => q.like('title', 'Lo%'), ['Loops']],
    ['ilike', (q) => q.ilike('title', '%TOMA%'), ['Tomatoes']],
    ['likeAnyOf', (q) => q.likeAnyOf('title', ['L%', 'T%']), ['Loops', 'Tomatoes']],
    ['in, with commas, quotes and parentheses', (q) => q.in('title', ['Loops', 'a,b', 'c"d', '(e)']), ['Loops']],
    ['textSearch', (q) => q.textSearch('body', 'cards & group'), ['Loops']],
    ['textSearch, plain', (q) => q.textSearch('body', 'sow indoors', { type: 'plain', config: 'english' }), ['Tomatoes']],
    ['textSearch, websearch', (q) => q.textSearch('body', 'march -cards', { type: 'websearch' }), ['Tomatoes']],
    ['regular expression', (q) => q.filter('title', 'match', '^L.*s$'), ['Loops']],
  ]) {
    test(`filter: ${name}`, async () => {
      assert.deepEqual(titles(await rows(filter(anon.from('notes').select('title')).order('title'))), want)
    })
  }

  test('columns, aliases, casts and json paths', async () => {
    const [row] = await rows(anon.from('kinds').select('key:id, big::text, color:data->>color, n:data->n').eq('id', 1))
    assert.deepEqual(row, { key: 1, big: '9007199254740993', color: 'red', n: 1 })
  })
  test('order, range and an exact count', async () => {
    const page = await adas.from('notes').select('title', { count: 'exact' }).order('title', { ascending: false }).range(1, 2)
    assert.deepEqual([page.status, page.count, titles(page.data)], [206, 4, ['Shopping', 'Loops']])
    const nulls = await rows(anon.from('kinds').select('id').order('amount', { ascending: false, nullsFirst: true }))
    assert.deepEqual(nulls.map((row) => row.id), [3, 2, 1])
    assert.deepEqual(titles(await rows(anon.from('notes').select('title').order('title').limit(1))), ['Loops'])
  })
  test('a range past the end', async () => {
    const error = await refused(anon.from('notes').select('*', { count: 'exact' }).range(100, 110), 416, 'PGRST103')
    assert.match(error.details, /offset of 100 .* only 2 rows/)
    assert.deepEqual(await rows(anon.from('notes').select().range(100, 110)), [])
  })
  test('a count without rows', async () => {
    const { count, data, status } = good(await bobs.from('notes').select('*', { count: 'exact', head: true }))
    assert.deepEqual({ count, data, status }, { count: 3, data: null, status: 200 })
    const guess = good(await service.from('notes').select('*', { count: 'planned', head: true }))
    assert.equal(typeof guess.count, 'number')
  })
  test('single and maybeSingle', async () => {
    assert.equal((await rows(anon.from('notes').select('title').eq('title', 'Loops').single())).title, 'Loops')
    const none = await refused(anon.from('notes').select().eq('title', 'no such').single(), 406, 'PGRST116')
    assert.match(none.details, /0 rows/)
    await refused(anon.from('notes').select().single(), 406, 'PGRST116')
    assert.equal(await rows(anon.from('notes').select().eq('title', 'no such').maybeSingle()), null)
  })
  test('single undoes a write of several', async () => {
    await refused(service.from('kinds').update({ big: 7 }).gt('id', 1).select().single(), 406, 'PGRST116')
    assert.deepEqual(await rows(anon.from('kinds').select('id').eq('big', 7)), [])
  })
  test('csv', async () => {
    const { data } = good(await anon.from('kinds').select('id,amount').order('id').csv())
    assert.equal(data.trim(), 'id,amount\n1,1.50\n2,2.25\n3,')
  })
  test('a request that is given up', async () => {
    const stop = new AbortController()
    const call = anon.from('notes').select().abortSignal(stop.signal)
    stop.abort()
    const { error, data } = await call
    assert.match(error.message, /abort/i)
    assert.equal(data, null)
    assert.equal((await rows(anon.from('notes').select())).length, 2)
  })
})

describe('embedding', () => {
  test('many to one, one to many, many to many', async () => {
    const note = await rows(bobs.from('notes').select('title, notebooks(title), comments(body), tags(name)').eq('title', 'Tomatoes')
      .order('name', { referencedTable: 'tags' }).single())
    assert.deepEqual(note, {
      title: 'Tomatoes',
      notebooks: { title: 'Garden' },
      comments: [{ body: 'Mine like it warmer.' }],
      tags: [{ name: 'machines' }, { name: 'plants' }],
    })
  })
  test('policies hold inside of embeds', async () => {
    const [note] = await rows(adas.from('notes').select('title, notebook:notebooks(title)').eq('title', 'Tomatoes'))
    assert.deepEqual(note, { title: 'Tomatoes', notebook: null })
    const books = await rows(adas.from('notebooks').select('title, notes(title)').order('title').order('title', { referencedTable: 'notes' }))
    assert.deepEqual(books, [
      { title: 'Engine', notes: [{ title: 'Bernoulli numbers' }, { title: 'Loops' }] },
      { title: 'House', notes: [{ title: 'Shopping' }] },
    ])
  })
  test('inner embeds filter their parents; hints and aliases name the way', async () => {
    assert.deepEqual(titles(await rows(anon.from('notes').select('title, tags!inner(name)').eq('tags.name', 'plants'))), ['Tomatoes'])
    const [row] = await rows(anon.from('comments').select('of:notes!note_id(title)').ilike('body', 'mine%'))
    assert.deepEqual(row, { of: { title: 'Tomatoes' } })
  })
  test('filter, order and limit of an embed', async () => {
    const [note] = await rows(anon.from('notes').select('title, comments(body)').eq('title', 'Loops')
      .order('id', { referencedTable: 'comments', ascending: false }).limit(1, { referencedTable: 'comments' }))
    assert.deepEqual(note.comments, [{ body: 'It counts down a column.' }])
  })
  test('tables that do not belong together', async () => {
    await refused(anon.from('notes').select('kinds(id)'), 400, 'PGRST200')
  })
})

describe('functions', () => {
  test('by POST and by GET', async () => {
    for (const options of [{}, { get: true }]) {
      assert.equal(await rows(anon.rpc('add_up', { a: 1, b: 2 }, options)), 3)
      assert.equal(await rows(anon.rpc('add_up', { a: 1 }, options)), 11)
    }
  })
  test('a set of rows is filtered, ordered, embedded and counted', async () => {
    const found = await anon.rpc('search_notes', { query: 'the' }, { count: 'exact' }).select('title, tags(name)').eq('title', 'Loops')
    assert.deepEqual([found.count, found.data], [1, [{ title: 'Loops', tags: [{ name: 'machines' }] }]])
  })
  test('a function that writes, its refusal, and its absence by GET', async () => {
    const [{ id }] = await rows(bobs.from('notes').insert({ title: 'to publish' }).select('id'))
    await refused(adas.rpc('publish_note', { note_id: id }), 404, 'PT404')
    await refused(bobs.rpc('publish_note', { note_id: id }, { get: true }), 405, '25006')
    assert.equal((await rows(bobs.rpc('publish_note', { note_id: id }))).is_public, true)
    assert.deepEqual(titles(await rows(anon.from('notes').select('title').eq('id', id))), ['to publish'])
    good(await bobs.from('notes').delete().eq('id', id))
  })
  test('void is 204', async () => {
    assert.equal(good(await anon.rpc('do_nothing')).status, 204)
  })
  test('what it raises reaches the client', async () => {
    const error = await refused(anon.rpc('refuse'), 418, 'PT418')
    assert.deepEqual([error.message, error.details, error.hint], ['a teapot', 'short', 'and stout'])
  })
  test('no such function or argument', async () => {
    await refused(anon.rpc('add_up', { c: 1 }), 404, 'PGRST202')
    await refused(anon.rpc('nothing_here'), 404, 'PGRST202')
  })
})

describe('what is wrong is said', () => {
  for (const [name, call, status, code] of [
    ['an unknown table', () => anon.from('nope').select(), 404, 'PGRST205'],
    ['an unknown column in select', () => anon.from('notes').select('nope'), 400, '42703'],
    ['an unknown column in a filter', () => anon.from('notes').select().eq('nope', 1), 400, '42703'],
    ['an unknown column in order', () => anon.from('notes').select().order('nope'), 400, '42703'],
    ['an unknown column in a body', () => adas.from('notes').insert({ title: 'x', nope: 1 }), 400, 'PGRST204'],
    ['an unknown operator', () => anon.from('notes').select().filter('title', 'resembles', 'x'), 400, 'PGRST100'],
    ['a schema that is not exposed', () => anon.schema('auth').from('users').select(), 406, 'PGRST106'],
    ['text for a number', () => anon.from('notes').select().eq('id', 'one'), 400, '22P02'],
    ['a number too large for its type', () => anon.from('kinds').select().eq('id', '99999999999999999999'), 400, '22003'],
    ['a number too large for any type', () => anon.from('kinds').select().eq('amount', '1e999999'), 400, '22003'],
    ['a NUL byte in a filter', () => anon.from('notes').select().eq('title', 'a\0b'), 400, '22021'],
    ['a NUL byte in a body', () => adas.from('notes').insert({ title: 'a\0b' }), 400, '22P05'],
    ['the wrong type in a body', () => adas.from('notes').insert({ title: 'x', is_public: 'perhaps' }), 400, '22P02'],
    ['a broken foreign key', () => service.from('note_tags').insert({ note_id: 1, tag_id: 999 }), 409, '23503'],
  ]) {
    test(name, () => refused(call(), status, code))
  }
})

describe('tokens', () => {
  const ask = (token) => client(anonKey, token).from('notes').select()
  const past = Math.floor(Date.now() / 1000) - 3600

  for (const [name, token, status, code] of [
    ['expired', userToken(ada, { exp: past }), 401, 'PGRST303'],
    ['not valid yet', userToken(ada, { nbf: past + 7200 }), 401, 'PGRST303'],
    ['signed by someone else', sign({ sub: ada, role: 'authenticated' }, 'another secret of thirty-two bytes'), 401, 'PGRST301'],
    ['no JWT', 'nonsense', 401, 'PGRST301'],
    ['cut short', userToken(ada).slice(0, -5), 401, 'PGRST301'],
    ['claims exchanged', userToken(ada).split('.').with(1, userToken(bob).split('.')[1]).join('.'), 401, 'PGRST301'],
    ['algorithm none', Buffer.from('{"alg":"none"}').toString('base64url') + '.' + userToken(ada).split('.')[1] + '.', 401, 'PGRST301'],
    ['a role that is none of ours', userToken(ada, { role: 'postgres' }), 403, '42501'],
    ['a role that does not exist', userToken(ada, { role: 'nobody"; drop table notes' }), 401, '22023'],
  ]) {
    test(name, () => refused(ask(token), status, code))
  }
})

describe('a browser', () => {
  const origin = 'https://app.example.com'

  test('asks before it writes', async () => {
    const asked = 'apikey,authorization,content-profile,content-type,prefer,x-client-info,x-retry-count'
    const answer = await fetch(`${url}/rest/v1/notes`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PATCH', 'access-control-request-headers': asked },
    })
    assert.equal(answer.status, 204)
    assert.equal(answer.headers.get('access-control-allow-origin'), '*')
    assert.match(answer.headers.get('access-control-allow-methods'), /\bPATCH\b/)
    const allowed = answer.headers.get('access-control-allow-headers').toLowerCase().split(/, */)
    for (const name of asked.split(',')) assert.ok(allowed.includes(name), name)
  })
  test('may read the answer, its range, and errors', async () => {
    for (const path of ['notes', 'nope']) {
      const answer = await fetch(`${url}/rest/v1/${path}`, { headers: { origin, apikey: anonKey } })
      assert.equal(answer.headers.get('access-control-allow-origin'), '*')
      assert.match(answer.headers.get('access-control-expose-headers'), /content-range/i)
    }
  })
})

// Filters and selections of postgres_changes in the unmodified client.
import { test, describe, after } from 'node:test'
import assert from 'node:assert/strict'
import { postgresChangesFilter } from '@supabase/realtime-js'
import { as, connect, disconnect, inbox, join, joined, service, url2 } from './channels.mjs'
import { ada, good } from './helpers.mjs'

after(disconnect)

let topics = 0
let ids = 50_000

// watch joins a channel with subscriptions to a table, and gives what comes for them.
async function watch(who, table, ...bindings) {
  const box = inbox()
  const j = await joined(who, `filters ${topics++}`, {}, (channel) =>
    bindings.forEach((binding, i) =>
      channel.on('postgres_changes', { event: '*', schema: 'public', table, ...binding }, (m) => box.put({ i, ...m }))))
  return { ...j, box, next: () => box.next() }
}

const insert = async (table, ...rows) => good(await service.from(table).insert(rows))
const numbered = (rows) => rows.map((row) => ({ id: ++ids, ...row }))

// met inserts rows, of which each filter says how often it is met, and compares.
async function met(filters, rows) {
  const list = numbered(rows)
  const expected = Object.entries(filters).flatMap(([, places], i) => places.map((n) => `${i} ${list[n].id}`))
  // All in one channel, and the last row is met by a filter that all others exclude.
  const who = connect({ server: ids % 2 ? url2 : undefined })
  const end = `id=gt.${list.at(-1).id}`
  const w = await watch(who, 'tasks', ...Object.keys(filters).map((filter) => ({ filter })), { filter: end })
  await insert('tasks', ...list)
  await insert('tasks', ...numbered([{ title: 'the end' }]))
  const got = []
  for (;;) {
    const m = await w.next()
    if (m.i === Object.keys(filters).length) break
    if (m.new.title !== 'the end') got.push(`${m.i} ${m.new.id}`)
  }
  assert.deepEqual(got.sort(), expected.sort(), Object.keys(filters).map((f, i) => `${i}: ${f}`).join('\n'))
  await who.removeAllChannels()
}

describe('filters', () => {
  test('all operators, alone and together', () =>
    met({
      'title=like.Pay*': [0], 'title=like.%bill%': [0, 1], 'title=ilike.pay%': [0, 1], 'title=not.like.Pay%': [1, 2],
      'title=match.^P.*s$': [0], 'title=imatch.^p.*S$': [0, 1], 'title=like(any).{Pay*,Wash*}': [0, 2], 'title=ilike(all).{*pay*,*ly}': [],
      'done=is.true': [0], 'done=is.false': [1], 'done=is.null': [2], 'done=not.is.null': [0, 1], 'done=is.unknown': [2],
      'points=isdistinct.3': [1, 2], 'points=eq(any).{3,5}': [0, 1], 'points=gte(all).{3,4}': [1], 'points=not.in.(3,4)': [1],
      'tags=cs.{home}': [0, 2], 'tags=cd.{home,"a,b"}': [0, 1], 'tags=ov.{urgent,"a,b"}': [1, 2],
      'span=ov.[3,6]': [0, 1], 'span=sl.[8,9]': [0, 1], 'span=sr.[1,2)': [1], 'span=adj.[5,6)': [0, 1], 'span=nxr.[1,5)': [0], 'span=nxl.[6,9)': [1],
      'title=fts(english).bill': [0, 1], 'title=plfts(english).paying bill': [0, 1], 'title=phfts(simple).Pay bills': [0, 1], 'title=wfts.wash -car': [],
      'meta->>kind=eq.x': [0], 'meta->n=gt.1': [1], 'meta=cs.{"kind":"x"}': [0],
      'size=eq.large': [1], 'size=gt.small': [1], 'due=lt.2026-02-01T00:00:00Z': [0], 'due=gte.2026-02-01': [1],
    }, [
      { title: 'Pay bills', done: true, points: 3, tags: ['home'], span: '[1,5)', meta: { kind: 'x', n: 1 }, size: 'small', due: '2026-01-31T23:59:59.999Z' },
      { title: 'pay billS', done: false, points: 5, tags: ['a,b'], span: '[6,8)', meta: { n: 2 }, size: 'large', due: '2026-02-01T00:00:00Z' },
      { title: 'Wash the car', tags: ['home', 'urgent'] },
    ]))
  test('and, or, not, commas, lists and JSON', () =>
    met({
      'or=(title.eq.a,points.gt.2)': [0, 2], 'or=(title.eq.b,and(points.eq.3,done.is.true))': [1, 2], 'not.or=(title.eq.a,title.eq.b)': [2],
      'and=(points.gte.1,points.lte.2),title=eq.a': [0], 'or=(title.eq.a,title.eq.b),points=not.eq.1': [1],
      'title=in.(a,"b,c",b),points=lt.3': [0, 1], 'title=eq."a"': [0], 'not.and=(done.is.null,points.eq.1)': [1, 2],
      '{"points": {"gte": 2}, "or": [{"title": "b"}, {"done": {"is": true}}]}': [1, 2], '{"title": {"not": {"in": ["a", "b"]}}}': [2],
    }, [{ title: 'a', points: 1 }, { title: 'b', points: 2 }, { title: 'c', points: 3, done: true }]))
  test("as the client's own builder writes them", () =>
    met({
      [postgresChangesFilter().eq('title', 'a,b("c\\"').build()]: [0],
      [postgresChangesFilter().in('title', ['x', 'a,b("c\\"', ' y ']).gt('points', 0).build()]: [0, 1],
      [postgresChangesFilter().not('points', 'is', null).like('title', ' %').build()]: [1],
      [postgresChangesFilter().isDistinct('points', 1).build()]: [1, 2],
    }, [{ title: 'a,b("c\\"', points: 1 }, { title: ' y ', points: 2 }, { title: 'z' }]))
  test('a filter of each of many finds its row', async () => {
    const who = connect()
    const rows = numbered(Array.from({ length: 50 }, (_, i) => ({ title: `many ${i}` })))
    const w = await watch(who, 'tasks', ...rows.map((row) => ({ filter: `id=eq.${row.id}` })))
    await insert('tasks', ...rows)
    for (let i = 0; i < rows.length; i++) {
      const m = await w.next()
      assert.deepEqual([m.i, m.new.id], [i, rows[i].id])
    }
    await who.removeAllChannels()
  })
})

describe('deletes and updates', () => {
  test('with the full identity are filtered by any column', async () => {
    const w = await watch(connect(), 'tasks', { event: 'DELETE', filter: 'title=eq.mine' }, { event: 'DELETE', filter: 'points=gt.5' })
    const [a, b, c] = numbered([{ title: 'mine' }, { title: 'other' }, { title: 'mine', points: 6 }])
    await insert('tasks', a, b, c)
    for (const { id } of [a, b, c]) good(await service.from('tasks').delete().eq('id', id))
    const first = await w.next()
    assert.deepEqual([first.i, first.old.id, first.old.title], [0, a.id, 'mine'])
    const both = [await w.next(), await w.next()]
    assert.deepEqual(both.map((m) => [m.i, m.old.id]).sort(), [[0, c.id], [1, c.id]])
  })
  test('without it by the key alone', async () => {
    const filters = ['id=lt.1000000', 'body=eq.a', 'body=is.null', 'body=not.eq.b', 'or=(body.eq.a,id.gt.0)'].map((filter) => ({ event: 'DELETE', filter }))
    const w = await watch(connect(), 'open', ...filters)
    const [row, last] = numbered([{ body: 'a' }, { body: 'a' }])
    await insert('open', row, last)
    for (const { id } of [row, last]) {
      good(await service.from('open').delete().eq('id', id))
      const got = [await w.next(), await w.next()]
      assert.deepEqual(got.map((m) => [m.i, m.old.id]).sort(), [[0, id], [4, id]])
    }
  })
  test('a long value that an update did not touch is asked for in vain', async () => {
    const w = await watch(connect(), 'open', { event: 'UPDATE', filter: 'body=like.x*' }, { event: 'UPDATE', filter: 'or=(body.ilike.x*,n.eq.1)' })
    assert.equal((await w.system.next()).status, 'ok')
    const [row] = numbered([{ body: 'x' }])
    await insert('open', row)
    // So long that it is stored apart: random, so that it can't be compressed.
    good(await service.rpc('lengthen', { row_id: row.id }))
    assert.equal((await w.next()).i + (await w.next()).i, 1)
    good(await service.from('open').update({ n: 1 }).eq('id', row.id))
    assert.equal((await w.next()).i, 1, 'the other condition is enough')
    const { status, message } = await w.system.next()
    assert.deepEqual([status, message], ['error', 'A change of public.open could not be checked; read the table again'])
    good(await service.from('open').update({ n: 2 }).eq('id', row.id))
    assert.match((await w.system.next()).message, /could not be checked/)
    assert.equal(w.box.size, 0)
  })
})

describe('a selection of columns', () => {
  test('is all that is told', async () => {
    const w = await watch(connect(), 'tasks', { select: ['id', 'points'] }, { select: ['points', 'id'], filter: 'points=eq.77' }, { filter: 'points=eq.77' })
    const [row] = numbered([{ title: 'a', points: 77 }])
    await insert('tasks', row)
    const inserted = [await w.next(), await w.next(), await w.next()].sort((a, b) => a.i - b.i)
    assert.deepEqual(inserted.slice(0, 2).map((m) => m.new), [{ id: row.id, points: 77 }, { points: 77, id: row.id }])
    assert.equal(inserted[2].new.title, 'a')
    good(await service.from('tasks').update({ points: 78 }).eq('id', row.id))
    const updated = await w.next()
    assert.deepEqual([updated.i, updated.new, updated.old], [0, { id: row.id, points: 78 }, { id: row.id, points: 77 }])
    good(await service.from('tasks').delete().eq('id', row.id))
    assert.deepEqual((await w.next()).old, { id: row.id, points: 78 })
  })
  test('may ask for what may be read alone', async () => {
    const w = await watch(as(ada), 'notes', { select: ['body'] })
    await insert('notes', { id: 50_000, owner_id: ada, body: 'b', secret: 's' })
    assert.deepEqual((await w.next()).new, { body: 'b' })
  })
})

describe('a filter that Postgres cannot evaluate', () => {
  test('concerns nobody else', async () => {
    // Alike but for their values, so that they are asked for together.
    const gone = await watch(connect(), 'tasks', { filter: 'size=eq.medium' })
    const fine = await watch(connect(), 'tasks', { filter: 'size=eq.large' })
    assert.equal((await gone.system.next()).status, 'ok')
    good(await service.rpc('rename_size'))
    const [row] = numbered([{ size: 'large' }])
    await insert('tasks', row)
    assert.equal((await fine.next()).new.id, row.id)
    assert.match((await gone.system.next()).message, /public\.tasks could not be checked/)
  })
  test('in time ends its channel', async () => {
    const slow = await watch(connect(), 'tasks', { filter: `title=match.^(.*)(.*)(.*)(.*)(.*)(.*)\\1\\2\\3\\4\\5\\6b$` })
    const fine = await watch(connect(), 'tasks', { filter: 'title=match.^a+b$' })
    assert.equal((await slow.system.next()).status, 'ok')
    const [row] = numbered([{ title: 'a'.repeat(601) + 'b' }])
    await insert('tasks', row)
    assert.equal((await fine.next()).new.id, row.id)
    assert.match((await slow.system.next()).message, /The filter takes too long/)
    assert.equal(slow.channel.state, 'closed')
  })
})

test('what cannot be is refused with a reason', async () => {
  const refused = async (who, binding, reason) => {
    const j = await join(who, `refused ${topics++}`, {}, (channel) =>
      channel.on('postgres_changes', { event: '*', schema: 'public', table: 'tasks', ...binding }, () => {}))
    assert.equal(j.first.state, 'CHANNEL_ERROR', JSON.stringify(binding))
    assert.match(j.first.error.message, reason)
    await who.removeAllChannels()
  }
  const who = connect()
  await refused(who, { select: ['id', 'nope'] }, /invalid column for select nope/)
  await refused(who, { select: ['id'], table: undefined }, /a selection of columns needs a table/)
  await refused(as(ada), { table: 'notes', select: ['secret'] }, /invalid column for select secret/)
  await refused(as(ada), { table: 'notes', filter: 'or=(id.eq.1,secret.eq.s)' }, /invalid column for filter secret/)
  await refused(who, { filter: 'points=nope.1' }, /known operators are not, eq, neq,/)
  await refused(who, { filter: 'points=is.1' }, /must be null, not_null, true, false, or unknown/)
  await refused(who, { filter: 'points=like.1' }, /invalid value for filter points: operator does not exist/)
  await refused(who, { filter: 'title=match.(' }, /invalid value for filter title: invalid regular expression/)
  await refused(who, { filter: 'title=fts.a b' }, /invalid value for filter title: syntax error in tsquery/)
  await refused(who, { filter: 'or=(points.is.null,points.eq.x)' }, /invalid value for filter points: invalid input syntax/)
  await refused(who, { filter: 'or=(points.eq.1' }, /failed to parse logic tree/)
  await refused(who, { filter: '{"points": {"nope": 1}}' }, /at points\.nope: unknown operator/)
  await refused(who, { filter: `points=in.(${Array.from({ length: 101 }, (_, i) => i)})` }, /too many values for `in` filter\. Maximum 100/)
})

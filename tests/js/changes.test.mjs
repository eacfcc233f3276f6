// postgres_changes of the unmodified client, against two servers of one database.
import { test, describe, after } from 'node:test'
import assert from 'node:assert/strict'
import { as, connect, cyd, disconnect, inbox, join, joined, service, url2, wire } from './channels.mjs'
import { ada, bob, good, serviceKey, url, userToken } from './helpers.mjs'

after(disconnect)

let topics = 0

// watch joins a channel with subscriptions to changes, and gives their inbox.
async function watch(who, ...filters) {
  const box = inbox()
  // Of what was committed a little before, some may come: that of the test before.
  const since = Date.now()
  const j = await joined(who, `changes ${topics++}`, {}, (channel) => {
    filters.forEach((filter, i) =>
      channel.on('postgres_changes', { event: '*', schema: 'public', ...filter }, (m) => Date.parse(m.commit_timestamp) >= since && box.put({ i, ...m })))
  })
  return { ...j, box, next: () => box.next() }
}

const write = (table) => service.from(table)
const insert = async (table, ...rows) => good(await write(table).insert(rows))

// A row that all who watch a table may see, after which nothing else is to come.
let marks = 1_000_000
async function mark(table, columns, ...watchers) {
  const id = marks++
  await insert(table, { id, ...columns })
  for (const w of watchers) assert.equal((await w.next()).new.id, id, 'nothing came before')
}

describe('a table without row level security', () => {
  const row = { id: 1, n: 12345678901234.5, body: 'ä "q"', tags: ['a', 'b,c'], meta: { a: [1, null] }, at: '2026-01-02T03:04:05.678+00:00' }

  for (const vsn of ['1.0.0', '2.0.0']) {
    test(`insert, update and delete, version ${vsn}`, async () => {
      const w = await watch(connect({ vsn, server: url2 }), { table: 'open' })
      await insert('open', row)
      const inserted = await w.next()
      assert.deepEqual(
        [inserted.eventType, inserted.schema, inserted.table, inserted.errors, inserted.new, inserted.old],
        ['INSERT', 'public', 'open', null, row, {}])
      assert.ok(Math.abs(Date.parse(inserted.commit_timestamp) - Date.now()) < 60_000)
      good(await write('open').update({ body: 'b' }).eq('id', 1))
      const updated = await w.next()
      assert.deepEqual([updated.eventType, updated.new, updated.old], ['UPDATE', { ...row, body: 'b' }, { id: 1 }])
      good(await write('open').update({ id: 2 }).eq('id', 1))
      const moved = await w.next()
      assert.deepEqual([moved.new.id, moved.old], [2, { id: 1 }])
      good(await write('open').delete().eq('id', 2))
      const deleted = await w.next()
      assert.deepEqual([deleted.eventType, deleted.new, deleted.old], ['DELETE', {}, { id: 2 }])
    })
  }
  test('only the events that were asked for', async () => {
    const w = await watch(connect(), { table: 'open', event: 'UPDATE' }, { table: 'open', event: 'DELETE' })
    await insert('open', { id: 10 })
    good(await write('open').update({ body: 'b' }).eq('id', 10))
    assert.deepEqual(((m) => [m.i, m.eventType])(await w.next()), [0, 'UPDATE'])
    good(await write('open').delete().eq('id', 10))
    assert.deepEqual(((m) => [m.i, m.eventType])(await w.next()), [1, 'DELETE'])
  })
  test('filters', async () => {
    const filters = ['id=eq.21', 'id=neq.21', 'n=lt.9', 'n=lte.10', 'n=gt.9', 'n=gte.10', 'body=in.(x,"y,z")', 'id=gt.20,n=eq.9']
    const w = await watch(connect(), ...filters.map((filter) => ({ table: 'open', filter })))
    await insert('open', { id: 20, n: 10, body: 'y,z' }, { id: 21, n: 9, body: 'w' })
    const met = { 20: [], 21: [] }
    for (let i = 0; i < 8; i++) {
      const m = await w.next()
      met[m.new.id].push(m.i)
    }
    assert.deepEqual(met, { 20: [1, 3, 4, 5, 6], 21: [0, 3, 7] })
    good(await write('open').delete().in('id', [20, 21]))
  })
  test('a whole schema', async () => {
    const w = await watch(connect(), {})
    await mark('open', {}, w)
  })
  test('all or none of a transaction, in its order', async () => {
    const w = await watch(connect(), { table: 'open', event: 'INSERT' })
    await insert('open', ...Array.from({ length: 50 }, (_, i) => ({ id: 100 + i })))
    for (let i = 0; i < 50; i++) assert.equal((await w.next()).new.id, 100 + i)
  })
  test('nothing is lost between SUBSCRIBED and the first change', async () => {
    for (let i = 0; i < 10; i++) {
      const w = await watch(connect({ server: i % 2 ? url2 : undefined }), { table: 'open', event: 'INSERT' })
      await mark('open', {}, w)
    }
  })
})

describe('row level security', () => {
  test('each sees their own rows, and the service role all', async () => {
    const [a, b, s, n] = [
      await watch(as(ada), { table: 'notes' }), await watch(as(bob, { server: url2 }), { table: 'notes' }),
      await watch(connect({ key: serviceKey }), { table: 'notes' }), await watch(connect(), { table: 'notes' }),
    ]
    await insert('notes', { id: 1, owner_id: ada, body: 'a', secret: 's' }, { id: 2, owner_id: bob, body: 'b' })
    assert.deepEqual((await a.next()).new, { id: 1, owner_id: ada, body: 'a' }, 'without the column that is not granted')
    assert.deepEqual((await b.next()).new, { id: 2, owner_id: bob, body: 'b' })
    assert.equal((await s.next()).new.secret, 's')
    assert.equal((await s.next()).new.id, 2)
    // One who may not read the table hears nothing, which a change that all see proves.
    const open = await watch(connect(), { table: 'open' })
    await mark('open', {}, open)
    assert.equal(n.box.size + a.box.size + b.box.size, 0)
  })
  test('a row that is handed on is told to whom it belongs then', async () => {
    const [a, b] = [await watch(as(ada), { table: 'notes' }), await watch(as(bob), { table: 'notes' })]
    await insert('notes', { id: 10, owner_id: ada, body: 'mine' })
    good(await write('notes').update({ owner_id: bob, body: 'yours' }).eq('id', 10))
    good(await write('notes').update({ owner_id: ada, body: 'mine again' }).eq('id', 10))
    assert.deepEqual([(await a.next()).new.body, (await a.next()).new.body], ['mine', 'mine again'])
    assert.equal((await b.next()).new.body, 'yours')
    assert.equal(b.box.size, 0)
  })
  test('the row is seen as it was, also when it is gone', async () => {
    const [a, b] = [await watch(as(ada), { table: 'docs' }), await watch(as(bob), { table: 'docs' })]
    // One statement after the other, faster than anybody could look.
    await insert('docs', { id: 1, owner_id: ada, body: 'secret of ada' })
    good(await write('docs').update({ owner_id: bob, body: 'now of bob' }).eq('id', 1))
    good(await write('docs').delete().eq('id', 1))
    const first = await a.next()
    assert.deepEqual([first.eventType, first.new.body], ['INSERT', 'secret of ada'])
    const moved = await b.next()
    assert.deepEqual([moved.new.body, moved.old], ['now of bob', {}], 'the old row was not his to see')
    const gone = await b.next()
    assert.deepEqual([gone.eventType, gone.old.body], ['DELETE', 'now of bob'])
    assert.equal(a.box.size, 0, 'who may not see the old row is not told of its end')
  })
  test('a delete that could be hidden from somebody is not told', async () => {
    const [a, s] = [await watch(as(ada), { table: 'notes' }), await watch(connect({ key: serviceKey }), { table: 'notes' })]
    await insert('notes', { id: 20, owner_id: ada })
    good(await write('notes').delete().eq('id', 20))
    assert.equal((await a.next()).eventType, 'INSERT')
    assert.equal((await s.next()).eventType, 'INSERT')
    assert.deepEqual((await s.next()).old, { id: 20 }, 'who passes policies hears of it')
    await mark('notes', { owner_id: ada }, a, s)
  })
  test('policies read other tables as of the change', async () => {
    const a = await watch(as(ada), { table: 'shared' })
    for (let i = 0; i < 20; i++) {
      // The membership is committed just before the row: whoever decides must see it.
      await insert('members', { user_id: ada, room: `room ${i}` })
      await insert('shared', { id: i, room: `room ${i}` }, { id: 100 + i, room: 'elsewhere' })
      assert.equal((await a.next()).new.id, i)
      good(await write('members').delete().eq('room', `room ${i}`))
      await insert('shared', { id: 200 + i, room: `room ${i}` })
    }
    await insert('members', { user_id: ada, room: 'last' })
    await mark('shared', { room: 'last' }, a)
  })
  test('a policy that fails for one concerns nobody else', async () => {
    const bad = await watch(connect({ token: userToken(ada, { level: 'high' }) }), { table: 'fragile' })
    const fine = await watch(connect({ token: userToken(bob, { level: '2' }) }), { table: 'fragile' })
    assert.equal((await bad.system.next()).status, 'ok')
    await insert('fragile', { id: 1 })
    assert.equal((await fine.next()).new.id, 1)
    const { status, extension, message } = await bad.system.next()
    assert.deepEqual([status, extension], ['error', 'postgres_changes'])
    assert.match(message, /public\.fragile could not be checked; read the table again/)
    assert.equal(bad.box.size, 0)
  })
  test('a new token decides about what comes after it', async () => {
    let token = userToken(ada)
    const who = connect({ token: () => token })
    const w = await watch(who, { table: 'notes' })
    await insert('notes', { id: 30, owner_id: ada }, { id: 31, owner_id: cyd })
    assert.equal((await w.next()).new.id, 30)
    token = userToken(cyd)
    await who.realtime.setAuth()
    // Asked for on the same socket after it, and so answered after it.
    await joined(who, 'after the token')
    await insert('notes', { id: 32, owner_id: ada }, { id: 33, owner_id: cyd })
    assert.equal((await w.next()).new.id, 33)
  })
})

describe('a lost connection', () => {
  for (const [how, options] of [['cut', {}], ['silence', { heartbeatIntervalMs: 1500 }]]) {
    test(`what came meanwhile is told once, after ${how}`, async () => {
      const line = await wire(url)
      const [u, other] = [await watch(as(ada, { server: line.url, ...options }), { table: 'notes' }), await watch(as(ada), { table: 'notes' })]
      const id = marks
      marks += 100
      const confirmed = line.confirmed()
      await insert('notes', { id, owner_id: ada, body: 'before' })
      assert.equal((await u.next()).new.id, id)
      await confirmed
      line[how]()
      for (let i = 1; i <= 20; i++) await insert('notes', { id: id + i, owner_id: i % 2 ? ada : bob })
      for (let i = 1; i <= 20; i += 2) assert.equal((await u.next()).new.id, id + i)
      await mark('notes', { owner_id: ada }, u)
      for (let i = 0; i < 11; i++) await other.next()
      await other.next()
      assert.equal(u.box.size + other.box.size, 0)
      await u.channel.unsubscribe()
      line.close()
    })
  }
})

describe('subscriptions that cannot be', () => {
  const refused = async (who, filter, reason) => {
    const j = await join(who, `refused ${topics++}`, {}, (channel) =>
      channel.on('postgres_changes', { event: '*', schema: 'public', ...filter }, () => {}))
    assert.equal(j.first.state, 'CHANNEL_ERROR')
    assert.match(j.first.error.message, reason)
    await who.removeAllChannels()
  }
  test('are refused with a reason', async () => {
    await refused(connect(), { table: 'quiet' }, /realtime\.enable\('public\.quiet'\)/)
    await refused(connect(), { table: 'open', filter: 'nope=eq.1' }, /invalid column for filter nope/)
    await refused(connect(), { table: 'open', filter: 'id=eq.x' }, /invalid value for filter id/)
    await refused(connect(), { table: 'open', filter: 'id=1' }, /is not COLUMN=OPERATOR/)
    await refused(as(ada), { table: 'notes', filter: 'secret=eq.s' }, /invalid column for filter secret/)
  })
})

test('what is too large is told of', async () => {
  const w = await watch(connect(), { table: 'open' })
  assert.equal((await w.system.next()).message, 'Subscribed to PostgreSQL')
  good(await service.rpc('fill', { n: 60 }))
  const { status, message } = await w.system.next()
  assert.deepEqual([status, message], ['error', 'Too many changes of public.open in one transaction; read the table again'])
  await mark('open', {}, w)
})

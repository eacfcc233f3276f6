// Presence of the unmodified client of Supabase, over two servers of one database.
import { test, describe, after } from 'node:test'
import assert from 'node:assert/strict'
import { as, connect, cyd, disconnect, inbox, join, joined, servers, url2 } from './channels.mjs'
import { ada, bob, url, userToken } from './helpers.mjs'

after(disconnect)

// enter joins a channel and hears who is present. told() waits until it has heard, on() for a
// state, until() for one that is as told; log keeps each join and leave.
async function enter(who, topic, config = {}) {
  const log = []
  const wake = inbox()
  const j = await joined(who, topic, { presence: { key: config.key ?? '' }, private: config.private ?? false }, (channel) =>
    channel
      .on('presence', { event: 'join' }, ({ key, newPresences }) => log.push(`+${key} ${names(newPresences)}`))
      .on('presence', { event: 'leave' }, ({ key, leftPresences }) => log.push(`-${key} ${names(leftPresences)}`))
      .on('presence', { event: 'sync' }, () => wake.put()))
  const until = async (there) => {
    while (!there(seen(j.channel))) await wake.next()
  }
  const on = (want) => until((list) => JSON.stringify(list) === JSON.stringify(want))
  return { ...j, log, told: () => wake.next(), on, until }
}

const names = (list) => list.map((p) => p.name).join()
const seen = (channel) => Object.entries(channel.presenceState()).map(([key, list]) => `${key} ${names(list)}`).sort()

describe('presence', () => {
  for (const server of servers) {
    const where = server === url ? 'in one server' : 'over two'

    test(`comes, changes and goes, ${where}`, async () => {
      const topic = `meet ${servers.indexOf(server)}`
      const a = await enter(connect(), topic, { key: 'a' })
      await a.told()
      const b = await enter(connect({ server, vsn: '1.0.0' }), topic, { key: 'b' })
      assert.equal(await a.channel.track({ name: 'Ada', text: 'ä "q" \u2028 \u0000' }), 'ok')
      await b.on(['a Ada'])
      assert.equal(b.channel.presenceState().a[0].text, 'ä "q" \u2028 \u0000')
      assert.equal(await b.channel.track({ name: 'Bob' }), 'ok')
      await a.on(['a Ada', 'b Bob'])
      // Who comes now learns of both.
      const late = await enter(connect({ server }), topic)
      await late.on(['a Ada', 'b Bob'])
      await a.channel.track({ name: 'Ada L' })
      await Promise.all([a, b, late].map((x) => x.on(['a Ada L', 'b Bob'])))
      assert.equal(await a.channel.untrack(), 'ok')
      await b.on(['b Bob'])
      // The socket just ends.
      b.channel.socket.disconnect()
      await Promise.all([a, late].map((x) => x.on([])))
      assert.deepEqual(a.log, ['+a Ada', '+b Bob', '+a Ada L', '-a Ada', '-a Ada L', '-b Bob'])
    })
  }

  test('several connections share a key', async () => {
    const witness = await enter(connect(), 'shared')
    const one = await enter(connect(), 'shared', { key: 'k' })
    const two = await enter(connect({ server: url2 }), 'shared', { key: 'k' })
    await one.channel.track({ name: '1' })
    await two.channel.track({ name: '2' })
    await witness.on(['k 1,2'])
    await one.channel.unsubscribe()
    await witness.on(['k 2'])
  })
  test('each has a key of its own without one', async () => {
    const [a, b] = [await enter(connect(), 'keys'), await enter(connect({ server: url2 }), 'keys')]
    await a.channel.track({ name: 'A' })
    await b.channel.track({ name: 'B' })
    await a.until((list) => list.length === 2)
    assert.match(Object.keys(a.channel.presenceState())[0], /^.{20,}$/)
  })
  test('what did not change is not told', async () => {
    const a = await enter(connect(), 'same', { key: 'a' })
    await a.told() // else the first state that it hears may have all of it
    for (const name of ['A', 'A', 'A', 'B']) assert.equal(await a.channel.track({ name }), 'ok')
    await a.on(['a B'])
    assert.deepEqual(a.log, ['+a A', '+a B', '-a A'])
  })
  test('of a burst the last counts, and nobody is shut out', async () => {
    const a = await enter(connect(), 'burst', { key: 'a' })
    const b = await enter(connect({ server: url2 }), 'burst')
    const answers = await Promise.all(Array.from({ length: 80 }, (_, i) => a.channel.track({ name: String(i) })))
    assert.deepEqual([...new Set(answers)], ['ok'])
    await Promise.all([a.on(['a 79']), b.on(['a 79'])])
    assert.ok(b.log.length < 60, `${b.log.length} events`)
  })
  test('one who does not listen is seen, and hears nothing', async () => {
    const quiet = await joined(connect({ server: url2 }), 'quiet', { presence: { key: 'q', enabled: false } })
    const a = await enter(connect(), 'quiet')
    await quiet.channel.track({ name: 'Q' })
    await a.on(['q Q'])
    assert.deepEqual(quiet.channel.presenceState(), {})
  })
  test('keys and names that are special are not', async () => {
    const a = await enter(connect(), 'special', { key: 'constructor' })
    const b = await enter(connect({ server: url2 }), 'special')
    await a.channel.track({ name: 'x', phx_ref: 'mine', phx_ref_prev: 'too', deep: { __proto__: null, a: [[1e400]] } })
    await b.on(['constructor x'])
    assert.notEqual(b.channel.presenceState().constructor[0].presence_ref, 'mine')
  })
  test('what can not be is said', async () => {
    const a = await enter(connect(), 'wrong')
    assert.equal(await a.channel.track({ name: 'x'.repeat(20_000) }), 'error')
    assert.equal((await a.system.next()).message, 'Track message size exceeded')
    assert.equal(await a.channel.track([1]), 'error')
    assert.equal((await a.system.next()).message, 'InvalidPresence: the payload of track must be an object')
    const { first } = await join(connect(), 'wrong', { presence: { key: 'k'.repeat(256) } })
    assert.match(first.error.message, /InvalidJoinConfiguration/)
  })
  test('of more members than may be, one is refused, wherever it is', async () => {
    const list = []
    for (let i = 0; i < 6; i++) list.push(await enter(connect({ server: servers[i % 2] }), 'full', { key: String(i) }))
    const answers = await Promise.all(list.map((x, i) => x.channel.track({ name: String(i) })))
    assert.deepEqual(answers.toSorted(), ['error', 'ok', 'ok', 'ok', 'ok', 'ok'])
    const out = list[answers.indexOf('error')]
    assert.match((await out.system.next()).message, /^ClientPresenceLimitReached/)
    await out.until((there) => there.length === 5)
    await list[answers.indexOf('ok')].channel.unsubscribe()
    await out.until((there) => there.length === 4)
    assert.equal(await out.channel.track({ name: 'in' }), 'ok')
  })
})

describe('private channels', () => {
  const secret = { private: true }

  test('who may is seen, by those who may see', async () => {
    const a = await enter(as(ada), 'lab', { ...secret, key: 'a' })
    const b = await enter(as(bob, { server: url2 }), 'lab', { ...secret, key: 'b' })
    const stranger = await enter(connect(), 'lab')
    assert.equal(await a.channel.track({ name: 'Ada' }), 'ok')
    await b.on(['a Ada'])
    // Bob may look on only.
    assert.equal(await b.channel.track({ name: 'Bob' }), 'error')
    assert.match((await b.system.next()).message, /^Unauthorized/)
    // The public channel of that name is another.
    assert.equal(await stranger.channel.track({ name: 'S' }), 'ok')
    assert.deepEqual(seen(b.channel), ['a Ada'])
    assert.equal((await join(as(cyd), 'lab', secret)).first.state, 'CHANNEL_ERROR')
  })
  test('a new token decides anew', async () => {
    let token = userToken(ada)
    const who = connect({ token: () => token })
    const a = await enter(who, 'lab2', { ...secret, key: 'a' })
    const b = await enter(as(bob, { server: url2 }), 'lab2', { ...secret, key: 'b' })
    await a.channel.track({ name: 'Ada' })
    await b.on(['a Ada'])
    token = userToken(bob)
    await who.realtime.setAuth()
    await b.on([])
  })
})

// The unmodified client of Supabase against two servers of one database.
import { test, describe, after } from 'node:test'
import assert from 'node:assert/strict'
import { as, connect, cyd, disconnect, join, joined, say, secret, servers, service, url2 } from './channels.mjs'
import { ada, anonKey, bob, client, good, serviceKey, sign, url, userToken } from './helpers.mjs'

after(disconnect)

describe('broadcast', () => {
  for (const from of ['1.0.0', '2.0.0']) {
    for (const to of ['1.0.0', '2.0.0']) {
      for (const server of servers) {
        test(`from ${from} to ${to}, ${server === url ? 'in one server' : 'over two'}`, async () => {
          const topic = `mix ${from} ${to} ${servers.indexOf(server)}`
          const writer = await joined(connect({ vsn: from }), topic, { broadcast: { ack: true } })
          const reader = await joined(connect({ vsn: to, server }), topic)
          const payload = { text: 'ä "quoted" \u2028 \u0000', n: 1.5, deep: [{ a: null }] }
          assert.equal(await say(writer, 'hello', payload), 'ok')
          const { type, event, payload: got } = await reader.box.next()
          assert.deepEqual({ type, event, got }, { type: 'broadcast', event: 'hello', got: payload })
        })
      }
    }
  }

  test('comes in the order it was sent', async () => {
    const writer = await joined(connect(), 'order')
    const reader = await joined(connect({ server: url2 }), 'order')
    for (let i = 0; i < 50; i++) await say(writer, 'n', { i })
    for (let i = 0; i < 50; i++) assert.equal((await reader.box.next()).payload.i, i)
  })
  test('comes back to the sender only if asked for', async () => {
    const echoing = await joined(connect(), 'echo', { broadcast: { self: true } })
    const quiet = await joined(connect(), 'echo', { broadcast: { ack: true } })
    await say(quiet, 'first', {})
    assert.equal((await echoing.box.next()).event, 'first')
    await say(echoing, 'second', {})
    assert.equal((await echoing.box.next()).event, 'second')
    assert.equal((await quiet.box.next()).event, 'second', 'its own first did not come')
  })
  test('any bytes, between clients of the second version', async () => {
    const writer = await joined(connect(), 'bytes')
    const reader = await joined(connect({ server: url2 }), 'bytes')
    const old = await joined(connect({ vsn: '1.0.0' }), 'bytes')
    await say(writer, 'raw', new Uint8Array([0, 255, 128]).buffer)
    const { event, payload } = await reader.box.next()
    assert.deepEqual([event, [...new Uint8Array(payload)]], ['raw', [0, 255, 128]])
    await say(writer, 'text', {})
    assert.equal((await old.box.next()).event, 'text', 'who has no words for bytes gets none')
  })
  test('over HTTP, before a channel is joined and by httpSend', async () => {
    const reader = await joined(connect({ server: url2 }), 'http')
    const idle = connect().channel('http')
    assert.equal(await idle.send({ type: 'broadcast', event: 'rest', payload: { a: 1 } }), 'ok')
    assert.deepEqual((await reader.box.next()).payload, { a: 1 })
    assert.deepEqual(await idle.httpSend('put', { b: 2 }), { success: true })
    assert.deepEqual((await reader.box.next()).payload, { b: 2 })
    await idle.httpSend('bytes', new Uint8Array([1, 2]).buffer)
    assert.deepEqual([...new Uint8Array((await reader.box.next()).payload)], [1, 2])
  })
  test('a channel that was left is quiet, and can be joined again', async () => {
    const who = connect()
    const writer = await joined(connect(), 'leave', { broadcast: { self: true } })
    const first = await joined(who, 'leave')
    assert.equal(await who.removeChannel(first.channel), 'ok')
    await say(writer, 'unheard', {})
    await writer.box.next()
    const second = await joined(who, 'leave')
    await say(writer, 'heard', {})
    assert.equal((await second.box.next()).event, 'heard')
    assert.equal(first.box.size, 0)
  })
})

describe('private channels', () => {
  test('members listen, and those who may write are heard', async () => {
    const writer = await joined(as(ada), 'lab', { private: true, broadcast: { ack: true } })
    const listener = await joined(as(bob, { server: url2 }), 'lab', secret)
    // One without the right to write sends into the void.
    await say(listener, 'ignored', {})
    assert.equal(await say(writer, 'hello', { from: 'ada' }), 'ok')
    assert.equal((await listener.box.next()).event, 'hello')
    assert.equal(writer.box.size, 0)
  })
  test('others are refused, with a reason', async () => {
    for (const who of [as(cyd), connect()]) {
      const { first } = await join(who, 'lab', secret)
      assert.equal(first.state, 'CHANNEL_ERROR')
      assert.match(first.error.message, /do not have permissions to read from this Channel topic: lab/)
      await who.removeAllChannels()
    }
  })
  test('a policy that fails refuses, and says nothing of the inside', async () => {
    const who = as(ada)
    const { first } = await join(who, 'broken', secret)
    assert.equal(first.state, 'CHANNEL_ERROR')
    assert.match(first.error.message, /policies of this Channel topic could not be evaluated/)
    assert.doesNotMatch(first.error.message, /zero/)
    await who.removeAllChannels()
  })
  test('the service role may use all of them', async () => {
    const one = await joined(connect({ key: serviceKey }), 'anything', { private: true, broadcast: { ack: true } })
    const two = await joined(connect({ key: serviceKey, server: url2 }), 'anything', secret)
    assert.equal(await say(one, 'hello', {}), 'ok')
    assert.equal((await two.box.next()).event, 'hello')
  })
  test('the public channel of the same name is another one', async () => {
    const open = await joined(connect(), 'lab', { broadcast: { ack: true } })
    const closed = await joined(as(bob), 'lab', secret)
    await say(open, 'public', {})
    const writer = await joined(as(ada), 'lab', secret)
    await say(writer, 'private', {})
    assert.equal((await closed.box.next()).event, 'private')
    assert.equal(open.box.size, 0)
  })
  test('over HTTP the same policies decide', async () => {
    const reader = await joined(as(bob, { server: url2 }), 'lab', secret)
    const mine = as(ada)
    await mine.realtime.setAuth()
    await mine.channel('lab', { config: secret }).httpSend('good', {})
    // The other server may hear what was said before it was joined a little later.
    let heard = await reader.box.next()
    if (heard.event === 'private') heard = await reader.box.next()
    assert.equal(heard.event, 'good')
    const theirs = as(bob)
    await theirs.realtime.setAuth()
    await assert.rejects(theirs.channel('lab', { config: secret }).httpSend('bad', {}), /permissions to write/)
    // A list is taken, without what may not be sent.
    const send = (token, event) =>
      fetch(`${url}/realtime/v1/api/broadcast`, {
        method: 'POST',
        headers: { apikey: anonKey, authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ messages: [{ topic: 'lab', event, payload: {}, private: true }] }),
      })
    assert.equal((await send(userToken(bob), 'dropped')).status, 202)
    assert.equal((await send(userToken(ada), 'kept')).status, 202)
    assert.equal((await reader.box.next()).event, 'kept')
  })
})

describe('from SQL', () => {
  test('realtime.send is heard when it is committed, and not when it is not', async () => {
    const reader = await joined(as(bob, { server: url2 }), 'lab', secret)
    const author = client(anonKey, userToken(ada))
    assert.equal((await author.rpc('say', { room: 'lab', words: 'no', fail: true })).error.message, 'changed my mind')
    good(await author.rpc('say', { room: 'lab', words: 'yes' }))
    const { event, payload } = await reader.box.next()
    assert.deepEqual([event, payload], ['said', { words: 'yes' }])
    assert.deepEqual((await reader.box.next()).payload, { words: 'yes!' })
  })
  test('realtime.send asks the policies of its caller', async () => {
    const { error } = await client(anonKey, userToken(bob)).rpc('say', { room: 'lab', words: 'no' })
    assert.equal(error.code, '42501')
  })
  test('realtime.send reaches a public channel', async () => {
    const reader = await joined(connect(), 'square')
    good(await service.rpc('say', { room: 'square', words: 'all', secret: false }))
    assert.deepEqual((await reader.box.next()).payload, { words: 'all' })
  })
  test('realtime.broadcast_changes sends what a trigger saw', async () => {
    const reader = await joined(as(bob), 'lab', secret)
    good(await service.from('posts').insert({ id: 1, body: 'a' }))
    const inserted = await reader.box.next()
    assert.equal(inserted.event, 'INSERT')
    assert.deepEqual(inserted.payload, {
      schema: 'public', table: 'posts', operation: 'INSERT', record: { id: 1, body: 'a' }, old_record: null,
    })
    good(await service.from('posts').delete().eq('id', 1))
    assert.deepEqual((await reader.box.next()).payload.old_record, { id: 1, body: 'a' })
  })
})

describe('replay', () => {
  test('of the latest broadcasts of a private channel, and of all after one', async () => {
    const since = Date.now()
    const writer = await joined(as(ada), 'lab', { private: true, broadcast: { ack: true } })
    const listeners = [await joined(as(bob), 'lab', secret), await joined(as(bob, { server: url2 }), 'lab', secret)]
    let said = 0
    const sayNext = async () => {
      assert.equal(await say(writer, 'n', { i: said++ }), 'ok')
      return (await Promise.all(listeners.map((l) => l.box.next())))[0]
    }
    const first = await sayNext()
    assert.equal(first.meta.replayed, undefined)
    for (let i = 1; i < 4; i++) await sayNext()
    for (const server of servers) {
      const asking = (replay) => joined(as(bob, { server }), 'lab', { private: true, broadcast: { replay } })
      const [late, after] = [await asking({ since, limit: 2 }), await asking({ since: first.meta.id })]
      const before = said
      await sayNext()
      for (const [j, from] of [[late, before - 2], [after, 1]]) {
        for (let i = from; i <= before; i++) {
          const { event, payload, meta } = await j.box.next()
          assert.deepEqual([event, payload, meta.replayed], ['n', { i }, i < before ? true : undefined])
        }
      }
    }
    const { first: refused } = await join(as(bob), 'lab', { private: true, broadcast: { replay: { since, limit: 26 } } })
    assert.equal(refused.state, 'CHANNEL_ERROR')
    assert.match(refused.error.message, /UnableToReplayMessages: Replay params are not valid/)
  })
})

describe('tokens', () => {
  const now = () => Math.floor(Date.now() / 1000)

  test('a channel ends with its token', async () => {
    // A token counts 30 seconds longer than it says.
    const late = userToken(bob, { exp: now() - 27 })
    const j = await joined(connect({ token: late }), 'lab', secret)
    assert.match((await j.system.next()).message, /^Token has expired \d+ seconds ago$/)
    assert.equal((await j.status.next()).state, 'CLOSED')
  })
  test('a new token keeps a channel alive, and decides anew', async () => {
    let token = userToken(bob, { exp: now() - 25 })
    const who = connect({ token: () => token })
    const j = await joined(who, 'lab', secret)
    token = userToken(bob)
    await who.realtime.setAuth()
    const writer = await joined(as(ada), 'lab', secret)
    await say(writer, 'still here', {})
    assert.equal((await j.box.next()).event, 'still here')
    token = userToken(cyd)
    await who.realtime.setAuth()
    assert.match((await j.system.next()).message, /^You no longer have permission to read from this Channel topic: lab$/)
    assert.equal((await j.status.next()).state, 'CLOSED')
  })
  test('a join with a token that is none of ours is refused', async () => {
    for (const [token, reason] of [
      [sign({ role: 'service_role' }, 'another secret of 32 bytes or more!'), /JwtSignatureError/],
      [userToken(ada, { exp: now() - 3600 }), /InvalidJWTToken/],
    ]) {
      const who = connect({ token })
      const { first } = await join(who, 'open')
      assert.equal(first.state, 'CHANNEL_ERROR')
      assert.match(first.error.message, reason)
      await who.removeAllChannels()
    }
  })
})

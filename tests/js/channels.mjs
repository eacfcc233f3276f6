// Channels of the unmodified client, for the tests of realtime.
import assert from 'node:assert/strict'
import net from 'node:net'
import { createClient } from '@supabase/supabase-js'
import { anonKey, client, serviceKey, url, userToken } from './helpers.mjs'

export const url2 = process.env.FLUXBASE_TEST_URL_2
export const cyd = '00000000-0000-4000-8000-00000000c0c0'
export const servers = [url, url2]
const patience = 20_000
export const service = client(serviceKey)

const open = []
const signedIn = new WeakSet()
// disconnect ends what the tests opened; node would wait for it.
export const disconnect = () => Promise.all(open.map((c) => c.realtime.disconnect()))

// connect makes a client of a server's, for a user or for anybody. A token may be a
// function, for one that changes: realtime.setAuth() asks it again.
export function connect({ server = url, vsn = '2.0.0', token, key = anonKey, heartbeatIntervalMs } = {}) {
  const made = createClient(server, key, {
    realtime: { vsn, timeout: patience, ...(heartbeatIntervalMs && { heartbeatIntervalMs }) },
    ...(token ? { accessToken: async () => (typeof token === 'function' ? token() : token) } : { auth: { persistSession: false, autoRefreshToken: false } }),
  })
  open.push(made)
  if (token) signedIn.add(made)
  return made
}

export const as = (sub, options) => connect({ token: userToken(sub), ...options })

// inbox keeps what comes, and waits for the next.
export function inbox() {
  const waiting = []
  const items = []
  return {
    put(item) {
      waiting.length ? waiting.shift()(item) : items.push(item)
    },
    next() {
      if (items.length) return Promise.resolve(items.shift())
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('nothing came')), patience)
        waiting.push((item) => (clearTimeout(late), resolve(item)))
      })
    },
    get size() {
      return items.length
    },
  }
}

// join subscribes, and gives the channel with its inboxes.
export async function join(who, topic, config = {}, listen = () => {}) {
  const channel = who.channel(topic, { config })
  const box = inbox()
  const system = inbox()
  const status = inbox()
  channel.on('broadcast', { event: '*' }, (m) => box.put(m))
  channel.on('system', {}, (m) => system.put(m))
  listen(channel)
  // As Supabase's guide says to do before a private channel: a token that is given by a
  // function is not there at the first join else.
  if (signedIn.has(who)) await who.realtime.setAuth()
  channel.subscribe((state, error) => status.put({ state, error }))
  const first = await status.next()
  return { channel, box, system, status, first }
}

export async function joined(...args) {
  const j = await join(...args)
  assert.equal(j.first.state, 'SUBSCRIBED', String(j.first.error?.message))
  return j
}

export const say = (j, event, payload) => j.channel.send({ type: 'broadcast', event, payload })
export const secret = { private: true }

// wire forwards connections to a server, until they are cut, or go silent as a network
// does that is away; those that come later pass.
export async function wire(server) {
  const pairs = new Set()
  let confirm
  const { hostname, port } = new URL(server)
  const listener = net.createServer((near) => {
    const far = net.connect(port, hostname)
    const pair = [near, far]
    pairs.add(pair)
    pair.forEach((from, i) => {
      from.on('data', (data) => {
        if (!pair.silent) pair[1 - i].write(data)
        // The answer to a ping that asks how far the client has read (RFC 6455 section 5.2).
        if (i === 0 && data[0] === 0x8a && (data[1] & 0x7f) > 0) confirm?.()
      })
      from.on('error', () => {})
      from.on('close', () => pair.silent || pair[1 - i].destroy())
    })
  })
  await new Promise((done) => listener.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${listener.address().port}`,
    confirmed: () => new Promise((done) => (confirm = done)),
    cut: () => pairs.forEach((pair) => pair.forEach((end) => end.destroy())),
    silence: () => pairs.forEach((pair) => (pair.silent = true)),
    close: () => (listener.close(), pairs.forEach((pair) => pair.forEach((end) => end.destroy()))),
  }
}

// The unmodified client of Supabase with service keys in place of JWTs.
import { test, after } from 'node:test'
import assert from 'node:assert/strict'
import { createClient } from '@supabase/supabase-js'
import { ada, client, refused, rows, url, userToken } from './helpers.mjs'

const [secretKey, publishableKey] = [process.env.FLUXBASE_TEST_SECRET_KEY, process.env.FLUXBASE_TEST_PUBLISHABLE_KEY]
const operator = (path, body) =>
  fetch(`${url}/api/v1/admin/service-keys${path}`, { method: 'POST', headers: { 'X-Service-Key': secretKey }, body: JSON.stringify(body) })
    .then((answer) => answer.json())

const titles = (who) => rows(who.from('notes').select('title').order('title')).then((list) => list.map((row) => row.title))

const connected = []
after(() => Promise.all(connected.map((c) => c.realtime.disconnect())))

// subscribed joins a channel and gives what becomes of it.
function subscribed(who, heard = () => {}) {
  connected.push(who)
  const states = []
  const waiting = []
  const channel = who
    .channel('keys')
    .on('postgres_changes', { event: 'INSERT', schema: 'public', table: 'notes' }, heard)
    .on('system', {}, (m) => m.message.startsWith('Subscribed') && push('LISTENS'))
    .subscribe((state) => push(state))
  const push = (state) => {
    states.push(state)
    waiting.splice(0).forEach((wake) => wake())
  }
  const reaches = async (state) => {
    while (!states.includes(state)) await new Promise((wake) => waiting.push(wake))
  }
  return { channel, reaches }
}

test('a publishable key is anon, and a user with it is the user', async () => {
  assert.deepEqual(await titles(client(publishableKey)), ['Loops', 'Tomatoes'])
  assert.deepEqual(await titles(client(publishableKey, userToken(ada))), ['Bernoulli numbers', 'Loops', 'Shopping', 'Tomatoes'])
})

test('a secret key is the service role', async () => {
  assert.equal((await titles(client(secretKey))).length, 5)
})

test('a user who is given as a header is the user, whatever the key', async () => {
  const headers = { Authorization: `Bearer ${userToken(ada)}` }
  assert.equal((await titles(createClient(url, secretKey, { global: { headers } }))).length, 4)
})

test('a key that is none is refused', async () => {
  await refused(client('sb_publishable_zzzzzzzzzzzz_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz').from('notes').select(), 401, 'key_invalid')
})

test('a channel opened with a key hears, and is closed when the key is revoked', { timeout: 60_000 }, async () => {
  const made = await operator('', { name: 'for a moment' })
  const who = client(made.key)
  let hear
  const heard = new Promise((resolve) => (hear = resolve))
  const { reaches } = subscribed(who, hear)
  await reaches('LISTENS')
  await rows(client(secretKey).from('notes').insert({ title: 'heard', owner_id: ada }))
  assert.equal((await heard).new.title, 'heard')

  const out = await operator(`/${made.id}/revoke`, { reason: 'the test is over' })
  assert.deepEqual(out.unconfirmed, [])
  await refused(who.from('notes').select(), 401, 'key_revoked')
  await reaches('CLOSED')
})

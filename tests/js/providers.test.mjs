// @supabase/supabase-js signs in at a provider, as an application in a browser does.
import test from 'node:test'
import assert from 'node:assert/strict'
import { createClient } from '@supabase/supabase-js'
import { anonKey, good, url } from './helpers.mjs'

const second = process.env.FLUXBASE_TEST_URL_2
const redirectTo = 'http://app.test/welcome?from=tests'

// app makes a client with a memory of its own, like a browser's.
function app(flowType = 'pkce') {
  const memory = new Map()
  const storage = { getItem: (k) => memory.get(k) ?? null, setItem: (k, v) => memory.set(k, v), removeItem: (k) => memory.delete(k) }
  return createClient(url, anonKey, { auth: { flowType, storage, autoRefreshToken: false, detectSessionInUrl: false } })
}

// browse follows redirects to the application, keeping cookies. What is at the public URL
// is at one process on the way out and at the other on the way back.
async function browse(address) {
  let cookie = ''
  for (let i = 0; i < 10; i++) {
    const at = address.replace('http://auth.test/auth/v1/callback', `${second}/auth/v1/callback`)
    const answer = await fetch(at, { redirect: 'manual', headers: at.startsWith(url) || at.startsWith(second) ? { cookie } : {} })
    const [set] = answer.headers.getSetCookie()
    if (set) cookie = set.split(';')[0]
    const next = answer.headers.get('location')
    assert.ok(next, `${at}: ${answer.status} ${await answer.text()}`)
    address = new URL(next, at).href
    if (address.startsWith('http://app.test/')) return new URL(address)
  }
  assert.fail('too many redirects')
}

const signIn = async (client, who) => {
  const { data } = good(await client.auth.signInWithOAuth({
    provider: 'keycloak', options: { redirectTo, skipBrowserRedirect: true, queryParams: { login_hint: who } },
  }))
  return browse(data.url)
}

test('signInWithOAuth and exchangeCodeForSession', async () => {
  const client = app()
  const back = await signIn(client, 'ada')
  assert.equal(back.searchParams.get('from'), 'tests')
  const code = back.searchParams.get('code')
  const { data } = good(await client.auth.exchangeCodeForSession(code))
  assert.equal(data.user.email, 'ada@example.com')
  assert.equal(data.user.app_metadata.provider, 'keycloak')
  assert.ok(data.session.provider_token)
  const again = await client.auth.exchangeCodeForSession(code)
  assert.ok(again.error)
  good(await client.auth.refreshSession())
  assert.equal(good(await client.auth.getUser()).data.user.id, data.user.id)
  good(await client.auth.signOut())
})

test('signInWithOAuth without PKCE', async () => {
  const client = app('implicit')
  const back = await signIn(client, 'ada')
  const told = new URLSearchParams(back.hash.slice(1))
  const { data } = good(await client.auth.setSession({ access_token: told.get('access_token'), refresh_token: told.get('refresh_token') }))
  assert.equal(data.user.email, 'ada@example.com')
})

test('signInWithIdToken', async () => {
  const client = app()
  const token = process.env.FLUXBASE_TEST_ID_TOKEN
  const { data } = good(await client.auth.signInWithIdToken({ provider: 'keycloak', token, nonce: 'a nonce' }))
  assert.equal(data.user.email, 'bob@example.com')
  const { error } = await app().auth.signInWithIdToken({ provider: 'keycloak', token, nonce: 'another' })
  assert.equal(error.code, 'bad_id_token')
  assert.equal(error.status, 400)
})

test('linkIdentity, getUserIdentities and unlinkIdentity', async () => {
  const client = app()
  const { data: anyone } = good(await client.auth.signInAnonymously())
  const { data } = good(await client.auth.linkIdentity({
    provider: 'keycloak', options: { redirectTo, queryParams: { login_hint: 'ada elsewhere' } },
  }))
  const back = await browse(data.url)
  const { data: linked } = good(await client.auth.exchangeCodeForSession(back.searchParams.get('code')))
  assert.equal(linked.user.id, anyone.user.id)
  assert.equal(linked.user.is_anonymous, false)
  const { data: { identities } } = good(await client.auth.getUserIdentities())
  assert.deepEqual(identities.map((i) => i.provider), ['keycloak'])
  const { error } = await client.auth.unlinkIdentity(identities[0])
  assert.equal(error.code, 'single_identity_not_deletable')

  const token = process.env.FLUXBASE_TEST_ID_TOKEN
  const taken = await client.auth.linkIdentity({ provider: 'keycloak', token, nonce: 'a nonce' })
  assert.equal(taken.error.code, 'identity_already_exists')
})

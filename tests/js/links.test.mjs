// The unmodified client of Supabase through what goes by a mail. tests/auth_links_client_test.go
// starts the servers, and shows the mails at /test/mail.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { get } from 'node:http'
import { createClient } from '@supabase/supabase-js'
import { anonKey, good, url } from './helpers.mjs'

const password = 'the tests’ password'
const redirect = 'https://app.test/welcome'

// browser is a client that keeps its session, as a page does.
function browser(flowType = 'implicit') {
  const kept = new Map()
  const storage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => void kept.set(k, v), removeItem: (k) => void kept.delete(k) }
  return createClient(url, anonKey, { auth: { flowType, storage, autoRefreshToken: false, detectSessionInUrl: false } }).auth
}

const mail = async (to, n = 1) => {
  const answer = await fetch(`${url}/test/mail?to=${encodeURIComponent(to)}&n=${n}`)
  assert.equal(answer.status, 200, `mail ${n} to ${to}`)
  return answer.json()
}

const hashOf = (letter) => new URL(letter.link).searchParams.get('token')

// open follows a link as a browser does, and gives where it leads.
const open = (link) =>
  new Promise((resolve, reject) => {
    const headers = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }
    get(link, { headers }, (answer) => {
      answer.resume()
      if (answer.statusCode !== 303) return reject(new Error(`got ${answer.statusCode}`))
      const to = new URL(answer.headers.location)
      resolve({ to, said: new URLSearchParams(to.hash.slice(1)) })
    }).on('error', reject)
  })

// lands takes what a page finds in its URL.
const lands = async (auth, { said }) =>
  good(await auth.setSession({ access_token: said.get('access_token'), refresh_token: said.get('refresh_token') })).data.user

const fails = async (call, status, code) => {
  const { error } = await call
  assert.deepEqual([error?.status, error?.code], [status, code], String(error))
}

// known makes somebody who has confirmed an address.
async function known(email, flowType) {
  const auth = browser(flowType)
  good(await auth.signUp({ email, password }))
  const { data } = good(await auth.verifyOtp({ token_hash: hashOf(await mail(email)), type: 'signup' }))
  assert.equal(data.user.email, email)
  return auth
}

test('sign-up with confirmation', async () => {
  const auth = browser()
  const options = { emailRedirectTo: redirect, data: { name: 'Ada' } }
  const { data } = good(await auth.signUp({ email: 'ada@js.test', password, options }))
  assert.equal(data.session, null)
  assert.ok(data.user.confirmation_sent_at)
  await fails(auth.signInWithPassword({ email: 'ada@js.test', password }), 400, 'email_not_confirmed')
  const way = await open((await mail('ada@js.test')).link)
  assert.equal(way.to.origin + way.to.pathname, redirect)
  assert.equal(way.said.get('type'), 'signup')
  const user = await lands(auth, way)
  assert.equal(user.id, data.user.id)
  assert.equal(user.user_metadata.name, 'Ada')
  assert.equal(user.user_metadata.email_verified, true)
  good(await auth.signInWithPassword({ email: 'ada@js.test', password }))

  // Once more: nobody is told that there is an account, but its owner.
  const again = good(await browser().signUp({ email: 'ada@js.test', password: 'another password' })).data
  assert.equal(again.session, null)
  assert.notEqual(again.user.id, data.user.id)
  assert.match((await mail('ada@js.test', 2)).subject, /already have an account/)
})

test('a confirmation is sent again', async () => {
  const auth = browser()
  good(await auth.signUp({ email: 'bob@js.test', password }))
  const first = await mail('bob@js.test')
  good(await auth.resend({ type: 'signup', email: 'bob@js.test', options: { emailRedirectTo: redirect } }))
  const second = await mail('bob@js.test', 2)
  await fails(auth.verifyOtp({ token_hash: hashOf(first), type: 'signup' }), 403, 'otp_expired')
  good(await auth.verifyOtp({ email: 'bob@js.test', token: second.code, type: 'signup' }))
  good(await auth.signInWithPassword({ email: 'bob@js.test', password }))
})

test('magic links and codes', async () => {
  const auth = browser()
  const email = 'cy@js.test'
  await fails(auth.signInWithOtp({ email, options: { shouldCreateUser: false } }), 422, 'otp_disabled')
  good(await auth.signInWithOtp({ email, options: { data: { name: 'Cy' }, emailRedirectTo: redirect } }))
  assert.equal((await lands(auth, await open((await mail(email)).link))).user_metadata.name, 'Cy')
  good(await auth.signInWithOtp({ email }))
  const { link, code } = await mail(email, 2)
  await fails(auth.verifyOtp({ email, token: code === '000000' ? '000001' : '000000', type: 'email' }), 403, 'otp_expired')
  const { data } = good(await auth.verifyOtp({ email, token: code, type: 'email' }))
  assert.equal(data.user.email, email)
  assert.equal((await open(link)).said.get('error_code'), 'otp_expired')
})

test('the PKCE flow', async () => {
  const auth = browser('pkce')
  const email = 'di@js.test'
  good(await auth.signInWithOtp({ email, options: { emailRedirectTo: redirect + '?next=1' } }))
  const { to } = await open((await mail(email)).link)
  assert.equal(to.searchParams.get('next'), '1')
  const code = to.searchParams.get('code')
  const thief = browser('pkce')
  good(await thief.signInWithOtp({ email: 'thief@js.test' })) // so that it has a verifier
  await fails(thief.exchangeCodeForSession(code), 400, 'bad_code_verifier')
  const { data } = good(await auth.exchangeCodeForSession(code))
  assert.equal(data.user.email, email)
  assert.equal(good(await auth.getUser()).data.user.email, email)

  // A recovery in that way.
  const heard = []
  auth.onAuthStateChange((event) => void heard.push(event))
  good(await auth.resetPasswordForEmail(email, { redirectTo: redirect }))
  const way = await open((await mail(email, 2)).link)
  good(await auth.exchangeCodeForSession(way.to.searchParams.get('code')))
  assert.ok(heard.includes('PASSWORD_RECOVERY'), heard.join())
})

test('recovery, and a new password', async () => {
  const email = 'ed@js.test'
  const elsewhere = await known(email)
  const auth = browser()
  good(await auth.resetPasswordForEmail('nobody@js.test'))
  good(await auth.resetPasswordForEmail(email, { redirectTo: redirect }))
  const way = await open((await mail(email, 2)).link)
  assert.equal(way.said.get('type'), 'recovery')
  await lands(auth, way)
  await fails(auth.updateUser({ password }), 422, 'same_password')
  good(await auth.updateUser({ password: 'a new password, 2' }))
  assert.equal((await elsewhere.getUser()).error.name, 'AuthSessionMissingError') // the server says session_not_found
  assert.match((await mail(email, 3)).subject, /password was changed/)
  await fails(auth.signInWithPassword({ email, password }), 400, 'invalid_credentials')
  good(await auth.signInWithPassword({ email, password: 'a new password, 2' }))

  // Two days later it takes a code.
  await fetch(`${url}/test/later`)
  await fails(auth.updateUser({ password: 'a new password, 3' }), 400, 'reauthentication_needed')
  good(await auth.reauthenticate())
  const { code } = await mail(email, 4)
  await fails(auth.updateUser({ password: 'a new password, 3', nonce: 'none' }), 422, 'reauthentication_not_valid')
  good(await auth.updateUser({ password: 'a new password, 3', nonce: code }))
  good(await auth.signInWithPassword({ email, password: 'a new password, 3' }))
})

test('a new address, which both agree to', async () => {
  const auth = await known('fay@js.test')
  await known('gus@js.test')
  await fails(auth.updateUser({ email: 'gus@js.test' }), 422, 'email_exists')
  const { data } = good(await auth.updateUser({ email: 'fay2@js.test' }, { emailRedirectTo: redirect }))
  assert.deepEqual([data.user.email, data.user.new_email], ['fay@js.test', 'fay2@js.test'])
  const half = await open((await mail('fay@js.test', 2)).link)
  assert.match(half.said.get('message'), /proceed to confirm link sent to the other email/)
  assert.equal(good(await auth.getUser()).data.user.email, 'fay@js.test')
  await mail('fay2@js.test') // which the second must not overtake
  good(await auth.resend({ type: 'email_change', email: 'fay@js.test' }))
  const [old, next] = [await mail('fay@js.test', 3), await mail('fay2@js.test', 2)]
  good(await auth.verifyOtp({ email: 'fay2@js.test', token: next.code, type: 'email_change' }))
  assert.equal(good(await auth.getUser()).data.user.email, 'fay@js.test')
  const way = await open(old.link)
  assert.equal(way.said.get('type'), 'email_change')
  const user = await lands(auth, way)
  assert.deepEqual([user.email, user.new_email, user.identities[0].identity_data.email], ['fay2@js.test', undefined, 'fay2@js.test'])
  good(await browser().signInWithPassword({ email: 'fay2@js.test', password }))
})

test('who was anonymous becomes permanent', async () => {
  const auth = browser()
  const { data } = good(await auth.signInAnonymously({ options: { data: { cart: [1] } } }))
  await fails(auth.updateUser({ password }), 400, 'validation_failed')
  good(await auth.updateUser({ email: 'hal@js.test' }))
  const verified = good(await auth.verifyOtp({ email: 'hal@js.test', token: (await mail('hal@js.test')).code, type: 'email_change' })).data
  assert.equal(verified.user.id, data.user.id)
  assert.equal(verified.user.is_anonymous, false)
  good(await auth.updateUser({ password }))
  const { user } = good(await browser().signInWithPassword({ email: 'hal@js.test', password })).data
  assert.deepEqual([user.id, user.user_metadata.cart], [data.user.id, [1]])
})

// The admin API of the unmodified auth-js.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { anonKey, client, good, serviceKey } from './helpers.mjs'

const admin = client(serviceKey).auth.admin
const password = "the tests' password"
const fails = async (call, status, code) => {
  const { error } = await call
  assert.deepEqual([error?.status, error?.code], [status, code], JSON.stringify(error))
}
// signedIn gives a client as the user of an address.
const signedIn = async (email, pass = password) => {
  const app = client()
  const { data } = good(await app.auth.signInWithPassword({ email, password: pass }))
  return { app, session: data.session }
}

test('a user is made, read, changed and deleted', async () => {
  const made = good(await admin.createUser({
    email: 'Ada@admin.test', password, email_confirm: true, user_metadata: { name: 'Ada' }, app_metadata: { plan: 'gold' },
  })).data.user
  assert.equal(made.email, 'ada@admin.test')
  assert.equal(made.identities[0].identity_data.email, 'ada@admin.test')
  const { app } = await signedIn('ada@admin.test')

  const read = good(await admin.getUserById(made.id)).data.user
  assert.deepEqual([read.id, read.user_metadata.name, read.app_metadata.plan], [made.id, 'Ada', 'gold'])

  const changed = good(await admin.updateUserById(made.id, { password: 'another of the tests', user_metadata: { name: null, age: 36 } }))
  assert.deepEqual(changed.data.user.user_metadata, { age: 36 })
  assert.ok((await app.auth.refreshSession()).error, 'a new password ends the sessions')
  await signedIn('ada@admin.test', 'another of the tests')

  await fails(admin.createUser({ email: 'ada@admin.test' }), 422, 'email_exists')
  await fails(admin.updateUserById(made.id, { role: 'service_role' }), 400, 'validation_failed')
  await fails(client(anonKey).auth.admin.listUsers(), 403, 'not_admin')

  good(await admin.deleteUser(made.id))
  await fails(admin.getUserById(made.id), 404, 'user_not_found')
  await fails(admin.deleteUser(made.id), 404, 'user_not_found')
})

test('users are listed page by page', async () => {
  for (const n of [1, 2, 3]) good(await admin.createUser({ email: `page${n}@admin.test` }))
  const page = good(await admin.listUsers({ page: 2, perPage: 1 })).data
  assert.equal(page.users.length, 1)
  assert.equal(page.aud, 'authenticated')
  assert.equal(page.nextPage, 3)
  assert.ok(page.lastPage >= 3 && page.total >= 3, JSON.stringify(page))
  assert.ok(good(await admin.listUsers()).data.users.length >= 3)
})

test('who is banned cannot come in', async () => {
  const { user } = good(await admin.createUser({ email: 'ban@admin.test', password, email_confirm: true })).data
  good(await admin.updateUserById(user.id, { ban_duration: '24h' }))
  await fails(client().auth.signInWithPassword({ email: 'ban@admin.test', password }), 400, 'user_banned')
  good(await admin.updateUserById(user.id, { ban_duration: 'none' }))
  await signedIn('ban@admin.test')
  good(await admin.deleteUser(user.id, true))
  assert.ok(good(await admin.getUserById(user.id)).data.user.deleted_at)
})

test('a session is ended by its token', async () => {
  good(await admin.createUser({ email: 'out@admin.test', password, email_confirm: true }))
  const [one, other] = [await signedIn('out@admin.test'), await signedIn('out@admin.test')]
  good(await admin.signOut(one.session.access_token, 'others'))
  assert.ok((await other.app.auth.refreshSession()).error)
  good(await admin.signOut(one.session.access_token))
  assert.ok((await one.app.auth.refreshSession()).error)
})

test('a link is made without a mail, and signs in once', async () => {
  const { data } = good(await admin.generateLink({ type: 'magiclink', email: 'link@admin.test', options: { data: { name: 'Ada' } } }))
  assert.equal(data.user.email, 'link@admin.test')
  assert.match(data.properties.email_otp, /^\d{6}$/)
  assert.match(data.properties.action_link, /\/auth\/v1\/verify\?.*type=magiclink/)
  assert.equal(data.properties.verification_type, 'magiclink')
  const app = client()
  const { data: entered } = good(await app.auth.verifyOtp({ type: 'magiclink', token_hash: data.properties.hashed_token }))
  assert.equal(entered.user.email, 'link@admin.test')
  await fails(app.auth.verifyOtp({ type: 'magiclink', token_hash: data.properties.hashed_token }), 403, 'otp_expired')

  const recovery = good(await admin.generateLink({ type: 'recovery', email: 'link@admin.test' })).data.properties
  good(await app.auth.verifyOtp({ type: 'recovery', email: 'link@admin.test', token: recovery.email_otp }))
  await fails(admin.generateLink({ type: 'recovery', email: 'nobody@admin.test' }), 404, 'user_not_found')
  await fails(admin.generateLink({ type: 'invite', email: 'link@admin.test' }), 422, 'email_exists')

  const signup = good(await admin.generateLink({ type: 'signup', email: 'new@admin.test', password })).data.properties
  await fails(client().auth.signInWithPassword({ email: 'new@admin.test', password }), 400, 'email_not_confirmed')
  good(await client().auth.verifyOtp({ type: 'signup', token_hash: signup.hashed_token }))
  await signedIn('new@admin.test')

  const change = { email: 'new@admin.test', newEmail: 'newer@admin.test' }
  const to = good(await admin.generateLink({ type: 'email_change_new', ...change })).data.properties
  good(await client().auth.verifyOtp({ type: to.verification_type, token_hash: to.hashed_token }))
  await signedIn('newer@admin.test')
})

test('who is invited gets a mail', async () => {
  const { user } = good(await admin.inviteUserByEmail('invited@admin.test', { data: { team: 'x' } })).data
  assert.ok(user.invited_at)
  assert.equal(user.user_metadata.team, 'x')
  good(await admin.inviteUserByEmail('invited@admin.test'))
  await fails(client().auth.admin.inviteUserByEmail('other@admin.test'), 403, 'not_admin')
})

test('second factors are listed and taken away', async () => {
  const { user } = good(await admin.createUser({ email: 'mfa@admin.test', password, email_confirm: true })).data
  const { app } = await signedIn('mfa@admin.test')
  const { id } = good(await app.auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone' })).data
  const { factors } = good(await admin.mfa.listFactors({ userId: user.id })).data
  assert.deepEqual(factors.map((f) => [f.id, f.factor_type, f.friendly_name]), [[id, 'totp', 'phone']])
  const gone = good(await admin.mfa.deleteFactor({ userId: user.id, id })).data
  assert.equal(gone.data.id, id) // the client hands on its own envelope
  await fails(admin.mfa.deleteFactor({ userId: user.id, id }), 404, 'mfa_factor_not_found')
  assert.deepEqual(good(await admin.mfa.listFactors({ userId: user.id })).data.factors, [])
})

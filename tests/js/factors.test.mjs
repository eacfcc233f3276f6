// Second factors through the unmodified client, and passkeys by Chromium's virtual
// authenticator.
import { test, before, after } from 'node:test'
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { chromium } from 'playwright-core'
import { createClient } from '@supabase/supabase-js'
import { anonKey, good, serviceKey, url } from './helpers.mjs'

const password = "the tests' password"
const options = { auth: { persistSession: false, autoRefreshToken: false, experimental: { recoveryCodes: true } } }
const client = () => createClient(url, anonKey, options).auth

// The code of a secret in base32 (RFC 6238), steps of 30 seconds from now.
function code(secret, steps = 0) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps))
  const mac = createHmac('sha1', key).update(counter).digest()
  const at = mac.at(-1) & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

async function signedUp(email) {
  const auth = client()
  good(await auth.signUp({ email, password }))
  return auth
}

async function refused(call, status, code) {
  const { error } = await call
  assert.deepEqual([error?.status, error?.code], [status, code])
}

const levels = async (auth) => {
  const { currentLevel, nextLevel } = good(await auth.mfa.getAuthenticatorAssuranceLevel()).data
  return [currentLevel, nextLevel]
}

test('an app asks its user for a second factor', async () => {
  const auth = await signedUp('app@example.com')
  assert.deepEqual(await levels(auth), ['aal1', 'aal1'])
  const { data: factor } = good(await auth.mfa.enroll({ factorType: 'totp', friendlyName: 'phone', issuer: 'App' }))
  assert.match(factor.totp.qr_code, /^data:image\/svg\+xml;utf-8,<svg /)
  assert.deepEqual(good(await auth.mfa.listFactors()).data.totp, [])

  const { data: challenge } = good(await auth.mfa.challenge({ factorId: factor.id }))
  assert.ok(challenge.expires_at > Date.now() / 1000)
  await refused(auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code: '00000x' }), 422, 'mfa_verification_failed')
  good(await auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code: code(factor.totp.secret, -1) }))
  assert.deepEqual(await levels(auth), ['aal2', 'aal2'])
  assert.equal(good(await auth.mfa.listFactors()).data.totp[0].friendly_name, 'phone')

  const later = client()
  good(await later.signInWithPassword({ email: 'app@example.com', password }))
  assert.deepEqual(await levels(later), ['aal1', 'aal2'])
  await refused(later.mfa.unenroll({ factorId: factor.id }), 422, 'insufficient_aal')
  good(await later.mfa.challengeAndVerify({ factorId: factor.id, code: code(factor.totp.secret) }))
  assert.deepEqual(await levels(later), ['aal2', 'aal2'])
  good(await later.refreshSession())
  assert.deepEqual(await levels(later), ['aal2', 'aal2'])

  const { data: made } = good(await later.mfa.recoveryCodes.generate({ friendlyName: 'in the drawer' }))
  assert.equal(made.codes.length, 10)
  assert.equal(good(await later.mfa.recoveryCodes.getStatus()).data.remaining, 10)
  const lost = client()
  good(await lost.signInWithPassword({ email: 'app@example.com', password }))
  good(await lost.mfa.recoveryCodes.verify({ code: made.codes[0].toUpperCase().match(/.{4}/g).join('-') }))
  assert.deepEqual(await levels(lost), ['aal2', 'aal2'])
  await refused(lost.mfa.recoveryCodes.verify({ code: made.codes[0] }), 422, 'mfa_verification_failed')
  assert.equal(good(await lost.mfa.listFactors()).data.recovery_code.length, 1)
  good(await lost.mfa.recoveryCodes.regenerate())
  good(await lost.mfa.recoveryCodes.unenroll())

  assert.equal(good(await later.mfa.unenroll({ factorId: factor.id })).data.id, factor.id)
  good(await later.refreshSession())
  assert.deepEqual(await levels(later), ['aal1', 'aal1'])
  assert.equal((await auth.getUser()).error?.name, 'AuthSessionMissingError')
})

let browser
before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.FLUXBASE_TEST_CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update'],
  })
})
after(() => browser.close())

// device is a page of the application in a browser with an authenticator.
async function device() {
  const page = await (await browser.newContext()).newPage()
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  })
  await page.goto(process.env.FLUXBASE_TEST_ORIGIN + '/auth/v1/health')
  return {
    create: (o) => page.evaluate(async (o) => (await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(o) })).toJSON(), o),
    get: (o) => page.evaluate(async (o) => (await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(o) })).toJSON(), o),
  }
}

test('a browser registers a passkey and signs in by it', async () => {
  const auth = await signedUp('browser@example.com')
  const { create, get } = await device()
  const { data: begun } = good(await auth.passkey.startRegistration())
  const { data: passkey } = good(await auth.passkey.verifyRegistration({ challengeId: begun.challenge_id, credential: await create(begun.options) }))
  good(await auth.passkey.update({ passkeyId: passkey.id, friendlyName: 'this browser' }))

  const later = client()
  const { data: asked } = good(await later.passkey.startAuthentication())
  const credential = await get(asked.options)
  const { data } = good(await later.passkey.verifyAuthentication({ challengeId: asked.challenge_id, credential }))
  assert.equal(data.user.email, 'browser@example.com')
  assert.deepEqual(await levels(later), ['aal1', 'aal1'])
  await refused(client().passkey.verifyAuthentication({ challengeId: asked.challenge_id, credential }), 400, 'webauthn_challenge_not_found')

  const [listed] = good(await later.passkey.list()).data
  assert.equal(listed.friendly_name, 'this browser')
  assert.ok(listed.last_used_at)
  good(await later.passkey.delete({ passkeyId: passkey.id }))
  assert.deepEqual(good(await later.passkey.list()).data, [])

  // One that is lost is taken by an administrator.
  const next = good(await later.passkey.startRegistration()).data
  good(await later.passkey.verifyRegistration({ challengeId: next.challenge_id, credential: await create(next.options) }))
  const admin = createClient(url, serviceKey, options).auth.admin
  const of = { userId: data.user.id }
  const [{ id }] = good(await admin.passkey.listPasskeys(of)).data
  good(await admin.passkey.deletePasskey({ ...of, passkeyId: id }))
  assert.deepEqual(good(await admin.passkey.listPasskeys(of)).data, [])
  await refused(admin.passkey.deletePasskey({ ...of, passkeyId: id }), 400, 'webauthn_credential_not_found')
  await refused(admin.passkey.listPasskeys({ userId: id }), 404, 'user_not_found')
  await refused(later.admin.passkey.listPasskeys(of), 403, 'not_admin')
})

test('a browser is a second factor', async () => {
  const auth = await signedUp('second@example.com')
  const { create, get } = await device()
  const { data: factor } = good(await auth.mfa.enroll({ factorType: 'webauthn', friendlyName: 'browser' }))
  // Over HTTP, because the client's own calls want to be in the browser.
  const call = async (who, path, body) => {
    const { access_token } = (await who.getSession()).data.session
    const r = await fetch(`${url}/auth/v1/factors/${factor.id}/${path}`, {
      method: 'POST', body: JSON.stringify(body), headers: { apikey: anonKey, Authorization: `Bearer ${access_token}` },
    })
    assert.equal(r.status, 200)
    return r.json()
  }
  for (const [type, answer] of [['create', create], ['request', get]]) {
    const who = client()
    good(await who.signInWithPassword({ email: 'second@example.com', password }))
    const asked = await call(who, 'challenge', {})
    assert.equal(asked.webauthn.type, type)
    const credential_response = await answer(asked.webauthn.credential_options.publicKey)
    const { access_token, refresh_token } = await call(who, 'verify', { challenge_id: asked.id, webauthn: { type, credential_response } })
    good(await who.setSession({ access_token, refresh_token }))
    assert.deepEqual(await levels(who), ['aal2', 'aal2'])
  }
})

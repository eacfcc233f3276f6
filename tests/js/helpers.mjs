// What the tests of the real client share. tests/supabase_test.go starts the server
// and says in the environment where it is.
import { createHmac } from 'node:crypto'
import assert from 'node:assert/strict'
import { createClient } from '@supabase/supabase-js'

export const url = need('FLUXBASE_TEST_URL')
const secret = need('FLUXBASE_TEST_JWT_SECRET')

function need(name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: these tests are run by go test ./tests -run Supabase`)
  return value
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const now = () => Math.floor(Date.now() / 1000)

// A JWT with these claims (RFC 7519), signed with the server's secret or another.
export function sign(claims, key = secret) {
  const text = part({ alg: 'HS256', typ: 'JWT' }) + '.' + part(claims)
  return text + '.' + createHmac('sha256', key).update(text).digest('base64url')
}

export const anonKey = sign({ role: 'anon', iss: 'fluxbase', iat: now(), exp: now() + 3600 })
export const serviceKey = sign({ role: 'service_role', iss: 'fluxbase', iat: now(), exp: now() + 3600 })

// The two users of the demo's rows.
export const ada = '00000000-0000-4000-8000-00000000ada0'
export const bob = '00000000-0000-4000-8000-00000000b0b0'

// userToken is what a sign-in would give.
export const userToken = (sub, claims = {}) =>
  sign({ sub, role: 'authenticated', aud: 'authenticated', iat: now(), exp: now() + 3600, ...claims })

const options = { auth: { persistSession: false, autoRefreshToken: false } }

// client is supabase-js as an app makes it; with a token it acts for that user.
export const client = (key = anonKey, token) =>
  createClient(url, key, token ? { accessToken: async () => token } : options)

export const as = (sub) => client(anonKey, userToken(sub))

// good returns what a call gives when it has not failed.
export function good(answer) {
  assert.equal(answer.error, null, JSON.stringify(answer.error))
  return answer
}

// rows returns the data of a call that must not fail.
export const rows = async (call) => good(await call).data

// refused checks that a call failed with this status and code, in the one shape of errors.
export async function refused(call, status, code) {
  const answer = await call
  const got = { status: answer.status, code: answer.error?.code }
  assert.deepEqual(got, { status, code }, JSON.stringify(answer))
  assert.equal(answer.data, null)
  assert.equal(typeof answer.error.message, 'string')
  return answer.error
}

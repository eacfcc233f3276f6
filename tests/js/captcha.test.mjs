// The unmodified auth-js where people have to show that they are some. tests/auth_captcha_test.go
// is the service that takes the token "good", and sends no mails.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { client, good, serviceKey } from './helpers.mjs'

const email = 'ada@captcha.test'
const other = (name) => `${name}@captcha.test`
const password = "the tests' password"
const auth = client().auth
const calls = {
  signUp: (options) => auth.signUp({ email, password, options }),
  signInAnonymously: (options) => auth.signInAnonymously({ options }),
  signInWithPassword: (options) => auth.signInWithPassword({ email, password, options }),
  signInWithOtp: (options) => auth.signInWithOtp({ email: other('otp'), options }),
  resetPasswordForEmail: (options) => auth.resetPasswordForEmail(other('recovery'), options),
  resend: (options) => auth.resend({ type: 'signup', email: other('resend'), options }),
}

for (const [name, call] of Object.entries(calls)) {
  test(name, async () => {
    for (const [captchaToken, why] of [[undefined, 'no captcha_token found'], ['', 'no captcha_token found'], ['bad', 'invalid-input-response']]) {
      const { error } = await call({ captchaToken })
      assert.deepEqual(
        [error?.status, error?.code, error?.message],
        [400, 'captcha_failed', `captcha protection: request disallowed (${why})`],
      )
    }
    good(await call({ captchaToken: 'good' }))
  })
}

test('a session goes on without one', async () => {
  const { data } = good(await auth.signInWithPassword({ email, password, options: { captchaToken: 'good' } }))
  good(await auth.refreshSession(data.session))
  good(await auth.getUser())
})

test('the service role needs none', async () => {
  good(await client(serviceKey).auth.signInWithPassword({ email, password }))
  good(await client(serviceKey).auth.admin.createUser({ email: 'bob@captcha.test' }))
})

// The unmodified auth-js by phone. tests/auth_phone_test.go is the endpoint of the hook
// send_sms, which shows the messages at /test/sms, and takes none for numbers that end in 99.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { client, good } from './helpers.mjs'

const password = "the tests' password"
const fails = async (call, status, code) => {
  const { error } = await call
  assert.deepEqual([error?.status, error?.code], [status, code], String(error))
}
// sms gives the code of the nth message to a number, as soon as it is there.
const sms = async (phone, n = 1) => {
  const answer = await fetch(`${process.env.FLUXBASE_TEST_SMS}?to=${phone}&n=${n}`)
  assert.equal(answer.status, 200, `message ${n} to ${phone}`)
  return answer.text()
}

test('sign-up, with a code, and once more', async () => {
  const { auth } = client()
  const phone = '15550001001'
  const { data } = good(await auth.signUp({ phone: `+${phone}`, password, options: { data: { name: 'Ada' } } }))
  assert.equal(data.session, null)
  assert.equal(data.user.phone, phone)
  await fails(auth.signInWithPassword({ phone, password }), 400, 'phone_not_confirmed')
  const code = await sms(phone)
  await fails(auth.verifyOtp({ phone, token: code === '000000' ? '000001' : '000000', type: 'sms' }), 403, 'otp_expired')
  const entered = good(await auth.verifyOtp({ phone, token: code, type: 'sms' })).data
  assert.equal(entered.user.id, data.user.id)
  assert.ok(entered.user.phone_confirmed_at)
  assert.equal(entered.user.user_metadata.phone_verified, true)
  await fails(auth.verifyOtp({ phone, token: code, type: 'sms' }), 403, 'otp_expired')
  good(await client().auth.signInWithPassword({ phone, password }))

  // Nobody is told that there is an account, but who reads its messages.
  const other = client().auth
  const again = good(await other.signUp({ phone, password: 'another of the tests' })).data
  assert.equal(again.session, null)
  assert.notEqual(again.user.id, data.user.id)
  assert.deepEqual(Object.keys(again.user).sort(), Object.keys(data.user).sort())
  const owner = good(await other.verifyOtp({ phone, token: await sms(phone, 2), type: 'sms' })).data.user
  assert.equal(owner.id, data.user.id)
  await fails(client().auth.signInWithPassword({ phone, password: 'another of the tests' }), 400, 'invalid_credentials')
  good(await client().auth.signInWithPassword({ phone, password }))
})

test('a code is sent again, and the first is void', async () => {
  const { auth } = client()
  const phone = '15550001002'
  good(await auth.signUp({ phone, password }))
  const first = await sms(phone)
  assert.ok(good(await auth.resend({ type: 'sms', phone })).data.messageId)
  const second = await sms(phone, 2)
  if (first !== second) await fails(auth.verifyOtp({ phone, token: first, type: 'sms' }), 403, 'otp_expired')
  good(await auth.verifyOtp({ phone, token: second, type: 'sms' }))
  assert.ok(good(await auth.resend({ type: 'sms', phone: '15550001098' })).data.messageId, 'nobody has it')
})

test('sign-in by a code, which signs up who is new', async () => {
  const phone = '15550001003'
  await fails(client().auth.signInWithOtp({ phone, options: { shouldCreateUser: false } }), 422, 'otp_disabled')
  const users = []
  for (const n of [1, 2]) {
    const { auth } = client()
    assert.ok(good(await auth.signInWithOtp({ phone })).data.messageId)
    users.push(good(await auth.verifyOtp({ phone, token: await sms(phone, n), type: 'sms' })).data.user.id)
  }
  assert.equal(users[0], users[1])
})

test('a password that a stranger set goes when the owner of the number comes', async () => {
  const phone = '15550001006'
  good(await client().auth.signUp({ phone, password: 'of a stranger' }))
  await sms(phone)
  const { auth } = client()
  good(await auth.signInWithOtp({ phone }))
  good(await auth.verifyOtp({ phone, token: await sms(phone, 2), type: 'sms' }))
  await fails(client().auth.signInWithPassword({ phone, password: 'of a stranger' }), 400, 'invalid_credentials')
})

test('a number is changed, once the new one has agreed', async () => {
  const { auth } = client()
  const [phone, next] = ['15550001004', '15550001005']
  good(await auth.signInWithOtp({ phone }))
  good(await auth.verifyOtp({ phone, token: await sms(phone), type: 'sms' }))
  assert.equal(good(await auth.updateUser({ phone: next })).data.user.new_phone, next)
  good(await auth.resend({ type: 'phone_change', phone }))
  const token = await sms(next, 2)
  assert.equal(good(await auth.getUser()).data.user.phone, phone)
  const { user } = good(await auth.verifyOtp({ phone: next, token, type: 'phone_change' })).data
  assert.deepEqual([user.phone, user.new_phone], [next, undefined])
  await fails(auth.updateUser({ phone: '15550001001' }), 422, 'phone_exists')
  good(await client().auth.signInWithOtp({ phone: next }))
  good(await client().auth.verifyOtp({ phone: next, token: await sms(next, 3), type: 'sms' }))
})

test('what the hook does not take', async () => {
  const { auth } = client()
  await fails(auth.signUp({ phone: '15550001099', password }), 422, 'sms_send_failed')
  await fails(auth.signInWithOtp({ phone: '15550001099' }), 422, 'sms_send_failed')
})

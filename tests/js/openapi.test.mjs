// The description in OpenAPI 3.1: a validator takes it, and types made of it compile.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import openapiTS, { astToString } from 'openapi-typescript'
import ts from 'typescript'

const base = process.env.FLUXBASE_TEST_URL
const token = process.env.FLUXBASE_TEST_TOKEN

const describe = async (path, headers = {}) => {
  const answer = await fetch(base + path, { headers: { authorization: `Bearer ${token}`, ...headers } })
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type'), /^application\/openapi\+json; ?version=3\.1/)
  return answer.json()
}

const whole = await describe('/openapi.json')
const rest = await describe('/rest/v1/', { accept: 'application/vnd.oai.openapi+json;version=3.1' })

test('a validator takes both', async () => {
  for (const document of [whole, rest]) {
    const validator = new Validator()
    const { valid, errors } = await validator.validate(structuredClone(document))
    assert.ok(valid, JSON.stringify(errors, null, 1))
    assert.equal(validator.version, '3.1')
  }
})

test('every operation has a name of its own', () => {
  const ids = Object.values(whole.paths).flatMap((path) => Object.values(path).map((operation) => operation.operationId))
  assert.ok(ids.length > 10)
  assert.equal(new Set(ids).size, ids.length)
})

test('types that are made of it compile, and hold', async () => {
  const folder = new URL('node_modules/.openapi/', import.meta.url).pathname
  mkdirSync(folder, { recursive: true })
  writeFileSync(folder + 'schema.ts', astToString(await openapiTS(structuredClone(whole))))
  writeFileSync(folder + 'use.ts', `
import type { components, paths } from './schema.js'
type Schemas = components['schemas']

export const row: Schemas['children'] = { id: 1, name: null, parent_id: 2 }
export const put: Schemas['children.insert'] = { id: 1, parent_id: 2 }
export const change: Schemas['children.update'] = {}
export const generated: Schemas['defaults.insert'] = { a_text: 'x' }
export const typed: Partial<Schemas['types']> = {
  a_mood: 'ok', moods: ['sad', null], a_big: 1, texts: null, a_json: { any: ['thing'] }, a_bool: false, a_feeling: null,
  a_place: { street: 'High Street', number: null, moods: ['happy'] },
}
export const found: paths['/rest/v1/children']['get']['responses'][200]['content']['application/json'] = [row]
export const called: paths['/rest/v1/rpc/arguments']['post']['requestBody']['content']['application/json'] = {
  number: 1, word: 'w', flag: true, day: '2024-01-02', price: '1', feeling: 'ok', texts: ['t'], ints: [1], jsons: [{}],
}
export const refused: Schemas['fx.error'] = { code: '23505', message: 'm', details: null, hint: null }
export const query: paths['/rest/v1/children']['get']['parameters']['query'] = { select: 'id', id: 'eq.1', limit: 1 }

// @ts-expect-error null is none of its values
export const noName: Schemas['parents'] = { id: null, link: null }
// @ts-expect-error it must be given
export const noParent: Schemas['children.insert'] = { id: 1 }
// @ts-expect-error no such label
export const noMood: Partial<Schemas['types']> = { a_mood: 'glad' }
// @ts-expect-error no one gives it a value
export const always: Schemas['defaults.insert'] = { always_id: 1 }
`)
  const program = ts.createProgram([folder + 'use.ts'], {
    strict: true, noEmit: true, skipLibCheck: true, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022, types: [],
  })
  const wrong = ts.getPreEmitDiagnostics(program).map((d) => ts.flattenDiagnosticMessageText(d.messageText, '\n'))
  assert.deepEqual(wrong, [])
})

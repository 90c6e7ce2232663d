import assert from 'node:assert/strict'
import * as errors from '../../../lib/errors.ts'
import { reviveError, toPlainError } from '../../../lib/host/plain-error.ts'

const across = (error: unknown) => reviveError(structuredClone(toPlainError(error)))

describe('host/plain-error', () => {
  for (const [name, Class] of Object.entries(errors)) {
    it(`brings a ${name} across with class, code, message and details`, () => {
      const revived = across(new Class('CODE', 'where: sentence', { line: 3, list: [1] }))
      assert.ok(revived instanceof Class)
      assert.equal(revived.constructor, Class)
      assert.equal(revived.name, name)
      assert.equal(revived.code, 'CODE')
      assert.equal(revived.message, 'where: sentence')
      assert.deepEqual(revived.details, { line: 3, list: [1] })
    })
  }

  it('keeps the cause, and the code of a system error', () => {
    const system = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' })
    const revived = across(new errors.FormatError('X', 'x', {}, { cause: system }))
    assert.equal((revived.cause as { code?: string }).code, 'ENOENT')
  })

  it('keeps the name of an error of another library', () => {
    const revived = across(new RangeError('too far'))
    assert.equal(revived.name, 'RangeError')
    assert.match(revived.stack ?? '', /^RangeError: too far\n/)
  })

  it('takes what is no error by its text', () => {
    assert.equal(across('a text').message, 'a text')
    assert.equal(across(undefined).message, 'undefined')
  })

  it('replaces details that cannot be cloned', () => {
    const revived = across(new errors.BidoraError('X', 'x', { f: () => 1, ok: 2 })) as errors.BidoraError
    assert.equal(revived.details.ok, 2)
    assert.equal(typeof revived.details.f, 'string')
  })

  it('shows the frames of the caller first', () => {
    const plain = toPlainError(new errors.DataError('X', 'x'))
    const stack = reviveError(plain, 'Error\n    at myService (service.js:1:1)').stack ?? ''
    const lines = stack.split('\n')
    assert.equal(lines[0], 'DataError: x')
    assert.equal(lines[1], '    at myService (service.js:1:1)')
    assert.match(stack, /-- in the thread of the model --\n {4}at /)
  })
})

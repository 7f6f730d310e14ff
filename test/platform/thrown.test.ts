import { expect, test } from 'vitest'
import { causeCode, errorCode, errorMessage, propertiesOf, toError } from '../../src/platform/thrown.ts'

const fault = Object.assign(new Error('no such file'), { code: 'ENOENT' })

test.each([
  ['an error with a code', fault, 'ENOENT'],
  ['an object with a code', { code: '23505' }, '23505'],
  ['an error without one', new Error('x'), undefined],
  ['a code that is no text', { code: 7003 }, undefined],
  ['text', 'ENOENT', undefined],
  ['null', null, undefined],
])('the code of %s', (_what, thrown, code) => {
  expect(errorCode(thrown)).toBe(code)
})

test('the code of a cause comes only from the direct cause', () => {
  expect(causeCode(new TypeError('fetch failed', { cause: fault }))).toBe('ENOENT')
  expect(causeCode(fault)).toBeUndefined()
  expect(causeCode(undefined)).toBeUndefined()
})

test('any thrown value has a message and converts to an error', () => {
  expect(errorMessage(fault)).toBe('no such file')
  expect(errorMessage('plain text')).toBe('plain text')
  expect(toError(fault)).toBe(fault)
  expect(toError(undefined)).toBeInstanceOf(Error)
  expect(propertiesOf(undefined)).toEqual({})
  // Not enumerable, and so lost in a copy.
  expect(propertiesOf(fault).message).toBe('no such file')
})

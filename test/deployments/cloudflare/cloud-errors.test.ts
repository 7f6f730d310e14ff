import { describe, expect, test } from 'vitest'
import { CloudError, CloudUnreachable, toCodedError } from '../../../src/deployments/cloudflare/errors.ts'
import { CodedError } from '../../../src/platform/errors.ts'

interface Refusal {
  code: number
  status?: number
  message?: string
  retryAfter?: number
}

const coded = ({ code, status = 400, message = 'no', retryAfter }: Refusal, verified = false): CodedError => {
  const error = toCodedError(new CloudError(message, { code, status, retryAfter }), { verified })
  if (!(error instanceof CodedError)) throw new Error('not coded')
  return error
}

describe("mapping of the cloud's error codes", () => {
  test.each([
    [1000, 'AUTH_003'],
    [1001, 'DEPLOY_001'],
    [1003, 'AUTH_003'],
    [6003, 'AUTH_003'],
    [7000, 'SYS_005'],
    [7001, 'SYS_005'],
    [7003, 'SYS_005'],
    [9106, 'AUTH_003'],
    [9109, 'AUTH_004'],
    [10001, 'AUTH_004'],
    [10007, 'SYS_005'],
    [10009, 'DEPLOY_005'],
    [10019, 'DEPLOY_005'],
    [10021, 'DEPLOY_001'],
    [10022, 'DEPLOY_005'],
    [10027, 'DEPLOY_002'],
    [10031, 'DEPLOY_005'],
    [10032, 'DEPLOY_005'],
    [10034, 'AUTH_004'],
    [10036, 'DEPLOY_005'],
    [10037, 'DEPLOY_002'],
    [10056, 'DEPLOY_001'],
    [10057, 'DEPLOY_001'],
    [10061, 'DEPLOY_004'],
    [10063, 'DEPLOY_005'],
    [10064, 'DEPLOY_004'],
    [10068, 'DEPLOY_001'],
    [10070, 'DEPLOY_004'],
    [10074, 'DEPLOY_004'],
    [10079, 'DEPLOY_004'],
    [10090, 'SYS_005'],
    [10092, 'SYS_005'],
    [10097, 'DEPLOY_004'],
    [10099, 'DEPLOY_004'],
    [10123, 'DEPLOY_004'],
    [10211, 'DEPLOY_004'],
    [10215, 'SYS_005'],
    [10220, 'DEPLOY_007'],
    [10222, 'SYS_005'],
    [10336, 'SYS_005'],
    [100114, 'DEPLOY_005'],
    [100116, 'DEPLOY_005'],
    [100117, 'DEPLOY_005'],
    [100146, 'SYS_005'],
    [100402, 'DEPLOY_004'],
    [100405, 'DEPLOY_004'],
    [100406, 'DEPLOY_004'],
  ])('%i is %s, whatever the HTTP status, and for good', (code, ours) => {
    for (const status of [400, 401, 403, 404, 409, 500]) {
      const error = coded({ code, status })
      expect([status, error.code, error.retryable]).toEqual([status, ours, false])
    }
  })

  test('10000 is a bad token before the token was verified, and an expired one after', () => {
    for (const status of [400, 401, 403]) {
      expect(coded({ code: 10000, status })).toMatchObject({ code: 'AUTH_003', retryable: false })
      expect(coded({ code: 10000, status }, true)).toMatchObject({ code: 'AUTH_005', retryable: true })
    }
  })

  test.each([
    [{ code: 1000, message: 'internal error' }, 'SYS_002'],
    [{ code: 1000, message: 'upstream timeout' }, 'SYS_004'],
    [{ code: 10001, message: 'internal error; reference = abc' }, 'SYS_002'],
    [{ code: 10001, message: 'Method not allowed for token' }, 'AUTH_004'],
    [{ code: 10013, message: 'An unknown error has occurred.' }, 'SYS_002'],
    [{ code: 10013, message: 'Rate limited. Please wait' }, 'SYS_003'],
    [{ code: 971, message: 'Please wait: request throttled' }, 'SYS_003'],
    [{ code: 971, message: 'something else' }, 'SYS_002'],
  ])('codes of two uses are told apart by their text: %o is %s', (refusal, ours) => {
    const error = coded(refusal)
    expect(error.code).toBe(ours)
    expect(error.retryable).toBe(ours !== 'AUTH_004')
  })

  test.each([
    'Uncaught ReferenceError: throttle is not defined',
    'Uncaught Error: rate limit must be a number',
    'internal is not defined, timeout',
  ])('an error of the code itself stays one, whatever words are in it: %s', (message) => {
    expect(coded({ code: 10021, message })).toMatchObject({ code: 'DEPLOY_001', retryable: false })
    expect(coded({ code: 10064, message }).code).toBe('DEPLOY_004')
  })

  test.each([
    [401, 'AUTH_003', false],
    [403, 'AUTH_004', false],
    [404, 'SYS_005', false],
    [409, 'DEPLOY_001', false],
    [429, 'SYS_003', true],
    [500, 'SYS_002', true],
    [502, 'SYS_002', true],
    [503, 'SYS_002', true],
  ])('without a code that we know, the status %i decides: %s', (status, ours, retryable) => {
    for (const code of [0, 99999]) expect(coded({ code, status })).toMatchObject({ code: ours, retryable })
  })

  test('429 is a rate limit with any code and keeps its Retry-After', () => {
    const error = coded({ code: 10000, status: 429, retryAfter: 7 })
    expect(error).toMatchObject({ code: 'SYS_003', retryable: true })
    expect(error.options.retryAfter).toBe(7)
  })

  test('a missing answer is a retryable timeout', () => {
    expect(toCodedError(new CloudUnreachable('ECONNRESET'))).toMatchObject({
      code: 'SYS_004',
      retryable: true,
    })
  })

  test("the cloud's text is quoted with its code, and masked", () => {
    const { message } = coded({ code: 10021, message: 'bad Authorization: Bearer abcdefgh12345678' })
    expect(message).toContain('[code: 10021]')
    expect(message).not.toContain('abcdefgh12345678')
  })

  test('other errors are returned unchanged', () => {
    const bug = new TypeError('a bug')
    expect(toCodedError(bug)).toBe(bug)
  })
})

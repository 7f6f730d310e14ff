import { describe, expect, test } from 'vitest'
import { prepareBody } from '../../../src/deployments/model/schema.ts'
import { requireAccount, requireSecrets } from '../../../src/deployments/plans/prerequisites.ts'
import { CodedError } from '../../../src/platform/errors.ts'

const configOf = (config: object) =>
  prepareBody.parse({ environment: 'staging', config: { appName: 'shop', script: 'x', ...config } }).config
const secret = (name: string) => ({ type: 'secret_text', name, versionId: 'v', fingerprint: 'f' })
const [ours, other] = ['a'.repeat(32), 'b'.repeat(32)]

describe('the account of an app', () => {
  test('is that of the credentials; the local cloud takes all', () => {
    const cloudflare = { kind: 'cloudflare', accountId: ours } as const
    expect(() => requireAccount(configOf({ accountId: ours }), cloudflare)).not.toThrow()
    expect(() => requireAccount(configOf({}), cloudflare)).not.toThrow()
    expect(() => requireAccount(configOf({ accountId: other }), cloudflare)).toThrow(
      `belongs to the Cloudflare account ${other}`,
    )
    expect(() =>
      requireAccount(configOf({ accountId: other }), { kind: 'local', accountId: ours }),
    ).not.toThrow()
  })

  test('has 32 hexadecimal digits', () => {
    expect(() => configOf({ accountId: 'your-account-id' })).toThrow('32 hexadecimal digits')
  })
})

describe('a required secret', () => {
  const check = (config: object, present: string[]) => () =>
    requireSecrets(configOf(config), { bindings: present.map(secret) })
  const fieldsOf = (run: () => void): unknown => {
    try {
      run()
    } catch (error) {
      return error instanceof CodedError ? error.options.details?.fields : error
    }
    return []
  }

  test('is given, or a secret of the app', () => {
    expect(check({ requiredSecrets: ['A', 'B'], secrets: { A: '1' } }, ['B'])).not.toThrow()
    expect(check({}, [])).not.toThrow()
  })

  test('is refused if it is neither, or is deleted', () => {
    const fields = fieldsOf(check({ requiredSecrets: ['A', 'B', 'C'], deleteSecrets: ['C'] }, ['B', 'C']))
    expect(fields).toEqual([
      { path: 'config.requiredSecrets', problem: expect.stringContaining('the app has no secret A:') },
      { path: 'config.requiredSecrets', problem: expect.stringContaining('the app has no secret C:') },
    ])
  })
})

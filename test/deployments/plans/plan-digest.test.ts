import { describe, expect, test } from 'vitest'
import { planDigest } from '../../../src/deployments/model/plan.ts'
import { prepareBody } from '../../../src/deployments/model/schema.ts'
import { liveStatuses, statuses, transitions } from '../../../src/deployments/model/states.ts'
import { buildPlan } from '../../../src/deployments/plans/build.ts'
import { createSecrets } from '../../../src/platform/secrets.ts'

const secrets = createSecrets('a-secret-key-of-the-tests-0123456789')
const password = 'a password that nobody may read'

const base = {
  environment: 'staging',
  config: {
    appName: 'chat',
    script: 'export default {}',
    durableObjects: ['ChatRoom'],
    environmentVars: { GREETING: 'hello', OTHER: 'x' },
    secrets: { PASSWORD: password },
    healthCheck: { path: '/health', expectStatus: 200, timeoutSeconds: 30 },
    migrations: { deletedClasses: ['Old'], renamedClasses: [{ from: 'Room', to: 'ChatRoom' }] },
  },
}

const planOf = (body: object, createdBy = 'user:1', sealedBy = secrets) =>
  buildPlan({ ...prepareBody.parse(body), createdBy, createdAt: new Date() }, sealedBy)
const withConfig = (config: object) => ({ ...base, config: { ...base.config, ...config } })

describe('the digest of a plan', () => {
  test('is equal for equal content, regardless of ids, times, authors and key order', () => {
    const first = planOf(base)
    const reordered = withConfig({ environmentVars: { OTHER: 'x', GREETING: 'hello' } })
    const second = planOf(reordered, 'user:2')
    expect(second.id).not.toBe(first.id)
    expect(second.digest).toBe(first.digest)
    expect(first.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
  })

  test.each([
    ['the environment', { ...base, environment: 'production' }],
    ['the app', withConfig({ appName: 'chat2' })],
    ['the code', withConfig({ script: 'export default { }' })],
    [
      'a module beside the code',
      withConfig({
        script: undefined,
        modules: [
          { name: 'index.js', type: 'esm', content: Buffer.from('export default {}').toString('base64') },
          { name: 'a.txt', type: 'text', content: '' },
        ],
      }),
    ],
    ['a class', withConfig({ durableObjects: ['ChatRoom', 'Lobby'] })],
    ["a variable's name", withConfig({ environmentVars: { GREETINGS: 'hello', OTHER: 'x' } })],
    ["a variable's value", withConfig({ environmentVars: { GREETING: 'hello!', OTHER: 'x' } })],
    ["a secret's name", withConfig({ secrets: { PASSWORDS: password } })],
    ["a secret's value", withConfig({ secrets: { PASSWORD: `${password}!` } })],
    ['the health path', withConfig({ healthCheck: { ...base.config.healthCheck, path: '/' } })],
    ['the expected status', withConfig({ healthCheck: { ...base.config.healthCheck, expectStatus: 204 } })],
    ['the time limit', withConfig({ healthCheck: { ...base.config.healthCheck, timeoutSeconds: 31 } })],
    [
      'a class to delete',
      withConfig({ migrations: { ...base.config.migrations, deletedClasses: ['Old', 'Older'] } }),
    ],
    [
      'a class to rename',
      withConfig({
        migrations: { ...base.config.migrations, renamedClasses: [{ from: 'Raum', to: 'ChatRoom' }] },
      }),
    ],
  ])('changes with %s', (_, changed) => {
    expect(planOf(changed).digest).not.toBe(planOf(base).digest)
  })

  test('contains only keyed fingerprints of secrets, so that they cannot be guessed', () => {
    const otherKey = createSecrets('another-secret-key-of-the-tests-9876543210')
    expect(planOf(base, 'user:1', otherKey).digest).not.toBe(planOf(base).digest)
    const { environment, app, config, modules, digest } = planOf(base)
    const fingerprints = { PASSWORD: secrets.fingerprint(password) }
    expect(planDigest({ environment, app, config, modules, secretFingerprints: fingerprints })).toBe(digest)
    expect(fingerprints.PASSWORD).not.toContain(password)
  })

  test('sealed secrets open only for the plan and name that they were sealed for', () => {
    const [one, two] = [planOf(base), planOf(base)]
    const sealed = one.secrets.PASSWORD ?? ''
    expect(JSON.stringify(one)).not.toContain(password)
    expect(secrets.open(sealed, `plan:${one.id}:PASSWORD`)).toBe(password)
    expect(() => secrets.open(sealed, `plan:${two.id}:PASSWORD`)).toThrow()
    expect(() => secrets.open(sealed, `plan:${one.id}:OTHER`)).toThrow()
  })
})

test('every status has its transitions; a final status changes only on request', () => {
  expect(Object.keys(transitions).sort()).toEqual([...statuses].sort())
  const endings = statuses.filter((status) => !liveStatuses.includes(status))
  expect(endings).toEqual(['completed', 'failed', 'rolled_back', 'rollback_failed', 'cancelled'])
  const ways = endings.flatMap((status) => transitions[status].map((to) => `${status} ${to}`))
  expect(ways.filter((way) => !way.endsWith(' rolling_back'))).toEqual(['failed in_progress'])
})

import { describe, expect, test } from 'vitest'
import type { Environment } from '../../../src/deployments/config.ts'
import { matches } from '../../../src/deployments/execution/health/probe.ts'
import { scriptName } from '../../../src/deployments/model/plan.ts'
import { appName, type PrepareConfig, prepareBody } from '../../../src/deployments/model/schema.ts'
import { bindingName } from '../../../src/deployments/model/worker-module.ts'
import { checkParts } from '../../../src/deployments/plans/parts/checks.ts'
import { estimateCost } from '../../../src/deployments/plans/prices.ts'
import { CodedError } from '../../../src/platform/errors.ts'

const fieldsOf = (work: () => unknown): unknown => {
  try {
    work()
  } catch (error) {
    if (error instanceof CodedError) return error.options.details?.fields
    throw error
  }
  return undefined
}

const configOf = (config: object): PrepareConfig =>
  prepareBody.parse({ environment: 'staging', config: { appName: 'chat', script: 'x', ...config } }).config

describe('binding names', () => {
  test.each([
    ['ChatRoom', 'CHAT_ROOM'],
    ['HTTPServer', 'HTTP_SERVER'],
    ['A', 'A'],
    ['a', 'A'],
    ['AB', 'AB'],
    ['ABTest', 'AB_TEST'],
    ['XMLHttpRequest2', 'XML_HTTP_REQUEST2'],
    ['Room2Room', 'ROOM2_ROOM'],
    ['chatRoom', 'CHAT_ROOM'],
    ['Chat_Room', 'CHAT_ROOM'],
    ['CHAT_ROOM', 'CHAT_ROOM'],
    ['$Counter', '$COUNTER'],
  ])('the class %s is bound as %s', (className, binding) => {
    expect(bindingName(className)).toBe(binding)
  })

  test('classes that differ only in spelling collide', () => {
    expect(fieldsOf(() => checkParts(configOf({ durableObjects: ['ChatRoom', 'chatRoom'] })))).toEqual([
      { path: 'config.durableObjects', problem: 'two classes have the same binding name' },
    ])
  })

  test('variables and secrets collide with classes and with each other, each named by its path', () => {
    const config = configOf({
      durableObjects: ['ChatRoom'],
      environmentVars: { CHAT_ROOM: 'x', TOKEN: 'x', FREE: 'x' },
      secrets: { TOKEN: 'y', CHAT_ROOM: 'y', OTHER: 'y' },
    })
    expect(fieldsOf(() => checkParts(config))).toEqual([
      { path: 'config.environmentVars.CHAT_ROOM', problem: 'another binding has this name' },
      { path: 'config.secrets.TOKEN', problem: 'another binding has this name' },
      { path: 'config.secrets.CHAT_ROOM', problem: 'another binding has this name' },
    ])
  })

  test('different names do not collide, even if only their case differs', () => {
    const config = configOf({ durableObjects: ['ChatRoom'], environmentVars: { chat_room: 'x', Chat: 'x' } })
    expect(fieldsOf(() => checkParts(config))).toBeUndefined()
  })
})

describe('app names', () => {
  test.each(['a', '7', 'chat', 'a-b', 'staging', 'a'.repeat(55), 'x--y'])(
    '%s is a valid app name',
    (name) => {
      expect(appName.safeParse(name).success).toBe(true)
    },
  )

  test.each(['', '-a', 'a-', 'A', 'a_b', 'a.b', 'ä', 'a'.repeat(56), 'chat-staging', 'a\n', ' a'])(
    '%j is none',
    (name) => {
      expect(appName.safeParse(name).success).toBe(false)
    },
  )

  test('no two apps share a script name across production and staging', () => {
    const environments: Environment[] = ['staging', 'production']
    const names = ['chat', 'chat2', 'staging', 'chat-staging2']
    const scripts = names.flatMap((name) => environments.map((each) => scriptName(name, each)))
    expect(new Set(scripts).size).toBe(scripts.length)
    expect(scriptName('chat', 'staging')).toBe('chat-staging')
    expect(scriptName('a'.repeat(55), 'staging')).toHaveLength(63)
  })
})

describe('expected statuses of the health check', () => {
  test.each([
    [200, 200, true],
    [201, 200, false],
    [200, '200', true],
    [204, '200-299', true],
    [200, '200-299', true],
    [299, '200-299', true],
    [300, '200-299', false],
    [199, '200-299', false],
    [404, '404-404', true],
    [399, '200-399', true],
    [500, '200-399', false],
  ])('%i against %s is %s', (status, expected, good) => {
    expect(matches(status, expected)).toBe(good)
  })

  test.each(['20-30', '200-', '-200', '200-600', '600', '200,201', 'ok', 99, 600, 200.5, '399-200'])(
    '%j is refused as an expectation',
    (expectStatus) => {
      const config = { appName: 'chat', script: 'x', healthCheck: { expectStatus } }
      expect(prepareBody.safeParse({ environment: 'staging', config }).success).toBe(false)
    },
  )

  test('every success and redirect is healthy by default', () => {
    expect(configOf({}).healthCheck).toEqual({ path: '/', expectStatus: '200-399', timeoutSeconds: 120 })
  })
})

describe('the cost estimate', () => {
  test('names its price list, its currency and what it assumes', () => {
    const estimate = estimateCost('cloudflare')
    expect(estimate).toMatchObject({ monthly: 5, currency: 'USD' })
    expect(estimate.details.asOf).toMatch(/^\d{4}-\d\d-\d\d$/)
    expect(estimate.details.assumptions.length).toBeGreaterThan(0)
  })

  test('is zero on the local cloud', () => {
    expect(estimateCost('local')).toMatchObject({ monthly: 0, currency: 'USD' })
  })
})

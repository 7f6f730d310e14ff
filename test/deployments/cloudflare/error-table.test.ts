import { Agent } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { toCodedError } from '../../../src/deployments/cloudflare/errors.ts'
import { createCloudHttp } from '../../../src/deployments/cloudflare/http.ts'
import { errorCodes } from '../../../src/platform/error-codes.ts'
import { CodedError } from '../../../src/platform/errors.ts'
import { accountId, token } from '../../local-cloud/harness.ts'
import { type FakeInstallation, startFakeGitHub } from '../github/fake-github.ts'
import { drive, hello, startWorld, type World } from '../harness.ts'
import { type Row, rowsOf } from './error-rows.ts'
import { type Fault, type Rule, refusal } from './fault-proxy.ts'

let world: World
let worker: Awaited<ReturnType<World['worker']>>
let github: Awaited<ReturnType<typeof startFakeGitHub>>
const installation: FakeInstallation = {
  ...{ id: 7, owner: 'acme', repos: ['shop'] },
  permissions: { deployments: 'write', statuses: 'write' },
}
beforeAll(async () => {
  github = await startFakeGitHub()
  github.state.installations = [{ ...installation }]
  github.state.refs['acme/shop'] = { main: 'a'.repeat(40) }
  world = await startWorld({ env: github.env })
  worker = await world.worker()
  const id = await world.started({ appName: 'rows' })
  await drive(world, worker, id)
})
afterEach(async () => {
  world.proxy.reset()
  await world.ctx.db('cloudflare_budgets').delete()
})
afterAll(async () => {
  await world.stop()
  await github.stop()
})

/** The deployment that failed last with its last line, if it can fail in the same way again after a retry. */
let shared: { id: string; failure: string; last: number } | undefined

/** Brings a deployment to the row's step: the shared one, whose earlier steps are done, or a new one without a line. */
async function reach({ step, said }: Row, config: object, failure: string | undefined) {
  if (shared !== undefined && shared.failure === failure) {
    const answer = await world.call(`/deploy/${shared.id}/retry`, { json: { maxRetries: 1 } })
    expect([answer.status, answer.json.data?.step]).toEqual([202, step])
    return shared
  }
  const options = { maxRetries: 0, rollbackOnFailure: false }
  const id = await world.started({ appName: 'rows', script: hello(said), ...config }, options)
  await drive(world, worker, id, step)
  shared = failure === undefined ? undefined : { id, failure, last: 0 }
  return { id, last: 0 }
}

/**
 * Brings a deployment to the row's step, makes the failure happen, and looks at how it ended.
 * @param failure the call that fails, if nothing is left behind: consecutive rows with the same one share a deployment
 */
async function expectRow(
  row: Row,
  happens: (id: string) => unknown,
  config: object = {},
  failure?: string,
): Promise<void> {
  const { id, last } = await reach(row, config, failure)
  await happens(id)
  await drive(world, worker, id)
  const { status, error, currentStep } = await world.status(id)
  expect([status, currentStep?.step, error?.code, error?.retryable]).toEqual([
    'failed',
    row.step,
    row.code,
    row.retryable,
  ])
  expect(errorCodes[row.code].status).toBe(row.status)
  const logs = await world.logs(id, last)
  if (shared !== undefined) shared.last = logs.at(-1)?.id
  const lines = logs.map(({ message }) => message ?? '')
  expect(lines.join('\n')).toContain(`[${row.code}]`)
  expect(lines.join('\n'), 'the log tells what to do').toContain(error.suggestedAction)
}

const calls: Record<string, Omit<Rule, 'fault'>> = {
  cloudflare_auth: { method: 'GET', path: /\/tokens\/verify$/ },
  check_quotas: { method: 'GET', path: /\/workers\/scripts$/ },
  deploy_worker: { method: 'POST', path: /\/versions$/ },
  configure_dns: { method: 'PUT', path: /\/workers\/domains$/ },
}
/** Codes that only the change of traffic answers. */
const ofTraffic = new Set([10215, 10220, 10336, 100146])

const bare = (status: number, headers: Record<string, string> = {}, body = ''): Fault => ({
  kind: 'answer',
  ...{ status, headers, body },
})
const special: Record<string, Fault> = {
  'without a code': bare(0),
  'with a body and Retry-After': {
    ...refusal(429, 10013, 'slow down'),
    ...{ headers: { 'retry-after': '60' } },
  },
  'without body and Retry-After': bare(429),
  'with `cf-mitigated: challenge`': bare(403, { 'cf-mitigated': 'challenge' }, '<html>'),
  'of a proxy': bare(502, {}, '<html>'),
  'no answer: the connection breaks': { kind: 'drop' },
  'a success that is cut off': { kind: 'truncate' },
}

function faultOf({ said }: Row): { fault: Fault; code: number } {
  const [, status, code, message] = /^`(\d+)(?: (\d+))?`(?: "([^"]*)")?/.exec(said) ?? []
  if (code !== undefined)
    return { fault: refusal(Number(status), Number(code), message ?? ''), code: Number(code) }
  const [, given] = Object.entries(special).find(([words]) => said.includes(words)) ?? []
  if (given === undefined) throw new Error(`nobody knows how to make this happen: ${said}`)
  return { fault: given.kind === 'answer' && given.status === 0 ? bare(Number(status)) : given, code: 0 }
}

describe.each([
  'The token',
  'Transient failures',
  'Not found',
  'The code and its Durable Objects',
  'Addresses',
])('%s', (heading) => {
  test('has rows', () => expect(rowsOf(heading).length).toBeGreaterThan(5))

  test.each(rowsOf(heading))('$said in $step is $code', async (row) => {
    const { fault, code } = faultOf(row)
    const call = ofTraffic.has(code) ? { method: 'POST', path: /\/deployments$/ } : calls[row.step]
    if (call === undefined) throw new Error(`no call of ${row.step} is known`)
    const hostnames = row.step === 'configure_dns' ? ['rows.example.test'] : []
    await expectRow(
      row,
      () => {
        world.proxy.fault({ ...call, times: 99, fault })
        if (row.code !== 'AUTH_005') return
        world.proxy.fault({
          path: /\/tokens\/verify$/,
          times: 99,
          fault: refusal(401, 1000, 'Invalid API Token'),
        })
      },
      { hostnames },
      fault.kind === 'answer' ? `${row.step} ${call.path}` : undefined,
    )
  })
})

describe('Triggers', () => {
  // What a row has changed stays, so that each one has an app and a workflow of its own.
  const configOf = (code: number) => ({
    appName: `timed-${code}`,
    script: `import { WorkflowEntrypoint } from 'cloudflare:workers'
      export class Orders extends WorkflowEntrypoint {}
      export default { fetch: () => new Response('hello'), queue() {}, scheduled() {} }`,
    crons: ['0 3 * * *'],
    queueConsumers: [{ queue: 'jobs' }],
    workflows: [{ name: `orders-${code}`, class_name: 'Orders' }],
  })
  beforeAll(async () => {
    await world.callCloud('POST', `/accounts/${accountId}/queues`, { queue_name: 'jobs' })
  })
  const callOf = (code: number) => {
    if (code === 10072) return { method: 'PUT', path: /\/schedules$/ }
    return code >= 11000
      ? { method: 'POST', path: /\/consumers$/ }
      : { method: 'PUT', path: /\/workflows\/orders-\d+$/ }
  }

  test.each(rowsOf('Triggers'))('$said is $code', async (row) => {
    const { fault, code } = faultOf(row)
    const happens = () => world.proxy.fault({ ...callOf(code), times: 99, fault })
    await expectRow(row, happens, configOf(code))
  })
})

describe('Containers', () => {
  const dispatcher = new Agent()
  afterAll(() => dispatcher.destroy())

  test.each(rowsOf('Containers'))('$said is $code', async (row) => {
    const [, reason] = /^`([A-Z_]+)`$/.exec(row.said) ?? []
    const message = JSON.stringify({ error: reason, details: 'because' })
    const fault = reason === undefined ? faultOf(row).fault : refusal(400, 1000, message)
    world.proxy.fault({ path: /\/containers\/applications$/, times: 99, fault })
    const baseUrl = `http://127.0.0.1:${world.proxy.port}/client/v4`
    const http = createCloudHttp({ baseUrl, apiToken: token, dispatcher })
    const path = `/accounts/${accountId}/containers/applications`
    const call = { method: 'POST' as const, path, json: {}, signal: AbortSignal.timeout(9000) }
    const failed = await http.write(z.unknown(), call).catch((error: unknown) => toCodedError(error))
    if (!(failed instanceof CodedError)) throw new Error('it did not fail')
    expect([failed.code, failed.status, failed.retryable]).toEqual([row.code, row.status, row.retryable])
    if (reason !== undefined) expect(failed.message).toContain(`${reason}: because`)
  })
})

describe('GitHub', () => {
  const token401 = { status: 401, message: 'A JSON web token could not be decoded' }
  const happenings: Record<string, () => void> = {
    'does not belong to the App': () =>
      void github.fault({ path: /^\/(app|repos)\//, times: 99, fault: token401 }),
    'is unknown': () =>
      void github.fault({
        path: /access_tokens$/,
        times: 99,
        fault: { status: 404, message: 'Integration not found' },
      }),
    suspended: () => Object.assign(github.state.installations[0] as object, { suspended: true }),
    'lacks a permission': () =>
      Object.assign(github.state.installations[0] as object, { permissions: { statuses: 'read' } }),
  }
  afterEach(() => {
    github.reset()
    github.state.installations = [{ ...installation }]
  })

  test.each(rowsOf('GitHub'))('$said is $code', async (row) => {
    const [, happens] = Object.entries(happenings).find(([words]) => row.said.includes(words)) ?? []
    if (happens === undefined) throw new Error(`nobody knows how to make this happen: ${row.said}`)
    const source = { owner: 'acme', repo: 'shop', ref: 'main' }
    // Tokens are kept in memory; this one has ended.
    github.state.tokenLifeSeconds = 1
    await expectRow(row, () => happens(), { github: source })
  })
})

describe("Capstan's own checks", () => {
  const zone = async () => (await world.callCloud('GET', '/zones?name=example.test')).result[0].id
  const full = Array.from({ length: 500 }, (_, index) => ({ id: `worker-${index}` }))
  const body = JSON.stringify({ success: true, errors: [], messages: [], result: full })
  let changed = 0
  const sick = {
    script: `export default { fetch: () => new Response('no', { status: 500 }) }`,
    healthCheck: { timeoutSeconds: 1 },
  }
  const happenings: Record<string, [() => unknown, object]> = {
    'at 0 %': [() => undefined, sick],
    'first deployment': [() => undefined, { appName: 'sick-at-first', ...sick }],
    'is not applied': [
      () =>
        world.proxy.decide(({ path }) =>
          path.startsWith('worker:rows-staging')
            ? { kind: 'answer', status: 200, headers: { 'x-local-cloud-version': 'another version' } }
            : undefined,
        ),
      { healthCheck: { timeoutSeconds: 1 } },
    ],
    'limit of Workers': [
      () => world.proxy.fault({ path: /\/scripts$/, fault: { kind: 'answer', status: 200, body } }),
      { appName: 'one-more' },
    ],
    'has changed': [
      () => world.script('PATCH', 'rows-staging/script-settings', { tags: [`changed-${++changed}`] }),
      {},
    ],
    'took a host name': [
      async () => {
        const record = { type: 'A', name: 'taken.example.test', content: '192.0.2.1', ttl: 1 }
        await world.callCloud('POST', `/zones/${await zone()}/dns_records`, record)
      },
      { hostnames: ['taken.example.test'] },
    ],
  }

  test.each(rowsOf("Capstan's own checks"))('$said is $code', async (row) => {
    const [, given] = Object.entries(happenings).find(([words]) => row.said.includes(words)) ?? []
    if (given === undefined) throw new Error(`nobody knows how to make this happen: ${row.said}`)
    await expectRow(row, given[0], given[1])
  })
})

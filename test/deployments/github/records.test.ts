import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import { drive, hello, startWorld, type World } from '../harness.ts'
import { startFakeGitHub } from './fake-github.ts'

const sha = 'c0ffee'.padEnd(40, '0')
const source = { owner: 'acme', repo: 'shop', ref: 'main' }
const broken = `export default { fetch: () => new Response('broken', { status: 500 }) }`

let github: Awaited<ReturnType<typeof startFakeGitHub>>
let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  github = await startFakeGitHub()
  world = await startWorld({ env: github.env })
  worker = await world.worker()
})
beforeEach(() => {
  world.proxy.reset()
  github.reset()
  github.state.records = []
  github.state.commits = { [sha]: { 'ci/build': 'success' } }
  github.state.refs = { 'acme/shop': { main: sha } }
  github.state.installations = [
    { id: 7, owner: 'acme', repos: ['shop'], permissions: { deployments: 'write', statuses: 'write' } },
  ]
})
afterAll(async () => {
  await world.stop()
  await github.stop()
  expect(github.violations).toEqual([])
})

/** Delivers the jobs that tell GitHub about a deployment. */
async function report(id: string, turns = 1): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    const jobs = world.ctx.db('jobs').where({ subject: `github:${id}` })
    for (const job of await jobs.whereNull('finished_at'))
      await worker.runner.run(deliveryOf(job.id, job.queue))
  }
}
async function run(config: Parameters<World['started']>[0], options: object = {}): Promise<string> {
  const id = await world.started({ github: source, ...config }, options)
  await drive(world, worker, id)
  await report(id)
  return id
}
const states = (id: string) =>
  github.state.records
    .filter(({ payload }) => payload.deploymentId === id)
    .map((each) => each.statuses.map((s) => s.state))
const commit = () => github.state.commits[sha]

describe('a deployment of a commit', () => {
  test('creates a GitHub deployment with its id, its states, and a commit status', async () => {
    const id = await world.started({ appName: 'shop', github: source })
    await drive(world, worker, id, 'check_quotas')
    expect(states(id)).toEqual([['in_progress']])
    expect(commit()).toMatchObject({ 'capstan/staging/shop': 'pending' })
    await drive(world, worker, id)
    await report(id)
    expect(states(id)).toEqual([['in_progress', 'success']])
    expect(commit()).toEqual({ 'ci/build': 'success', 'capstan/staging/shop': 'success' })
    const [record] = github.state.records
    expect(record).toMatchObject({ sha, environment: 'staging', payload: { deploymentId: id } })
    expect(record?.statuses.at(-1)).toMatchObject({
      log_url: `${world.ctx.config.publicUrl}/deploy/${id}/logs`,
      environment_url: expect.stringContaining('shop-staging'),
    })
    expect(await world.messages(id)).toContain('GitHub shows this deployment at acme/shop, commit c0ffee')
    // With a token that can do no more than that.
    expect([...github.state.tokens.values()].map((each) => [each.permissions, each.repos])).toContainEqual([
      { metadata: 'read', deployments: 'write', statuses: 'write' },
      ['shop'],
    ])
  })

  test('uses the commit of the plan even if the branch has moved', async () => {
    const id = await world.started({ appName: 'frozen', github: source })
    github.state.refs = { 'acme/shop': { main: 'f'.repeat(40), old: sha } }
    await drive(world, worker, id)
    expect(github.state.records[0]?.sha).toBe(sha)
  })

  test('is reported as a failure if it fails, and as inactive once it is replaced', async () => {
    const first = await run({ appName: 'two' })
    const failed = await run({ appName: 'two', script: broken, healthCheck: { timeoutSeconds: 1 } })
    expect(states(failed)).toEqual([['in_progress', 'failure']])
    expect(states(first)).toEqual([['in_progress', 'success']])
    expect(commit()).toMatchObject({ 'capstan/staging/two': 'failure' })
    const second = await run({ appName: 'two', script: hello('second') })
    expect(states(first)).toEqual([['in_progress', 'success', 'inactive']])
    expect(states(second)).toEqual([['in_progress', 'success']])
  })

  test('is reported as inactive after a rollback by hand, and the previous one as a success', async () => {
    const first = await run({ appName: 'back' })
    const second = await run({ appName: 'back', script: hello('second') })
    await world.call(`/deploy/${second}/rollback`, { json: { reason: 'not as we thought' } })
    await drive(world, worker, second)
    await report(second)
    expect(states(second)).toEqual([['in_progress', 'success', 'inactive']])
    expect(states(first)).toEqual([['in_progress', 'success', 'inactive', 'success']])
  })

  test('is not reported for a dry run', async () => {
    const id = await run({ appName: 'dry' }, { dryRun: true })
    expect((await world.status(id)).status).toBe('completed')
    expect([github.state.records, commit()]).toEqual([[], { 'ci/build': 'success' }])
  })
})

describe('an unreachable GitHub', () => {
  test('delays nothing: the report is sent later, and the log says so', async () => {
    const id = await world.started({ appName: 'alone', github: source })
    await drive(world, worker, id, 'cloudflare_auth')
    github.fault({ path: /./, times: 99, fault: 'drop' })
    await drive(world, worker, id)
    expect((await world.status(id)).status).toBe('completed')
    expect(await world.messages(id)).toMatch(/Could not report to .*SYS_002.*retrying in the background/)
    await report(id)
    expect((await world.status(id)).status).toBe('completed')
    github.reset()
    await report(id)
    expect(states(id)).toEqual([['success']])
  })

  test.each(['drop', 'lose'] as const)(
    'in the middle of the record (%s) makes no second one',
    async (fault) => {
      const appName = `record-${fault}`
      const id = await world.started({ appName, github: source })
      await drive(world, worker, id, 'cloudflare_auth')
      github.fault({ method: 'POST', path: /\/deployments$/, fault })
      await drive(world, worker, id)
      await report(id)
      expect(states(id)).toEqual([['success']])
    },
  )

  test('during a status update gets the update again', async () => {
    const id = await world.started({ appName: 'status', github: source })
    await drive(world, worker, id, 'cloudflare_auth')
    github.fault({ method: 'POST', path: /\/statuses\/\w+$/, fault: 'lose' })
    await drive(world, worker, id)
    await report(id)
    expect(states(id)).toEqual([['in_progress', 'success']])
    expect(commit()).toMatchObject({ 'capstan/staging/status': 'success' })
  })

  test('an expired token is renewed once', async () => {
    const id = await world.started({ appName: 'renewed', github: source })
    await drive(world, worker, id, 'cloudflare_auth')
    github.state.tokens.clear()
    await drive(world, worker, id, 'check_quotas')
    expect(states(id)).toEqual([['in_progress']])
    expect(github.made('POST', /access_tokens$/)).toHaveLength(1)
    await drive(world, worker, id)
  })

  test('a late report sends the status of its own time', async () => {
    const id = await run({ appName: 'late' })
    await world.ctx.db('github_records').where({ deployment_id: id }).update({ reported: 'in_progress' })
    await Promise.all(
      [1, 2, 3].map(() => world.ctx.deployments.records.report(id, AbortSignal.timeout(9000))),
    )
    expect(states(id)[0]?.at(-1)).toBe('success')
  })

  test('differs from a permanent refusal, which fails the deployment before any change', async () => {
    const id = await world.started({ appName: 'refused', github: source })
    await drive(world, worker, id, 'cloudflare_auth')
    github.fault({
      path: /\/deployments$/,
      times: 9,
      fault: { status: 403, message: 'Resource not accessible by integration' },
    })
    await drive(world, worker, id)
    expect(await world.status(id)).toMatchObject({
      status: 'failed',
      error: { code: 'AUTH_002', retryable: false },
      currentStep: { step: 'cloudflare_auth' },
    })
  })
})

describe('prepare', () => {
  const refused = async (github: object = source) => {
    const { status, json } = await world.prepare({ appName: 'checked', github })
    return { status, code: json.error?.code, ...json.error }
  }
  const checks = { resources: 'pass', quotas: 'pass', dependencies: 'fail' }

  test('is 424 with the names of checks that are not green', async () => {
    github.state.commits = { [sha]: { 'ci/build': 'success', 'ci/test': 'pending', lint: 'failure' } }
    const { status, code, details, message } = await refused()
    expect([status, code, details.checks]).toEqual([424, 'STATE_003', checks])
    expect(message).toContain('ci/test (pending), lint (failure)')
  })

  test("ignores Capstan's own commit statuses", async () => {
    github.state.commits = { [sha]: { 'ci/build': 'success', 'capstan/staging/checked': 'failure' } }
    expect((await world.prepare({ appName: 'checked', github: source })).status).toBe(200)
  })

  test.each<[string, () => void, object, RegExp]>([
    ['an unknown ref', () => undefined, { ...source, ref: 'gone' }, /SYS_005/],
    ['a repository without the App', () => undefined, { ...source, repo: 'other' }, /AUTH_002/],
    [
      'a suspended installation',
      () => Object.assign(github.state.installations[0] ?? {}, { id: 8, suspended: true, repos: ['shop2'] }),
      { ...source, repo: 'shop2' },
      /suspended/,
    ],
  ])('%s is 424', async (_, happens, from, said) => {
    happens()
    const { status, code, details, message } = await refused(from)
    expect([status, code, details.checks]).toEqual([424, 'STATE_003', checks])
    expect(message).toMatch(said)
  })

  test.each([
    [{ ...source, owner: 'a/b' }, 'config.github.owner'],
    [{ ...source, ref: '../x' }, 'config.github.ref'],
    [{ ...source, ref: 'a b' }, 'config.github.ref'],
  ])('%o is no source', async (from, path) => {
    const { status, details } = await refused(from)
    expect([status, details.fields[0].path]).toEqual([400, path])
    expect(github.calls).toEqual([])
  })
})

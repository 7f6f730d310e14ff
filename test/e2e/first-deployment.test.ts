import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Stack, startStack } from '../helpers/stack.ts'
import { type Api, type Ended, hello, query, signIn, visit } from './support/client.ts'

const stepOrder = [
  'validate_config',
  'cloudflare_auth',
  'check_quotas',
  'upload_container',
  'deploy_worker',
  'rollout_container',
  'configure_dns',
  'health_check',
]
const idsUpTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

let stack: Stack
let api: Api
let first: Ended

beforeAll(async () => {
  stack = await startStack({ first: true })
})

afterAll(() => stack?.dispose())

test('the first start prints the URL and the login, and the generated password works', async () => {
  const printed = /^Sign in at (\S+) as admin with (\S+)$/m.exec(stack.output())
  expect(printed?.[1]).toBe(`${stack.origin}/login`)
  api = await signIn(stack, printed?.[2])
  const me = await api.call('/api/v1/auth/me')
  expect(me.json).toMatchObject({ username: 'admin', is_admin: true })
})

test('the example is prepared, and the plan lists the changes and how they are rolled back', async () => {
  const json = {
    environment: 'production',
    config: { appName: 'hello', ...hello.config, script: hello.script },
  }
  const { status, json: answer } = await api.call('/deploy/prepare', { json })
  expect(status).toBe(200)
  expect(answer.success).toBe(true)
  expect(answer.data).toMatchObject({
    prepared: true,
    checks: { resources: 'pass', quotas: 'pass', dependencies: 'pass' },
    reversible: { value: true, reasons: [] },
  })
  expect(answer.data.plan.steps.map((each: { step: string }) => each.step)).toEqual(stepOrder)
  expect(answer.data.plan.changes).toContainEqual({ kind: 'worker', name: 'hello', action: 'create' })
  expect(answer.metadata.correlationId).toMatch(/\S/)
})

test('the example is deployed, and its log arrives live, gap-free and in order', async () => {
  const id = await api.prepare({ app: 'hello', environment: 'production', ...hello })
  const accepted = await api.start(id, { environment: 'production' })
  expect(accepted.status).toBe(202)
  expect(accepted.json.data).toMatchObject({ deploymentId: id, appName: 'hello', environment: 'production' })
  expect((await api.call(`/jobs/${accepted.json.data.jobId}`)).json).toMatchObject({ queue: 'deploy-step' })

  first = await api.follow(id)
  expect(first.status).toBe('completed')
  expect(first.events.map((event) => event.id)).toEqual(idsUpTo(first.events.length))
  const steps = first.events.filter((event) => event.type === 'step').map((event) => event.data)
  expect(steps.filter((step) => step.status === 'completed').map((step) => step.step)).toEqual(stepOrder)
  expect(first.lines.at(-1)).toBe('Deployment completed')
})

test('a client that reconnects gets the remaining events, and 204 if it has all of them', async () => {
  const path = `/deploy/${first.id}/logs`
  const accept = { accept: 'text/event-stream' }
  const after = String(first.events.length - 2)
  const rest = await api.call(path, { headers: { ...accept, 'last-event-id': after } })
  expect([...rest.text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]))).toEqual(
    idsUpTo(first.events.length).slice(-2),
  )
  const all = await api.call(path, { headers: { ...accept, 'last-event-id': String(first.events.length) } })
  expect(all.status).toBe(204)

  const listed = await api.call(`${path}?limit=1000`, { headers: { accept: 'application/json' } })
  const { logs, nextAfter } = listed.json.data
  expect(logs.map((each: { id: number }) => each.id)).toEqual(idsUpTo(first.events.length))
  expect(nextAfter).toBeNull()
})

test('the app answers at its host name, and counts in its Durable Object', async () => {
  expect(await visit(stack, 'hello', '/a')).toEqual({ status: 200, text: 'Hello from /a, visit 1\n' })
  expect((await visit(stack, 'hello', '/a')).text).toBe('Hello from /a, visit 2\n')
  expect((await visit(stack, 'nobody')).status).toBe(404)
})

test('status, list, apps and versions agree on the deployment', async () => {
  const status = await api.status(first.id)
  expect(status).toMatchObject({
    status: 'completed',
    progress: { current: 8, total: 8, percentage: 100 },
    currentStep: null,
    error: null,
    urls: { production: `http://hello.localhost:${stack.cloudPort}`, staging: null },
    metadata: { appName: 'hello', environment: 'production', estimatedCompletion: null },
  })
  const skipped = status.completedSteps.filter((step: { skipped?: boolean }) => step.skipped)
  expect(skipped.map((step: { step: string }) => step.step)).toEqual([
    'upload_container',
    'rollout_container',
  ])

  const list = await api.call('/deploy?app=hello&status=completed')
  expect(list.json.data.deployments).toMatchObject([
    { deploymentId: first.id, version: status.metadata.version },
  ])
  const apps = await api.call('/deploy/apps')
  expect(apps.json.data.apps).toMatchObject([{ appName: 'hello', deploymentId: first.id }])
  expect(await api.versions('hello', 'production')).toMatchObject([
    { id: status.metadata.version, deploymentId: first.id, state: 'serving' },
  ])
})

test('all eight jobs are listed by the API and in the console', async () => {
  const { jobs } = (await api.call(`/jobs?subject=deployment:${first.id}`)).json
  expect(jobs).toHaveLength(8)
  for (const job of jobs) {
    expect(job).toMatchObject({ queue: 'deploy-step', state: 'completed', attempt: 1, error: null })
  }
  const shown = await api.call(
    '/admin/queues/api/queues?activeQueue=deploy-step&status=latest&jobsPerPage=50',
  )
  const queue = shown.json.queues.find((each: { name: string }) => each.name === 'deploy-step')
  const delivered = queue.jobs.map((job: { data: { job: string } }) => job.data.job)
  expect(new Set(delivered)).toEqual(new Set(jobs.map((job: { id: string }) => job.id)))
})

test('the three health pages report no fault', async () => {
  const health = await api.call('/health', { token: null })
  expect(health.status).toBe(200)
  expect(health.json).toMatchObject({
    status: 'healthy',
    service: 'capstan',
    database: 'healthy',
    queue: 'healthy',
  })
  const ready = await api.call('/health/ready', { token: null })
  expect(ready.json).toEqual({ status: 'ready', database: 'healthy', redis: 'disabled' })
  const targets = await api.call('/health/deployment')
  expect(targets.json.data).toMatchObject({
    healthy: true,
    services: { cloudflare: { status: 'healthy' }, github: { status: 'not_configured' } },
    activeDeployments: 0,
    queuedDeployments: 0,
  })
})

test('a second version serves with its new variable and the previous count', async () => {
  const second = await api.deploy({
    app: 'hello',
    environment: 'production',
    script: hello.script,
    config: { ...hello.config, environmentVars: { GREETING: 'Ahoy' } },
  })
  expect(second.status).toBe('completed')
  expect((await visit(stack, 'hello', '/a')).text).toBe('Ahoy from /a, visit 3\n')
  expect(await api.versions('hello', 'production')).toMatchObject([
    { deploymentId: second.id, state: 'serving' },
    { deploymentId: first.id, state: 'previous' },
  ])
})

test('the same app in the other environment is a separate script with its own data', async () => {
  const staged = await api.deploy({ app: 'hello', ...hello })
  expect(staged.status).toBe('completed')
  expect((await visit(stack, 'hello-staging', '/a')).text).toBe('Hello from /a, visit 1\n')
  expect((await visit(stack, 'hello', '/a')).text).toBe('Ahoy from /a, visit 4\n')
})

test('no job is waiting, and no process has logged a warning', async () => {
  const unfinished = await query(
    stack,
    `select id from jobs where finished_at is null and queue <> 'maintenance'`,
  )
  expect(unfinished).toEqual([])
  expect(stack.logLines().filter((line) => line.level === 'warn' || line.level === 'error')).toEqual([])
})

test('a stop is orderly and leaves no process running', async () => {
  const { exitCode, tookMs } = await stack.stop()
  expect(exitCode).toBe(0)
  expect(tookMs).toBeLessThan(15_000)
})

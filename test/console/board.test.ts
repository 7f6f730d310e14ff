import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { boardPage } from '../../src/console/board-page.ts'
import { base, type ConsoleWorld, startConsole } from './harness.ts'

let world: ConsoleWorld
beforeAll(async () => {
  world = await startConsole()
})
afterAll(() => world.stop())

const job = '00000000-0000-4000-8000-000000000000-1'
const list = (queue: string, status = 'latest') =>
  world.call(`/api/queues?activeQueue=${queue}&status=${status}&page=1&jobsPerPage=10`)

describe('an invalid request gets the error envelope', () => {
  test.each([
    ['GET', '/api/queues/nowhere/workers', 404, 'SYS_005'],
    ['GET', `/api/queues/nowhere/${job}`, 404, 'SYS_005'],
    ['GET', '/api/queues/rollback/nothing', 404, 'SYS_005'],
    ['GET', `/api/queues/nowhere/${job}/logs`, 404, 'SYS_005'],
    ['GET', '/api/nowhere', 404, 'SYS_005'],
    ['PUT', '/api/queues/nowhere/pause', 404, 'SYS_005'],
    ['PUT', '/api/queues/nowhere/resume', 404, 'SYS_005'],
    ['PUT', '/api/queues/nowhere/clean/failed', 404, 'SYS_005'],
    ['PUT', `/api/queues/nowhere/${job}/clean`, 404, 'SYS_005'],
    ['PUT', '/api/queues/rollback%00/pause', 400, 'REQ_002'],
    ['GET', '/api/queues/rollback/a%00b', 400, 'REQ_002'],
    ['GET', '/api/queues/rollback/%FF', 400, 'REQ_001'],
    ['GET', '/api/queues?activeQueue=%2500', 404, 'SYS_005'],
    ['GET', '/api/queues?activeQueue=nowhere', 404, 'SYS_005'],
    ['GET', '/api/job-schedulers?queueName=nowhere', 404, 'SYS_005'],
    ['GET', `/api/queues/rollback/${job}/logs`, 404, 'SYS_005'],
    ['GET', `/api/queues/rollback/${job}/flow`, 404, 'SYS_005'],
    ['GET', '/api/queues?activeQueue=a%00b', 400, 'REQ_002'],
    ['GET', '/api/queues?activeQueue=%25', 400, 'REQ_002'],
    ['GET', '/api/queues?activeQueue=rollback&status=nonsense', 400, 'REQ_002'],
    ['GET', '/api/queues?activeQueue=rollback&page=x', 400, 'REQ_002'],
  ])('for %s %s: %i %s', async (method, path, status, code) => {
    const answer = await world.call(path, { method })
    expect([answer.status, answer.json.error?.code]).toEqual([status, code])
    if (status >= 400)
      expect(answer.json.error.details.correlationId).toBe(answer.headers.get('x-request-id'))
  })

  test.each([
    ['status=bogus&page=-1', ['status', 'page']],
    ['activeQueue=rollback&status=bogus&page=-1&jobsPerPage=0', ['status', 'page', 'jobsPerPage']],
    ['activeQueue=rollback&page=1.5', ['page']],
    ['activeQueue=%25', ['activeQueue']],
    ['activeQueue=rollback&activeQueue=rollback', ['activeQueue']],
    ['status=failed&status=latest', ['status']],
  ])('for ?%s, which names the fields %j without their values', async (query, names) => {
    const { status, json, text } = await world.call(`/api/queues?${query}`)
    expect(status).toBe(400)
    expect(json.error.details.fields.map(({ path }: { path: string }) => path)).toEqual(names)
    expect(text).not.toContain('bogus')
  })

  test('an empty value counts as missing', async () => {
    expect((await world.call('/api/queues?activeQueue=&status=&page=')).status).toBe(200)
  })

  test.each(['{', '"text"', '{"a":'])('for the body %s: 400', async (raw) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await world.put('/api/queues/rollback/pause', { raw, headers })
    expect([answer.status, answer.json.error.code]).toEqual([400, 'REQ_001'])
  })
})

describe('the console page', () => {
  test('has all security headers and loads nothing from other hosts', async () => {
    const { cookie } = await world.browser('the-admin')
    for (const path of ['', '/queue/rollback', '/api/queues', '/static/favicon.ico']) {
      const { headers, status } = await world.api.call(base + path, {
        headers: { cookie, accept: 'text/html' },
      })
      expect([path, status]).toEqual([path, 200])
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'self';/)
      expect(headers.get('content-security-policy')).not.toMatch(/https:|\*/)
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('referrer-policy')).toBe('strict-origin-when-cross-origin')
      expect(headers.get('x-powered-by')).toBeNull()
      expect(headers.get('x-request-id')).not.toBeNull()
    }
    const page = await world.api.call(base, { headers: { cookie, accept: 'text/html' } })
    expect(page.text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
    expect(page.text).toContain('"text":"Sign out","url":"/login?next=')
  })

  test('is not rendered from a template with unsupported content', () => {
    expect(() => boardPage('<% if (x) %>', {})).toThrow(/cannot be rendered/)
    expect(() => boardPage('<script src="https://example.org/x.js"></script>', {})).toThrow(
      /cannot be rendered/,
    )
    expect(boardPage('<a title="<%= t %>"><%- raw %></a>', { t: '"<', raw: '<b>' })).toBe(
      '<a title="&#34;&#60;"><b></a>',
    )
  })
})

describe('a displayed job', () => {
  test('has its name, its subject and its error', async () => {
    const { queues } = world.ctx
    const id = await world.job({
      queue: 'maintenance',
      name: 'publish-release',
      payload: { version: '1.2.3', by: 'ada' },
      state: 'failed',
      finished_at: new Date(),
      error: { code: 'STATE_003', message: 'the store is unreachable' },
    })
    await queues
      .get('maintenance')
      .add('publish-release', { job: id }, { jobId: `${id}-1`, delay: 3_600_000 })
    const answer = await list('maintenance', 'delayed')
    const queue = answer.json.queues.find(({ name }: { name: string }) => name === 'maintenance')
    expect(queue.jobs).toMatchObject([
      {
        name: 'publish-release · 1.2.3: STATE_003: the store is unreachable',
        data: { job: id, version: '1.2.3', state: 'failed' },
      },
    ])
    const one = await world.call(`/api/queues/maintenance/${id}-1`)
    expect(one.json.job.name).toBe('publish-release · 1.2.3: STATE_003: the store is unreachable')
  })
})

describe('the entries hidden by their position', () => {
  const folder = dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json'))
  const scripts = join(folder, 'dist/static/js/async')
  const code = readdirSync(scripts)
    .filter((name) => name.endsWith('.js'))
    .map((name) => readFileSync(join(scripts, name), 'utf8'))
    .join('\n')

  test('have the expected positions in the actions of a job: remove last, retry before three others', () => {
    const found = [...code.matchAll(/\[\w+\.\w+\.(\w+)\]:\[((?:\w+\.\w+,?)+)\]/g)]
    const actions = new Map(
      found.map(([, status = '', list = '']) => [status, list.split(',').map((each) => each.split('.')[1])]),
    )
    expect([...actions.keys()]).toEqual(expect.arrayContaining(['failed', 'delayed', 'completed', 'waiting']))
    for (const list of actions.values()) expect(list.at(-1)).toBe('clean')
    expect(actions.get('failed')).toHaveLength(4)
    expect(actions.get('failed')?.[0]).toBe('retry')
    // Statuses that our deliveries never have may have four entries too.
    for (const status of ['delayed', 'waiting', 'paused']) expect(actions.get(status)).not.toHaveLength(4)
  })

  test('have the expected positions in the menu of a queue: pause is fifth from the end', () => {
    const menu = code.slice(code.indexOf('trigger-'))
    const entries = ['PAUSE"', 'SET_CONCURRENCY"', 'SET_RATE_LIMIT"', 'EMPTY"', 'OBLITERATE"']
    const places = entries.map((entry) => menu.indexOf(`"QUEUE.ACTIONS.${entry}`))
    expect(places).not.toContain(-1)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
  })

  test('include retry for queues whose jobs cannot be retried', async () => {
    const { queues } = (await list('rollback')).json
    const retries = new Map(
      queues.map((queue: Record<string, unknown>) => [
        queue.name,
        [queue.allowRetries, queue.supportsGlobalRateLimit],
      ]),
    )
    expect(retries.get('deploy-step')).toEqual([false, true])
    expect(retries.get('collect')).toEqual([true, true])
    for (const queue of queues) expect(queue.allowCompletedRetries).toBe(false)
  })
})

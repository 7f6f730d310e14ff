import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { z } from 'zod'
import { queues } from '../src/catalog.ts'
import { loadConfig } from '../src/config.ts'
import { type Context, createContext } from '../src/context.ts'
import { stepKeys } from '../src/deployments/model/states.ts'
import type { BoundJob } from '../src/platform/jobs/index.ts'

const settings = {
  DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
  SECRET_KEY: 'a-secret-key-of-the-tests-0123456789',
  DATA_DIR: join(tmpdir(), 'job-catalog'),
  LOG_LEVEL: 'error',
}
const cluster = { KUBECONFIG: '/none', CLIENT_NAME: 'acme', ENV_NAME: 'prod' }
const master = { MASTER_URL: 'https://master.test', MASTER_API_KEY: 'a'.repeat(32) }

// Nothing is asked: a context opens its connections when they are first used.
const contexts: Record<string, Context> = {
  standalone: createContext(loadConfig({ ...settings, ...cluster }), 'test'),
  master: createContext(loadConfig({ ...settings, ...cluster, MODE: 'master' }), 'test'),
  slave: createContext(loadConfig({ ...settings, ...cluster, ...master, MODE: 'slave' }), 'test'),
}
afterAll(() => Promise.all(Object.values(contexts).map((ctx) => ctx.dispose())))

test('docs/jobs.md shows every queue and every job with its settings', async () => {
  const jobs = contexts.standalone?.jobs ?? []
  const names = Object.keys(queues)
  expect(jobs.filter(({ queue }) => !names.includes(queue))).toEqual([])
  const lines = [
    '# Queues and jobs',
    '',
    'This table is made from `src/catalog.ts` and the job definitions. After a change of either, update it with',
    '`npm run check:architecture -- -u`; the test fails while they differ.',
    '',
    'A queue is followed by the number of its jobs that one worker process runs at once. The attempts are those of a new job; a',
    "deployment's `maxRetries` replaces those of its steps. The time limit is that of one attempt. The backoff doubles from the first",
    'value to the second.',
    '',
    '| queue | job | payload | attempts | backoff | time limit | schedule |',
    '|---|---|---|---|---|---|---|',
    ...Object.entries(queues).flatMap(([queue, { concurrency }]) =>
      jobs.filter((job) => job.queue === queue).map((job) => rowOf(job, `${queue} (${concurrency})`)),
    ),
    '',
  ]
  await expect(lines.join('\n')).toMatchFileSnapshot('../docs/jobs.md')
})

function rowOf(job: BoundJob, queue: string): string {
  const { firstMs, maxMs } = job.backoff
  const backoff = `${duration(firstMs)} to ${duration(maxMs)}`
  const cells = [queue, job.name, payloadOf(job), job.maxAttempts, backoff, limitOf(job), scheduleOf(job)]
  return `| ${cells.join(' | ')} |`
}

/** The fields of a payload, with `?` behind what may be left out. */
function payloadOf({ payload }: BoundJob): string {
  const { properties = {}, required = [] } = z.toJSONSchema(payload, { io: 'input', unrepresentable: 'any' })
  const fields = Object.entries(properties).map(([name, property]) => {
    const type = typeof property === 'object' ? (property.type ?? 'any') : 'any'
    return `${name}${required.includes(name) ? '' : '?'}: ${type}`
  })
  return fields.length === 0 ? '-' : fields.map((field) => `\`${field}\``).join(', ')
}

function limitOf(job: BoundJob): string {
  const limits = [...new Set(stepKeys.map((step) => job.timeoutMs({ step })))].toSorted((a, b) => a - b)
  const [shortest = 0, ...longer] = limits
  const longest = longer.at(-1)
  return longest === undefined ? duration(shortest) : `${duration(shortest)} to ${duration(longest)}, by step`
}

function scheduleOf({ queue, name }: BoundJob): string {
  const byInterval = Map.groupBy(Object.entries(contexts), ([, ctx]) => {
    const found = ctx.jobs.find((each) => each.queue === queue && each.name === name)
    return found?.schedule === undefined ? '-' : `every ${duration(found.schedule.everyMs)}`
  })
  if (byInterval.size === 1) return [...byInterval.keys()].join('')
  return [...byInterval]
    .filter(([text]) => text !== '-')
    .map(([text, modes]) => `${text} (${modes.map(([mode]) => mode).join(', ')})`)
    .join('; ')
}

function duration(ms: number): string {
  if (ms < 1000) return `${ms} ms`
  if (ms < 60_000) return `${ms / 1000} s`
  return `${ms / 60_000} min`
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startLocalCloud } from '../../../src/local-cloud/index.ts'
import { parseCron } from '../../../src/local-cloud/triggers/schedules.ts'
import { silent } from '../../helpers/context.ts'
import { until } from '../../helpers/until.ts'
import { accountId, clientOf, token } from '../harness.ts'

const directory = mkdtempSync(join(tmpdir(), 'local-cloud-cron-'))
let now = Date.UTC(2026, 0, 5, 10, 0, 30)
const start = async () => {
  const about = { host: '127.0.0.1', port: 0, dataDir: directory, token, accountId, log: silent }
  const local = await startLocalCloud({ ...about, clock: () => now })
  return { ...local, ...clientOf(local) }
}
let cloud: Awaited<ReturnType<typeof start>>
beforeAll(async () => {
  cloud = await start()
})
afterAll(async () => {
  await cloud?.stop()
  rmSync(directory, { recursive: true, force: true })
})

const code = `
let runs = []
export default {
  fetch: () => Response.json(runs),
  scheduled(controller) {
    runs.push([controller.cron, new Date(controller.scheduledTime).toISOString()])
    if (controller.cron === '2 * * * *') throw new Error('a run failed')
  },
}`
const put = (crons: string[]) =>
  cloud.script('PUT', 'job/schedules', crons.map((cron) => ({ cron })) as unknown as object)
const runs = async () => JSON.parse((await cloud.get('job')).text)
const logged = async () => {
  const response = await fetch(`${cloud.url}/capstan/logs/job`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return JSON.stringify(await response.json())
}

describe('cron triggers', () => {
  test('call the scheduled handler in each minute that matches, once', async () => {
    await cloud.put('job', {}, [{ name: 'main.js', content: code }])
    await cloud.publish('job')
    expect((await put(['*/1 * * * *', '1 10 5 JAN MON'])).result.schedules).toMatchObject([
      { cron: '*/1 * * * *' },
      { cron: '1 10 5 JAN MON' },
    ])
    expect(await runs()).toEqual([])
    now = Date.UTC(2026, 0, 5, 10, 1, 0)
    await until(async () => (await runs()).length === 2, { what: 'both schedules ran' })
    expect((await runs()).toSorted()).toEqual([
      ['*/1 * * * *', '2026-01-05T10:01:00.000Z'],
      ['1 10 5 JAN MON', '2026-01-05T10:01:00.000Z'],
    ])
  })

  test('report a run that fails in the log of the Worker', async () => {
    await put(['2 * * * *'])
    now = Date.UTC(2026, 0, 5, 10, 2, 1)
    await until(async () => /cron trigger 2 \* \* \* \* ended with: exception/.test(await logged()), {
      what: 'the failure is in the log',
    })
    expect(await logged()).toContain('a run failed')
  })

  test('stay after a restart and do not run twice in one minute', async () => {
    await put(['* * * * *'])
    now = Date.UTC(2026, 0, 5, 10, 3, 10)
    await until(async () => (await runs()).length === 4, { what: 'the minute ran' })
    await cloud.stop()
    cloud = await start()
    const { result } = await cloud.script('GET', 'job/schedules')
    expect(result.schedules.map(({ cron }: { cron: string }) => cron)).toEqual(['* * * * *'])
    expect(await runs()).toEqual([])
    now = Date.UTC(2026, 0, 5, 10, 4, 10)
    await until(async () => (await runs()).length === 1, { what: 'the next minute ran' })
    expect(await runs()).toEqual([['* * * * *', '2026-01-05T10:04:00.000Z']])
  })

  test('are replaced as a whole, and an empty list removes them', async () => {
    await put(['0 1 * * *', '0 2 * * *'])
    expect((await put(['0 2 * * *', '0 3 * * *'])).result.schedules).toHaveLength(2)
    expect((await put([])).result.schedules).toEqual([])
  })

  test.each([
    ['61 * * * *', 10100],
    ['* * * * * *', 10100],
    ['tomorrow', 10100],
  ])('with the expression %s are refused', async (cron, code) => {
    const reply = await put([cron])
    expect([reply.status, reply.code]).toEqual([400, code])
  })

  test('above the limit of the account are refused, and a shorter list is not', async () => {
    const many = Array.from({ length: 250 }, (_, at) => `${at % 60} ${Math.floor(at / 60)} * * *`)
    expect((await put(many)).status).toBe(200)
    expect((await put([...many, '59 23 * * *'])).code).toBe(10072)
    expect((await put(many.slice(1))).status).toBe(200)
  })

  test('of a script that does not exist are refused', async () => {
    expect((await cloud.script('GET', 'none/schedules')).code).toBe(10007)
    expect((await cloud.script('PUT', 'none/schedules', [])).code).toBe(10007)
  })
})

test.each([
  ['0 0 * * 1', '2026-01-11'],
  ['0 0 * * 2-6', '2026-01-06'],
  ['0 0 * * SUN', '2026-01-11'],
  ['0 0 LW * *', '2026-01-30'],
  ['0 0 L * *', '2026-01-31'],
  ['0 0 * * 6L', '2026-01-30'],
  ['0 0 * * MON#2', '2026-01-12'],
])('the expression %s follows Cloudflare: Sunday is 1', (cron, day) => {
  expect(parseCron(cron).nextRun(new Date('2026-01-05T12:00:00Z'))?.toISOString()).toBe(
    `${day}T00:00:00.000Z`,
  )
})

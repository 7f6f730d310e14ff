import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ProgramName, Stack } from '../../helpers/stack.ts'
import { until } from '../../helpers/until.ts'
import { type Api, type Ended, versionTagsOf, visit } from '../support/client.ts'
import { createGate, type Gate } from '../support/gate.ts'
import type { GetInstallation } from '../support/installation.ts'

const runStep = 'Running health check'

export function crashTests(get: GetInstallation): void {
  describe('kill -9 in the middle of a deployment', () => {
    let stack: Stack
    let api: Api
    let gate: Gate

    beforeAll(async () => {
      gate = await createGate()
      ;({ stack, api } = get())
    })

    beforeEach(() => gate.shut())

    afterAll(() => gate?.close())

    /** A deployment whose last step is running, held by the gate, with a single attempt: a crash must not use it up. */
    async function heldDeployment(app: string) {
      const id = await api.begin({ app, ...gate.app(app), options: { maxRetries: 0 } })
      const watched = api.watch(id)
      await gate.waiting(1, app)
      return { id, watched }
    }

    function expectWhole(ended: Ended) {
      expect(ended.status).toBe('completed')
      expect(ended.events.map((event) => event.id)).toEqual(ended.events.map((_, index) => index + 1))
      expect(ended.events.filter((event) => event.type === 'end')).toHaveLength(1)
    }

    const restarted = (name: ProgramName, before: number) =>
      until(() => stack.pids()[name] !== undefined && stack.pid(name) !== before, {
        timeoutMs: 15_000,
        what: `${name} runs again`,
      })

    /** Waits until the API answers again. */
    const serves = () =>
      until(async () => (await api.call('/health/ready', { token: null })).status === 200, {
        timeoutMs: 15_000,
      })

    test('of the worker: the next attempt starts within 10 s, and the deployment completes', async () => {
      const { id, watched } = await heldDeployment('worker-dies')
      const killedAt = stack.kill('worker')
      const resumedAt = await watched.saw(`${runStep} (attempt 2)`)
      const afterMs = resumedAt - killedAt
      expect(afterMs).toBeGreaterThan(0)
      expect(afterMs).toBeLessThan(10_000)
      gate.open()
      expectWhole(await watched.ended)
      const { jobs } = (await api.call(`/jobs?queue=deploy-step&subject=deployment:${id}`)).json
      expect(jobs).toHaveLength(8)
      expect(jobs[0]).toMatchObject({ state: 'completed', attempt: 2, max_attempts: 2 })
      expect((await visit(stack, 'worker-dies-staging')).text).toBe('worker-dies')
    })

    test('of web: a client that follows the log reconnects and gets every line once', async () => {
      const { watched } = await heldDeployment('web-dies')
      await watched.saw(runStep)
      const before = stack.pid('web')
      stack.kill('web')
      gate.open()
      await restarted('web', before)
      const ended = await watched.ended
      expectWhole(ended)
      expect(ended.connections).toBeGreaterThan(1)
      expect(ended.lines.filter((line) => line === 'Deployment completed')).toHaveLength(1)
    })

    test('of the local cloud: the health check and the app continue after its restart', async () => {
      const { id, watched } = await heldDeployment('cloud-dies')
      const before = stack.pid('cloud')
      stack.kill('cloud')
      await watched.saw('no answer')
      await restarted('cloud', before)
      gate.open()
      expectWhole(await watched.ended)
      expect((await visit(stack, 'cloud-dies-staging')).text).toBe('cloud-dies')
      const { jobs } = (await api.call(`/jobs?queue=deploy-step&subject=deployment:${id}`)).json
      expect(jobs[0]).toMatchObject({ attempt: 1 })
    })

    test('of PostgreSQL: 503 with Retry-After during the outage, then the same processes continue', async () => {
      const { watched } = await heldDeployment('postgres-dies')
      const before = stack.pids()
      stack.kill('postgres')
      const refused = await until(async () => {
        const answer = await api.call('/jobs')
        return answer.status === 200 ? undefined : answer
      })
      expect(refused.status).toBe(503)
      expect(refused.json.error).toMatchObject({ code: 'SYS_002', retryable: true })
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      await serves()
      gate.open()
      expectWhole(await watched.ended)
      const { postgres, ...others } = stack.pids()
      expect(postgres).not.toBe(before.postgres)
      expect(others).toEqual({ web: before.web, worker: before.worker, cloud: before.cloud })
      expect((await api.deploy({ app: 'postgres-dies', ...gate.app('again') })).status).toBe('completed')
    })

    test('of all four at once: all restart, and the deployment completes', async () => {
      const { watched } = await heldDeployment('all-die')
      for (const name of ['web', 'worker', 'cloud', 'postgres'] as const) stack.kill(name)
      gate.open()
      expectWhole(await watched.ended)
      expect((await visit(stack, 'all-die-staging')).text).toBe('all-die')
    })

    test('of the worker during an upload: one uploaded version serves, and no second one remains', async () => {
      const app = 'upload-dies'
      gate.open()
      const id = await api.begin({ app, ...gate.app(app), options: { maxRetries: 0 } })
      const watched = api.watch(id)
      await watched.saw(`Creating ${app}-staging`)
      stack.kill('worker')
      expectWhole(await watched.ended)
      expect(await versionTagsOf(stack, `${app}-staging`)).toEqual([id])
      expect((await visit(stack, `${app}-staging`)).text).toBe(app)
    })

    test('of the worker during many deployments: each completes, and no step completes twice', async () => {
      const ids = await Promise.all(
        ['a', 'b', 'c', 'd'].map((name) => api.begin({ app: `many-${name}`, ...gate.app(name) })),
      )
      await gate.waiting(4)
      stack.kill('worker')
      gate.open()
      for (const ended of await Promise.all(ids.map((id) => api.follow(id)))) {
        expectWhole(ended)
        const completed = ended.events.filter(
          ({ type, data }) => type === 'step' && data.status === 'completed',
        )
        expect(completed).toHaveLength(8)
      }
    })

    test('every printed line except the ready line is a JSON log line', () => {
      const others = stack
        .output()
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('{'))
      expect(others).toEqual([`ready ${stack.origin}/admin`])
    })
  })
}

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { freePorts, runStart, startStack } from '../../helpers/stack.ts'
import { until } from '../../helpers/until.ts'
import { adminPassword, query, visit } from '../support/client.ts'
import { createGate, type Gate } from '../support/gate.ts'
import type { GetInstallation } from '../support/installation.ts'

const env = { ADMIN_PASSWORD: adminPassword }

export function restartTests(get: GetInstallation): void {
  describe('a restart', () => {
    let gate: Gate
    beforeAll(async () => {
      gate = await createGate()
    })
    afterEach(() => gate.shut())
    afterAll(() => gate?.close())

    /** A deployment with a single attempt, so that a lost attempt would fail it. */
    async function heldDeployment(app: string) {
      const id = await get().api.begin({ app, ...gate.app(app), options: { maxRetries: 0 } })
      await gate.waiting(1, app)
      return id
    }

    async function startAgain() {
      const installation = get()
      installation.stack = await startStack({ env, after: installation.stack })
    }

    function isGone(pid: number | undefined): boolean {
      try {
        return pid === undefined || !process.kill(pid, 0)
      } catch {
        return true
      }
    }

    async function jobOf(id: string) {
      const [job] = (await get().api.call(`/jobs?subject=deployment:${id}`)).json.jobs
      return job
    }

    test('SIGTERM during a long health check hands the job over within 30 s, and the next start completes it', async () => {
      const id = await heldDeployment('handed-over')
      const { exitCode, tookMs } = await get().stack.stop(35_000)
      expect(exitCode).toBe(0)
      expect(tookMs).toBeLessThan(30_000)

      await startAgain()
      gate.open()
      const { stack, api } = get()
      const ended = await api.follow(id)
      expect(ended.status).toBe('completed')
      expect(ended.events.map((event) => event.id)).toEqual(ended.events.map((_, index) => index + 1))
      expect(await jobOf(id)).toMatchObject({ state: 'completed', attempt: 1, max_attempts: 1 })
      const [{ crashes }] = (await query<{ crashes: number }>(
        stack,
        'select sum(crashes)::int as crashes from jobs where subject = $1',
        [`deployment:${id}`],
      )) as [{ crashes: number }]
      expect(crashes).toBe(0)
      expect((await visit(stack, 'handed-over-staging')).text).toBe('handed-over')
    })

    describe('kill -9 of the supervisor', () => {
      test('makes its children exit, and the next start completes the running job', async () => {
        const id = await heldDeployment('orphaned')
        const { stack, api } = get()
        const children = Object.values(stack.pids())
        process.kill(stack.supervisor, 'SIGKILL')
        // Start again immediately, as an impatient operator or a process manager does.
        await startAgain()
        await until(() => children.every(isGone), { what: 'the orphans ended' })
        gate.open()
        const ended = await api.follow(id)
        expect(ended.status).toBe('completed')
        expect((await visit(stack, 'orphaned-staging')).text).toBe('orphaned')
      })

      test('a second start on the same data is refused with the pid of the first', async () => {
        const { stack, api } = get()
        const [port, cloudPort] = await freePorts()
        const ports = { PORT: `${port}`, LOCAL_CLOUD_PORT: `${cloudPort}` }
        const second = await runStart({ ...env, ...ports, DATA_DIR: stack.dataDir })
        expect(second.exitCode).toBe(1)
        expect(second.output).toContain(`Capstan already runs here (pid ${stack.supervisor},`)
        expect(second.output.trim().split('\n')).toHaveLength(1)
        expect((await api.call('/health')).status).toBe(200)
      })
    })
  })
}

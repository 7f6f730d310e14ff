import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Stack } from '../../helpers/stack.ts'
import { until } from '../../helpers/until.ts'
import { type Api, query, visit } from '../support/client.ts'
import { createGate, type Gate } from '../support/gate.ts'
import type { GetInstallation } from '../support/installation.ts'

// A frozen process (swap, a paused VM) is worse than a crashed one: it continues later with outdated state.
export function freezeTests(get: GetInstallation): void {
  describe('a process that freezes in the middle of a deployment', () => {
    let stack: Stack
    let api: Api
    let gate: Gate

    beforeAll(async () => {
      gate = await createGate()
      ;({ stack, api } = get())
    })

    beforeEach(() => gate.shut())

    afterAll(async () => {
      stack?.signalGroup('postgres', 'SIGCONT')
      stack?.signalGroup('worker', 'SIGCONT')
      await gate?.close()
    })

    test('a worker frozen for longer than its lease loses the run, and the next attempt completes', async () => {
      const before = stack.pids()
      const id = await api.begin({ app: 'asleep', ...gate.app('asleep'), options: { maxRetries: 0 } })
      const watched = api.watch(id)
      await gate.waiting(1, 'asleep')
      stack.signalGroup('worker', 'SIGSTOP')
      await until(
        async () => {
          const sql = `select id from jobs where subject = $1 and state = 'running' and lease_until < now()`
          return (await query(stack, sql, [`deployment:${id}`]))[0]
        },
        { timeoutMs: 10_000, what: 'the lease ran out' },
      )
      gate.open()
      stack.signalGroup('worker', 'SIGCONT')
      const ended = await watched.ended
      expect(ended.status).toBe('completed')
      expect(ended.events.map((event) => event.id)).toEqual(ended.events.map((_, index) => index + 1))
      const completed = ended.events.filter(
        ({ type, data }) => type === 'step' && data.status === 'completed',
      )
      expect(completed).toHaveLength(8)
      expect(stack.pids()).toEqual(before)
    })

    test('a frozen PostgreSQL is reported by health in time, and all work continues afterwards', async () => {
      const before = stack.pids()
      const id = await api.begin({ app: 'stalled', ...gate.app('stalled'), options: { maxRetries: 0 } })
      const watched = api.watch(id)
      await gate.waiting(1, 'stalled')
      stack.signalGroup('postgres', 'SIGSTOP')
      const startedAt = Date.now()
      const health = await api.call('/health', { token: null })
      expect(Date.now() - startedAt).toBeLessThan(5000)
      expect([health.status, health.json.status, health.json.database]).toEqual([
        503,
        'unhealthy',
        'unhealthy',
      ])
      expect((await api.call('/health/ready', { token: null })).status).toBe(503)
      const lost = () => stack.logLines().some((line) => line.process === 'worker' && line.reason === 'lost')
      await until(lost, { timeoutMs: 15_000, what: 'the worker gave up its run' })
      gate.open()
      stack.signalGroup('postgres', 'SIGCONT')
      expect((await watched.ended).status).toBe('completed')
      expect((await visit(stack, 'stalled-staging')).text).toBe('stalled')
      expect(stack.pids()).toEqual(before)
    })
  })
}

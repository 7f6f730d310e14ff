import type { ChildProcess } from 'node:child_process'
import { afterAll, expect, test } from 'vitest'
import { appName, hosted } from '../../../src/local-cloud/runtime/gate.ts'
import { limitsOf } from '../../../src/local-cloud/runtime/limits.ts'
import { Reaper } from '../../../src/local-cloud/runtime/reaper.ts'
import { StartTimeout, Workerd } from '../../../src/local-cloud/runtime/workerd.ts'

const reaper = new Reaper()
afterAll(() => reaper.close())

/** Starts a Worker. `onChild` gets its process as soon as it runs. */
function start(script: string, about: { startTimeoutMs: number; onChild?: (child: ChildProcess) => void }) {
  const { startTimeoutMs, onChild } = about
  const watching = Object.assign(Object.create(reaper), {
    watch(child: ChildProcess) {
      reaper.watch(child)
      child.once('spawn', () => onChild?.(child))
    },
  }) as Reaper
  const worker = { name: appName('one'), modules: true as const, script, compatibilityDate: '2026-01-01' }
  return Workerd.start({
    workers: [hosted('one', worker)],
    marker: 'marker',
    startTimeoutMs,
    onLog: () => undefined,
    reaper: watching,
    limits: limitsOf([{ moduleBytes: 0 }]),
  })
}

test.skipIf(process.platform !== 'linux')(
  'a Worker that gets no CPU time from the machine may exceed the start timeout',
  async () => {
    const limitMs = 3000
    const workerd = await start(`export default { fetch: () => new Response('here') }`, {
      startTimeoutMs: limitMs,
      onChild(child) {
        child.kill('SIGSTOP')
        setTimeout(() => child.kill('SIGCONT'), limitMs * 1.2)
      },
    })
    const answer = await fetch(workerd.url('one') ?? '', { headers: workerd.gate })
    expect(await answer.text()).toBe('here')
    await workerd.stop()
  },
)

test('a Worker in an endless loop exceeds the start timeout', async () => {
  const endless = start('while (true);\nexport default { fetch: () => new Response() }', {
    startTimeoutMs: 2000,
  })
  await expect(endless).rejects.toBeInstanceOf(StartTimeout)
})

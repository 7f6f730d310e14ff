import { expect, test } from 'vitest'
import { AlarmClock } from '../../../src/local-cloud/runtime/alarms.ts'
import { until } from '../../helpers/until.ts'
import { startCloud, type TestCloud, temporaryDir } from '../harness.ts'

const worker = `
  import { DurableObject } from 'cloudflare:workers'
  export class Bell extends DurableObject {
    async set(ms) { await this.ctx.storage.setAlarm(Date.now() + ms) }
    async alarm() { console.log('the bell rings') }
  }
  export default {
    async fetch(request, env) {
      const ms = Number(new URL(request.url).searchParams.get('ms'))
      await env.BELL.get(env.BELL.idFromName('one')).set(ms)
      return new Response('set')
    },
  }`
const metadata = {
  bindings: [{ type: 'durable_object_namespace', name: 'BELL', class_name: 'Bell' }],
  migrations: { new_tag: 'v1', new_sqlite_classes: ['Bell'] },
}

async function withAlarm(cloud: TestCloud, ms: number) {
  expect((await cloud.put('bell', metadata, [{ name: 'main.js', content: worker }])).message).toBe('')
  await cloud.publish('bell')
  expect((await cloud.get('bell', `/?ms=${ms}`)).text).toBe('set')
}

const rings = (cloud: TestCloud) => cloud.logged.filter((line) => line.includes('the bell rings')).length

test.each([
  ['is due by then', 1],
  ['is due later', 2500],
])('an alarm that %s fires after a restart without a request', async (_, ms) => {
  const dataDir = temporaryDir()
  const first = await startCloud(dataDir)
  await withAlarm(first, ms + 1500)
  await first.stop()
  const before = rings(first)
  const second = await startCloud(dataDir)
  if (before === 0) await until(() => rings(second) > 0)
  expect(before + rings(second)).toBe(1)
})

test('a script that keeps failing is restarted with increasing delays and a maximum number of times', async () => {
  const started: number[] = []
  const clock = new AlarmClock(
    () => Date.now(),
    (id) => started.push(id),
  )
  clock.set(1)
  await until(() => started.length === 1)
  clock.setAfterFailure(1)
  clock.cancel(1)
  for (let at = 0; at < 6; at++) clock.setAfterFailure(1)
  expect(clock.isSet(1)).toBe(false)
  clock.resetFailures(1)
  clock.set(1)
  expect(clock.isSet(1)).toBe(true)
  clock.stop()
  expect(clock.isSet(1)).toBe(false)
})

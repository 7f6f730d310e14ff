import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import type { ApiCall } from '../cloudflare/fault-proxy.ts'
import { drive, expectGapFree, hello, openJob, startWorld, type World } from '../harness.ts'
import { lookAt } from './crash.ts'

vi.setConfig({ testTimeout: 600_000 })

let world: World
let worker: Awaited<ReturnType<World['worker']>>
beforeAll(async () => {
  world = await startWorld()
  worker = await world.worker()
})
afterAll(() => world.stop())

/** How the run ends whose call is on its way: none of these is a crash, and none uses up an attempt of it. */
const endings = ['cancel', 'shutdown'] as const
type JobEnd = (typeof endings)[number]
/** When the call arrives. */
const arrivals = ['after the deployment', 'after the next one'] as const
type Arrival = (typeof arrivals)[number]
type Kind = 'new' | 'further'
const courses: [Kind, job: string][] = [
  ['new', 'deploy_worker'],
  ['new', 'configure_dns'],
  ['further', 'deploy_worker'],
  ['further', 'configure_dns'],
  ['further', 'rollback'],
]

interface Point {
  app: string
  course: (typeof courses)[number]
  /** The how-manieth write of the job, from 1. */
  number: number
  ending: JobEnd
  arrival: Arrival
}

/** Goes as far as the job in question. @returns the deployment's id. */
async function reach({ app, course: [kind, job] }: Point): Promise<string> {
  if (kind === 'further') {
    await drive(world, worker, await world.started({ appName: app, script: hello('before') }))
    await world.script('POST', `${app}-staging/subdomain`, { enabled: false })
  }
  const id = await world.started({ appName: app, script: hello('after'), workersDev: true })
  await drive(world, worker, id, job === 'rollback' ? 'health_check' : job)
  if (job === 'rollback') await world.call(`/deploy/${id}/cancel`, { method: 'POST' })
  return id
}

async function end(id: string, job: { id: string; name: string }, ending: JobEnd): Promise<void> {
  if (ending === 'shutdown') return worker.keeper.abortAll('shutdown')
  const path = job.name === 'rollback' ? `/jobs/${job.id}/cancel` : `/deploy/${id}/cancel`
  expect((await world.call(path, { method: 'POST' })).status).toBe(202)
}

/** What has arrived since is looked for until there is nothing left to put right. */
async function lookForLate(id: string): Promise<void> {
  const { db } = world.ctx
  const watching = { name: 'late-arrivals', subject: `deployment:${id}` }
  const job = await db('jobs').where(watching).whereNull('finished_at').first()
  expect(job, 'it is watched').toBeDefined()
  await worker.runner.run(deliveryOf(job.id, job.queue))
}

/** @returns the call; undefined when the job makes fewer writes. */
async function arriveLate(point: Point): Promise<ApiCall | undefined> {
  const { app, course, number, ending, arrival } = point
  const script = `${app}-staging`
  const id = await reach(point)
  const job = await openJob(world.ctx, id)
  const gate = Promise.withResolvers<void>()
  const reached = Promise.withResolvers<ApiCall>()
  const arrived = Promise.withResolvers<void>()
  let writes = 0
  world.proxy.decide((call) => {
    if (call.method === 'GET') return undefined
    writes += 1
    if (writes !== number) return undefined
    const hold = { kind: 'hold', until: gate.promise, reached: () => reached.resolve(call) } as const
    return { ...hold, arrived: arrived.resolve }
  })
  const running = worker.runner.run(deliveryOf(job.id, job.queue))
  const call = await Promise.race([reached.promise, running])
  world.proxy.decide(() => undefined)
  if (!('method' in call)) return undefined
  await end(id, job, ending)
  await running
  await drive(world, worker, id)
  if (arrival === 'after the next one') {
    const next = await world.started({ appName: app, script: hello('next') })
    await drive(world, worker, next)
    expect((await world.status(next)).status).toBe('completed')
  }
  gate.resolve()
  await arrived.promise
  await lookForLate(id)
  expectGapFree(await world.logs(id))
  await expectRight(script, { id, arrival, kind: course[0] })
  return call
}

async function expectRight(
  script: string,
  { id, arrival, kind }: { id: string; arrival: Arrival; kind: Kind },
): Promise<void> {
  const { status, metadata } = await world.status(id)
  // Its address may have been taken back: that is not what is asked here.
  if (kind === 'further') await world.publish(script)
  const answer = await world.get(script)
  if (arrival === 'after the next one') expect(answer.text).toBe('next')
  else if (status === 'completed') {
    expect(answer.text).toBe('after')
    const { serving } = await lookAt(world, script, id)
    expect(serving).toEqual([{ version_id: metadata.version, percentage: 100 }])
  } else if (kind === 'new') expect([status, answer.status]).toEqual(['rolled_back', 404])
  // A rollback that was called off: what it did with the call that was on its way is nobody's to tell.
  else if (status === 'rollback_failed') expect(['before', 'after']).toContain(answer.text)
  else expect([status, answer.text]).toEqual(['rolled_back', 'before'])
}

test('a call in flight at a cancel that arrives after the end never wins', async () => {
  const points: string[] = []
  for (const [index, course] of courses.entries()) {
    for (const [e, ending] of endings.entries()) {
      for (const [a, arrival] of arrivals.entries()) {
        for (let number = 1; ; number++) {
          const app = `held-${index}-${e}-${a}-${number}`
          const point = `${course.join(' ')} ${number}: ${ending}, arrives ${arrival}`
          const call = await arriveLate({ app, course, number, ending, arrival }).catch((error: unknown) => {
            throw new Error(point, { cause: error })
          })
          if (call === undefined) break
          points.push(`  ${point}: ${call.method} ${call.path.split('staging')[1] ?? call.path}`)
        }
      }
    }
  }
  console.info(`on their way when their run ended: ${points.length} points\n${points.join('\n')}`)
  expect(points.length).toBeGreaterThan(20)
})

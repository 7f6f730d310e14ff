import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { until } from '../../helpers/until.ts'
import { deliveryOf } from '../../platform/jobs/job-harness.ts'
import type { ApiCall, Fault } from '../cloudflare/fault-proxy.ts'
import { drive, expectGapFree, hello, openJob, type Runner, startWorld, type World } from '../harness.ts'
import { lookAt } from './crash.ts'
import { type Mortal, type Mortals, startMortals } from './mortals.ts'

vi.setConfig({ testTimeout: 900_000 })

let world: World
let mortals: Mortals
let heir: Runner
beforeAll(async () => {
  world = await startWorld()
  heir = await world.worker()
  mortals = startMortals(world, 4)
})
afterAll(async () => {
  await mortals?.stop()
  await world?.stop()
})

type Kind = 'new' | 'further'
/** The jobs that change the cloud: each is stopped at all its calls, since a read is followed by a write. */
const courses: [Kind, job: string][] = [
  ['new', 'deploy_worker'],
  ['further', 'deploy_worker'],
  ['further', 'configure_dns'],
  ['further', 'rollback'],
  ['new', 'rollback'],
]
type Moment = 'before it arrives' | 'after its answer'

interface Frozen {
  /** Which call, of which job, and when. */
  point: string
  isWrite: boolean
  script: string
  id: string
  job: string
  mortal: Mortal
  jobRow: { id: string }
  running: Promise<unknown>
  /** Lets a call that was held get to the cloud. */
  release(): Promise<void>
}

interface About {
  app: string
  course: (typeof courses)[number]
  /** The how-manieth call of the job, from 1. */
  number: number
  moment: Moment
}

/** @returns undefined when the job makes fewer calls, and has ended. */
async function freeze({ app, course, number, moment }: About): Promise<Frozen | undefined> {
  const [kind, job] = course
  const script = `${app}-staging`
  if (kind === 'further') {
    await drive(world, heir, await world.started({ appName: app, script: hello('before') }))
    await world.script('POST', `${script}/subdomain`, { enabled: false })
  }
  const id = await world.started({ appName: app, script: hello('after'), workersDev: true })
  await drive(world, heir, id, job === 'rollback' ? 'health_check' : job)
  if (job === 'rollback') await world.call(`/deploy/${id}/cancel`, { method: 'POST' })
  const row = await openJob(world.ctx, id)
  const mortal = await mortals.next()
  const reached = Promise.withResolvers<ApiCall>()
  const arrived = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  let seen = 0
  // The others are stopped by now, or have not begun: every call is this one's.
  world.proxy.decide((call) => {
    seen += 1
    if (seen !== number) return undefined
    const stop = () => {
      mortal.signal('SIGSTOP')
      reached.resolve(call)
    }
    return moment === 'before it arrives'
      ? { kind: 'hold', until: gate.promise, reached: stop, arrived: arrived.resolve }
      : { kind: 'pass', meanwhile: stop }
  })
  let running = mortal.run(row)
  let call = await Promise.race([reached.promise, running])
  // On a busy machine a run may lose its lease before it gets there; then it is run again.
  while (typeof call === 'string' && (await isRunning(row.id))) {
    await leaseOver(row.id)
    seen = 0
    running = mortal.run(row)
    call = await Promise.race([reached.promise, running])
  }
  world.proxy.decide(() => undefined)
  if (typeof call === 'string') {
    mortals.giveBack(mortal)
    return undefined
  }
  const release = async () => {
    gate.resolve()
    if (moment === 'before it arrives') await arrived.promise
  }
  const point = `${kind} ${job} ${number}. ${call.method} ${call.path.split(script)[1] ?? call.path}: ${moment}`
  const about = { point, isWrite: call.method !== 'GET', script, id, job }
  return { ...about, mortal, jobRow: row, running, release }
}

/** Every call of every course; one that changes something, before it arrives as well. */
async function freezeAll(): Promise<Frozen[]> {
  const frozen: Frozen[] = []
  for (const [index, course] of courses.entries()) {
    for (let number = 1; ; number++) {
      const at = (moment: Moment) =>
        freeze({ app: `frozen-${course[0]}-${index}-${number}-${moment[0]}`, course, number, moment })
      const one = await at('after its answer')
      if (one === undefined) break
      frozen.push(one)
      const other = one.isWrite ? await at('before it arrives') : undefined
      if (other !== undefined) frozen.push(other)
    }
  }
  return frozen
}

const isRunning = async (id: string) =>
  (await world.ctx.db('jobs').where({ id }).first('state')).state === 'running'

const leaseOver = (id: string) =>
  until(() => world.ctx.db('jobs').where({ id }).whereRaw('lease_until < now()').first('id'), {
    timeoutMs: 15_000,
    what: 'the lease is over',
  })

/** As it would have been: what is to serve serves, by one proper version; the log has no gap and one end of each step. */
async function expectRight({ script, id, job }: Frozen): Promise<void> {
  const ended = await world.status(id)
  expect(ended.status).toBe(job === 'rollback' ? 'rolled_back' : 'completed')
  const logs = await world.logs(id)
  expectGapFree(logs)
  const completed = logs.filter((line) => line.type === 'step' && line.status === 'completed')
  expect(new Set(completed.map((line) => line.step)).size).toBe(completed.length)
  if (script.startsWith('frozen-new') && job === 'rollback') {
    expect((await world.get(script)).status).toBe(404)
    return
  }
  const { serving } = await lookAt(world, script, id)
  const version = job === 'rollback' ? ended.rollbackInfo.previousVersion : ended.metadata.version
  expect(serving).toEqual([{ version_id: version, percentage: 100 }])
}

test('a worker frozen at any call for longer than its lease changes nothing after it resumes', async () => {
  const frozen = await freezeAll()
  const { db } = world.ctx
  for (const each of frozen) {
    await leaseOver(each.jobRow.id)
    await drive(world, heir, each.id)
    await expectRight(each)
  }
  // All others have their results by now: what comes from here on comes too late.
  world.proxy.calls.length = 0
  for (const each of frozen) {
    await each.release()
    each.mortal.signal('SIGCONT')
  }
  await Promise.all(frozen.map((each) => each.running))
  expect(world.proxy.calls.filter((call) => call.method !== 'GET')).toEqual([])
  for (const each of frozen) {
    const watching = { name: 'late-arrivals', subject: `deployment:${each.id}` }
    const late = await db('jobs').where(watching).whereNull('finished_at').first()
    expect(late, `${each.script} is watched`).toBeDefined()
    await heir.runner.run(deliveryOf(late.id, late.queue))
    await expectRight(each)
  }
  // Both moments of seven writes, and the reads before them.
  expect(frozen.filter((each) => each.isWrite)).toHaveLength(14)
  expect(frozen.length).toBeGreaterThan(24)
  const points = frozen.map(({ point }) => `  ${point}`)
  console.info(`stopped for longer than the lease: ${points.length} points\n${points.join('\n')}`)
})

test('an upload in flight at a crash is waited for, and no second one is sent', async () => {
  await drive(world, heir, await world.started({ appName: 'patient', script: hello('before') }))
  const id = await world.started({ appName: 'patient', script: hello('after') })
  await drive(world, heir, id, 'deploy_worker')
  const job = await openJob(world.ctx, id)
  const mortal = await mortals.next()
  const gate = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const reached = Promise.withResolvers<void>()
  world.proxy.reset()
  const fault: Fault = {
    kind: 'hold',
    until: gate.promise,
    reached: reached.resolve,
    arrived: arrived.resolve,
  }
  world.proxy.fault({ method: 'POST', path: /patient-staging\/versions$/, fault })
  const running = mortal.run(job)
  await reached.promise
  await mortal.kill()
  await running
  await world.ctx
    .db('jobs')
    .where({ id: job.id })
    .update({ lease_until: new Date(Date.now() - 1000) })
  const careful = await world.worker('beside', { CLOUDFLARE_SETTLE_SECONDS: '300' })
  await careful.runner.run(deliveryOf(job.id, job.queue))
  const waiting = await openJob(world.ctx, id)
  expect([waiting.id, waiting.state]).toEqual([job.id, 'queued'])
  expect(waiting.run_at.getTime()).toBeGreaterThan(Date.now())
  gate.resolve()
  await arrived.promise
  await drive(world, careful, id)
  expect((await world.status(id)).status).toBe('completed')
  expect(world.proxy.made('POST', /patient-staging\/versions$/)).toHaveLength(1)
  expect((await lookAt(world, 'patient-staging', id)).marked).toHaveLength(1)
})

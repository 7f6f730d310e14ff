import { expect } from 'vitest'
import { until } from '../../helpers/until.ts'
import type { ApiCall, Fault } from '../cloudflare/fault-proxy.ts'
import { drive, expectGapFree, openJob, type Runner, type World } from '../harness.ts'
import type { Mortals } from './mortals.ts'

/** Where, around one outside call, the process dies. */
export const moments = [
  'before it is sent',
  'after it is sent',
  'after its answer, before our commit',
] as const
export type Moment = (typeof moments)[number]
export interface Point {
  /** The how-manieth outside call of the run, from 1. */
  call: number
  moment: Moment
}

/**
 * Runs a waiting job in a process of its own, and kills that at the given point. What its sessions had begun counts for
 * nothing, and its lease is over. @returns the call; undefined when the run makes fewer, and has ended.
 */
export async function dieAt(
  world: World,
  about: { mortals: Mortals; ways: Way[]; job: { id: string; queue: string }; point: Point },
): Promise<string | undefined> {
  const { mortals, ways, job, point } = about
  const { db } = world.ctx
  const mortal = await mortals.next()
  let seen = 0
  let reached: string | undefined
  let goesOn = false
  let dying: Promise<void> | undefined
  const die = () => {
    dying ??= mortal.kill()
    return dying
  }
  const lock = Promise.withResolvers<void>()
  // Held while the answer is read, so that nothing can be written after it.
  const holdRow = async () => {
    const held = await db.transaction()
    await held('jobs').where({ id: job.id }).forUpdate().first('id')
    void lock.promise.then(() => held.rollback())
    void dieWhenStuck()
  }
  const dieWhenStuck = async () => {
    while (!goesOn && !(await mortal.isStuck()));
    await die()
  }
  const faults: Record<Moment, Death> = {
    'before it is sent': { kind: 'drop', meanwhile: die },
    'after it is sent': { kind: 'lose', meanwhile: die },
    'after its answer, before our commit': { kind: 'pass', meanwhile: holdRow },
  }
  decideAll(ways, (call) => {
    seen += 1
    if (reached !== undefined) {
      goesOn = true
      return { kind: 'drop', meanwhile: die }
    }
    if (seen !== point.call) return undefined
    reached = nameOf(call)
    return faults[point.moment]
  })
  let end = await mortal.run(job)
  // On a busy machine a run may lose its lease before it gets there; then it is run again.
  while (reached === undefined && (await stillRunning(world, job.id))) {
    seen = 0
    end = await mortal.run(job)
  }
  decideAll(ways, () => undefined)
  if (reached === undefined) {
    mortals.giveBack(mortal)
    return undefined
  }
  expect(end).toBe('dead')
  await die()
  lock.resolve()
  const lapsed = { lease_until: db.raw("clock_timestamp() - interval '1 second'") }
  expect(await db('jobs').where({ id: job.id, state: 'running' }).update(lapsed)).toBe(1)
  return reached
}

/** Whether a run has ended without a result. Resolves when its lease is over. */
async function stillRunning({ ctx }: World, id: string): Promise<boolean> {
  const row = () => ctx.db('jobs').where({ id }).first('state', 'lease_until')
  if ((await row()).state !== 'running') return false
  await until(async () => (await row()).lease_until < new Date(), { what: 'the lease is over' })
  return true
}

type Call = Pick<ApiCall, 'method' | 'path'>
type Death = Extract<Fault, { kind: 'drop' | 'lose' | 'pass' }>

/** A proxy between the worker and something outside. */
interface Way {
  decide(by: (call: Call) => Death | undefined): void
}

/** Worker processes, and all their ways to what is outside. */
export interface Lane {
  mortals: Mortals
  ways: Way[]
}

function decideAll(ways: Way[], by: Parameters<Way['decide']>[0]): void {
  for (const way of ways) way.decide(by)
}

const nameOf = ({ method, path }: Call) =>
  `${method} ${path
    .replace(/\/accounts\/[^/]+/, '')
    .replace(/\/scripts\/[^/]+/, '/scripts/{name}')
    .replace(/\/versions\/[^/]+/, '/versions/{id}')
    .replace(/\/database\/[^/]+/, '/database/{id}')
    .replace(/worker:[^/]+/, 'the Worker’s ')
    .replace(/\/(applications|rollouts|queues|consumers)\/[^/]+/g, '/$1/{id}')
    .replace(/\/workflows\/[^/]+/, '/workflows/{name}')
    .replace(/^\/v2\/.*?(?=\/(?:blobs|manifests)\/)/, 'registry: ')
    .replace(/sha256:[0-9a-f]+/, '{digest}')
    .replace(/uploads\/[^/?].*/, 'uploads/{upload}')
    .replace(/dep-[0-9a-f-]+/, '{tag}')
    .replace(/\/([0-9a-f]{32}|[0-9a-f]{40}|\d+)(?=\/|$)/g, '/{id}')}`

/** What is enumerated: one job, or several of one deployment, each of which dies once on the way to the end. */
export interface Course {
  title: string
  /** Steps, or names of jobs. */
  jobs: string[]
  /** Makes a deployment of its own, which others in other lanes run beside. @returns its id. */
  begin(lane: number): Promise<string>
  /** Where it is looked at; by default at the end. */
  until?: string
  /** By default the deployment's waiting job. */
  jobOf?(id: string): Promise<{ id: string; queue: string }>
  /** Looks at the end. */
  check(id: string): Promise<void>
}

/**
 * Tries a death at every outside call of the jobs, at every moment: each job dies at its n-th call, goes on in another
 * process, and at the end all must be as if nothing had happened. Prints the points; a call with fewer than three
 * fails. The moments of one call are tried side by side where there are several lanes.
 * @returns how many there were
 */
export async function enumerate(
  world: World,
  { lanes, heir }: { lanes: Lane[]; heir: Runner },
  course: Course,
): Promise<number> {
  const { title, jobs, begin, check, until } = course
  const jobOf = course.jobOf ?? ((id: string) => openJob(world.ctx, id))
  const points = new Map<string, Moment[]>()
  const left = new Set(jobs)
  const tryAt = async (point: Point, lane: number) => {
    const { mortals, ways } = lanes[lane] as Lane
    const id = await begin(lane)
    const died: string[] = []
    try {
      for (const job of jobs.filter((each) => left.has(each))) {
        await drive(world, heir, id, job)
        const reached = await dieAt(world, { mortals, ways, job: await jobOf(id), point })
        if (reached === undefined) {
          left.delete(job)
          continue
        }
        const name = `${job} ${point.call}. ${reached}`
        died.push(`${name} ${point.moment}`)
        points.set(name, [...(points.get(name) ?? []), point.moment])
      }
      await drive(world, heir, id, until)
      if (died.length > 0) await check(id)
    } catch (error) {
      throw new Error(`${title}: after a death at ${died.join('; ')}`, { cause: error })
    }
  }
  for (let call = 1; left.size > 0; call++) {
    const waiting = moments.map((moment) => ({ call, moment }))
    const work = async (_: Lane, lane: number) => {
      for (let point = waiting.shift(); point !== undefined && left.size > 0; point = waiting.shift()) {
        await tryAt(point, lane)
      }
    }
    await Promise.all(lanes.map(work))
  }
  for (const [name, reached] of points) {
    expect(reached.toSorted(), `moments of ${name}`).toEqual(moments.toSorted())
  }
  const lines = [...points].flatMap(([name, reached]) => reached.map((moment) => `  ${name}: ${moment}`))
  expect(lines.length).toBeGreaterThan(0)
  console.info(`${title}: ${lines.length} points\n${lines.join('\n')}`)
  return lines.length
}

/** The versions of a script that carry the deployment's mark, and what serves. */
export async function lookAt(world: World, script: string, id: string) {
  const { result } = await world.script('GET', `${script}/versions`)
  const marked = result.items.filter((each: { annotations: object }) =>
    Object.values(each.annotations).includes(id),
  )
  const deployments = (await world.script('GET', `${script}/deployments`)).result.deployments
  return { marked: marked.map((each: { id: string }) => each.id), serving: deployments[0].versions }
}

/** Completed as if nothing had happened: one version has the mark and all the traffic, the log has no gap. */
export async function expectWhole(world: World, script: string, about: { id: string; text: string }) {
  const { id, text } = about
  const { status, metadata } = await world.status(id)
  expect(status, await world.messages(id)).toBe('completed')
  const { marked, serving } = await lookAt(world, script, id)
  expect(marked).toEqual([metadata.version])
  expect(serving).toEqual([{ version_id: metadata.version, percentage: 100 }])
  expect((await world.get(script)).text).toBe(text)
  await expectEnded(world, id, 'completed')
}

/** The log has no gap and one end, each step one end, and no lock is left. */
export async function expectEnded(world: World, id: string, status: string): Promise<void> {
  expect((await world.status(id)).status, await world.messages(id)).toBe(status)
  const logs = await world.logs(id)
  expectGapFree(logs)
  expect(logs.filter((line) => line.type === 'end').map((line) => line.status)).toEqual([status])
  const { appName } = (await world.status(id)).metadata
  expect(await world.ctx.db('target_holds').where({ app: appName })).toEqual([])
  const open = world.ctx.db('jobs').where({ subject: `deployment:${id}`, state: 'running' })
  expect(await open).toEqual([])
}

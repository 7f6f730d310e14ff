import { expect } from 'vitest'
import { deliveryOf } from '../platform/job-harness.ts'
import type { ApiCall, Fault } from './fault-proxy.ts'
import { openJob, type World } from './harness.ts'

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

type Worker = Awaited<ReturnType<World['worker']>>

/**
 * Runs the deployment's waiting job in a process that dies at the given point: from then on none of its calls arrive,
 * and nothing that it writes counts. Its lease is over at once. @returns the call; undefined when the run makes fewer.
 */
export async function dieAt(
  world: World,
  about: { worker: Worker; id: string; point: Point },
): Promise<string | undefined> {
  const { worker, id, point } = about
  const job = await openJob(world.ctx, id)
  let seen = 0
  let dead = false
  let reached: string | undefined
  const lapse = async () => {
    dead = true
    await world.ctx
      .db('jobs')
      .where({ id: job.id })
      .update({
        fence: world.ctx.db.raw('fence + 1'),
        lease_until: world.ctx.db.raw("clock_timestamp() - interval '1 second'"),
      })
  }
  const die = async () => {
    await lapse()
    worker.keeper.abortAll('lost')
  }
  const faults: Record<Moment, Fault> = {
    'before it is sent': { kind: 'drop', meanwhile: die },
    'after it is sent': { kind: 'lose', meanwhile: die },
    'after its answer, before our commit': { kind: 'pass', meanwhile: lapse },
  }
  world.proxy.decide((call) => {
    if (dead) {
      worker.keeper.abortAll('lost')
      return { kind: 'drop' }
    }
    seen += 1
    if (seen !== point.call) return undefined
    reached = nameOf(call)
    return faults[point.moment]
  })
  await worker.runner.run(deliveryOf(job.id, job.queue))
  world.proxy.reset()
  if (reached !== undefined) {
    const row = await world.ctx.db('jobs').where({ id: job.id }).first()
    expect(row.state).toBe('running')
  }
  return reached
}

const nameOf = ({ method, path }: ApiCall) =>
  `${method} ${path.replace(/\/accounts\/[^/]+/, '').replace(/\/scripts\/[^/]+/, '/scripts/{name}')}`

/**
 * Tries a death at every outside call of a job, at every moment. `attempt` makes a deployment of its own, dies at the
 * point, goes on elsewhere and looks at the end. Prints the points, and fails when a call has fewer than three.
 */
export async function enumerate(
  title: string,
  attempt: (point: Point) => Promise<string | undefined>,
): Promise<void> {
  const points: string[] = []
  for (let call = 1; ; call++) {
    const reached: Moment[] = []
    let name: string | undefined
    for (const moment of moments) {
      const at = await attempt({ call, moment }).catch((error: unknown) => {
        throw new Error(`${title}: died at call ${call} (${name ?? 'unnamed'}) ${moment}`, { cause: error })
      })
      if (at === undefined) break
      name = at
      reached.push(moment)
    }
    if (name === undefined) break
    points.push(...reached.map((moment) => `  ${call}. ${name}: ${moment}`))
    expect(reached).toEqual(moments)
  }
  expect(points.length).toBeGreaterThan(0)
  console.info(`${title}: ${points.length} points\n${points.join('\n')}`)
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

import { afterAll, beforeAll, expect, test } from 'vitest'
import { drive, hello, openJob, type Runner, startWorld, type World } from '../harness.ts'
import { dieAt, expectWhole, type Moment } from './crash.ts'
import { startLanes } from './mortals.ts'

// The points where most is at stake; `npm run test:crash` tries all of them.

let world: World
let runs: Awaited<ReturnType<typeof startLanes>>
let heir: Runner
beforeAll(async () => {
  world = await startWorld()
  heir = await world.worker()
  runs = await startLanes(world, 1)
})
afterAll(async () => {
  await runs?.stop()
  await world?.stop()
})

const upload = 'PUT /workers/scripts/{name}'

test.each<[step: string, call: number, what: string, moment: Moment]>([
  ['deploy_worker', 4, upload, 'after it is sent'],
  ['deploy_worker', 4, upload, 'after its answer, before our commit'],
  ['configure_dns', 3, `POST ${upload.slice(4)}/subdomain`, 'after it is sent'],
])(
  'a worker that dies in %s at call %i, %s, %s, is replaced without a trace',
  async (step, call, what, moment) => {
    const text = `${step}-${moment}`.replaceAll(/[^a-z]+/g, '-').slice(0, 40)
    const script = `
    import { DurableObject } from 'cloudflare:workers'
    export class Room extends DurableObject {}
    ${hello(text)}`
    const id = await world.started({ appName: text, script, durableObjects: ['Room'] }, { maxRetries: 0 })
    await drive(world, heir, id, step)
    const job = await openJob(world.ctx, id)
    const [lane] = runs.lanes
    if (lane === undefined) throw new Error('there is no lane')
    expect(await dieAt(world, { ...lane, job, point: { call, moment } })).toBe(what)
    await drive(world, heir, id)
    await expectWhole(world, `${text}-staging`, { id, text })
  },
  60_000,
)

import type { CloudContext } from '../context.ts'
import { createInstance } from '../workflows/instances.ts'
import { callHandler } from './call-handler.ts'
import { parseCron } from './schedules.ts'

const minuteMs = 60_000
const checkMs = 500
/** After a pause of this process, for example in standby, at most these last minutes run. */
const maxMinutes = 5

/** Runs the cron triggers that are due, once a minute. Runs that were due while the cloud was stopped are not made up for. */
export class CronClock {
  readonly #cloud: CloudContext
  #timer: NodeJS.Timeout | undefined
  #lastMinute: number

  constructor(cloud: CloudContext) {
    this.#cloud = cloud
    this.#lastMinute = minuteOf(cloud.clock())
  }

  start(): void {
    // A timer for the whole minute would be wrong after a change of the machine's clock.
    this.#timer = setInterval(() => this.tick(), checkMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Starts the runs of all minutes since the last call. */
  tick(): void {
    const now = minuteOf(this.#cloud.clock())
    const first = Math.max(this.#lastMinute + minuteMs, now - (maxMinutes - 1) * minuteMs)
    for (let minute = first; minute <= now; minute += minuteMs) this.#runDue(minute)
    this.#lastMinute = Math.max(this.#lastMinute, now)
  }

  #runDue(minute: number): void {
    for (const schedule of this.#cloud.store.schedules.all()) {
      const isDue = parseCron(schedule.cron).match(new Date(minute))
      if (!isDue || !this.#cloud.store.schedules.claim(schedule, minute)) continue
      void this.#run(schedule.scriptId, { cron: schedule.cron, scheduledTime: minute })
    }
    const { workflows } = this.#cloud.store
    for (const schedule of workflows.schedules()) {
      const isDue = parseCron(schedule.cron).match(new Date(minute))
      if (!isDue || !workflows.claim(schedule, minute)) continue
      void this.#create(schedule.workflowId, { cron: schedule.cron, scheduledTime: minute })
    }
  }

  async #create(workflowId: string, schedule: { cron: string; scheduledTime: number }): Promise<void> {
    const { store, logs, log } = this.#cloud
    const workflow = store.workflows.find(workflowId)
    if (workflow === undefined) return
    try {
      await createInstance(this.#cloud, workflow, { params: '{}', source: 'cron', schedule })
    } catch (error) {
      log.warn({ err: error, workflow: workflow.name }, 'Could not create a scheduled instance of a workflow')
      const problem = `The schedule ${schedule.cron} of the workflow ${workflow.name} could not be run`
      logs.add(workflow.scriptName, 'error', problem)
    }
  }

  async #run(scriptId: number, event: { cron: string; scheduledTime: number }): Promise<void> {
    const { store, logs, log } = this.#cloud
    const script = store.scripts.byId(scriptId)
    if (script === undefined) return
    try {
      const result = await callHandler(this.#cloud, script, { type: 'scheduled', ...event })
      if (result === undefined || result.outcome === 'ok') return
      logs.add(script.name, 'error', `The cron trigger ${event.cron} ended with: ${result.outcome}`)
    } catch (error) {
      log.warn({ err: error, script: script.name }, 'Could not run a cron trigger')
      logs.add(script.name, 'error', `The cron trigger ${event.cron} could not be run`)
    }
  }
}

const minuteOf = (ms: number) => Math.floor(ms / minuteMs) * minuteMs

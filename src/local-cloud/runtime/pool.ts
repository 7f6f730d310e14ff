import { rm } from 'node:fs/promises'
import { KeyedLock } from '../keyed-lock.ts'
import type { LocalCloudLog } from '../options.ts'
import type { Binding } from '../store/versions.ts'
import type { RunningWorkers, Serving, WorkerRuntime } from '../worker-runtime.ts'
import { AlarmClock, nextAlarm } from './alarms.ts'
import { withoutSuffix } from './gate.ts'
import type { LineOrigin } from './logs/exceptions.ts'
import type { WorkerLogs } from './logs/worker-logs.ts'
import { isQuiet, type Lease, lease, type Slot } from './slot.ts'
import { redact } from './startup/check.ts'

export interface PoolOptions {
  /** What a script serves now; undefined when it is gone. */
  serving(scriptId: number): Serving | undefined
  runtime: WorkerRuntime
  log: LocalCloudLog
  logs: WorkerLogs
  /** More running Workers than this end the one that was used longest ago. One takes some 50 MB. */
  maxRunning: number
  /** A Worker without requests for this long is ended; the next request starts it again. */
  idleMs: number
}

/** How long a new version waits for requests that the old one is still answering. */
const drainMs = 3000

/** The running Workers: one workerd per script, started when needed. */
export class Pool {
  readonly #slots = new Map<number, Slot>()
  readonly #locks = new KeyedLock<number>()
  readonly #options: PoolOptions
  readonly #sweeper: NodeJS.Timeout
  readonly #alarms: AlarmClock
  #stopped = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#alarms = new AlarmClock(
      (scriptId) => this.#nextAlarm(scriptId),
      (scriptId) => void this.#wake(scriptId),
    )
    this.#sweeper = setInterval(() => void this.sweep(), Math.min(options.idleMs, 60_000)).unref()
  }

  /** Fires the alarms of these scripts when they are due, also without a request. Once, at the start. */
  watchAlarms(scriptIds: number[]): void {
    for (const id of scriptIds) this.#alarms.set(id)
  }

  /** Waits for a swap under way, starts the Worker if it sleeps. Undefined when the script serves nothing. */
  async acquire(scriptId: number, pick: (shares: Serving['shares']) => string): Promise<Lease | undefined> {
    for (let attempt = 0; attempt < 3; attempt++) {
      await this.#locks.idle(scriptId)
      const slot = this.#slots.get(scriptId)
      if (slot?.workers.alive) return lease(slot, pick(slot.shares))
      const found = await this.#locks.run(scriptId, () => this.#ensure(scriptId))
      if (!found) return undefined
    }
    throw new Error('the Worker keeps dying')
  }

  /** Puts what the store says now in place of what runs. A sleeping Worker stays asleep. */
  async refresh(scriptId: number): Promise<void> {
    await this.#locks.run(scriptId, async () => {
      this.#alarms.forgive(scriptId)
      if (!this.#slots.has(scriptId)) return this.#alarms.set(scriptId)
      await this.#end(scriptId, drainMs)
      try {
        await this.#ensure(scriptId)
      } catch (error) {
        this.#options.log.warn(
          { err: error, scriptId },
          'the new version did not start; the next request tries again',
        )
      }
    })
  }

  /** Ends the Worker and deletes the given directories while nothing can use them. */
  async deleteData(scriptId: number, directories: string[]): Promise<void> {
    await this.#locks.run(scriptId, async () => {
      await this.#end(scriptId, 0)
      this.#alarms.cancel(scriptId)
      for (const directory of directories) await rm(directory, { recursive: true, force: true })
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#sweeper)
    this.#alarms.stop()
    const all = [...this.#slots.keys()]
    await Promise.all(all.map((id) => this.#locks.run(id, () => this.#end(id, 0))))
  }

  #nextAlarm(scriptId: number): number | undefined {
    const serving = this.#stopped ? undefined : this.#options.serving(scriptId)
    if (serving === undefined) return undefined
    try {
      const ids = serving.namespaces.map(({ namespaceId }) => namespaceId)
      return nextAlarm(serving.persistDir, ids)
    } catch (error) {
      // It may be due: workerd itself knows when it runs.
      this.#options.log.warn({ err: error, script: serving.name }, 'the alarms of a Worker could not be read')
      return Date.now()
    }
  }

  async #wake(scriptId: number): Promise<void> {
    try {
      await this.#locks.run(scriptId, () => this.#ensure(scriptId))
    } catch (error) {
      this.#options.log.warn({ err: error, scriptId }, 'a Worker with a due alarm did not start')
      this.#alarms.setAfterFailure(scriptId)
    }
  }

  /** A Worker that ended by itself is started for its next alarm, or by the next request. */
  #ended(scriptId: number, workers: RunningWorkers): void {
    const isPresent = this.#slots.get(scriptId)?.workers === workers
    if (isPresent && !this.#stopped) this.#alarms.setAfterFailure(scriptId)
  }

  async #ensure(scriptId: number): Promise<boolean> {
    const present = this.#slots.get(scriptId)
    if (present?.workers.alive) return true
    // A workerd that died may still be in the hands of Miniflare; two on the same files must not be.
    await present?.workers.stop()
    this.#slots.delete(scriptId)
    const serving = this.#stopped ? undefined : this.#options.serving(scriptId)
    if (serving === undefined) return false
    const bindings = serving.runnables.flatMap(({ version }) => version.bindings)
    const traffic = { count: 0 }
    const workers = await this.#options.runtime.start(serving, {
      onLog: this.#workerLog(serving.name, bindings),
      activity: () => traffic.count,
    })
    // A stop that came meanwhile did not see this one yet.
    if (this.#stopped) {
      await workers.stop()
      return false
    }
    const { shares } = serving
    this.#slots.set(scriptId, {
      workers,
      shares,
      requests: 0,
      sockets: 0,
      traffic,
      lastUsed: Date.now(),
      drained: undefined,
    })
    this.#alarms.cancel(scriptId)
    void workers.gone.then(() => this.#ended(scriptId, workers))
    void this.#makeRoom(scriptId)
    return true
  }

  #workerLog(script: string, bindings: Binding[]) {
    return (level: string, message: string, origin: LineOrigin) => {
      const line = redact(withoutSuffix(message), bindings)
      this.#options.logs.add(script, level, line, origin)
      this.#options.log.debug({ script, level, line }, 'a Worker wrote')
    }
  }

  async #end(scriptId: number, waitMs: number): Promise<void> {
    const slot = this.#slots.get(scriptId)
    if (slot === undefined) return
    if (slot.requests > 0 && waitMs > 0) {
      const drained = Promise.withResolvers<void>()
      const timer = setTimeout(drained.resolve, waitMs)
      slot.drained = drained.resolve
      await drained.promise
      clearTimeout(timer)
    }
    this.#slots.delete(scriptId)
    await slot.workers.stop()
    if (!this.#stopped) this.#alarms.set(scriptId)
  }

  async #makeRoom(newest: number): Promise<void> {
    const others = [...this.#slots].filter(([id, slot]) => id !== newest && isQuiet(slot))
    others.sort(([, a], [, b]) => a.lastUsed - b.lastUsed)
    const surplus = others.slice(0, Math.max(0, this.#slots.size - this.#options.maxRunning))
    await Promise.all(surplus.map(([id]) => this.#endIfQuiet(id)))
  }

  /** Ends the Workers that had no requests for long; runs by itself every minute at most. */
  async sweep(): Promise<void> {
    const limit = Date.now() - this.#options.idleMs
    const idle = [...this.#slots].filter(([, slot]) => isQuiet(slot) && slot.lastUsed <= limit)
    await Promise.all(idle.map(([id]) => this.#endIfQuiet(id)))
  }

  async #endIfQuiet(scriptId: number): Promise<void> {
    await this.#locks.run(scriptId, async () => {
      const slot = this.#slots.get(scriptId)
      if (slot === undefined || !isQuiet(slot)) return
      // It ran until it had nothing to do: earlier ends by itself say nothing about its next alarm.
      this.#alarms.forgive(scriptId)
      await this.#end(scriptId, 0)
    })
  }
}

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
  /** The deployed versions of a script; undefined if the script was deleted. */
  serving(scriptId: number): Serving | undefined
  runtime: WorkerRuntime
  log: LocalCloudLog
  logs: WorkerLogs
  /** Above this number of running Workers, the least recently used one is ended. A Worker takes about 50 MB. */
  maxRunning: number
  /** A Worker without requests for this time is ended; the next request starts it again. */
  idleMs: number
}

/** The time that a new version waits for the old version's requests in progress. */
const drainMs = 3000

/** The running Workers: one workerd process per script, started on demand. */
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

  /** Schedules the alarms of these scripts, so that they fire without a request. Called once, at the start. */
  watchAlarms(scriptIds: number[]): void {
    for (const id of scriptIds) this.#alarms.set(id)
  }

  /**
   * Waits for a version change in progress, and starts the Worker if needed.
   * @returns undefined if nothing is deployed
   */
  async acquire(scriptId: number, pick: (shares: Serving['shares']) => string): Promise<Lease | undefined> {
    for (let attempt = 0; attempt < 3; attempt++) {
      await this.#locks.idle(scriptId)
      const slot = this.#slots.get(scriptId)
      if (slot?.workers.alive) return lease(slot, pick(slot.shares))
      const isRunning = await this.#locks.run(scriptId, () => this.#ensure(scriptId))
      if (!isRunning) return undefined
    }
    throw new Error('the Worker process ended three times in a row')
  }

  /** Replaces the running versions with the deployed ones. A stopped Worker is not started. */
  async refresh(scriptId: number): Promise<void> {
    await this.#locks.run(scriptId, async () => {
      this.#alarms.resetFailures(scriptId)
      if (!this.#slots.has(scriptId)) return this.#alarms.set(scriptId)
      await this.#end(scriptId, drainMs)
      try {
        await this.#ensure(scriptId)
      } catch (error) {
        this.#options.log.warn(
          { err: error, scriptId },
          'The new version did not start; the next request will try again',
        )
      }
    })
  }

  /** Ends the Worker and deletes the given directories before it can start again. */
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
      // An alarm may be due: workerd fires it once it runs.
      this.#options.log.warn({ err: error, script: serving.name }, 'Could not read the alarms of a Worker')
      return Date.now()
    }
  }

  async #wake(scriptId: number): Promise<void> {
    try {
      await this.#locks.run(scriptId, () => this.#ensure(scriptId))
    } catch (error) {
      this.#options.log.warn({ err: error, scriptId }, 'Could not start a Worker with a due alarm')
      this.#alarms.setAfterFailure(scriptId)
    }
  }

  /** Handles an unexpected exit: the Worker starts again at its next alarm or request. */
  #onExit(scriptId: number, workers: RunningWorkers): void {
    const isPresent = this.#slots.get(scriptId)?.workers === workers
    if (isPresent && !this.#stopped) this.#alarms.setAfterFailure(scriptId)
  }

  async #ensure(scriptId: number): Promise<boolean> {
    const present = this.#slots.get(scriptId)
    if (present?.workers.alive) return true
    // Miniflare may still hold an exited workerd. Two processes must not use the same files.
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
    // `stop` may have been called during the start, before this Worker was in `#slots`.
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
    void workers.exited.then(() => this.#onExit(scriptId, workers))
    void this.#makeRoom(scriptId)
    return true
  }

  #workerLog(script: string, bindings: Binding[]) {
    return (level: string, message: string, origin: LineOrigin) => {
      const line = redact(withoutSuffix(message), bindings)
      this.#options.logs.add(script, level, line, origin)
      this.#options.log.debug({ script, level, line }, 'Worker log line')
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

  /** Ends the Workers that were idle for `idleMs`. A timer calls it at least once a minute. */
  async sweep(): Promise<void> {
    const limit = Date.now() - this.#options.idleMs
    const idle = [...this.#slots].filter(([, slot]) => isQuiet(slot) && slot.lastUsed <= limit)
    await Promise.all(idle.map(([id]) => this.#endIfQuiet(id)))
  }

  async #endIfQuiet(scriptId: number): Promise<void> {
    await this.#locks.run(scriptId, async () => {
      const slot = this.#slots.get(scriptId)
      if (slot === undefined || !isQuiet(slot)) return
      // The Worker became idle without failing, so earlier failures must not delay its next alarm.
      this.#alarms.resetFailures(scriptId)
      await this.#end(scriptId, 0)
    })
  }
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * The earliest alarm that the Durable Objects of a script have set. workerd stores alarms with the objects' data but
 * fires them only while it runs, so the local cloud must know when to start it.
 * @returns milliseconds since the epoch; undefined without an alarm @throws if a file can't be read
 */
export function nextAlarm(persistDir: string, namespaceIds: string[]): number | undefined {
  const found = namespaceIds.flatMap((id) => {
    const file = join(persistDir, 'do', id, 'metadata.sqlite')
    return existsSync(file) ? earliestIn(file) : []
  })
  return found.length === 0 ? undefined : Math.min(...found)
}

function earliestIn(file: string): number[] {
  const db = new DatabaseSync(file)
  try {
    const table = db.prepare("select 1 from sqlite_master where name = '_cf_ALARM'").get()
    if (table === undefined) return []
    // The column contains nanoseconds, which exceed the integers that a number represents exactly.
    const row = db.prepare('select min(scheduled_time) / 1000000 as at from _cf_ALARM').get()
    return typeof row?.at === 'number' ? [row.at] : []
  } finally {
    db.close()
  }
}

/** Cloudflare's rule: a failed alarm is retried six times, first after 2 s, then after twice the previous delay. */
const maxFailures = 6
const firstDelayMs = 2000
/** Longer waits are split into steps of one day, because Node's timers overflow after 24.8 days. */
const maxWaitMs = 86_400_000

/** Starts stopped scripts when their next alarm is due. */
export class AlarmClock {
  readonly #timers = new Map<number, NodeJS.Timeout>()
  readonly #failures = new Map<number, number>()
  readonly #next: (scriptId: number) => number | undefined
  readonly #wake: (scriptId: number) => void

  /** @param next returns the time of a script's earliest alarm @param wake starts a stopped script */
  constructor(next: (scriptId: number) => number | undefined, wake: (scriptId: number) => void) {
    this.#next = next
    this.#wake = wake
  }

  /** Schedules the start of a script that is not running. */
  set(scriptId: number): void {
    this.cancel(scriptId)
    const failures = this.#failures.get(scriptId) ?? 0
    const at = this.#next(scriptId)
    if (at === undefined || failures > maxFailures) return
    const delay = failures === 0 ? 0 : firstDelayMs * 2 ** (failures - 1)
    const wait = Math.max(at - Date.now(), delay)
    const ring = () => (wait > maxWaitMs ? this.set(scriptId) : this.#wake(scriptId))
    this.#timers.set(scriptId, setTimeout(ring, Math.min(wait, maxWaitMs)).unref())
  }

  /** Schedules the start of a script that ended unexpectedly, with a delay: the alarm itself may have ended it. */
  setAfterFailure(scriptId: number): void {
    this.#failures.set(scriptId, (this.#failures.get(scriptId) ?? 0) + 1)
    this.set(scriptId)
  }

  /** Resets the failure count, for example after a new version. */
  resetFailures(scriptId: number): void {
    this.#failures.delete(scriptId)
  }

  cancel(scriptId: number): void {
    clearTimeout(this.#timers.get(scriptId))
    this.#timers.delete(scriptId)
  }

  isSet(scriptId: number): boolean {
    return this.#timers.has(scriptId)
  }

  stop(): void {
    for (const scriptId of [...this.#timers.keys()]) this.cancel(scriptId)
  }
}

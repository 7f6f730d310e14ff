import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * The earliest alarm that the Durable Objects of a script have set. workerd keeps them beside the objects' data, and
 * fires them only while it runs: so somebody else must know when to start it.
 * @returns milliseconds since the epoch; undefined without an alarm. @throws when a file can't be read
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
    const known = db.prepare("select 1 from sqlite_master where name = '_cf_ALARM'").get()
    if (known === undefined) return []
    // Nanoseconds, which are more than a number holds exactly.
    const row = db.prepare('select min(scheduled_time) / 1000000 as at from _cf_ALARM').get()
    return typeof row?.at === 'number' ? [row.at] : []
  } finally {
    db.close()
  }
}

/** As on Cloudflare: an alarm that fails is tried again six times, 2 s later and then twice as long each time. */
const mostFailures = 6
const firstDelayMs = 2000
/** Longer timers overflow; after a day the alarm is looked up again. */
const longestWaitMs = 86_400_000

/** Starts sleeping scripts when their next alarm is due. */
export class AlarmClock {
  readonly #timers = new Map<number, NodeJS.Timeout>()
  readonly #failures = new Map<number, number>()
  readonly #next: (scriptId: number) => number | undefined
  readonly #wake: (scriptId: number) => void

  /** @param next when a script's earliest alarm is due @param wake starts a script that sleeps */
  constructor(next: (scriptId: number) => number | undefined, wake: (scriptId: number) => void) {
    this.#next = next
    this.#wake = wake
  }

  /** For a script that does not run now. */
  set(scriptId: number): void {
    this.cancel(scriptId)
    const failures = this.#failures.get(scriptId) ?? 0
    const at = this.#next(scriptId)
    if (at === undefined || failures > mostFailures) return
    const delay = failures === 0 ? 0 : firstDelayMs * 2 ** (failures - 1)
    const wait = Math.max(at - Date.now(), delay)
    const ring = () => (wait > longestWaitMs ? this.set(scriptId) : this.#wake(scriptId))
    this.#timers.set(scriptId, setTimeout(ring, Math.min(wait, longestWaitMs)).unref())
  }

  /** For a script that ended by itself: its alarm may be what ends it. */
  setAfterFailure(scriptId: number): void {
    this.#failures.set(scriptId, (this.#failures.get(scriptId) ?? 0) + 1)
    this.set(scriptId)
  }

  /** Forgets failures: the script has new code. */
  forgive(scriptId: number): void {
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

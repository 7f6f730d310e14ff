import { type Usage, usageOf } from './usage.ts'

const MIB = 1024 * 1024

/** The limit of an isolate's JavaScript heap, as on Cloudflare. V8 enforces it. */
export const isolateMib = 128
/**
 * Allowance for workerd itself, a Worker's memory outside of its heap (buffers) and uncollected garbage. A Worker that
 * is within 128 MB by Cloudflare's accounting reached 300 MB in measurements.
 */
const outsideHeapMib = 192
/** The CPU time limit of a request if the upload sets none. Cloudflare's default is 30 s. */
const defaultCpuMs = 10_000

export interface Limits {
  /** The memory limit of the whole process. */
  memoryBytes: number
  /** The limit of CPU time that is used without serving another request in between. */
  cpuMs: number
}

/** The limits of a process that runs versions with the given code, one isolate each. */
export function limitsOf(versions: { moduleBytes: number; cpuMs?: number | undefined }[]): Limits {
  // workerd keeps three copies of the code: in its configuration, as text and compiled.
  const code = versions.reduce((sum, { moduleBytes }) => sum + 3 * moduleBytes, 0)
  return {
    memoryBytes: (outsideHeapMib + isolateMib * versions.length) * MIB + code,
    cpuMs: Math.max(...versions.map(({ cpuMs = defaultCpuMs }) => cpuMs)),
  }
}

/** A Worker exceeded a limit and its process was ended. */
export class LimitExceeded extends Error {
  readonly kind: 'memory' | 'cpu'

  constructor(kind: 'memory' | 'cpu', limits: Limits) {
    const amount =
      kind === 'memory'
        ? `more than ${isolateMib} MB of memory`
        : `more than ${limits.cpuMs / 1000} s of CPU time`
    super(`Worker exceeded resource limits: ${amount}`)
    this.kind = kind
  }
}

export interface Watched {
  pid: number
  limits: Limits
  /**
   * @returns a function that sends a request which does not reach the Worker's code. Its response arrives only when the
   * thread is free, because all isolates of a process share one thread. Undefined while the process starts.
   */
  probe(): (() => Promise<unknown>) | undefined
  /** @returns a number that changes whenever a request or message begins or ends */
  activity(): number
  /** Called once, when a limit is exceeded. */
  onExceeded(kind: 'memory' | 'cpu'): void
}

const linuxIntervalMs = 100
/** Longer than on Linux, because each measurement starts a `ps` process. */
const otherIntervalMs = 1000
/** A process is busy if it uses more than this share of the time in which the scheduler let it run. */
const busyShare = 0.5

/**
 * Monitors a process until it exceeds a limit or `close` is called. The memory limit applies to the whole process. CPU
 * time counts while the Worker blocks the thread, or is busy while no request or message begins or ends; otherwise the
 * time may belong to many requests that are each within the limit.
 */
export class LimitWatch {
  readonly #watched: Watched
  readonly #timer: NodeJS.Timeout
  readonly #intervalMs = process.platform === 'linux' ? linuxIntervalMs : otherIntervalMs
  #last: Usage | undefined
  #lastAt = performance.now()
  #lastActivity: number
  /** The process's CPU time at the last measurement at which the current request could have begun. */
  #mark = 0
  #measuring = false
  #probing = false
  #answeredSince = false
  /**
   * True if the last measurement was over the limit. It needs confirmation: the probe's response may still be in
   * transit.
   */
  #suspected = false

  constructor(watched: Watched) {
    this.#watched = watched
    this.#lastActivity = watched.activity()
    this.#timer = setInterval(() => void this.#measure(), this.#intervalMs).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #measure(): Promise<void> {
    if (this.#measuring) return
    this.#measuring = true
    const usage = await usageOf(this.#watched.pid)
    this.#measuring = false
    if (usage === undefined) return
    const { limits, onExceeded } = this.#watched
    const probe = this.#watched.probe()
    this.#account(usage, probe !== undefined)
    const kind =
      usage.memoryBytes > limits.memoryBytes ? 'memory' : this.#isOverCpu(usage) ? 'cpu' : undefined
    if (kind !== undefined) {
      this.close()
      onExceeded(kind)
    } else if (probe !== undefined && usage.cpuMs - this.#mark > this.#intervalMs * busyShare)
      this.#sendProbe(probe)
  }

  /** Resets the mark if the thread was free and the Worker was either idle or serving several requests in turn. */
  #account(usage: Usage, isServing: boolean): void {
    const now = performance.now()
    const { cpuMs = 0, waitedMs = 0 } = this.#last ?? {}
    const couldRunMs = now - this.#lastAt - (usage.waitedMs - waitedMs)
    const busy = usage.cpuMs - cpuMs > couldRunMs * busyShare
    const activity = this.#watched.activity()
    if (!isServing || (this.#answeredSince && (!busy || activity !== this.#lastActivity)))
      this.#mark = usage.cpuMs
    if (this.#answeredSince) {
      this.#answeredSince = false
      this.#lastActivity = activity
    }
    this.#last = usage
    this.#lastAt = now
  }

  #isOverCpu(usage: Usage): boolean {
    const over = usage.cpuMs - this.#mark > this.#watched.limits.cpuMs
    const confirmed = over && this.#suspected
    this.#suspected = over
    return confirmed
  }

  #sendProbe(probe: () => Promise<unknown>): void {
    if (this.#probing) return
    this.#probing = true
    const done = () => {
      this.#probing = false
      this.#answeredSince = true
    }
    // A refused connection counts as a response; the exit of the process is detected elsewhere.
    probe().then(done, done)
  }
}

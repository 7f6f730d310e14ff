import { type Usage, usageOf } from './usage.ts'

const MIB = 1024 * 1024

/** What one isolate may have on its JavaScript heap, as on Cloudflare; V8 itself enforces it. */
export const isolateMib = 128
/**
 * What workerd itself takes, what a Worker has outside of its heap (buffers), and garbage that is not collected yet:
 * a Worker within 128 MB by Cloudflare's count reached 300 MB in measurements.
 */
const besidesHeapMib = 192
/** The CPU time of a request unless the upload says otherwise. Cloudflare's own default is 30 s. */
const defaultCpuMs = 10_000

export interface Limits {
  /** Of the whole process. */
  memoryBytes: number
  /** Without anything else being served in between. */
  cpuMs: number
}

/** The limits of a process that runs versions with the given code, one isolate each. */
export function limitsOf(versions: { moduleBytes: number; cpuMs?: number | undefined }[]): Limits {
  // Code is held as configuration, as text and compiled.
  const code = versions.reduce((sum, { moduleBytes }) => sum + 3 * moduleBytes, 0)
  return {
    memoryBytes: (besidesHeapMib + isolateMib * versions.length) * MIB + code,
    cpuMs: Math.max(...versions.map(({ cpuMs = defaultCpuMs }) => cpuMs)),
  }
}

/** A Worker used more than it may, and its process was ended. */
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
   * @returns a request that does not reach the Worker's code, and is answered all the same only when the thread is
   * free: all isolates of a process share one. Undefined while the process starts.
   */
  probe(): (() => Promise<unknown>) | undefined
  /** A number that changes with every request or message that begins or ends. */
  activity(): number
  /** Is called once. */
  onExceeded(kind: 'memory' | 'cpu'): void
}

const linuxIntervalMs = 100
/** Each look costs a process. */
const otherIntervalMs = 1000
/** Who is on a processor for so much of the time in which the machine let it run is busy. */
const busyShare = 0.5

/**
 * Looks at a process until it is over a limit or `close` is called. Memory is what the process has. CPU time counts
 * while the Worker holds the thread, or is busy while no request or message begins or ends; otherwise the time may
 * belong to many requests, each within its limit.
 */
export class LimitWatch {
  readonly #watched: Watched
  readonly #timer: NodeJS.Timeout
  readonly #intervalMs = process.platform === 'linux' ? linuxIntervalMs : otherIntervalMs
  #last: Usage | undefined
  #lastAt = performance.now()
  #lastActivity: number
  /** The CPU time at which the Worker was last known to do nothing for too long. */
  #mark = 0
  #looking = false
  #probing = false
  #answeredSince = false
  /** Over the limit at the last look; an answer that waited for this process may still be on its way. */
  #suspected = false

  constructor(watched: Watched) {
    this.#watched = watched
    this.#lastActivity = watched.activity()
    this.#timer = setInterval(() => void this.#look(), this.#intervalMs).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    const usage = await usageOf(this.#watched.pid)
    this.#looking = false
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
      this.#ask(probe)
  }

  /** Moves the mark when the thread was free, and the Worker either idle or serving one request after the other. */
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

  #ask(probe: () => Promise<unknown>): void {
    if (this.#probing) return
    this.#probing = true
    const done = () => {
      this.#probing = false
      this.#answeredSince = true
    }
    // A refused connection is an answer, too: then the end of the process is noticed elsewhere.
    probe().then(done, done)
  }
}

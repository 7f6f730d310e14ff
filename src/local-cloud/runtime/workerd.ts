import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Miniflare, type MiniflareOptions, NoOpLog, type WorkerOptions } from 'miniflare'
import { observingChildren } from './child-processes.ts'
import { type Closed, withClosedLoopback } from './closed-loopback.ts'
import { appName, frontName, gated, gateHeader } from './gate.ts'
import { isolateMib, LimitExceeded, type Limits, LimitWatch } from './limits.ts'
import { type OnLine, readException } from './logs/exceptions.ts'
import type { Reaper } from './reaper.ts'
import { cpuMs } from './usage.ts'

export interface WorkerdOptions {
  /** Each under its `appName`. */
  workers: WorkerOptions[]
  /** Where Durable Objects and caches are kept; without it they vanish with the process. */
  persistDir?: string
  /** How long it may take until the Workers are loaded. */
  startTimeoutMs: number
  /** Receives each line that a Worker or workerd itself wrote, and each uncaught exception. */
  onLog: OnLine
  reaper: Reaper
  limits: Limits
  /** Changes with every request or message that begins or ends; without it none does. */
  activity?(): number
  /** Lets the Workers call this machine and its network, too. */
  privateNetwork?: boolean
}

/** Thrown when workerd does not come up in time, as with an endless loop at start. */
export class StartTimeout extends Error {
  constructor() {
    super('Worker exceeded resource limits: its module did not load in time')
  }
}

/** An endless loop takes a whole core; what gets less than this of one is kept waiting by others. */
const starvedShare = 0.2
const maxExtensions = 3

/** One workerd process with its Workers, each behind a loopback socket of its own. */
export class Workerd {
  private readonly miniflare: Miniflare
  private readonly children = new Set<ChildProcess>()
  private readonly loopback: Closed = { servers: 0 }
  private readonly secret = randomBytes(24).toString('base64url')
  private readonly marker = randomBytes(16).toString('hex')
  private readonly options: WorkerdOptions
  /** Resolves when the process is gone and all that it wrote is read. */
  private readonly closed = Promise.withResolvers<void>()
  private urls = new Map<string, URL>()
  private ended: Promise<void> | undefined
  private exceeded: LimitExceeded | undefined

  private constructor(options: WorkerdOptions) {
    this.options = options
    limitHeaps()
    this.miniflare = observingChildren(
      (child) => {
        this.children.add(child)
        options.reaper.watch(child)
        child.once('spawn', () => this.watch(child))
        child.once('exit', () => this.children.delete(child))
        // The last lines still pass through the reader of the log.
        child.once('close', () => setImmediate(() => this.closed.resolve()))
      },
      () =>
        withClosedLoopback(this.loopback, () =>
          withoutExitHandlers(
            () =>
              new Miniflare(
                miniflareOptions(options, {
                  secret: this.secret,
                  marker: this.marker,
                  onLog: (level, message) => this.read(level, message),
                }),
              ),
          ),
        ),
    )
  }

  /**
   * Throws what Miniflare throws when a Worker does not load, StartTimeout, or LimitExceeded. Nothing is left behind
   * then.
   */
  static async start(options: WorkerdOptions): Promise<Workerd> {
    const workerd = new Workerd(options)
    try {
      await workerd.ready(options.startTimeoutMs)
      if (workerd.loopback.servers === 0) throw new Error('Miniflare has a way in that is not closed')
      const names = options.workers.map((worker) => worker.name ?? '')
      const found = names.map(
        async (name) => [name, await workerd.miniflare.unsafeGetDirectURL(frontName(name))] as const,
      )
      workerd.urls = new Map(await Promise.all(found))
    } catch (error) {
      await workerd.stop()
      if (error instanceof Error && heapLimit.test(error.message)) workerd.exceed('memory')
      throw workerd.exceeded ?? error
    }
    // Miniflare would start a dead workerd again by itself; stopping it leaves that to the next request.
    for (const child of workerd.children) child.once('exit', () => void workerd.stop())
    return workerd
  }

  get alive(): boolean {
    return this.ended === undefined
  }

  /** Resolves when the process is gone, whoever ended it. */
  get gone(): Promise<void> {
    return this.closed.promise
  }

  /** What a request must carry to be let through to a Worker. */
  get gate(): Record<string, string> {
    return { [gateHeader]: this.secret }
  }

  /** Where the Worker of the given id listens. */
  url(id: string): URL | undefined {
    return this.urls.get(appName(id))
  }

  /** Ends the process. Resolves when it is gone, so that another may open the same files. */
  stop(): Promise<void> {
    this.ended ??= this.end()
    return this.ended
  }

  /** Waits for the process to end by itself, at most `ms`. @returns the limit that it exceeded, if that was why. */
  async expectExit(ms: number): Promise<LimitExceeded | undefined> {
    const over = Promise.withResolvers<void>()
    const timer = setTimeout(over.resolve, ms)
    await Promise.race([this.closed.promise, over.promise])
    clearTimeout(timer)
    return this.exceeded
  }

  /** Holds the process to its limits for as long as it lives. */
  private watch(child: ChildProcess): void {
    const { pid } = child
    if (pid === undefined) return
    const { limits, activity = () => 0 } = this.options
    const probe = () => this.probe()
    const watch = new LimitWatch({
      pid,
      limits,
      activity,
      probe: () => (this.urls.size > 0 ? probe : undefined),
      onExceeded: (kind) => {
        this.exceed(kind)
        void this.stop()
      },
    })
    child.once('exit', () => watch.close())
  }

  /** Answered by a front: the Worker's own code is not reached without the secret. */
  private async probe(): Promise<void> {
    const [url] = this.urls.values()
    if (url !== undefined) await (await fetch(url)).arrayBuffer()
  }

  private exceed(kind: LimitExceeded['kind']): void {
    if (this.exceeded !== undefined) return
    this.exceeded = new LimitExceeded(kind, this.options.limits)
    this.options.onLog('error', this.exceeded.message, 'output')
  }

  private read(level: string, message: string): void {
    // V8 ends the process by itself: what it says of that is for its developers.
    if (level === 'fatal' && heapLimit.test(message)) this.exceed('memory')
    else if (!crashReport.test(message)) {
      const exception = readException(message, this.marker)
      if (exception === undefined) this.options.onLog(level, message, 'output')
      else this.options.onLog('error', exception, 'exception')
    }
  }

  private async ready(timeoutMs: number): Promise<void> {
    const timeout = Promise.withResolvers<never>()
    let extensions = 0
    const judge = () => {
      extensions += 1
      if (extensions <= maxExtensions && this.isStarved(timeoutMs * extensions))
        timer = setTimeout(judge, timeoutMs)
      else timeout.reject(new StartTimeout())
    }
    let timer = setTimeout(judge, timeoutMs)
    try {
      await Promise.race([this.miniflare.ready, timeout.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Whether the machine let it run for so little of the time that nothing can be said of the Worker. */
  private isStarved(waitedMs: number): boolean {
    const used = [...this.children].map((child) => cpuMs(child.pid))
    return used.every((ms) => ms !== undefined && ms < waitedMs * starvedShare)
  }

  private async end(): Promise<void> {
    // The kill comes first: dispose waits for a start under way, which a hanging Worker never finishes.
    const exits = [...this.children].map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    })
    // dispose repeats the error of a failed start; that one has been told already.
    await Promise.allSettled([this.miniflare.dispose(), ...exits])
  }
}

const heapLimit = /Reached heap limit|heap out of memory|invalid array length Allocation failed/i
const crashReport = /^<--- |^\[\d+:0x[0-9a-f]+\] +\d+ ms: |^\*\*\* Received signal|^stack: \//

/** Miniflare takes flags for V8 from the environment only. */
function limitHeaps(): void {
  process.env.MINIFLARE_WORKERD_V8_FLAGS = `--max-heap-size=${isolateMib}`
}

function miniflareOptions(
  options: WorkerdOptions,
  gate: { secret: string; marker: string; onLog(level: string, message: string): void },
): MiniflareOptions {
  const { secret, marker, onLog } = gate
  return {
    host: '127.0.0.1',
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    // It would show and change all data, to anybody who asks.
    unsafeLocalExplorer: false,
    log: new NoOpLog(),
    structuredWorkerdLogs: true,
    // Miniflare throws, out of reach of any catch, when this returns something.
    handleStructuredLogs: ({ level, message }: { level: string; message: string }): void => {
      onLog(level, message)
    },
    handleUncaughtError: (error: Error) => onLog('error', error.message),
    ...(options.persistDir === undefined ? {} : { defaultPersistRoot: options.persistDir }),
    workers: gated(options.workers, { secret, marker, privateNetwork: options.privateNetwork ?? false }),
  }
}

/**
 * Miniflare ends the process on the spot at a signal, or at an IPC message "shutdown", before the server could stop in
 * order: off with its handlers. The one for `exit` stays, it kills workerd.
 */
function withoutExitHandlers<T>(work: () => T): T {
  const before = new Map(exitEvents.map((event) => [event, process.listeners(event)]))
  const result = work()
  for (const event of exitEvents) {
    for (const listener of process.listeners(event)) {
      if (!before.get(event)?.includes(listener)) process.removeListener(event, listener)
    }
  }
  return result
}

const exitEvents = ['SIGINT', 'SIGTERM', 'message' as NodeJS.Signals] as const

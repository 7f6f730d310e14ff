import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Miniflare, type MiniflareOptions, NoOpLog, type WorkerOptions } from 'miniflare'
import { observingChildren } from './child-processes.ts'
import { type Closed, withClosedLoopback } from './closed-loopback.ts'
import { appName, frontName, gateHeader, type HostedWorker, withFronts } from './gate.ts'
import { isolateMib, LimitExceeded, type Limits, LimitWatch } from './limits.ts'
import { readException } from './logs/exceptions.ts'
import { type OnLine, readPrefix } from './logs/lines.ts'
import type { Reaper } from './reaper.ts'
import { cpuMs } from './usage.ts'

export interface WorkerdOptions {
  workers: HostedWorker[]
  /** Workers that only bindings reach. */
  helpers?: WorkerOptions[]
  /** Begins the lines that Capstan's code inside workerd writes; secret, because apps could forge them with it. */
  marker: string
  /** Where data is stored; without it, data is lost when the process ends. */
  persist?: { storageDir: string; cacheDir?: string }
  /** Milliseconds within which the Workers must be loaded. */
  startTimeoutMs: number
  /** Receives each line of output of a Worker or of workerd, and each uncaught exception. */
  onLog: OnLine
  reaper: Reaper
  limits: Limits
  /** A number that changes when a request or message begins or ends; constant if left out. */
  activity?(): number
  /** Allows the Workers to call this machine and its private network. */
  privateNetwork?: boolean
}

/** Thrown if workerd does not start in time, for example because of an endless loop at the start of a Worker. */
export class StartTimeout extends Error {
  constructor() {
    super('Worker exceeded resource limits: its module did not load in time')
  }
}

/** The share of a core below which a process is starved by others; an endless loop would use a whole core. */
const starvedShare = 0.2
const maxExtensions = 3

/** A workerd process and its Workers, each with a loopback socket of its own. */
export class Workerd {
  private readonly miniflare: Miniflare
  private readonly children = new Set<ChildProcess>()
  private readonly loopback: Closed = { servers: 0 }
  private readonly secret = randomBytes(24).toString('base64url')
  private readonly options: WorkerdOptions
  /** Resolves when the process has exited and all of its output has been read. */
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
        // The log reader still handles the last lines.
        child.once('close', () => setImmediate(() => this.closed.resolve()))
      },
      () =>
        withClosedLoopback(this.loopback, () =>
          withoutExitHandlers(
            () =>
              new Miniflare(
                miniflareOptions(options, {
                  secret: this.secret,
                  onLog: (level, message) => this.read(level, message),
                }),
              ),
          ),
        ),
    )
  }

  /**
   * Starts the process; ends it again if the start fails.
   * @throws StartTimeout, LimitExceeded, or Miniflare's error if a Worker does not load
   */
  static async start(options: WorkerdOptions): Promise<Workerd> {
    const workerd = new Workerd(options)
    try {
      await workerd.ready(options.startTimeoutMs)
      if (workerd.loopback.servers === 0)
        throw new Error('the loopback server of Miniflare was not closed to other clients')
      const names = options.workers.map(({ id }) => appName(id))
      const found = names.map(
        async (name) => [name, await workerd.miniflare.unsafeGetDirectURL(frontName(name))] as const,
      )
      workerd.urls = new Map(await Promise.all(found))
    } catch (error) {
      await workerd.stop()
      if (error instanceof Error && heapLimit.test(error.message)) workerd.exceed('memory')
      throw workerd.exceeded ?? error
    }
    // Miniflare restarts a workerd that has exited; stopping Miniflare leaves the restart to the next request.
    for (const child of workerd.children) child.once('exit', () => void workerd.stop())
    return workerd
  }

  get alive(): boolean {
    return this.ended === undefined
  }

  /** Resolves when the process has exited for any reason. */
  get exited(): Promise<void> {
    return this.closed.promise
  }

  /** The headers that a request needs to reach a Worker. */
  get gate(): Record<string, string> {
    return { [gateHeader]: this.secret }
  }

  /** The URL of the Worker with the given id. */
  url(id: string): URL | undefined {
    return this.urls.get(appName(id))
  }

  /** Ends the process. Resolves when it has exited, so that another process can open the same files. */
  stop(): Promise<void> {
    this.ended ??= this.end()
    return this.ended
  }

  /** Waits at most `ms` for the process to exit. @returns the exceeded limit, if that was the cause. */
  async expectExit(ms: number): Promise<LimitExceeded | undefined> {
    const over = Promise.withResolvers<void>()
    const timer = setTimeout(over.resolve, ms)
    await Promise.race([this.closed.promise, over.promise])
    clearTimeout(timer)
    return this.exceeded
  }

  /** Enforces the limits until the process exits. */
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

  /** Sends a request that a front answers: without the secret it does not reach the Worker's code. */
  private async probe(): Promise<void> {
    const [url] = this.urls.values()
    if (url !== undefined) await (await fetch(url)).arrayBuffer()
  }

  private exceed(kind: LimitExceeded['kind']): void {
    if (this.exceeded !== undefined) return
    this.exceeded = new LimitExceeded(kind, this.options.limits)
    this.options.onLog('error', this.exceeded.message, { origin: 'output' })
  }

  private read(level: string, message: string): void {
    // V8 ends the process at this limit; its report is only useful to V8's developers.
    if (level === 'fatal' && heapLimit.test(message)) this.exceed('memory')
    else if (!crashReport.test(message)) {
      const { marker, onLog } = this.options
      const { kind, versionId, text } = readPrefix(message, marker) ?? { text: message }
      const exception = kind === 'exception' ? readException(text) : undefined
      if (exception !== undefined) onLog('error', exception, { origin: 'exception', versionId })
      else onLog(level, text, { origin: 'output', versionId })
    }
  }

  private async ready(timeoutMs: number): Promise<void> {
    const timeout = Promise.withResolvers<never>()
    let extensions = 0
    const onTimeout = () => {
      extensions += 1
      if (extensions <= maxExtensions && this.isStarved(timeoutMs * extensions))
        timer = setTimeout(onTimeout, timeoutMs)
      else timeout.reject(new StartTimeout())
    }
    let timer = setTimeout(onTimeout, timeoutMs)
    try {
      await Promise.race([this.miniflare.ready, timeout.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  /** True if the process got so little CPU time that a late start says nothing about the Worker. */
  private isStarved(waitedMs: number): boolean {
    const used = [...this.children].map((child) => cpuMs(child.pid))
    return used.every((ms) => ms !== undefined && ms < waitedMs * starvedShare)
  }

  private async end(): Promise<void> {
    // The kill comes before dispose, which waits for a start in progress; a hanging Worker never finishes it.
    const exits = [...this.children].map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    })
    // dispose rejects with the error of a failed start, which has already been reported.
    await Promise.allSettled([this.miniflare.dispose(), ...exits])
  }
}

const heapLimit = /Reached heap limit|heap out of memory|invalid array length Allocation failed/i
const crashReport = /^<--- |^\[\d+:0x[0-9a-f]+\] +\d+ ms: |^\*\*\* Received signal|^stack: \//

/** Limits the V8 heaps, by the environment: Miniflare has no option for V8's flags. */
function limitHeaps(): void {
  process.env.MINIFLARE_WORKERD_V8_FLAGS = `--max-heap-size=${isolateMib}`
}

function miniflareOptions(
  options: WorkerdOptions,
  gate: { secret: string; onLog(level: string, message: string): void },
): MiniflareOptions {
  const { secret, onLog } = gate
  const { persist, marker, privateNetwork = false } = options
  return {
    host: '127.0.0.1',
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    // The explorer would let every client read and change all data.
    unsafeLocalExplorer: false,
    log: new NoOpLog(),
    structuredWorkerdLogs: true,
    // Must return undefined: Miniflare throws an error that can't be caught for any other value.
    handleStructuredLogs: ({ level, message }: { level: string; message: string }): void => {
      onLog(level, message)
    },
    handleUncaughtError: (error: Error) => onLog('error', error.message),
    ...(persist === undefined ? {} : { defaultPersistRoot: persist.storageDir }),
    ...(persist?.cacheDir === undefined ? {} : { cachePersist: persist.cacheDir }),
    workers: [...withFronts(options.workers, { secret, marker, privateNetwork }), ...(options.helpers ?? [])],
  }
}

/**
 * Removes the handlers by which Miniflare ends this process immediately on a signal or the IPC message "shutdown",
 * before the server has shut down. Keeps the handler of `exit`, which kills workerd.
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

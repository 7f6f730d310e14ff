import type { HostedWorker } from './runtime/gate.ts'
import { type LimitExceeded, type Limits, limitsOf } from './runtime/limits.ts'
import type { OnLine } from './runtime/logs/exceptions.ts'
import { type CloudAddress, producerWorker } from './runtime/options/queues.ts'
import { traceName, traceWorker } from './runtime/options/traces.ts'
import { Reaper } from './runtime/reaper.ts'
import type { Candidate, StartupReport } from './runtime/startup/check.ts'
import { startupReport } from './runtime/startup/reports.ts'
import { type Runnable, scriptWorkers } from './runtime/worker-options.ts'
import { Workerd } from './runtime/workerd.ts'
import type { Namespace } from './store/scripts.ts'

/** The deployed versions of a script with their shares of the traffic. */
export interface Serving {
  /** The script's name. */
  name: string
  runnables: Runnable[]
  /** The percentage of each version; the percentages sum to 100. */
  shares: { version_id: string; percentage: number }[]
  namespaces: Namespace[]
  persistDir: string
}

export interface StartOptions {
  /** Called for each line that a Worker or the runtime writes, and for each uncaught exception. */
  onLog: OnLine
  /** @returns a number that changes whenever a request or message begins or ends */
  activity(): number
}

/** The started Workers of one script, each with its own URL. */
export interface RunningWorkers {
  readonly alive: boolean
  /** Resolves when the Workers have ended, for any reason. */
  readonly exited: Promise<void>
  /** Headers that a request needs to reach a Worker. */
  readonly gate: Record<string, string>
  /** The URL of the version with the given id. */
  url(versionId: string): URL | undefined
  /** Stops the Workers. Resolves when another start may open the same files. */
  stop(): Promise<void>
  /** Waits up to `ms` for the Workers to end. @returns the exceeded limit if that was the reason */
  expectExit(ms: number): Promise<LimitExceeded | undefined>
}

/** Executes Workers. The local cloud uses workerd; tests that do not need it use a cheaper runtime. */
export interface WorkerRuntime {
  /** @throws ApiError 10021 with the Worker's error if the candidate does not load */
  report(candidate: Candidate): Promise<StartupReport>
  start(serving: Serving, options: StartOptions): Promise<RunningWorkers>
  /** Releases the resources of the runtime other than the started Workers. */
  close(): void
}

const startTimeoutMs = 15_000

/**
 * Starts one workerd process per script. `privateNetwork` lets Workers also call this machine and its network. `cloud` is
 * complete once the first Worker starts.
 */
export function createWorkerdRuntime({
  privateNetwork,
  cloud,
}: {
  privateNetwork: boolean
  cloud?: CloudAddress
}): WorkerRuntime {
  const reaper = new Reaper()
  return {
    report: (candidate) => startupReport(candidate, reaper),
    start: ({ name, runnables, namespaces, persistDir }, { onLog, activity }) =>
      Workerd.start({
        workers: scriptWorkers(runnables, namespaces).map((each) =>
          cloud === undefined ? each : tailedBy(traceName(name), each),
        ),
        helpers: cloud === undefined ? [] : [producerWorker(cloud), traceWorker(name, cloud)],
        persistDir,
        startTimeoutMs,
        onLog,
        reaper,
        activity,
        privateNetwork,
        limits: limitsOfAll(runnables),
      }),
    close: () => reaper.close(),
  }
}

const tailedBy = (tail: string, hosted: HostedWorker): HostedWorker => ({
  ...hosted,
  worker: { ...hosted.worker, tails: [tail] },
})

const limitsOfAll = (runnables: Runnable[]): Limits =>
  limitsOf(
    runnables.map(({ version, modules }) => ({
      moduleBytes: modules.reduce((sum, { content }) => sum + content.length, 0),
      cpuMs: version.code.cpuMs,
    })),
  )

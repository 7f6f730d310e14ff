import { type LimitExceeded, type Limits, limitsOf } from './runtime/limits.ts'
import type { OnLine } from './runtime/logs/exceptions.ts'
import { Reaper } from './runtime/reaper.ts'
import type { Candidate, StartupReport } from './runtime/startup/check.ts'
import { startupReport } from './runtime/startup/reports.ts'
import { type Runnable, scriptWorkers } from './runtime/worker-options.ts'
import { Workerd } from './runtime/workerd.ts'
import type { Namespace } from './store/scripts.ts'

/** What a script serves: its versions with their shares of the traffic. */
export interface Serving {
  /** The script's name. */
  name: string
  runnables: Runnable[]
  /** Version id and percentage, summing to 100. */
  shares: { version_id: string; percentage: number }[]
  namespaces: Namespace[]
  persistDir: string
}

export interface StartOptions {
  /** Receives each line that a Worker or the runtime itself wrote, and each uncaught exception. */
  onLog: OnLine
  /** Changes with every request or message that begins or ends. */
  activity(): number
}

/** The started Workers of one script, each with a URL of its own. */
export interface RunningWorkers {
  readonly alive: boolean
  /** Resolves when they have ended, for whatever reason. */
  readonly gone: Promise<void>
  /** Headers that a request must carry to reach a Worker. */
  readonly gate: Record<string, string>
  /** Where the version with the given id listens. */
  url(versionId: string): URL | undefined
  /** Resolves when another start may open the same files. */
  stop(): Promise<void>
  /** Waits for the end, at most `ms`. @returns the limit that was exceeded, if that was the reason. */
  expectExit(ms: number): Promise<LimitExceeded | undefined>
}

/** Executes Workers. The local cloud uses workerd; tests that are not about the execution pass a cheaper one. */
export interface WorkerRuntime {
  /** @throws ApiError 10021 with the Worker's own error when the candidate does not load. */
  report(candidate: Candidate): Promise<StartupReport>
  start(serving: Serving, options: StartOptions): Promise<RunningWorkers>
  /** Ends what the runtime keeps beside the started Workers. */
  close(): void
}

const startTimeoutMs = 15_000

/** One workerd process for each started script. `privateNetwork` lets Workers call this machine and its network, too. */
export function createWorkerdRuntime({ privateNetwork }: { privateNetwork: boolean }): WorkerRuntime {
  const reaper = new Reaper()
  return {
    report: (candidate) => startupReport(candidate, reaper),
    start: ({ runnables, namespaces, persistDir }, { onLog, activity }) =>
      Workerd.start({
        workers: scriptWorkers(runnables, namespaces),
        ...{ persistDir, startTimeoutMs, onLog, reaper, activity, privateNetwork },
        limits: limitsOfAll(runnables),
      }),
    close: () => reaper.close(),
  }
}

const limitsOfAll = (runnables: Runnable[]): Limits =>
  limitsOf(
    runnables.map(({ version, modules }) => ({
      moduleBytes: modules.reduce((sum, { content }) => sum + content.length, 0),
      cpuMs: version.code.cpuMs,
    })),
  )

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Group, Runnable } from './runtime/groups/group.ts'
import { type LimitExceeded, type Limits, limitsOf } from './runtime/limits.ts'
import type { OnLine } from './runtime/logs/lines.ts'
import type { CloudAddress } from './runtime/options/queues.ts'
import { Reaper } from './runtime/reaper.ts'
import type { Candidate, StartupReport } from './runtime/startup/check.ts'
import { startupReport } from './runtime/startup/reports.ts'
import { groupWorkers } from './runtime/worker-options.ts'
import { Workerd } from './runtime/workerd.ts'

export interface StartOptions {
  /** Called for each line that a Worker or the runtime writes, and for each uncaught exception. */
  onLog: OnLine
  /** @returns a number that changes whenever a request or message begins or ends */
  activity(): number
}

/** The started Workers of one group, each with its own URL. */
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
  start(group: Group, options: StartOptions): Promise<RunningWorkers>
  /** Releases the resources of the runtime other than the started Workers. */
  close(): void
}

const startTimeoutMs = 15_000

/**
 * Starts one workerd process per group. `privateNetwork` lets Workers also call this machine and its network. `cloud` is
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
    start: (group, { onLog, activity }) => {
      const marker = randomBytes(16).toString('hex')
      const [lead] = group.scripts
      return Workerd.start({
        ...groupWorkers(group, { marker, cloud }),
        marker,
        persist: {
          storageDir: group.storageDir,
          // The cache is one file for all Workers of a process, which two processes must not share.
          ...(lead === undefined ? {} : { cacheDir: join(group.storageDir, 'cache', lead.tag) }),
        },
        startTimeoutMs,
        onLog,
        reaper,
        activity,
        privateNetwork,
        limits: limitsOfAll(group.scripts.flatMap(({ runnables }) => runnables)),
      })
    },
    close: () => reaper.close(),
  }
}

/** The limits of a group. A process that only holds stores has those of one Worker without code. */
const limitsOfAll = (runnables: Runnable[]): Limits =>
  limitsOf(
    runnables.length === 0
      ? [{ moduleBytes: 0 }]
      : runnables.map(({ version, modules }) => ({
          moduleBytes: modules.reduce((sum, { content }) => sum + content.length, 0),
          cpuMs: version.code.cpuMs,
        })),
  )

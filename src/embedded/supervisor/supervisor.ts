import type { Logger } from '../../platform/logging/logging.ts'
import { StartFault } from '../../platform/process/start-fault.ts'
import type { ReadyMessage } from '../../platform/process/supervised.ts'
import { type ChildSpec, type SupervisedChild, superviseChild } from './supervised-child.ts'

export interface SupervisorOptions {
  log: Pick<Logger, 'info' | 'warn' | 'error'>
  /**
   * Pauses before a restart in ms. They double from `first` to `most`, and are reset after a run of `resetAfter` ms.
   */
  restartDelay?: { first: number; most: number; resetAfter: number }
  /** The time for all children to stop, in ms. Children that still run are killed then. */
  stopDeadlineMs?: number
}

export interface Supervisor {
  /** Resolves with the message of each child when all are ready. Rejects with StartFault if one can't start. */
  ready: Promise<Map<string, ReadyMessage>>
  /** Stops the children in reverse order, one after the other. Idempotent. */
  stop(): Promise<void>
}

/** Starts all children concurrently and restarts those that exit, until `stop` is called. */
export function superviseChildren(specs: ChildSpec[], options: SupervisorOptions): Supervisor {
  const settings = {
    log: options.log,
    restartDelay: options.restartDelay ?? { first: 200, most: 5000, resetAfter: 30_000 },
  }
  const children = specs.map((spec) => superviseChild(spec, settings))
  let stopping: Promise<void> | undefined

  async function stopAll(): Promise<void> {
    const deadline = Date.now() + (options.stopDeadlineMs ?? 35_000)
    // Restarts end for all children first, because a child may exit while it waits for its turn to stop.
    for (const child of children) child.endRestarts()
    for (const child of children.toReversed()) await child.stop(Math.max(0, deadline - Date.now()))
  }

  return {
    ready: allReady(children),
    stop() {
      stopping ??= stopAll()
      return stopping
    },
  }
}

async function allReady(children: SupervisedChild[]): Promise<Map<string, ReadyMessage>> {
  const messages = await Promise.all(children.map(async (child) => [child.name, await child.ready] as const))
  return new Map(messages)
}

/**
 * Runs one child until it exits, without restarts.
 * @throws StartFault if its exit code is not 0
 */
export async function runToEnd(
  spec: ChildSpec,
  options: { log: SupervisorOptions['log']; signal: AbortSignal },
) {
  const child = superviseChild(spec, { log: options.log, restartDelay: undefined })
  options.signal.addEventListener('abort', () => void child.stop(10_000))
  child.ready.catch(() => undefined)
  const { exitCode, signal, fault } = await child.firstExit
  if (exitCode !== 0)
    throw new StartFault(fault ?? `${spec.name} exited with ${signal ?? `code ${exitCode}`}`)
}

import type { Logger } from '../../platform/logging/logging.ts'
import { StartFault } from '../../platform/process/start-fault.ts'
import type { ReadyMessage } from '../../platform/process/supervised.ts'
import { type ChildSpec, type SupervisedChild, superviseChild } from './supervised-child.ts'

export interface SupervisorOptions {
  log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Pauses before a restart: doubling from `first` to `most`, and back to `first` after `resetAfter` of life. In ms. */
  restartDelay?: { first: number; most: number; resetAfter: number }
  /** How long all children together may take to stop before they are killed, in ms. */
  stopDeadlineMs?: number
}

export interface Supervisor {
  /** Resolves with what each child said when all are ready; rejects with StartFault when one can't start. */
  ready: Promise<Map<string, ReadyMessage>>
  /** Stops the children in reverse order, each after the one before has ended. Idempotent. */
  stop(): Promise<void>
}

/** Starts all children at once and starts again those that die, until `stop`. */
export function superviseChildren(specs: ChildSpec[], options: SupervisorOptions): Supervisor {
  const settings = {
    log: options.log,
    restartDelay: options.restartDelay ?? { first: 200, most: 5000, resetAfter: 30_000 },
  }
  const children = specs.map((spec) => superviseChild(spec, settings))
  let stopping: Promise<void> | undefined

  async function stopAll(): Promise<void> {
    const deadline = Date.now() + (options.stopDeadlineMs ?? 35_000)
    // No child is started again from here on, not even while it waits for its turn to stop.
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
  const said = await Promise.all(children.map(async (child) => [child.name, await child.ready] as const))
  return new Map(said)
}

/**
 * Runs one child to its end, without restarts.
 * @throws StartFault when it ends with anything but 0.
 */
export async function runToEnd(
  spec: ChildSpec,
  options: { log: SupervisorOptions['log']; signal: AbortSignal },
) {
  const child = superviseChild(spec, { log: options.log, restartDelay: undefined })
  options.signal.addEventListener('abort', () => void child.stop(10_000))
  child.ready.catch(() => undefined)
  const { exitCode, signal, fault } = await child.firstExit
  if (exitCode !== 0) throw new StartFault(fault ?? `${spec.name} ended with ${signal ?? `code ${exitCode}`}`)
}

import type { BindingReturn } from '../model/app-state.ts'
import type { Deployment, TargetRow } from '../store/index.ts'
import { type OutlookOptions, readBindingReturn } from './binding-outlook.ts'
import { goalOfRequest } from './goal.ts'
import { lookMs, readServing, type ServingAnswer } from './serving.ts'

/** What the cloud says before a rollback starts; it can't be asked inside the transaction that starts it. */
export interface RollbackOutlook {
  /** The state of the app's newest deployment that it was read for. */
  basis: string
  serving: ServingAnswer
  /** The version that `bindings` is of; null: several, as before. */
  version: string | null
  /** Undefined when it could not be read. */
  bindings: BindingReturn | undefined
}

/**
 * Asks the cloud what serves, and what a rollback would do to secrets and variables; takes `lookMs` at most.
 * @param history what was deployed to the target, newest first.
 * @returns undefined for an app that was never deployed
 */
export async function lookAhead(
  options: OutlookOptions,
  history: TargetRow[],
  targetVersion: string | undefined,
): Promise<RollbackOutlook | undefined> {
  const [newest] = history
  if (newest === undefined) return undefined
  const signal = AbortSignal.timeout(lookMs)
  const serving = await readServing(options.targets, newest, signal)
  const basis = basisOf(newest)
  const nothing = { basis, serving, version: null, bindings: undefined }
  if (!serving.known) return nothing
  let version: string | null
  try {
    version = goalOfRequest(history, { targetVersion, running: isRunning(newest), serving }).version
  } catch {
    // Refused, as the transaction will say.
    return nothing
  }
  const goal = { version, traffic: newest.snapshot?.traffic ?? [] }
  const about = { history, goal, serving: serving.serving, signal }
  return { basis, serving, version, bindings: await readBindingReturn(options, about) }
}

export const isRunning = ({ status }: Deployment): boolean =>
  status === 'initiated' || status === 'in_progress'

/** Changes whenever a deployment of the app begins or ends. */
export const basisOf = (newest: Deployment): string =>
  isRunning(newest)
    ? `${newest.id} runs`
    : `${newest.id} ${newest.status} ${newest.finishedAt?.toISOString() ?? ''}`

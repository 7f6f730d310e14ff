import type { BindingReturn } from '../model/app-state.ts'
import type { Deployment, TargetRow } from '../store/index.ts'
import { type OutlookOptions, readBindingReturn } from './binding-outlook.ts'
import { goalOfRequest } from './goal.ts'
import { cloudReadTimeoutMs, readServing, type ServingAnswer } from './serving.ts'

/** The state of the cloud before a rollback. It is read before the transaction, which must not wait for the cloud. */
export interface RollbackOutlook {
  /** The state of the app's newest deployment at the time of the read. */
  basis: string
  serving: ServingAnswer
  /** The version that `bindings` belongs to; null for several versions, as before. */
  version: string | null
  /** Undefined if the effect on secrets and variables could not be read. */
  bindings: BindingReturn | undefined
}

/**
 * Reads the serving versions and the effect of a rollback on secrets and variables, within `cloudReadTimeoutMs`.
 * @param history the deployments to the target, newest first
 * @returns undefined for an app that was never deployed
 */
export async function readOutlook(
  options: OutlookOptions,
  history: TargetRow[],
  targetVersion: string | undefined,
): Promise<RollbackOutlook | undefined> {
  const [newest] = history
  if (newest === undefined) return undefined
  const signal = AbortSignal.timeout(cloudReadTimeoutMs)
  const serving = await readServing(options.targets, newest, signal)
  const basis = basisOf(newest)
  const withoutBindings = { basis, serving, version: null, bindings: undefined }
  if (!serving.known) return withoutBindings
  let version: string | null
  try {
    version = goalOfRequest(history, { targetVersion, running: isRunning(newest), serving }).version
  } catch {
    // The transaction will refuse the request with the same reason.
    return withoutBindings
  }
  const goal = { version, traffic: newest.snapshot?.traffic ?? [] }
  const input = { history, goal, serving: serving.serving, signal }
  return { basis, serving, version, bindings: await readBindingReturn(options, input) }
}

export const isRunning = ({ status }: Deployment): boolean =>
  status === 'initiated' || status === 'in_progress'

/** A text that changes whenever a deployment of the app begins or ends. */
export const basisOf = (newest: Deployment): string =>
  isRunning(newest)
    ? `${newest.id} runs`
    : `${newest.id} ${newest.status} ${newest.finishedAt?.toISOString() ?? ''}`

import type { ErrorCode } from '../../platform/error-codes.ts'
import { CodedError, notFound } from '../../platform/errors.ts'
import { currentTag, isGood, quarantineOf, servedBy } from '../model/history.ts'
import type { TargetRow } from '../store/index.ts'
import { decideGoal } from './goal.ts'
import { hasAllTraffic, isOffered, type ServingAnswer } from './serving.ts'
import { type ServingShare, sharesOf } from './versions.ts'

/** The good deployments whose versions a rollback can restore now, newest first; without the serving one. */
function goodTargets(history: TargetRow[], answer: ServingAnswer): TargetRow[] {
  const served = servedBy(history)
  const tag = answer.known ? answer.serving.migrationTag : currentTag(history)
  const isFree = ({ versionId }: TargetRow) =>
    answer.known
      ? isOffered(answer.serving, versionId) && !hasAllTraffic(answer.serving, versionId)
      : !(typeof served === 'object' && served.version === versionId)
  return history.filter(
    (each) =>
      isGood(each) &&
      each.migrationTag === tag &&
      isFree(each) &&
      quarantineOf(history, each.digest) === undefined,
  )
}

interface SuggestionInput {
  history: TargetRow[]
  serving: ServingAnswer
  wanted?: string | undefined
}

/**
 * Adds a command that works to a refusal without a suggested action.
 * @param input.wanted the deployment that the request named, if that is an older one
 */
export function withCommand(error: unknown, input: SuggestionInput): unknown {
  if (!(error instanceof CodedError) || error.options.suggestedAction !== undefined) return error
  const suggestedAction = suggestionFrom(input)
  return suggestedAction === undefined
    ? error
    : new CodedError(error.code, error.message, { ...error.options, suggestedAction })
}

function suggestionFrom({ history, serving, wanted }: SuggestionInput): string | undefined {
  const targets = goodTargets(history, serving)
  const target = targets.find(({ id }) => id === wanted) ?? targets[0]
  if (target === undefined) return serving.known ? undefined : 'Try again once the cloud answers'
  const { app, environment, id } = target
  const command = `capstan rollback ${app} --environment ${environment} --to ${id}`
  return serving.known
    ? `To go back to the deployment ${id}: ${command}`
    : `Try again once the cloud answers, or go back to the deployment ${id}: ${command}`
}

/** The rollback that `capstan rollback APP` would start now. */
export interface RollbackView {
  /** The newest deployment, which is rolled back. */
  deploymentId: string
  available: boolean
  /** Null if the app would be removed, or if several versions would share the traffic again. */
  targetVersion: string | null
  targetDeployment: string | null
  /** The serving versions that are replaced; null if the cloud could not be read. */
  replaces: ServingShare[] | null
  /** The reason if no rollback is available. */
  reason: string | null
  /** The error code of the refusal, or of the failed read of the cloud. */
  code: ErrorCode | null
  /** True if the same request may succeed later. */
  retryable: boolean
  /** True if the version to restore already serves. */
  serves: boolean
  suggestedAction: string | null
}

/** The rollback that is possible now. @throws SYS_005 for an app that was never deployed */
export function rollbackOf(history: TargetRow[], serving: ServingAnswer): RollbackView {
  const [newest] = history
  if (newest === undefined) throw notFound('App')
  const running = newest.status === 'initiated' || newest.status === 'in_progress'
  const shared = {
    deploymentId: newest.id,
    replaces: sharesOf(history, serving),
    code: serving.known ? null : serving.error.code,
    retryable: !serving.known && serving.error.retryable,
  }
  try {
    const { goal, serves } = decideGoal(history, { targetVersion: undefined, running, serving })
    const maker = history.find(({ versionId }) => goal.version !== null && versionId === goal.version)
    return {
      ...shared,
      available: !serves,
      targetVersion: goal.version,
      targetDeployment: maker?.id ?? null,
      reason: serves ? `Version ${goal.version} already serves` : null,
      serves,
      suggestedAction: serves ? (suggestionFrom({ history, serving }) ?? null) : null,
    }
  } catch (error) {
    const refusal = withCommand(error, { history, serving })
    if (!(refusal instanceof CodedError)) throw error
    return {
      ...shared,
      available: false,
      targetVersion: null,
      targetDeployment: null,
      reason: refusal.message,
      code: refusal.code,
      retryable: refusal.retryable,
      serves: false,
      suggestedAction: refusal.options.suggestedAction ?? null,
    }
  }
}

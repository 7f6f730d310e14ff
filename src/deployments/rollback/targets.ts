import { CodedError } from '../../platform/errors.ts'
import { currentTag, isGood, quarantineOf, servedBy } from '../model/history.ts'
import type { TargetRow } from '../store/index.ts'
import { decideGoal } from './goal.ts'
import { isOffered, type ServingAnswer, servesAlone } from './serving.ts'
import { type ServingShare, sharesOf } from './versions.ts'

/** Deployments whose versions a rollback can go to now, newest first: good ones that do not serve. */
function goodTargets(history: TargetRow[], answer: ServingAnswer): TargetRow[] {
  const served = servedBy(history)
  const tag = answer.known ? answer.serving.migrationTag : currentTag(history)
  const isFree = ({ versionId }: TargetRow) =>
    answer.known
      ? isOffered(answer.serving, versionId) && !servesAlone(answer.serving, versionId)
      : !(typeof served === 'object' && served.version === versionId)
  return history.filter(
    (each) =>
      isGood(each) &&
      each.migrationTag === tag &&
      isFree(each) &&
      quarantineOf(history, each.digest) === undefined,
  )
}

/**
 * Adds the command that works to a refusal that does not say what helps.
 * @param about.wanted the deployment that the request named, if it named an older one.
 */
export function withCommand(
  error: unknown,
  about: { history: TargetRow[]; serving: ServingAnswer; wanted?: string | undefined },
): unknown {
  if (!(error instanceof CodedError) || error.options.suggestedAction !== undefined) return error
  const suggestedAction = suggestionFrom(about)
  return suggestedAction === undefined
    ? error
    : new CodedError(error.code, error.message, { ...error.options, suggestedAction })
}

function suggestionFrom(about: {
  history: TargetRow[]
  serving: ServingAnswer
  wanted?: string | undefined
}): string | undefined {
  const { history, serving, wanted } = about
  const targets = goodTargets(history, serving)
  const target = targets.find(({ id }) => id === wanted) ?? targets[0]
  if (target === undefined) return undefined
  const { app, environment, id } = target
  return `To go back to the deployment ${id}: capstan rollback ${app} --environment ${environment} --to ${id}`
}

/** What `capstan rollback APP` would do now. */
export interface RollbackView {
  /** The newest deployment: the one that is rolled back. */
  deploymentId: string
  available: boolean
  /** Null when the app would be removed, or several versions would share the traffic again. */
  targetVersion: string | null
  targetDeployment: string | null
  /** What serves now and is replaced; null when the cloud could not be asked. */
  replaces: ServingShare[] | null
  /** Why not, if so. */
  reason: string | null
  /** The cloud says that the version to go back to serves already. */
  serves: boolean
  suggestedAction: string | null
}

/** @returns null for an app that was never deployed. */
export function rollbackOf(history: TargetRow[], serving: ServingAnswer): RollbackView | null {
  const [newest] = history
  if (newest === undefined) return null
  const running = newest.status === 'initiated' || newest.status === 'in_progress'
  const shared = { deploymentId: newest.id, replaces: sharesOf(history, serving) }
  try {
    const { goal, serves } = decideGoal(history, { targetVersion: undefined, running, serving })
    const maker = history.find(({ versionId }) => goal.version !== null && versionId === goal.version)
    return {
      ...{ ...shared, available: !serves, targetVersion: goal.version, targetDeployment: maker?.id ?? null },
      reason: serves ? `Version ${goal.version} of a good deployment serves already` : null,
      serves,
      suggestedAction: serves ? (suggestionFrom({ history, serving }) ?? null) : null,
    }
  } catch (error) {
    const refusal = withCommand(error, { history, serving })
    if (!(refusal instanceof CodedError)) throw error
    return {
      ...{ ...shared, available: false, targetVersion: null, targetDeployment: null },
      ...{ reason: refusal.message, serves: false },
      suggestedAction: refusal.options.suggestedAction ?? null,
    }
  }
}

import { CodedError } from '../../platform/errors.ts'
import { currentTag, quarantineOf, servedBy } from '../model/history.ts'
import type { TargetRow } from '../store/index.ts'
import { goalOfRequest } from './goal.ts'

/** Deployments whose versions a rollback can go to now, newest first: good ones that do not serve. */
function goodTargets(history: TargetRow[]): TargetRow[] {
  const served = servedBy(history)
  const tag = currentTag(history)
  return history.filter(
    ({ status, versionId, migrationTag, digest }) =>
      status === 'completed' &&
      versionId !== null &&
      migrationTag === tag &&
      !(typeof served === 'object' && served.version === versionId) &&
      quarantineOf(history, digest) === undefined,
  )
}

/** The command that rolls an app back; without a target to the last good version. */
function rollbackCommand({ app, environment }: TargetRow, target?: TargetRow): string {
  const to = target === undefined ? '' : ` --to ${target.id}`
  return `capstan rollback ${app} --environment ${environment}${to}`
}

/**
 * Adds the command that works to a refusal that does not say what helps.
 * @param about.wanted the deployment that the request named, if it named an older one.
 */
export function withCommand(
  error: unknown,
  about: { history: TargetRow[]; wanted?: string | undefined },
): unknown {
  if (!(error instanceof CodedError) || error.options.suggestedAction !== undefined) return error
  const { history, wanted } = about
  const targets = goodTargets(history)
  const target = targets.find(({ id }) => id === wanted) ?? targets.find((each) => each !== history[0])
  if (target === undefined) return error
  const suggestedAction = `To go back to the deployment ${target.id}: ${rollbackCommand(target, target)}`
  return new CodedError(error.code, error.message, { ...error.options, suggestedAction })
}

/** What `capstan rollback APP` would do now. */
export interface RollbackView {
  /** The newest deployment: the one that is rolled back. */
  deploymentId: string
  available: boolean
  /** Null when the app would be removed, or several versions would share the traffic again. */
  targetVersion: string | null
  targetDeployment: string | null
  /** Why not, if so. */
  reason: string | null
  /** The last good version serves already. */
  serves: boolean
  suggestedAction: string | null
}

/** @returns null for an app that was never deployed. */
export function rollbackOf(history: TargetRow[]): RollbackView | null {
  const [newest] = history
  if (newest === undefined) return null
  const deploymentId = newest.id
  const running = newest.status === 'initiated' || newest.status === 'in_progress'
  try {
    const { version } = goalOfRequest(history, { targetVersion: undefined, running })
    const maker = history.find(({ versionId }) => version !== null && versionId === version)
    return {
      ...{ deploymentId, available: true, targetVersion: version, targetDeployment: maker?.id ?? null },
      ...{ reason: null, serves: false, suggestedAction: null },
    }
  } catch (error) {
    const told = withCommand(error, { history })
    if (!(told instanceof CodedError)) throw error
    const served = servedBy(history)
    const serving = typeof served === 'object' ? served.version : null
    const maker = history.find(({ versionId }) => versionId === serving)
    const serves = maker !== undefined && maker !== newest && maker.status === 'completed'
    return {
      ...{ deploymentId, available: false, targetVersion: serves ? serving : null },
      targetDeployment: serves ? maker.id : null,
      reason: serves ? `Version ${serving}, the last good one, serves already` : told.message,
      serves,
      suggestedAction: told.options.suggestedAction ?? null,
    }
  }
}

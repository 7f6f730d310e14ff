import { inCommandTerms, plain } from '../../../cli/index.ts'
import type { RollbackPreviewAnswer, VersionsAnswer } from '../wire.ts'

/** The line that names the version to restore, with its deployment and time for the operator to check. */
export function rollbackTitle(
  { app, environment }: { app: string; environment: string },
  { targetVersion, deploymentId }: RollbackPreviewAnswer,
  versions: VersionsAnswer['versions'],
): string {
  const what = `Rolling back ${app} (${environment})`
  if (targetVersion === null) return `${what} to the state before the deployment ${plain(deploymentId)}`
  const found = versions.find(({ id }) => id === targetVersion)
  const made = found?.createdAt ? `, made at ${plain(found.createdAt)}` : ''
  return `${what} to ${nameOf(targetVersion, found?.deploymentId ?? null)}${made}`
}

const nameOf = (version: string, deploymentId: string | null) =>
  deploymentId === null
    ? `version ${plain(version)}, made outside Capstan`
    : `version ${plain(version)} of the deployment ${plain(deploymentId)}`

type Outcome = Pick<
  RollbackPreviewAnswer,
  'targetVersion' | 'replaces' | 'servingUnknown' | 'willNotUndo'
> & {
  running?: boolean
}

/** The effects of a rollback, one per line: what it replaces, what returns and what stays. */
export function rollbackLines(outcome: Outcome): string[] {
  const running = outcome.running ? ['The newest deployment runs: it is cancelled first'] : []
  return [...running, ...replacedLines(outcome), ...outcome.willNotUndo.map(shown)]
}

const shown = (sentence: string) => inCommandTerms(plain(sentence))

function replacedLines({ replaces, servingUnknown, targetVersion }: Outcome): string[] {
  if (replaces === null)
    return servingUnknown === null ? [] : [`Not known what it replaces. ${shown(servingUnknown)}`]
  if (replaces.length === 0) return ['No version serves now']
  return replaces
    .filter(({ version }) => version !== targetVersion)
    .map(({ version, deploymentId, percentage }) => {
      const share = percentage === 100 ? '' : ` (${percentage} % of the traffic)`
      return `Replaces ${nameOf(version, deploymentId)}${share}`
    })
}

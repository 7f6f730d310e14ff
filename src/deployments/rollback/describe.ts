import type { BindingReturn } from '../model/app-state.ts'
import { scriptName } from '../model/plan.ts'
import { returnLines } from '../plans/current-state/index.ts'
import type { TargetRow } from '../store/index.ts'
import { createdResources, keptMigrations } from './kept-data.ts'
import type { RollbackTarget } from './last-good.ts'
import type { ServingAnswer } from './serving.ts'
import { type ServingShare, sharesOf } from './versions.ts'

/** The effect of a rollback, shown in the preview and in the answer that starts it. */
export interface RollbackOutcome {
  /** The deployment that is rolled back; the rollback writes to its log. */
  deploymentId: string
  /** Null if the app is removed, or if several versions share the traffic again. */
  targetVersion: string | null
  /** The deployment that made that version; null for a version made outside Capstan. */
  targetDeployment: string | null
  /** The serving versions that are replaced; null if the cloud could not be read. */
  replaces: ServingShare[] | null
  /** The reason why the cloud could not be read. */
  servingUnknown: string | null
  willNotUndo: string[]
  /** The effect on secrets and variables; null if it could not be read. */
  bindings: BindingReturn | null
}

/** Describes the rollback of the newest deployment to the goal. */
export function describeRollback(
  history: TargetRow[],
  newest: TargetRow,
  input: { goal: RollbackTarget; serving: ServingAnswer; bindings: BindingReturn | undefined },
): RollbackOutcome {
  const { goal, serving, bindings } = input
  const maker = history.find(({ versionId }) => goal.version !== null && versionId === goal.version)
  return {
    deploymentId: newest.id,
    targetVersion: goal.version,
    targetDeployment: maker?.id ?? null,
    replaces: sharesOf(history, serving),
    servingUnknown: serving.known ? null : serving.error.message,
    willNotUndo: willNotUndo(newest, goal, bindings),
    bindings: bindings ?? null,
  }
}

/** One sentence for each thing that stays unchanged, is lost permanently, or returns with the earlier version. */
function willNotUndo(newest: TargetRow, goal: RollbackTarget, bindings: BindingReturn | undefined): string[] {
  if (goal.version === null && newest.snapshot?.scriptExists === false) {
    const script = scriptName(newest.app, newest.environment)
    return [
      `${script} did not exist before: it is removed, and the data of its Durable Objects with it`,
      ...keptData(newest),
    ]
  }
  return [
    'Data in Durable Objects stays as the app left it',
    'Data that the app wrote elsewhere (KV, R2, D1, queues, other services) stays as it is',
    ...keptData(newest),
    ...triggersOf(newest),
    ...(bindings === undefined ? [unknownBindings] : returnLines(bindings)),
  ]
}

/** What the deployment made beside its version, and what a rollback leaves. */
const keptData = (newest: TargetRow) => [
  ...createdResources(newest).map((label) => `The ${label}, which the deployment created, stays`),
  ...keptMigrations(newest),
]

/** What schedules, consumers and workflows of the deployment have done in the meantime. */
function triggersOf({ snapshot }: TargetRow): string[] {
  const { consumers = {}, workflows = {} } = snapshot?.triggers ?? {}
  const created = Object.keys(workflows).filter((name) => workflows[name] === null)
  return [
    ...(Object.keys(consumers).length > 0
      ? ['Messages that were consumed do not return to their queue']
      : []),
    ...(created.length > 0 ? [`The workflows ${created.join(', ')} are removed with their instances`] : []),
  ]
}

const unknownBindings =
  'Secrets and variables return to those of the earlier version; which ones change could not be read'

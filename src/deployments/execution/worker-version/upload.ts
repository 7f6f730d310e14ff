import type { WorkerUpload } from '../../cloudflare/workers-api.ts'
import type { AppState } from '../../model/app-state.ts'
import { migrationTagOf } from '../../model/history.ts'
import { pendingMigration } from '../../plans/parts/class-migrations.ts'
import { plannedCompatibility } from '../../plans/parts/compatibility.ts'
import type { StepContext } from '../steps/context.ts'
import { assetsOf } from './assets.ts'
import { bindingsOf } from './planned-bindings.ts'
import { preservedContent } from './preserve.ts'
import { uploadModules } from './upload-modules.ts'

/** An upload that is ready to be sent. */
export interface PreparedUpload {
  body: WorkerUpload
  /** The script's migration tag after the upload. */
  migrationTag: string | null
  /** True if only an upload of the whole script can make the change; it serves at once. */
  isWhole: boolean
}

/** Null removes a setting that the serving version has. */
const withoutNull = (settings: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null))

/** @param input.state the state of the app right before the upload; @param input.latest the newest version */
export async function prepareUpload(
  context: StepContext,
  input: { state: AppState; latest: string | undefined; classes: string[] },
): Promise<PreparedUpload> {
  const { deployment, plan } = context
  const { state, latest, classes } = input
  const { script, container, exports, versionSettings, metadata } = plan.config
  const present = { names: classes, tag: state.migrationTag }
  const pending = pendingMigration(plan.config, present, migrationTagOf(deployment.id))
  const migrations = pending && {
    ...(state.migrationTag === null ? {} : { old_tag: state.migrationTag }),
    new_tag: pending.tag,
    ...(pending.steps.length === 1 ? pending.steps[0] : { steps: pending.steps }),
  }
  const body: WorkerUpload = {
    script,
    modules: await uploadModules(context),
    bindings: bindingsOf(context),
    ...preservedContent(context, { state, latest }),
    ...(await assetsOf(context)),
    migrations,
    ...(exports === undefined ? {} : { exports }),
    ...(container === undefined ? {} : { containers: [{ class_name: container.className }] }),
    compatibility: plannedCompatibility(plan),
    metadata: { ...metadata, ...withoutNull({ ...plan.basis?.versionSettings, ...versionSettings }) },
    tag: deployment.id,
    message: `capstan ${plan.digest.slice(0, 20)}`,
  }
  return {
    body,
    migrationTag: pending?.tag ?? state.migrationTag,
    isWhole: !state.exists || migrations !== undefined || container !== undefined || exports !== undefined,
  }
}

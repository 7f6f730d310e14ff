import { unavailable } from '../../../platform/errors.ts'
import { CloudError } from '../../cloudflare/errors.ts'
import { plannedClasses } from '../../plans/parts/class-migrations.ts'
import { trackUpload, waitForUpload } from '../../targets/write-record.ts'
import { shiftTraffic } from '../traffic/shift.ts'
import { settingsOf } from '../worker-version/preserve.ts'
import { requireUnchanged } from '../worker-version/unchanged.ts'
import { prepareUpload } from '../worker-version/upload.ts'
import type { StepContext, StepResult } from './context.ts'

/**
 * Step 5: uploads a version and gives it the traffic, see `traffic/`. Uploads are marked with the annotation
 * `workers/tag` = the deployment's id. The step searches for that mark before it uploads, so that an attempt after a crash continues with
 * the version of the previous attempt; it waits while that upload may still arrive. If several versions have the mark,
 * the first one serves.
 */
export async function deployWorker(context: StepContext): Promise<StepResult> {
  const { deployment, plan, target, log } = context
  const { script } = plan.config
  const { own, latest } = await listVersions(context)
  const [found] = own
  if (found === undefined) waitForUpload(deployment, target)
  const uploaded = found === undefined ? await upload(context, latest) : await adoptVersion(context, found)
  const { versionId } = uploaded
  await context.remember({ ...uploaded, uploadSentAt: null })

  const { againInMs } = await shiftTraffic(context, { versionId, own })
  if (againInMs !== undefined) return { againInMs }
  log.info(`Version ${versionId} serves all traffic of ${script}`)
  await showNamespaces(context)
  return {}
}

interface Uploaded {
  versionId: string
  /** The script's migration tag with this version. */
  migrationTag: string | null
}

/** Continues with a version that an earlier attempt uploaded, perhaps without receiving the answer. */
async function adoptVersion(
  { plan, target, signal, log }: StepContext,
  versionId: string,
): Promise<Uploaded> {
  log.info(`Version ${versionId} was already uploaded`)
  const scripts = await target.cloud.scripts(signal)
  const script = scripts.find((each) => each.id === plan.config.script)
  return { versionId, migrationTag: script?.migrationTag ?? null }
}

async function upload(context: StepContext, latest: string | undefined, mayRepeat = true): Promise<Uploaded> {
  const { plan, target, signal, log } = context
  const { cloud } = target
  const { script } = plan.config
  const namespaces = await cloud.namespaces(signal)
  const classes = namespaces.filter((each) => each.script === script).map((each) => each.class)
  // The check comes right before the upload, to keep the time for changes in between short.
  const state = await requireUnchanged(context)
  const { body, migrationTag, isWhole } = await prepareUpload(context, { state, latest, classes })
  if (!isWhole) {
    log.info(`Uploading a version of ${script}`)
    const versionId = await trackUpload(context, () => cloud.createVersion(body, signal))
    return { versionId, migrationTag }
  }
  log.info(state.exists ? `Uploading the whole script ${script}` : `Creating ${script}`)
  if (state.exists && body.migrations !== undefined)
    log.warn('This migration of Durable Object classes cannot be rolled back')
  try {
    await trackUpload(context, () =>
      cloud.putScript({ ...body, settings: { ...settingsOf(state), ...plan.config.scriptSettings } }, signal),
    )
  } catch (error) {
    // Another client migrated between the check and the upload. The cloud refused the whole upload: check again, once.
    if (!mayRepeat || !(error instanceof CloudError) || error.code !== 10079) throw error
    log.warn('The migration tag has changed since it was read; reading it again')
    return upload(context, latest, false)
  }
  const [versionId] = (await listVersions(context)).own
  if (versionId === undefined) throw unavailable('The uploaded version is not listed yet')
  return { versionId, migrationTag }
}

/**
 * The newest version, and the versions with this deployment's mark, oldest first. Several have the mark only if an
 * upload arrived after it had timed out.
 */
async function listVersions({
  deployment,
  plan,
  target,
  signal,
  log,
}: StepContext): Promise<{ own: string[]; latest: string | undefined }> {
  const versions = await target.cloud.versions(plan.config.script, signal)
  const sorted = versions.toSorted((a, b) => a.number - b.number)
  const own = sorted.filter((version) => version.tag === deployment.id).map(({ id }) => id)
  for (const id of own.slice(1)) log.warn(`Version ${id} is a late duplicate; it will not serve`)
  return { own, latest: sorted.at(-1)?.id }
}

async function showNamespaces({ plan, target, signal, log }: StepContext): Promise<void> {
  const { script } = plan.config
  if (plannedClasses(plan.config).length === 0) return
  const namespaces = await target.cloud.namespaces(signal)
  for (const each of namespaces.filter((namespace) => namespace.script === script)) {
    log.info(`Durable Object ${each.class}: namespace ${each.id}`)
  }
}

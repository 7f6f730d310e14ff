import { checkAssetUse, resolveAssets } from '../assets/version.ts'
import { type CloudContext, namespaceDir } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { StartupReport } from '../runtime/startup/check.ts'
import type { Script } from '../store/scripts.ts'
import type { Version, VersionDraft } from '../store/versions.ts'
import { resolveBindings } from './bindings/resolve.ts'
import { scriptSettings, versionSettings } from './metadata.ts'
import { type MigrationPlan, planMigrations } from './migrations.ts'
import { missingTrigger } from './unsupported.ts'
import type { Upload } from './upload.ts'

const maxScripts = 500
/** The compatibility date of a Worker that sets none. */
const oldestCompatibilityDate = '2021-11-02'

export interface UploadRequest {
  scriptName: string
  upload: Upload
  /** The client that uploads: `wrangler` or `api`. */
  source: string
  strictInherit: boolean
}

export interface Published {
  script: Script
  version: Version
}

/**
 * Uploads a script, applies its migrations and deploys it at 100 %. Resolves when the new version serves.
 * @throws ApiError
 */
export function uploadScript(cloud: CloudContext, request: UploadRequest): Promise<Published> {
  return cloud.locks.run(request.scriptName, async () => {
    const present = cloud.store.scripts.find(request.scriptName)
    checkAccount(cloud, present)
    const prepared = await prepare(cloud, present, request)
    const published = cloud.store.transaction(() => commitUpload(cloud, request, prepared))
    const { script } = published
    const deletedDirs = prepared.plan.deletedNamespaces.map((id) => namespaceDir(cloud.dataDir, id))
    if (deletedDirs.length > 0) await cloud.pool.deleteData(script.id, deletedDirs)
    await cloud.pool.refresh(script.id)
    return published
  })
}

/** Uploads a version of an existing script without deploying it. @throws ApiError */
export function uploadVersion(cloud: CloudContext, request: UploadRequest): Promise<Published> {
  return cloud.locks.run(request.scriptName, async () => {
    const script = cloud.store.scripts.find(request.scriptName)
    if (script === undefined) throw new ApiError('scriptNotFound')
    if (request.upload.metadata.migrations !== undefined) throw new ApiError('migrationInVersion')
    const { draft } = await prepare(cloud, script, request, 'version_upload')
    const { versions } = cloud.store
    const version = cloud.store.transaction(() => versions.add(script.id, draft, request.upload.modules))
    return { script, version }
  })
}

/** The report of a Worker that has only assets. */
const noCode: StartupReport = { startupTimeMs: 0, handlers: [], namedHandlers: [], classes: [] }

interface Prepared {
  plan: MigrationPlan
  draft: VersionDraft
}

/** Runs all checks of an upload. It changes nothing. @throws ApiError */
async function prepare(
  cloud: CloudContext,
  script: Script | undefined,
  request: UploadRequest,
  trigger = 'upload',
): Promise<Prepared> {
  const { metadata, modules, etag } = request.upload
  const { scripts, versions } = cloud.store
  const classes = script === undefined ? [] : scripts.namespaces(script.id)
  const plan = planMigrations({ classes, tag: script?.migrationTag ?? null }, metadata.migrations)
  const latest = script && versions.latest(script.id)
  const bindings = resolveBindings(metadata, {
    scriptName: request.scriptName,
    store: cloud.store,
    plan,
    latest,
    findVersion: (id) => script && versions.find(script.id, id),
    strict: request.strictInherit,
  })
  const compatibilityDate = metadata.compatibility_date ?? oldestCompatibilityDate
  const compatibilityFlags = metadata.compatibility_flags ?? []
  const assets = await resolveAssets(cloud, request.scriptName, metadata, latest?.code.assets)
  const { main_module: mainModule = '' } = metadata
  for (const binding of bindings) if (binding.type === 'queue') requireQueueNamed(cloud, binding.queue_name)
  checkAssetUse(assets, { bindings, hasCode: mainModule !== '' })
  const candidate = { mainModule, modules, compatibilityDate, compatibilityFlags, bindings }
  const report = mainModule === '' ? noCode : await cloud.runtime.report(candidate)
  checkExports(report, plan, assets !== undefined)
  checkTriggers(report)
  const containers = metadata.containers ?? []
  for (const { class_name: name } of containers) if (name !== undefined) requireClass(plan, name)
  const { handlers, namedHandlers, startupTimeMs } = report
  const usageModel = metadata.usage_model ?? 'standard'
  const runtime = { mainModule, compatibilityDate, compatibilityFlags, usageModel, containers }
  const code = {
    ...runtime,
    assets,
    cpuMs: metadata.limits?.cpu_ms,
    settings: versionSettings.parse(metadata),
    handlers,
    namedHandlers,
    classes: report.classes,
    etag,
    startupTimeMs,
  }
  const draft: VersionDraft = {
    createdOn: new Date().toISOString(),
    source: request.source,
    annotations: annotate(metadata.annotations ?? {}, trigger),
    migrationTag: plan.tag,
    bindings,
    code,
  }
  return { plan, draft }
}

function commitUpload(cloud: CloudContext, request: UploadRequest, { plan, draft }: Prepared): Published {
  const { scripts, versions } = cloud.store
  const now = draft.createdOn
  const { id, settings } = scripts.find(request.scriptName) ?? scripts.create(request.scriptName, now)
  const { metadata, modules } = request.upload
  const given = scriptSettings.strip().parse(metadata)
  scripts.setSettings(id, { ...settings, ...given })
  scripts.replaceNamespaces(id, plan.classes)
  scripts.touch(id, now, plan.tag)
  const version = versions.add(id, draft, modules)
  const message = metadata.annotations?.['workers/message']
  versions.deploy(id, {
    createdOn: now,
    source: request.source,
    annotations: annotate(message === undefined ? {} : { 'workers/message': message }, 'upload'),
    versions: [{ version_id: version.id, percentage: 100 }],
  })
  const script = scripts.find(request.scriptName)
  if (script === undefined) throw new Error('the script is missing within the transaction that saved it')
  return { script, version }
}

function requireQueueNamed(cloud: CloudContext, name: string): void {
  if (cloud.store.queues.named(name) !== undefined) return
  throw new ApiError('queueNotFound', `The queue '${name}' does not exist.`)
}

function checkAccount(cloud: CloudContext, present: Script | undefined): void {
  if (present !== undefined) return
  if (cloud.store.scripts.account(cloud.accountId).subdomain === null) throw new ApiError('noSubdomain')
  if (cloud.store.scripts.list().length >= maxScripts) throw new ApiError('tooManyScripts')
}

/** Rejects handlers that nothing would call: such a Worker would look deployed but do nothing. */
function checkTriggers({ handlers }: StartupReport): void {
  for (const handler of handlers) {
    const missing = missingTrigger(handler)
    if (missing === undefined) continue
    const detail = `The Worker has a ${handler} handler, but the local cloud does not support ${missing}`
    throw new ApiError('invalidScript', `${detail}: it would never be called.`)
  }
}

function checkExports(report: StartupReport, plan: MigrationPlan, hasAssets: boolean): void {
  if (report.handlers.length === 0 && report.classes.length === 0 && !hasAssets) {
    throw new ApiError('noHandlers')
  }
  for (const { className, namespaceId } of plan.classes) {
    if (report.classes.includes(className)) continue
    if (namespaceId === null) {
      const problem = 'that is not exported by script'
      throw new ApiError(
        'classNotExported',
        `Cannot apply new-class migration to class '${className}' ${problem}.`,
      )
    }
    throw classGone(className)
  }
}

export function classGone(className: string, more = ''): ApiError {
  const detail =
    `New version of script does not export class '${className}' which is depended on by existing Durable Objects. ` +
    'If you want to delete these Durable Objects, apply a --delete-class migration.'
  return new ApiError('classNoLongerExported', `${detail} ${more}`.trimEnd())
}

function requireClass(plan: MigrationPlan, name: string): void {
  if (plan.classes.some((entry) => entry.className === name)) return
  throw new ApiError(
    'classNotConfigured',
    `The container's class '${name}' is not configured as a Durable Object.`,
  )
}

/** The client's annotations and Cloudflare's own one, which names the trigger of the version or deployment. */
export function annotate(given: Record<string, string | undefined>, trigger: string): Record<string, string> {
  const kept = Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { ...Object.fromEntries(kept), 'workers/triggered_by': trigger }
}

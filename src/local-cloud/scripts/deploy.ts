import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Script } from '../store/scripts.ts'
import type { Deployment, Version } from '../store/versions.ts'
import { secretsOf } from './bindings/resolve.ts'
import { checkTargets } from './bindings/targets.ts'
import { bytes, codeUpdateStrategy } from './metadata.ts'
import { annotate, classGone } from './publish.ts'

/** The number of newest versions that can be deployed. */
const deployableVersions = 100

const share = z.strictObject({ version_id: z.string(), percentage: z.number().min(0).max(100) })
export const deploymentBody = z.strictObject({
  strategy: z.literal('percentage'),
  versions: z
    .array(share)
    .min(1)
    .max(2)
    .refine(
      (all) => new Set(all.map((one) => one.version_id)).size === all.length,
      'must not contain a version twice',
    )
    .refine(
      (all) => Math.abs(all.reduce((sum, one) => sum + one.percentage, 0) - 100) < 1e-6,
      'percentages must sum to 100',
    ),
  annotations: z.strictObject({ 'workers/message': bytes(1000).optional() }).optional(),
  code_update_strategy: codeUpdateStrategy.optional(),
})
type DeploymentBody = z.infer<typeof deploymentBody>

export interface DeployRequest {
  scriptName: string
  body: DeploymentBody
  source: string
  /** Allows secrets that have changed since the version was uploaded. */
  force: boolean
}

/**
 * Deploys uploaded versions. A rollback is a deployment of an old version. Resolves when they serve.
 * @throws ApiError
 */
export function deployVersions(cloud: CloudContext, request: DeployRequest): Promise<Deployment> {
  return cloud.locks.run(request.scriptName, async () => {
    const script = cloud.store.scripts.find(request.scriptName)
    if (script === undefined) throw new ApiError('scriptNotFound')
    const { body, source } = request
    const deployable = listDeployable(cloud, script)
    const serving = servingVersion(cloud, script)
    const targets = body.versions.map((one) => {
      const target = deployable.find((version) => version.id === one.version_id)
      if (target === undefined) throw new ApiError('versionNotFound')
      return target
    })
    for (const target of targets) {
      checkClasses(cloud, script, target)
      checkTargets(target.bindings, { scriptName: script.name, store: cloud.store })
      if (!request.force) checkSecrets(serving, target)
    }
    const backwards = targets.every((target) => target.number < (serving?.number ?? 0))
    const { versions } = body
    const annotations = annotate(body.annotations ?? {}, backwards ? 'rollback' : 'deployment')
    const createdOn = new Date().toISOString()
    const deployment = cloud.store.transaction(() => {
      cloud.store.scripts.touch(script.id, createdOn, script.migrationTag)
      return cloud.store.versions.deploy(script.id, { createdOn, source, annotations, versions })
    })
    await cloud.pool.refresh(script.id)
    return deployment
  })
}

/** The version with the largest share of the traffic; of two equal ones the newer. */
export function servingVersion(cloud: CloudContext, script: Script): Version | undefined {
  const found = deployedVersions(cloud, script)
  return found.toSorted((a, b) => b.percentage - a.percentage || b.version.number - a.version.number)[0]
    ?.version
}

/** The deployed versions with their shares, also those at 0 %. */
export function deployedVersions(
  { store }: CloudContext,
  { id }: Script,
): { version: Version; percentage: number }[] {
  const shares = store.versions.serving(id)?.versions ?? []
  return shares.flatMap(({ version_id: versionId, percentage }) => {
    const version = store.versions.find(id, versionId)
    return version === undefined ? [] : [{ version, percentage }]
  })
}

export function listDeployable(cloud: CloudContext, script: Script): Version[] {
  return cloud.store.versions.list(script.id).slice(0, deployableVersions)
}

function checkClasses(cloud: CloudContext, script: Script, target: Version): void {
  const live = cloud.store.scripts.namespaces(script.id).map((namespace) => namespace.className)
  const missing = live.find((name) => !target.code.classes.includes(name))
  const bound = target.bindings.flatMap((one) =>
    one.type === 'durable_object_namespace' ? [one.class_name] : [],
  )
  const [from, to] = [target.migrationTag ?? 'none', script.migrationTag ?? 'none']
  const tags = `Version ${target.id} was uploaded at migration tag ${from}, the Worker is at ${to}.`
  const why = from === to ? '' : `${tags} A rollback can't cross a Durable Object migration.`
  if (missing !== undefined) throw classGone(missing, why)
  if (from !== to || bound.some((name) => !live.includes(name))) {
    throw new ApiError('migrationInBetween', why === '' ? undefined : why)
  }
}

function checkSecrets(serving: Version | undefined, target: Version): void {
  if (serving === undefined || target.number >= serving.number) return
  const [now, then] = [secretsOf(serving), secretsOf(target)]
  const same = now.size === then.size && [...now].every(([name, text]) => then.get(name) === text)
  if (!same) throw new ApiError('secretsChanged')
}

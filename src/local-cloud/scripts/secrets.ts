import { z } from 'zod'
import type { CloudContext } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Binding } from '../store/bindings.ts'
import type { Script } from '../store/scripts.ts'
import type { Version } from '../store/versions.ts'
import { checkSizes } from './bindings/resolve.ts'
import { secretText } from './bindings/schema.ts'
import { uploadMetadata } from './metadata.ts'
import { annotate } from './publish.ts'

export const secretBody = z.strictObject(secretText.shape)
/** A merge patch of secrets: null deletes. The npm client and wrangler repeat the name inside each secret. */
export const secretsBody = z.strictObject({
  secrets: z
    .record(secretText.shape.name, secretText.nullable())
    .refine(
      (all) => Object.entries(all).every(([key, secret]) => (secret?.name ?? key) === key),
      'the name of a secret differs from its key',
    ),
})
/** The newer API's merge patch of the latest version. The local cloud supports only its secrets. */
export const versionPatch = z.strictObject({
  env: z.record(secretText.shape.name, secretText.omit({ name: true }).nullable()),
  annotations: uploadMetadata.shape.annotations,
})

/** Computes the bindings after an edit. @throws ApiError if the edit does not apply */
type Edit = (bindings: Binding[]) => Binding[]

export interface SecretRequest {
  scriptName: string
  source: string
  edit: Edit
  annotations?: Record<string, string | undefined> | undefined
}

type Secret = z.infer<typeof secretBody>

/** Sets a secret. @throws ApiError 10021 if another binding that is not a secret has the name */
export function putSecret(secret: Secret): Edit {
  return (bindings) => {
    const present = bindings.find((binding) => binding.name === secret.name)
    if (present !== undefined && present.type !== 'secret_text') {
      throw new ApiError('invalidScript', `Binding name '${secret.name}' already in use.`)
    }
    return [...bindings.filter((binding) => binding.name !== secret.name), secret]
  }
}

/** Deletes a secret. @throws ApiError 10056 if it does not exist */
export function deleteSecret(name: string): Edit {
  return (bindings) => {
    const rest = bindings.filter((binding) => !(binding.type === 'secret_text' && binding.name === name))
    if (rest.length === bindings.length) throw new ApiError('secretNotFound')
    return rest
  }
}

/** Sets and deletes several secrets: all or none. */
export function patchSecrets(secrets: Record<string, { text: string } | null>): Edit {
  const edits = Object.entries(secrets).map(([name, secret]) =>
    secret === null ? deleteSecret(name) : putSecret({ type: 'secret_text', name, text: secret.text }),
  )
  return (bindings) => edits.reduce((present, edit) => edit(present), bindings)
}

/** Changes the secrets of the deployed version: creates and deploys a version with the same code. @throws ApiError */
export function editSecrets(cloud: CloudContext, request: SecretRequest): Promise<Version> {
  return cloud.locks.run(request.scriptName, async () => {
    const { script, base } = latestOf(cloud, request.scriptName)
    requireDeployed(cloud, script, base)
    const version = await editedDraft(cloud, base, request)
    const { createdOn, source, annotations } = version
    const added = cloud.store.transaction(() => {
      const one = cloud.store.versions.add(script.id, version, version.modules)
      const versions = [{ version_id: one.id, percentage: 100 }]
      cloud.store.versions.deploy(script.id, { createdOn, source, annotations, versions })
      cloud.store.scripts.touch(script.id, createdOn, script.migrationTag)
      return one
    })
    await cloud.pool.refresh(script.id)
    return added
  })
}

/**
 * Changes the secrets of the latest version, deployed or not: creates a version without deploying it.
 * @throws ApiError
 */
export function editVersionSecrets(cloud: CloudContext, request: SecretRequest): Promise<Version> {
  return cloud.locks.run(request.scriptName, async () => {
    const { script, base } = latestOf(cloud, request.scriptName)
    const version = await editedDraft(cloud, base, request)
    return cloud.store.transaction(() => cloud.store.versions.add(script.id, version, version.modules))
  })
}

/** The draft of a version after an edit. */
async function editedDraft(cloud: CloudContext, base: Version, request: SecretRequest) {
  const bindings = request.edit(base.bindings)
  checkSizes(bindings)
  const modules = cloud.store.versions.modules(base.id)
  if (modules.length > 0) await cloud.runtime.report({ ...base.code, modules, bindings })
  const { migrationTag, code } = base
  const annotations = annotate(request.annotations ?? {}, 'secret')
  const createdOn = new Date().toISOString()
  return { createdOn, source: request.source, annotations, migrationTag, bindings, code, modules }
}

function latestOf(cloud: CloudContext, scriptName: string): { script: Script; base: Version } {
  const script = cloud.store.scripts.find(scriptName)
  if (script === undefined) throw new ApiError('scriptNotFound')
  const base = cloud.store.versions.latest(script.id)
  if (base === undefined) throw new ApiError('noVersions')
  return { script, base }
}

/**
 * Requires that the latest version is deployed. An edit is based on it and would otherwise deploy code that was only
 * uploaded.
 */
function requireDeployed(cloud: CloudContext, script: Script, latest: Version): void {
  const [only, second] = cloud.store.versions.serving(script.id)?.versions ?? []
  if (second !== undefined || only?.version_id !== latest.id) throw new ApiError('latestNotDeployed')
}

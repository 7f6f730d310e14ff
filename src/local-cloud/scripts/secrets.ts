import { z } from 'zod'
import type { Cloud } from '../context.ts'
import { ApiError } from '../errors.ts'
import { checkStartup } from '../runtime/startup-check.ts'
import type { Script } from '../store/scripts.ts'
import type { Binding, Version } from '../store/versions.ts'
import { secretText } from './metadata.ts'
import { annotate } from './publish.ts'

export const secretBody = z.strictObject(secretText.shape)

/** The edit of one call: the bindings after it. Throws ApiError when it does not apply. */
type Edit = (bindings: Binding[]) => Binding[]

export interface SecretRequest {
  scriptName: string
  source: string
  edit: Edit
}

/** Sets a secret; another binding of the name is replaced only when it is a secret, too. */
export function putSecret(secret: z.infer<typeof secretBody>): Edit {
  return (bindings) => {
    const present = bindings.find((binding) => binding.name === secret.name)
    if (present !== undefined && present.type !== 'secret_text') {
      throw new ApiError('invalidScript', `Binding name '${secret.name}' already in use.`)
    }
    return [...bindings.filter((binding) => binding.name !== secret.name), secret]
  }
}

/** Throws ApiError 10056 when there is no such secret. */
export function deleteSecret(name: string): Edit {
  return (bindings) => {
    const rest = bindings.filter((binding) => !(binding.type === 'secret_text' && binding.name === name))
    if (rest.length === bindings.length) throw new ApiError('secretNotFound')
    return rest
  }
}

/** Changes the secrets of what serves: a new version of the same code, deployed at once. */
export function editSecrets(cloud: Cloud, request: SecretRequest): Promise<void> {
  return cloud.locks.run(request.scriptName, async () => {
    const script = cloud.store.scripts.find(request.scriptName)
    if (script === undefined) throw new ApiError('scriptNotFound')
    const base = deployedLatest(cloud, script)
    const bindings = request.edit(base.bindings)
    const modules = cloud.store.versions.modules(base.id)
    await checkStartup({ ...base.code, modules, bindings }, cloud.reaper)
    const createdOn = new Date().toISOString()
    const annotations = annotate({}, 'secret')
    const { source } = request
    const { migrationTag, code } = base
    cloud.store.transaction(() => {
      const draft = { createdOn, source, annotations, migrationTag, bindings, code }
      const version = cloud.store.versions.add(script.id, draft, modules)
      const versions = [{ version_id: version.id, percentage: 100 }]
      cloud.store.versions.deploy(script.id, { createdOn, source, annotations, versions })
      cloud.store.scripts.touch(script.id, createdOn, script.migrationTag)
    })
    await cloud.pool.refresh(script.id)
  })
}

/** An edit goes on top of the newest version, and would deploy code that nobody deployed if that one did not serve. */
function deployedLatest(cloud: Cloud, script: Script): Version {
  const latest = cloud.store.versions.latest(script.id)
  if (latest === undefined) throw new ApiError('noVersions')
  const [only, second] = cloud.store.versions.serving(script.id)?.versions ?? []
  if (second !== undefined || only?.version_id !== latest.id) throw new ApiError('latestNotDeployed')
  return latest
}

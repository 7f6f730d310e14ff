import { createHash } from 'node:crypto'
import { type FieldFault, invalidBody } from '../../../platform/errors.ts'
import type { ModuleRequest } from '../../model/request/code.ts'
import type { PrepareConfig } from '../../model/request/config.ts'
import type { PlannedModule } from '../../model/worker-module.ts'

/**
 * The modules of a request, the main one first; none for an app that consists of static files.
 * @throws REQ_002 if there are neither, or the modules are invalid
 */
export function modulesOf(config: PrepareConfig): ModuleRequest[] {
  const { script, modules = [], assets } = config
  if (script !== undefined && config.modules !== undefined) {
    throw invalidBody([{ path: 'config.modules', problem: 'give either script or modules' }])
  }
  if (script !== undefined) {
    return [{ name: 'index.js', type: 'esm', content: Buffer.from(script).toString('base64') }]
  }
  const [main] = modules
  if (main === undefined) {
    if (assets !== undefined) return []
    throw invalidBody([{ path: 'config', problem: 'script, modules or assets is required' }])
  }
  const faults: FieldFault[] = []
  if (main.type !== 'esm' && main.type !== 'python')
    faults.push({ path: 'config.modules.0.type', problem: 'the main module must be esm or python' })
  const names = new Set<string>()
  modules.forEach(({ name }, index) => {
    if (names.has(name)) faults.push({ path: `config.modules.${index}.name`, problem: 'is used twice' })
    names.add(name)
  })
  if (faults.length > 0) throw invalidBody(faults)
  return modules
}

/** The digests of all blobs that a request names, with the paths of their fields. */
export function namedBlobs(config: PrepareConfig): { path: string; digest: string }[] {
  const { modules = [], assets, databases = [] } = config
  return [
    ...modules.flatMap(({ digest }, index) =>
      digest === undefined ? [] : [{ path: `config.modules.${index}.digest`, digest }],
    ),
    ...(assets?.files ?? []).map(({ digest }, index) => ({
      path: `config.assets.files.${index}.digest`,
      digest,
    })),
    ...databases.flatMap(({ files }, database) =>
      files.map(({ digest }, index) => ({
        path: `config.databases.${database}.files.${index}.digest`,
        digest,
      })),
    ),
  ]
}

const maxFaults = 100

/**
 * Checks that the blobs of a request were sent before.
 * @param sizes the sizes of those that were sent, by digest
 * @throws REQ_002 with the fields that name other blobs, at most 100
 */
export function checkBlobs(config: PrepareConfig, sizes: ReadonlyMap<string, number>): void {
  const problem = 'no blob with this digest was sent: PUT /deploy/blobs/{digest}'
  const faults = namedBlobs(config)
    .filter(({ digest }) => !sizes.has(digest))
    .map(({ path }) => ({ path, problem }))
  config.assets?.files.forEach(({ digest, size }, index) => {
    if (sizes.has(digest) && sizes.get(digest) !== size)
      faults.push({ path: `config.assets.files.${index}.size`, problem: 'differs from the size of the blob' })
  })
  if (faults.length > 0) throw invalidBody(faults.slice(0, maxFaults))
}

/** The modules of a plan, and the code that the request contained. */
export function plannedModules(
  modules: ModuleRequest[],
  sizes: ReadonlyMap<string, number>,
): { modules: PlannedModule[]; code: Buffer[] } {
  const code: Buffer[] = []
  const planned = modules.map(({ name, type, content, digest: sent = '' }): PlannedModule => {
    if (content === undefined) return { name, type, digest: sent, size: sizes.get(sent) ?? 0 }
    const bytes = Buffer.from(content, 'base64')
    code.push(bytes)
    return { name, type, digest: createHash('sha256').update(bytes).digest('hex'), size: bytes.length }
  })
  return { modules: planned, code }
}

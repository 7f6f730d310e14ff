import { createHash } from 'node:crypto'
import { maxScriptBytes, parseJson } from '../api/body.ts'
import { ApiError } from '../errors.ts'
import type { ModuleType, WorkerModule } from '../store/versions.ts'
import { givenMetadata, type UploadMetadata } from './metadata.ts'

export interface Upload {
  metadata: UploadMetadata
  /** The names of settings that the local cloud does not know. */
  unknownSettings: string[]
  modules: WorkerModule[]
  etag: string
}

const moduleTypes: Record<string, ModuleType | 'ignored'> = {
  'application/javascript+module': 'ESModule',
  'text/javascript+module': 'ESModule',
  'application/javascript': 'CommonJS',
  'text/javascript': 'CommonJS',
  'application/wasm': 'CompiledWasm',
  'text/plain': 'Text',
  'application/octet-stream': 'Data',
  'application/source-map': 'ignored',
}

/**
 * Reads the parts of an upload: `metadata`, and one part per module, named like the module.
 * @throws ApiError 10021, 10026 or 10027
 */
export async function parseUpload(form: FormData): Promise<Upload> {
  const given = form.get('metadata')
  if (given === null) throw new ApiError('invalidBody', 'The part named metadata is missing.')
  const text = typeof given === 'string' ? given : await given.text()
  const { metadata, unknownSettings } = parseJson(text, givenMetadata, 'invalidScript')
  const modules: WorkerModule[] = []
  for (const [name, part] of form) {
    if (name === 'metadata') continue
    if (typeof part === 'string') {
      throw new ApiError('invalidBody', `The part '${name}' needs a file name and a Content-Type.`)
    }
    const module = await readModule(name, part)
    if (module !== undefined) modules.push(module)
  }
  checkModules(metadata, modules)
  return { metadata, unknownSettings, modules, etag: etagOf(modules) }
}

async function readModule(name: string, part: File): Promise<WorkerModule | undefined> {
  const type = moduleTypes[part.type.split(';')[0]?.trim() ?? '']
  if (type === undefined) {
    throw new ApiError('invalidScript', `The Content-Type of module '${name}' is not supported.`)
  }
  if (type === 'ignored') return undefined
  const plain = name.replace(/^\.\//, '')
  if (
    plain.startsWith('/') ||
    plain.split('/').some((part) => part === '' || part === '.' || part === '..')
  ) {
    throw new ApiError('invalidScript', `'${name}' is not a valid module name.`)
  }
  return { name: plain, type, content: Buffer.from(await part.arrayBuffer()) }
}

function checkModules(metadata: UploadMetadata, modules: WorkerModule[]): void {
  const bytes = modules.reduce((sum, module) => sum + module.content.length, 0)
  if (bytes > maxScriptBytes) throw new ApiError('tooLarge')
  const names = new Set(modules.map((module) => module.name))
  if (names.size !== modules.length) throw new ApiError('invalidScript', 'Two modules have the same name.')
  checkMain(metadata, modules)
  const today = new Date().toISOString().slice(0, 10)
  if ((metadata.compatibility_date ?? today) > today) {
    throw new ApiError(
      'invalidScript',
      `Can't set compatibility date in the future: ${metadata.compatibility_date}`,
    )
  }
}

/** Checks the main module. Only a Worker with assets can have no code. */
function checkMain(metadata: UploadMetadata, modules: WorkerModule[]): void {
  if (metadata.main_module === undefined) {
    if (modules.length === 0 && hasAssets(metadata)) return
    const needed = 'main_module: is required: only ES modules are supported, not body_part scripts'
    throw new ApiError('invalidScript', needed)
  }
  const main = modules.find((module) => module.name === metadata.main_module)
  if (main === undefined) throw new ApiError('invalidScript', `No such module: ${metadata.main_module}`)
  if (main.type !== 'ESModule') {
    throw new ApiError('invalidScript', 'The main module must be of type application/javascript+module.')
  }
}

const hasAssets = ({ assets, keep_assets: keep = false }: UploadMetadata) => keep || assets !== undefined

function etagOf(modules: WorkerModule[]): string {
  const hash = createHash('sha256')
  for (const { name, type, content } of modules.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    hash.update(JSON.stringify([name, type, content.length])).update(content)
  }
  return hash.digest('hex')
}

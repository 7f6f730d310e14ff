import { z } from 'zod'
import type { ModuleType } from '../../model/worker-module.ts'
import type { CloudHttp } from '../http.ts'
import { type MultipartBody, multipart } from './multipart.ts'
import type { AccountPaths } from './paths.ts'
import type { Cloudflare, WorkerUpload } from './types.ts'

/** The calls that upload code. */
export function createUploads(
  http: CloudHttp,
  paths: AccountPaths,
): Pick<Cloudflare, 'putScript' | 'createVersion'> {
  return {
    async putScript(upload, signal) {
      const path = `${paths.script(upload.script)}?bindings_inherit=strict`
      await http.write(z.unknown(), { method: 'PUT', path, ...bodyOf(upload), signal })
    },
    async createVersion(upload, signal) {
      const path = `${paths.script(upload.script)}/versions?bindings_inherit=strict`
      const made = z.object({ id: z.string() })
      return (await http.write(made, { method: 'POST', path, ...bodyOf(upload), signal })).id
    },
  }
}

const bodyOf = (upload: WorkerUpload) => ({
  multipart: formOf(upload),
  confidential: upload.bindings.flatMap(({ type, text }) =>
    type === 'secret_text' && typeof text === 'string' ? [text] : [],
  ),
})

const contentTypes: Record<ModuleType, string> = {
  esm: 'application/javascript+module',
  commonjs: 'application/javascript',
  wasm: 'application/wasm',
  text: 'text/plain',
  data: 'application/octet-stream',
  sourcemap: 'application/source-map',
  python: 'text/x-python',
}

/**
 * The multipart body of an upload: `metadata`, and one part per module under the module's name. The official client
 * cannot create it, because it flattens the metadata into form fields.
 */
function formOf(upload: WorkerUpload): MultipartBody {
  const metadata = Buffer.from(JSON.stringify(metadataOf(upload)))
  return multipart([
    { name: 'metadata', type: 'application/json', size: metadata.length, read: () => once(metadata) },
    ...upload.modules.map(({ name, type, size, read }) => ({
      name,
      filename: name,
      type: contentTypes[type],
      size,
      read,
    })),
  ])
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function metadataOf(upload: WorkerUpload): Record<string, unknown> {
  const { modules, compatibility, keepBindings, assets, containers, migrations, exports } = upload
  const [main] = modules
  return {
    ...upload.metadata,
    ...(main === undefined ? {} : { main_module: main.name }),
    ...(compatibility.date === null ? {} : { compatibility_date: compatibility.date }),
    compatibility_flags: compatibility.flags,
    bindings: [...upload.bindings, ...(upload.kept ?? [])],
    ...(keepBindings === undefined ? {} : { keep_bindings: keepBindings }),
    ...(upload.keepAssets ? { keep_assets: true } : {}),
    ...(assets === undefined ? {} : { assets }),
    ...upload.settings,
    ...(containers === undefined ? {} : { containers }),
    ...(migrations === undefined ? {} : { migrations }),
    ...(exports === undefined ? {} : { exports }),
    annotations: { 'workers/tag': upload.tag, 'workers/message': upload.message },
  }
}

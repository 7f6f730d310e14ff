import { z } from 'zod'
import { UsageFault } from '../../../../cli/index.ts'
import type { WorkerModule } from '../../../model/worker-module.ts'

/** A module of the bundle. */
export interface BundledModule {
  name: string
  type: WorkerModule['type']
  bytes: Buffer<ArrayBuffer>
}

const binding = z.looseObject({ type: z.string(), name: z.string() })
export type Binding = z.output<typeof binding>

const metadata = z.looseObject({
  main_module: z.string().optional(),
  body_part: z.string().optional(),
  bindings: z.array(binding).default([]),
  compatibility_date: z.string().optional(),
  compatibility_flags: z.array(z.string()).optional(),
})
export type UploadMetadata = z.output<typeof metadata>

/** What wrangler would upload. */
export interface UploadForm {
  metadata: UploadMetadata
  /** The main module first, the others by name, so that the same bundle makes the same plan. */
  modules: BundledModule[]
}

const types = new Map<string, WorkerModule['type']>([
  ['application/javascript+module', 'esm'],
  ['application/javascript', 'commonjs'],
  ['application/wasm', 'wasm'],
  ['text/plain', 'text'],
  ['application/octet-stream', 'data'],
  ['application/source-map', 'sourcemap'],
  ['text/x-python', 'python'],
])

/** Reads the multipart body that `wrangler deploy --outfile` writes. @throws UsageFault for a module of an unknown type */
export async function readForm(body: Buffer): Promise<UploadForm> {
  const boundary = body.subarray(2, body.indexOf('\r\n')).toString('latin1')
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  const form = await new Response(new Uint8Array(body), { headers }).formData()
  const parsed = metadata.parse(JSON.parse(await textOf(form.get('metadata'))))
  const modules: BundledModule[] = []
  for (const [name, part] of form) {
    if (name === 'metadata' || typeof part === 'string') continue
    modules.push({ name, type: typeOf(name, part.type), bytes: Buffer.from(await part.arrayBuffer()) })
  }
  const isMain = ({ name }: BundledModule) => name === parsed.main_module
  const others = modules.filter((each) => !isMain(each))
  others.sort((one, other) => (one.name < other.name ? -1 : 1))
  return { metadata: parsed, modules: [...modules.filter(isMain), ...others] }
}

const textOf = async (part: unknown) => (part instanceof Blob ? part.text() : String(part))

function typeOf(name: string, contentType: string): WorkerModule['type'] {
  const type = types.get(contentType.split(';')[0]?.trim() ?? '')
  if (type !== undefined) return type
  throw new UsageFault(`The module ${name} has the type ${contentType}, which Capstan can't deploy`)
}

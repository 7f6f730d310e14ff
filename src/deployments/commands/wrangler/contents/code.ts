import type { Bundle } from '../bundle.ts'
import type { BundledModule } from '../reading/form.ts'
import { type Blob, blobOf } from './files.ts'

/** Up to this size, modules are part of the request: one call in place of one per module. */
const maxInlineBytes = 8 * 1024 * 1024

/** The modules of the request. A Worker of assets only has none: wrangler's bundle of it is a placeholder. */
export function translateCode({ config, form }: Pick<Bundle, 'config' | 'form'>) {
  const { modules } = form
  if (config.main === undefined && config.assets != null) return { config: {}, blobs: [] }
  const total = modules.reduce((sum, { bytes }) => sum + bytes.length, 0)
  return total <= maxInlineBytes ? inline(modules) : byDigest(modules)
}

function inline(modules: BundledModule[]) {
  const named = modules.map(({ name, type, bytes }) => ({ name, type, content: bytes.toString('base64') }))
  return { config: { modules: named }, blobs: [] }
}

function byDigest(modules: BundledModule[]): { config: object; blobs: Blob[] } {
  const blobs = modules.map(({ bytes }) => blobOf(bytes))
  const named = modules.map(({ name, type }, index) => ({ name, type, digest: blobs[index]?.digest ?? '' }))
  return { config: { modules: named }, blobs }
}

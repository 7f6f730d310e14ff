import type { StoredModule, UploadModule } from '../../model/worker-module.ts'
import type { StepContext } from '../steps/context.ts'

/** The size of a module in bytes. */
export const sizeOf = (module: StoredModule): number =>
  'digest' in module ? module.size : Buffer.byteLength(module.content, 'base64')

/** The plan's modules for an upload, the main one first. Their code is read while it is sent. */
export async function uploadModules({
  storedModules,
  readBlob,
}: Pick<StepContext, 'storedModules' | 'readBlob'>): Promise<UploadModule[]> {
  return (await storedModules()).map((module) => ({
    name: module.name,
    type: module.type,
    size: sizeOf(module),
    read: () => ('digest' in module ? readBlob(module.digest) : contentOf(module)),
  }))
}

async function* contentOf({ content }: { content: string }): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content, 'base64')
}

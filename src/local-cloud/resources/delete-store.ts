import { rm } from 'node:fs/promises'
import { type CloudContext, storageDir } from '../context.ts'
import { storePaths } from '../runtime/bridge/files.ts'
import type { DataKind } from '../runtime/groups/nodes.ts'

/** Deletes a store while no process uses it. `commit` deletes its row; files that remain are deleted at the next start. */
export async function deleteStore(
  cloud: CloudContext,
  { kind, id }: { kind: DataKind; id: string },
  commit: () => void,
): Promise<void> {
  await cloud.pool.exclusively(`${kind}:${id}`, async () => {
    commit()
    for (const path of storePaths(storageDir(cloud.dataDir), kind, id)) {
      await rm(path, { recursive: true, force: true })
    }
  })
}

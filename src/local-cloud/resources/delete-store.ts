import { rm } from 'node:fs/promises'
import { type CloudContext, storageDir } from '../context.ts'
import { storePaths } from '../runtime/bridge/files.ts'
import { type StoreNode, storeOf } from '../runtime/groups/nodes.ts'

/** Deletes a store while no process uses it. `commit` deletes its row; files that remain are deleted at the next start. */
export async function deleteStore(cloud: CloudContext, node: StoreNode, commit: () => void): Promise<void> {
  await cloud.pool.exclusively(node, async () => {
    commit()
    const { kind, id } = storeOf(node)
    for (const path of storePaths(storageDir(cloud.dataDir), kind, id)) {
      await rm(path, { recursive: true, force: true })
    }
  })
}

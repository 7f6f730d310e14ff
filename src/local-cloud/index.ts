import type { LocalCloud, LocalCloudOptions } from './options.ts'

export { registerCloudCommands } from './commands.ts'
export { localCloudCredentials, localCloudDir } from './credentials.ts'
export type { LocalCloud, LocalCloudLog, LocalCloudOptions } from './options.ts'

/**
 * Starts the local cloud over the state in `dataDir`. Rejects with one clear line when the port is occupied or another
 * process holds the directory.
 */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  // Loaded here only: miniflare costs 200 ms and 40 MB, and most processes want no more than the credentials.
  const { startCloud } = await import('./cloud.ts')
  return await startCloud(options)
}

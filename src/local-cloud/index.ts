import type { LocalCloud, LocalCloudOptions } from './options.ts'

export { localCloudCredentials, localCloudDir } from './credentials.ts'
export type { LocalCloud, LocalCloudLog, LocalCloudOptions } from './options.ts'

/**
 * Starts the local cloud on the state in `dataDir`.
 * @throws Error with a message for users if the port is in use or another process uses the directory
 */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  // Loaded on demand: miniflare takes 200 ms and 40 MB, and most processes need only the credentials.
  const { startCloud } = await import('./cloud.ts')
  return await startCloud(options)
}

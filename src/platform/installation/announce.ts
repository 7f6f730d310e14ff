import type { Logger } from '../logging/logging.ts'
import { delist, enlist } from './registry.ts'
import { clearRunning, type RunningService, writeRunning } from './running.ts'

/**
 * Lets the command line find a service that serves now. Where that can't be written down the service runs all the same,
 * and commands need CAPSTAN_URL and CAPSTAN_TOKEN.
 * @param env names the user's state folder
 * @returns takes it back.
 */
export function announceRunning(
  { env, dataDir, log }: { env: NodeJS.ProcessEnv; dataDir: string; log: Pick<Logger, 'warn'> },
  running: RunningService,
): () => void {
  const unless = (failed: string, act: () => void) => {
    try {
      act()
    } catch (error) {
      log.warn({ err: error, path: dataDir }, failed)
    }
  }
  unless('commands can not find this service: DATA_DIR/running.json can not be written', () =>
    writeRunning(dataDir, running),
  )
  unless('commands in other folders can not find this service: set XDG_STATE_HOME to a writable folder', () =>
    enlist(env, dataDir),
  )
  return () => {
    unless('DATA_DIR/running.json can not be removed', () => clearRunning(dataDir))
    unless('the entry of this service in the state folder can not be removed', () => delist(env, dataDir))
  }
}

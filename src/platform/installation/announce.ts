import type { Logger } from '../logging/logging.ts'
import { registerRunning, unregisterRunning } from './registry.ts'
import { clearRunning, type RunningService, writeRunning } from './running.ts'

/**
 * Registers a running service, so that the command line finds it. If the files cannot be written, the service runs all
 * the same, and commands need CAPSTAN_URL and CAPSTAN_TOKEN.
 * @param env the environment, which may name the user's state folder
 * @returns a function that removes the registration
 */
export function announceRunning(
  { env, dataDir, log }: { env: NodeJS.ProcessEnv; dataDir: string; log: Pick<Logger, 'warn'> },
  running: RunningService,
): () => void {
  const warnIfFailed = (message: string, act: () => void) => {
    try {
      act()
    } catch (error) {
      log.warn({ err: error, path: dataDir }, message)
    }
  }
  warnIfFailed('commands cannot find this service: DATA_DIR/running.json cannot be written', () =>
    writeRunning(dataDir, running),
  )
  warnIfFailed(
    'commands in other folders cannot find this service: set XDG_STATE_HOME to a writable folder',
    () => registerRunning(env, dataDir),
  )
  return () => {
    warnIfFailed('DATA_DIR/running.json cannot be removed', () => clearRunning(dataDir))
    warnIfFailed('the entry of this service in the state folder cannot be removed', () =>
      unregisterRunning(env, dataDir),
    )
  }
}

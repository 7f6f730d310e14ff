import { ConfigError } from '../errors.ts'
import { endProcess } from './process-end.ts'
import { exitMisconfigured } from './supervised.ts'

/** The last frame of every process entry: a configuration fault is a message, not a stack. */
export function runMain(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    // Ends the process when its message is on its way.
    if (error instanceof ConfigError) return exitMisconfigured(error.message)
    console.error(error)
    endProcess(1)
  })
}

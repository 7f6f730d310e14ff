import { inspect } from 'node:util'
import { ConfigError } from '../errors.ts'
import { sourceStack } from '../logging/source-positions.ts'
import { endProcess } from './process-end.ts'
import { exitMisconfigured } from './supervised.ts'

/** Runs a process's entry function. A configuration fault is shown as a message without a stack. */
export function runMain(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    // Ends the process once the message has been sent.
    if (error instanceof ConfigError) return exitMisconfigured(error.message)
    console.error(error instanceof Error ? sourceStack(inspect(error)) : error)
    endProcess(1)
  })
}

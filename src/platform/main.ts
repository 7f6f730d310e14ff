import { ConfigError } from './errors.ts'

/** Exit status of a start that can't work until somebody changes the configuration (EX_CONFIG of sysexits). */
const configFault = 78

/** The last frame of every process entry: a configuration fault is a message, not a stack. */
export function runMain(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    if (error instanceof ConfigError) {
      console.error(error.message)
      process.exit(configFault)
    }
    console.error(error)
    process.exit(1)
  })
}

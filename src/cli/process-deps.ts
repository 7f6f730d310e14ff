import { endProcess } from '../platform/process/process-end.ts'
import type { MakeToken } from './api/access.ts'
import type { CommandDeps, Prompt } from './deps.ts'
import { plain } from './output.ts'

/** The dependencies of commands in a process of their own. */
export function processDeps(
  domains: Pick<Prompt, 'ask' | 'firstLine'> & {
    makeToken: MakeToken
    /** A note on the choice of the service, once the settings are read. */
    serviceNote: () => string | undefined
  },
): CommandDeps {
  const { env, stdin, stdout, stderr } = process
  // A copy, made before the settings of a `.env` are added to the environment.
  const shellEnv = { ...env }
  // The reader may close the pipe early, like `| head`: that is not an error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') endProcess(Number(process.exitCode ?? 0))
    throw error
  })
  return {
    env,
    shellEnv,
    stdout,
    stderr,
    prompt: { interactive: stdin.isTTY === true, ask: domains.ask, firstLine: domains.firstLine },
    async client(context) {
      const { findAccess } = await import('./api/access.ts')
      const { createApiClient } = await import('./api/client.ts')
      const note = (line: string) => void stderr.write(`${plain(line)}\n`)
      const ignored = context === undefined ? domains.serviceNote() : undefined
      if (ignored !== undefined) note(ignored)
      return createApiClient(await findAccess(env, domains.makeToken, { note, context, shellEnv }))
    },
    exitWith(code) {
      process.exitCode = code
    },
  }
}

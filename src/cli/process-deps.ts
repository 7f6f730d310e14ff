import { endProcess } from '../platform/process/process-end.ts'
import type { MakeToken } from './api/access.ts'
import { createApiClient } from './api/client.ts'
import type { CommandDeps, Prompt } from './index.ts'
import { plain } from './output.ts'

/** The dependencies of commands in a process of their own. */
export function processDeps(domains: { ask: Prompt['ask']; makeToken: MakeToken }): CommandDeps {
  const { env, stdin, stdout, stderr } = process
  // The reader may close the pipe early, like `| head`: that is not an error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') endProcess(Number(process.exitCode ?? 0))
    throw error
  })
  return {
    env,
    // A copy, made before the settings of a `.env` are added to the environment.
    shellEnv: { ...env },
    stdout,
    stderr,
    prompt: { interactive: stdin.isTTY === true, ask: domains.ask },
    async client() {
      const { findAccess } = await import('./api/access.ts')
      return createApiClient(
        await findAccess(env, domains.makeToken, (line) => void stderr.write(`${plain(line)}\n`)),
      )
    },
    exitWith(code) {
      process.exitCode = code
    },
  }
}

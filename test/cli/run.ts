import { PassThrough } from 'node:stream'
import type { Command } from 'commander'
import { registerReleaseCommands } from '../../src/binary-releases/commands.ts'
import { findAccess } from '../../src/cli/api/access.ts'
import { createApiClient } from '../../src/cli/api/client.ts'
import { registerBackupCommand, registerRestoreCommand } from '../../src/cli/backup/index.ts'
import type { CommandDeps, Prompt } from '../../src/cli/index.ts'
import { registerJobCommands } from '../../src/cli/jobs.ts'
import { terminalPrompt } from '../../src/cli/prompt.ts'
import { packageVersion, runCommandLine } from '../../src/cli/run.ts'
import {
  registerRollbackCommand,
  registerVersionsCommand,
} from '../../src/deployments/commands/act-commands.ts'
import { registerDeploymentCommands } from '../../src/deployments/commands/index.ts'
import { registerLogsCommand } from '../../src/deployments/commands/logs.ts'
import { registerCloudCommands } from '../../src/local-cloud/commands.ts'

export interface Ran {
  code: number
  out: string
  err: string
}

/** Runs a command line in this process, without a terminal unless `answers` or `keys` (typed at the question) are given. */
export async function capstan(
  args: string[],
  given: { env?: NodeJS.ProcessEnv; answers?: Record<string, string>; keys?: string; terminal?: true } = {},
): Promise<Ran> {
  const { env = {}, answers } = given
  const ran: Ran = { code: 0, out: '', err: '' }
  const scripted: Prompt = {
    interactive: answers !== undefined,
    ask: async (question) => {
      const answer = Object.entries(answers ?? {}).find(([start]) => question.startsWith(start))?.[1]
      if (answer === undefined) throw new Error(`nobody expected to be asked: ${question}`)
      return answer
    },
  }
  const prompt = given.keys === undefined ? scripted : typing(given.keys, (text) => (ran.err += text))
  const areas = {
    deploy: async (...of: Parameters<typeof registerDeploymentCommands>) => registerDeploymentCommands(...of),
    rollback: async (...of: Parameters<typeof registerRollbackCommand>) => registerRollbackCommand(...of),
    versions: async (...of: Parameters<typeof registerVersionsCommand>) => registerVersionsCommand(...of),
    logs: async (...of: Parameters<typeof registerLogsCommand>) => registerLogsCommand(...of),
    release: async (...of: Parameters<typeof registerReleaseCommands>) => registerReleaseCommands(...of),
    jobs: async (...of: Parameters<typeof registerJobCommands>) => registerJobCommands(...of),
    cloud: async (...of: Parameters<typeof registerCloudCommands>) => registerCloudCommands(...of),
    backup: async (program: Command, deps: CommandDeps) =>
      registerBackupCommand(program, { ...deps, version: packageVersion() }),
    restore: async (...of: Parameters<typeof registerRestoreCommand>) => registerRestoreCommand(...of),
  }
  await runCommandLine(args, areas, {
    env,
    shellEnv: env,
    prompt,
    stdout: { write: (text) => (ran.out += text) },
    stderr: { write: (text) => (ran.err += text), ...(given.terminal ? { isTTY: true, columns: 80 } : {}) },
    client: async () => createApiClient(await findAccess(env, async () => 'ora_made')),
    exitWith(code) {
      ran.code = code
    },
  })
  return ran
}

/** The prompt of a terminal on which these keys are pressed when a question appears. */
function typing(keys: string, onShown: (text: string) => void): Prompt {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  const output = new PassThrough()
  output.on('data', (chunk) => onShown(String(chunk)))
  output.once('data', () => input.write(keys))
  return terminalPrompt({ input, output })
}

import { PassThrough } from 'node:stream'
import { findAccess } from '../../src/cli/api/access.ts'
import { createApiClient } from '../../src/cli/api/client.ts'
import type { Prompt } from '../../src/cli/index.ts'
import { terminalPrompt } from '../../src/cli/prompt.ts'
import { runCommandLine } from '../../src/cli/run.ts'
import { areas } from '../../src/commands.ts'

export interface Ran {
  code: number
  out: string
  err: string
}

/** Runs a command line in this process, without a terminal unless `answers` or `keys` (typed at the question) are given. */
export async function capstan(
  args: string[],
  given: {
    env?: NodeJS.ProcessEnv
    /** The variables of the shell, if `env` has those of a `.env`, too. */
    shellEnv?: NodeJS.ProcessEnv
    answers?: Record<string, string>
    keys?: string
    /** The first line of standard input. */
    input?: string
    terminal?: true
  } = {},
): Promise<Ran> {
  const { env = {}, shellEnv = env, answers } = given
  const ran: Ran = { code: 0, out: '', err: '' }
  const scripted: Prompt = {
    interactive: answers !== undefined,
    ask: async (question) => {
      const answer = Object.entries(answers ?? {}).find(([start]) => question.startsWith(start))?.[1]
      if (answer === undefined) throw new Error(`nobody expected to be asked: ${question}`)
      return answer
    },
    firstLine: async () => given.input ?? '',
  }
  const prompt = given.keys === undefined ? scripted : typing(given.keys, (text) => (ran.err += text))
  await runCommandLine(args, areas, {
    env,
    shellEnv,
    prompt,
    stdout: { write: (text) => (ran.out += text) },
    stderr: { write: (text) => (ran.err += text), ...(given.terminal ? { isTTY: true, columns: 80 } : {}) },
    client: async (context) => {
      const note = (line: string) => {
        ran.err += `${line}\n`
      }
      return createApiClient(await findAccess(env, async () => 'ora_made', { note, context, shellEnv }))
    },
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
  // A hidden question is shown before the answer is awaited.
  output.once('data', () => setImmediate(() => input.write(keys)))
  return terminalPrompt({ input, output })
}

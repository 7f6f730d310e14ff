import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { until } from '../helpers/until.ts'

const action = fileURLToPath(new URL('../../action/main.js', import.meta.url))

export interface Job {
  /** The exit code of the step. */
  code: number | null
  log: string
  summary: string
  outputs: Record<string, string>
}

/** Runs the Action as GitHub's runner does: inputs as variables, files for outputs and summary. */
export function startAction(inputs: Record<string, string>, { cwd = tmpdir(), env = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-runner-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const files = { GITHUB_OUTPUT: join(folder, 'output'), GITHUB_STEP_SUMMARY: join(folder, 'summary') }
  for (const file of Object.values(files)) writeFileSync(file, '')
  const variables = Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])
  const { PATH, HOME, XDG_CACHE_HOME, NODE_COMPILE_CACHE } = process.env
  const child = spawn(process.execPath, [action], {
    cwd,
    env: {
      PATH,
      HOME,
      XDG_CACHE_HOME,
      NODE_COMPILE_CACHE,
      ...files,
      ...Object.fromEntries(variables),
      ...env,
    },
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
  return {
    /** As the runner does when somebody cancels the job. */
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    saw: (text: string) =>
      until(() => log.includes(text), { timeoutMs: 30_000, what: `the log says ${text}` }),
    async end(): Promise<Job> {
      if (child.exitCode === null) await once(child, 'close')
      const summary = readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8')
      return {
        code: child.exitCode,
        log,
        summary,
        outputs: outputsIn(readFileSync(files.GITHUB_OUTPUT, 'utf8')),
      }
    },
  }
}

/** Reads outputs as the runner does. */
function outputsIn(text: string): Record<string, string> {
  const outputs = text.matchAll(/^(?<name>[\w-]+)<<(?<end>.+)\n(?<value>[\s\S]*?)\n\k<end>$/gm)
  return Object.fromEntries([...outputs].map(({ groups }) => [groups?.name ?? '', groups?.value ?? '']))
}

// The interface of GitHub's runner: inputs are variables, outputs are a file, and lines of the log may be commands.
import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'

/** The value of an input, '' if it is not given. */
export const input = (name, env) => (env[`INPUT_${name.toUpperCase()}`] ?? '').trim()

/** Text of a command: a line break would end it. */
const escaped = (text) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')

/** Hides a value in the log of the job. */
export const maskLine = (value) => `::add-mask::${escaped(value)}\n`

export const errorLine = (message) => `::error::${escaped(message)}\n`

/** Makes the runner print lines of other programs as they are, even if they look like its commands. */
export function quoted(write) {
  const end = randomUUID()
  write(`::stop-commands::${end}\n`)
  // The last line of the other program may have no end: the runner reads commands only at the beginning of a line.
  return () => write(`\n::${end}::\n`)
}

/** Appends the outputs of this step; nothing outside of a runner. */
export function writeOutputs(values, env) {
  const { GITHUB_OUTPUT: file } = env
  if (!file) return
  for (const [name, value] of Object.entries(values)) {
    // A random delimiter cannot be part of the value.
    const delimiter = `end_${randomUUID()}`
    appendFileSync(file, `${name}<<${delimiter}\n${value}\n${delimiter}\n`)
  }
}

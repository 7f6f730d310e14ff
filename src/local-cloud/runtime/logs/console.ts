import { posix } from 'node:path'
import type { WorkerModule } from '../../store/versions.ts'

/** Evaluated before the code of the main module, which imports it: the app may replace `console`. */
const rejections = `
const report = console.error.bind(console)
addEventListener('unhandledrejection', ({ reason }) => report('Uncaught (in promise)', reason))
`

/** Lets every line begin with a prefix. A first argument that is a string may contain formats such as `%s`. */
const prefixing = (prefix: string) => `
for (const level of ['debug', 'error', 'info', 'log', 'trace', 'warn']) {
  const write = console[level]?.bind(console)
  if (write === undefined) continue
  console[level] = (...values) =>
    typeof values[0] === 'string'
      ? write(${JSON.stringify(prefix)} + values[0], ...values.slice(1))
      : write(${JSON.stringify(prefix.trimEnd())}, ...values)
}
`

/**
 * Makes a Worker log its unhandled promise rejections: workerd reports them to the Worker only. The import is at the end
 * of the main module, where it changes no position in a stack.
 * @param modules the modules of a Worker, the main one first
 * @param prefix the beginning of all lines of the Worker; undefined if it is alone in its process
 */
export function withConsole([main, ...others]: WorkerModule[], prefix?: string): WorkerModule[] {
  if (main === undefined) return []
  const file = 'capstan-console.mjs'
  const name = posix.join(posix.dirname(main.name), file)
  if (main.type !== 'ESModule' || others.some((other) => other.name === name)) return [main, ...others]
  const content = Buffer.concat([main.content, Buffer.from(`\nimport './${file}'\n`)])
  const script = (prefix === undefined ? '' : prefixing(prefix)) + rejections
  return [{ ...main, content }, ...others, { ...main, name, content: Buffer.from(script) }]
}

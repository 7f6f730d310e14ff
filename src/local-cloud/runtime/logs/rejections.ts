import { posix } from 'node:path'
import type { WorkerModule } from '../../store/versions.ts'

/** Evaluated before the code of the main module, which imports it: the app may replace `console`. */
const script = `
const report = console.error.bind(console)
addEventListener('unhandledrejection', ({ reason }) => report('Uncaught (in promise)', reason))
`

/**
 * Makes a Worker log its unhandled promise rejections: workerd reports them to the Worker only. The import is at the end
 * of the main module, where it changes no position in a stack.
 * @param modules the modules of a Worker, the main one first
 */
export function withRejectionLog([main, ...others]: WorkerModule[]): WorkerModule[] {
  if (main === undefined) return []
  const file = 'capstan-unhandled-rejections.mjs'
  const name = posix.join(posix.dirname(main.name), file)
  if (main.type !== 'ESModule' || others.some((other) => other.name === name)) return [main, ...others]
  const content = Buffer.concat([main.content, Buffer.from(`\nimport './${file}'\n`)])
  return [{ ...main, content }, ...others, { ...main, name, content: Buffer.from(script) }]
}

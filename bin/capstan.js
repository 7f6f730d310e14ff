#!/usr/bin/env node
import { storedAnswer } from './stored-answers.js'

const answer = storedAnswer(process.argv.slice(2))
if (answer === undefined) {
  const { checkNode } = await import('./check-node.js')
  await checkNode()
  const { enableCompileCache } = await import('./compile-cache.js')
  enableCompileCache()
  await import('../src/cli.ts')
} else {
  // The reader may close the pipe early, like `| head`: that is not an error.
  process.stdout.on('error', () => undefined)
  process.stdout.write(answer)
}

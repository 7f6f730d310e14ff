// Plain JavaScript for any Node from 14 on, and no import but this one: `--version` and `--help` print stored texts, so
// they need neither the TypeScript sources nor the Node that runs them.
import { readFileSync } from 'node:fs'

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))

/**
 * The output of a command line that only asks for the version, for a help text or for a completion script. A test compares the stored texts with
 * those of the commands, and writes them: `npx vitest run test/cli/start-up.test.ts -u`.
 * @returns undefined for every other command line
 */
export function storedAnswer(words) {
  const last = words[words.length - 1]
  if (words.length === 1 && (last === '--version' || last === '-V'))
    return `${read('../package.json').version}\n`
  // Each start of a shell asks for its script.
  if (words.length === 2 && words[0] === 'completion' && last !== '--help' && last !== '-h') {
    const scripts = read('./completion.generated.json')
    return Object.hasOwn(scripts, last) ? scripts[last] : undefined
  }
  const command = commandOfHelp(words)
  if (command === undefined) return undefined
  const texts = read('./help.generated.json')
  return Object.hasOwn(texts, command) ? texts[command] : undefined
}

/** The command whose help is requested: `deploy list` for `deploy list --help` and `help deploy list`. */
function commandOfHelp(words) {
  const last = words[words.length - 1]
  if (last === '--help' || last === '-h') return words.slice(0, -1).join(' ')
  return words[0] === 'help' && words.length <= 2 ? words.slice(1).join(' ') : undefined
}

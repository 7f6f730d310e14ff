import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import type { CommandDeps } from './deps.ts'
import { exitCodeHelp, explain } from './faults.ts'
import { addContextOptions, contextOption } from './options.ts'

/** Adds the commands of one area, by their first word. */
export type Area = (program: Command, deps: CommandDeps) => Promise<void>

/**
 * Runs one command line and returns its exit code. An area's code is loaded only if its first word is given, or for the
 * list of all commands.
 * @param deps `prepare` runs before a command of an area; its error ends the command
 */
export async function runCommandLine(
  argv: string[],
  areas: Record<string, Area>,
  deps: CommandDeps & { prepare?: () => Promise<void> },
): Promise<void> {
  const program = createProgram(deps)
  let running: Command | undefined
  program.hook('preAction', (_program, command) => {
    running = command
  })
  const contextOf = (command: Command | undefined): string | undefined => command?.optsWithGlobals().context
  const commandDeps = { ...deps, client: () => deps.client(contextOf(running)) }
  const word = firstWord(argv)
  const isVersion = word === '-V' || word === '--version'
  const wanted = isVersion ? [] : Object.hasOwn(areas, word) ? [word] : Object.keys(areas)
  try {
    if (Object.hasOwn(areas, word)) await deps.prepare?.()
    for (const area of wanted) await areas[area]?.(program, commandDeps)
    addContextOptions(program)
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    const { lines, json, exitCode } = explain(error, running)
    for (const line of lines) deps.stderr.write(`${line}\n`)
    const wantsJson = running === undefined ? argv.includes('--json') : running.opts().json === true
    if (exitCode !== 0 && wantsJson) deps.stdout.write(`${JSON.stringify(json, null, 2)}\n`)
    deps.exitWith(exitCode)
  }
}

/** The first word of a command line, which may begin with `--context`. */
function firstWord([first = '', second = '', third = '']: string[]): string {
  if (first === '--context') return third
  return first.startsWith('--context=') ? second : first
}

function createProgram({ stdout, stderr }: Pick<CommandDeps, 'stdout' | 'stderr'>): Command {
  const program = new Command('capstan').description('Capstan, a release operations service')
  program.addHelpText('after', exitCodeHelp)
  program.addOption(contextOption())
  // Commander's own exit would skip what must be closed.
  program.version(packageVersion()).exitOverride()
  program.configureOutput({
    writeOut: (text) => void stdout.write(text),
    writeErr: (text) => void stderr.write(text),
    // The same on every terminal, because `bin/help.generated.json` contains these texts.
    getOutHelpWidth: () => helpColumns,
    getErrHelpWidth: () => helpColumns,
  })
  return program
}

const helpColumns = 80

/**
 * The help texts of all commands by their words; '' for the list of commands.
 * @param deps are passed to the areas, and not used
 */
export async function helpTexts(
  areas: Record<string, Area>,
  deps: CommandDeps,
): Promise<Record<string, string>> {
  let text = ''
  const program = await wholeProgram(areas, { ...deps, stdout: { write: (part) => (text += part) } })
  const textsBelow = (command: Command, words: string[]): [string, string][] => {
    text = ''
    command.outputHelp()
    const own: [string, string] = [words.join(' '), text]
    return [own, ...command.commands.flatMap((each) => textsBelow(each, [...words, each.name()]))]
  }
  return Object.fromEntries(textsBelow(program, []))
}

/** The program with the commands of all areas. @param deps are passed to the areas */
export async function wholeProgram(areas: Record<string, Area>, deps: CommandDeps): Promise<Command> {
  const program = createProgram(deps)
  for (const addCommands of Object.values(areas)) await addCommands(program, deps)
  addContextOptions(program)
  return program
}

/** The version of this Capstan. */
export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}

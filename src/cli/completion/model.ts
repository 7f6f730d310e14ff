import type { Argument, Command, Option } from 'commander'

/** What can follow the words of a command. */
export interface CompletedCommand {
  /** The words of the command; empty for `capstan` itself. */
  words: string
  commands: { name: string; about: string }[]
  options: { name: string; about: string; takesValue: boolean; values: Values }[]
  /** The values of its arguments, together. */
  values: Values
}

/** The values of an option or argument: fixed ones, files, or the contexts of the user. */
export type Values = 'none' | 'files' | 'contexts' | readonly string[]

/** The commands of a program, itself first. */
export function completedCommands(program: Command): CompletedCommand[] {
  const of = (command: Command, words: string[]): CompletedCommand[] => [
    {
      words: words.join(' '),
      commands: command.commands.map((each) => ({ name: each.name(), about: firstLine(each.description()) })),
      options: [...command.options.filter(({ hidden }) => !hidden).flatMap(namesOf), help],
      values: argumentValues(command.registeredArguments),
    },
    ...command.commands.flatMap((each) => of(each, [...words, each.name()])),
  ]
  return of(program, [])
}

const help = { name: '--help', about: 'display help for command', takesValue: false, values: 'none' } as const

const namesOf = (option: Option) =>
  [option.long, option.short].flatMap((name) =>
    name == null
      ? []
      : [
          {
            name,
            about: firstLine(option.description),
            takesValue: option.required || option.optional,
            values: optionValues(option),
          },
        ],
  )

function optionValues(option: Option): Values {
  if (option.argChoices !== undefined) return option.argChoices
  if (option.long === '--context') return 'contexts'
  if (option.attributeName() === 'environment') return ['staging', 'production']
  return /<(file|dir|folder)>/.test(option.flags) ? 'files' : 'none'
}

function argumentValues(given: readonly Argument[]): Values {
  const choices = given.flatMap(({ argChoices }) => argChoices ?? [])
  if (choices.length > 0) return choices
  const names = given.map((each) => `${each.name()}: ${each.description}`)
  if (names.some((each) => /^(name|<name>): name of a context/.test(each))) return 'contexts'
  if (names.some((each) => /^environment: staging or production/.test(each))) return ['staging', 'production']
  return names.some((each) => /^(path|dir|file|folder)\b/.test(each)) ? 'files' : 'none'
}

const firstLine = (text: string) => text.split('\n')[0] ?? ''

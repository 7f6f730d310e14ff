import { type Command, InvalidArgumentError, Option } from 'commander'

/** For an option that takes a whole number. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d{1,9}$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`)
  }
}

/** For an option that may be given several times. */
export function eachOne(text: string, before: string[] = []): string[] {
  return [...before, text]
}

export const jsonOption = (): Option => new Option('--json', 'print one JSON document')

/** An option with a whole number. */
export const numberOption = (flags: string, about: string, min: number, max: number): Option =>
  new Option(flags, about).argParser(wholeNumber(min, max))

/** An option with one of a few values. */
export const choiceOption = (flags: string, about: string, choices: readonly string[]): Option =>
  new Option(flags, about).choices(choices)

/** An option that may be given several times. @param choices its only values */
export function listOption(flags: string, about: string, choices?: readonly string[]): Option {
  const option = new Option(flags, `${about}; may be repeated`)
  if (choices !== undefined) option.argChoices = [...choices]
  return option.argParser((text: string, before: string[] | undefined) => {
    if (choices?.includes(text) === false)
      throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`)
    return eachOne(text, before)
  })
}

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** An option with a time: ISO 8601, or a distance from now such as `30d`, `12h` or `15m`. */
export const timeOption = (flags: string, about: string, direction: 'future' | 'past' | 'any'): Option =>
  new Option(flags, `${about}: ISO 8601, or ${distanceHelp[direction]}`).argParser((text: string) => {
    const [, sign = '', count, unit] = /^([+-]?)(\d{1,6})([mhd])$/.exec(text) ?? []
    if (count !== undefined && unit !== undefined) {
      const isPast = direction === 'past' || sign === '-'
      const distance = Number(count) * unitMs[unit as keyof typeof unitMs]
      return new Date(Date.now() + (isPast ? -distance : distance)).toISOString()
    }
    const time = new Date(text)
    if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(time.getTime())) return time.toISOString()
    throw new InvalidArgumentError(`Expected a time: ISO 8601, or ${distanceHelp[direction]}.`)
  })

const distanceHelp = {
  future: '30d, 12h or 15m from now',
  past: '30d, 12h or 15m ago',
  any: '+30d, +12h or -15m from now',
}

const onThisMachine = new WeakSet<Command>()

/** Marks a command that calls no API, or chooses the service in its own way: it gets no `--context`. */
export function withoutContext(command: Command): Command {
  onThisMachine.add(command)
  return command
}

/** Adds `--context` to a command and all below it that call the API. */
export function addContextOptions(command: Command): void {
  if (onThisMachine.has(command)) return
  for (const each of command.commands) addContextOptions(each)
  const hasAction = command.parent !== null && (command.commands.length === 0 || command.name() === 'deploy')
  if (hasAction) command.addOption(contextOption())
}

export const contextOption = (): Option =>
  new Option('--context <name>', 'context of the service to use; see capstan context --help')

import { InvalidArgumentError, Option } from 'commander'

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

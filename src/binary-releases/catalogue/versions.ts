/** `YYYY.MM.DD`; further versions of the same day are `YYYY.MM.DD.N`. */
const date = /^(\d{4})\.(\d{2})\.(\d{2})(?:\.(0|[1-9]\d{0,5}))?$/
const number = '(?:0|[1-9]\\d{0,14})'
const identifier = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)'
/** The grammar of semver.org, without a leading "v". */
const semver = new RegExp(
  `^(${number})\\.(${number})\\.(${number})(?:-(${identifier}(?:\\.${identifier})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`,
)
const maxLength = 64

/** True for a valid version. Only ASCII passes, and no character with a meaning in a path or an object key. */
export function isVersion(text: string): boolean {
  return text.length <= maxLength && parse(text) !== undefined
}

interface Parsed {
  numbers: number[]
  prerelease: string[]
}

function parse(text: string): Parsed | undefined {
  const [isDate, year = '', month = '', day = '', n = '0'] = date.exec(text) ?? []
  if (isDate !== undefined && isCalendarDay(year, month, day)) {
    return { numbers: [year, month, day, n].map(Number), prerelease: [] }
  }
  const [isSemver, major, minor, patch, prerelease] = semver.exec(text) ?? []
  if (isSemver === undefined) return undefined
  return { numbers: [major, minor, patch, 0].map(Number), prerelease: prerelease?.split('.') ?? [] }
}

function isCalendarDay(year: string, month: string, day: string): boolean {
  const [y, m, d] = [Number(year), Number(month), Number(day)]
  const lastOfMonth = m === 2 ? (isLeap(y) ? 29 : 28) : [4, 6, 9, 11].includes(m) ? 30 : 31
  return m >= 1 && m <= 12 && d >= 1 && d <= lastOfMonth
}

const isLeap = (year: number) => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

/** Compares two versions: positive if `a` is later. Semver precedence; dates by day and number. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)]
  if (left === undefined || right === undefined) return a < b ? -1 : a > b ? 1 : 0
  for (const [index, each] of left.numbers.entries()) {
    const difference = each - (right.numbers[index] ?? 0)
    if (difference !== 0) return difference
  }
  return comparePrereleases(left.prerelease, right.prerelease)
}

/** Semver rules: a release follows its prereleases, numbers precede words, and fewer identifiers precede more. */
function comparePrereleases(a: string[], b: string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length
  for (const [index, left] of a.entries()) {
    const right = b[index]
    if (right === undefined) return 1
    if (left === right) continue
    const [leftIsNumber, rightIsNumber] = [/^\d+$/.test(left), /^\d+$/.test(right)]
    // BigInt, because long numbers would be equal as floating-point numbers.
    if (leftIsNumber && rightIsNumber) return BigInt(left) < BigInt(right) ? -1 : 1
    if (leftIsNumber !== rightIsNumber) return leftIsNumber ? -1 : 1
    return left < right ? -1 : 1
  }
  return a.length - b.length
}

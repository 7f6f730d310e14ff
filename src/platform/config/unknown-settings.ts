import type { EnvFile } from './env-file.ts'
import { otherVariables } from './other-variables.ts'

/** A name that is not a setting, and the setting that was probably meant. */
interface UnknownSetting {
  name: string
  nearest: string | undefined
  /** The file that contains the name; undefined for the environment. */
  file: string | undefined
}

/** Variables that Capstan's programs or Node read but that are not part of the configuration. */
const otherKnownNames = [
  ...otherVariables.map(({ name }) => name),
  ...['ALL_PROXY', 'https_proxy', 'http_proxy', 'no_proxy', 'all_proxy'],
]
/** Variables of other programs that may read the same `.env`. */
const foreignNames =
  /^(KUBERNETES|NODE|NPM|npm|COMPOSE|DOCKER|XDG|LC|PG|TEST)_|^(TZ|LANG|PATH|HOME|USER|SHELL|CI|DOMAIN|DB_PASSWORD|REDIS_PASSWORD)$/

/**
 * Names that look like Capstan's settings but are unknown. Every unknown name in a settings file counts. Many programs
 * use the environment, so a name in it counts only if it differs from a setting by one or two letters (two swapped
 * letters for a short one) and that setting is not set.
 */
function unknownSettings(
  env: NodeJS.ProcessEnv,
  file: EnvFile | undefined,
  settings: readonly string[],
): UnknownSetting[] {
  const known = [...settings, ...otherKnownNames]
  const inFile = Object.keys(file?.settings ?? {})
  const isUnknown = (name: string) => !known.includes(name) && !foreignNames.test(name)
  const isProbablyMeant = ({ name, nearest }: { name: string; nearest: string | undefined }) =>
    nearest !== undefined && !(nearest in env) && isAlike(name, nearest)
  const likely = (name: string) => ({ name, nearest: nearest(name, known, name.length >= 13 ? 2 : 1) })
  return [
    ...(file?.ignoredNames ?? [])
      .filter(isUnknown)
      .map((name) => ({ ...likely(name), file: file?.path }))
      .filter((each) => isProbablyMeant(each) || /^CAPSTAN_/i.test(each.name)),
    ...inFile.filter(isUnknown).map((name) => ({ name, nearest: nearest(name, known, 3), file: file?.path })),
    ...Object.keys(env)
      .filter((name) => isUnknown(name) && !inFile.includes(name))
      .map((name) => ({ ...likely(name), file: undefined }))
      .filter(isProbablyMeant),
  ]
}

/** Short names resemble many others by chance, so only swapped letters count for them. */
function isAlike(name: string, setting: string): boolean {
  const letters = (text: string) => [...text].toSorted().join('')
  return setting.length >= 8 || (letters(name) === letters(setting) && name !== setting)
}

/** One line for each name that looks like a setting but is unknown, without its value. */
export function settingWarnings(
  env: NodeJS.ProcessEnv,
  file: EnvFile | undefined,
  known: readonly string[],
): string[] {
  return unknownSettings(env, file, known).map(warningText)
}

function warningText({ name, nearest, file }: UnknownSetting): string {
  const where = file === undefined ? '' : ` in ${file}`
  const meant = nearest === undefined ? '' : `; did you mean ${nearest}?`
  return `${name}${where} is not a setting of Capstan${meant}`
}

function nearest(name: string, known: readonly string[], maxDistance: number): string | undefined {
  let best: { name: string; distance: number } | undefined
  for (const candidate of known) {
    const distance = distanceOf(name.toUpperCase(), candidate.toUpperCase())
    // Half of a short name may differ from any other short name.
    if (distance > Math.min(maxDistance, candidate.length / 2)) continue
    if (best === undefined || distance < best.distance) best = { name: candidate, distance }
  }
  return best?.name
}

/** The number of letters to insert, delete, replace or swap with their neighbour (Damerau-Levenshtein distance). */
function distanceOf(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}

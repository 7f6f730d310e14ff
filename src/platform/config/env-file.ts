import { existsSync, readFileSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { ConfigError } from '../errors.ts'
import { errorCode } from '../thrown.ts'

/** The settings of a `.env` file. */
export interface EnvFile {
  path: string
  settings: Record<string, string>
  /** The names in the file that are not used, because they may belong to other programs. */
  ignoredNames?: string[]
}

/** The folder of this program, in which `npm start` and the Procfile run. */
const checkout = fileURLToPath(new URL('../../..', import.meta.url))

/** Settings with a path, which is relative to the file's folder and not to the folder in which a command runs. */
const pathSettings = ['DATA_DIR', 'GITHUB_APP_PRIVATE_KEY_FILE', 'MASTER_CA_FILE']

/** Selects settings from a `.env` in the current folder; undefined: the file does not belong to Capstan. */
export type ChooseSettings = (file: EnvFile) => EnvFile | undefined

/**
 * Reads the settings file for processes that run in `cwd`: `CAPSTAN_ENV_FILE` (empty: none), else the `.env` of `cwd`,
 * else the `.env` of the checkout.
 * @param choose selects settings from a `.env` in the current folder; by default all are used
 * @returns undefined if there is no file
 * @throws ConfigError with the file and the faulty line, without values
 */
export function readEnvFile(
  env: NodeJS.ProcessEnv,
  { cwd = process.cwd(), choose }: { cwd?: string; choose?: ChooseSettings } = {},
): EnvFile | undefined {
  const { CAPSTAN_ENV_FILE: named } = env
  if (named === '') return undefined
  if (named !== undefined) return read(resolve(cwd, named))
  const local = join(cwd, '.env')
  const own = join(checkout, '.env')
  if (local !== own && existsSync(local)) {
    const found = choose === undefined ? read(local) : choose(readable(local))
    // Checked after the choice: faults in another project's file are not reported.
    if (choose !== undefined && found !== undefined) read(local)
    if (found !== undefined) return found
  }
  return existsSync(own) ? read(own) : undefined
}

/** Adds the settings of a file to an environment; variables that are already set win, empty ones included. */
export function addSettings(env: NodeJS.ProcessEnv, file: EnvFile | undefined): void {
  for (const [name, value] of Object.entries(file?.settings ?? {})) env[name] ??= value
}

function read(path: string): EnvFile {
  const text = textOf(path)
  const faults = faultsOf(text)
  if (faults.length > 0) throw new ConfigError(faults.map((fault) => `${path}: ${fault}`))
  return parsed(path, text)
}

/** The settings that can be parsed; none if the file cannot be read. */
function readable(path: string): EnvFile {
  try {
    return parsed(path, textOf(path))
  } catch {
    return { path, settings: {} }
  }
}

function parsed(path: string, text: string): EnvFile {
  const settings: Record<string, string> = {}
  for (const [name, value = ''] of Object.entries(parseEnv(text))) {
    // An uncommented `#NAME=` without a value counts as not set.
    if (value === '') continue
    const isRelative = pathSettings.includes(name) && !isAbsolute(value)
    settings[name] = isRelative ? resolve(path, '..', value) : value
  }
  return { path, settings }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
      .replace(/^\uFEFF/, '')
      .replaceAll('\r\n', '\n')
  } catch (error) {
    throw new ConfigError([`${path}: can't be read (${errorCode(error)})`])
  }
}

/** Faults in the syntax. Node's parser skips lines that it does not understand; a skipped setting must be a fault. */
function faultsOf(text: string): string[] {
  const faults: string[] = []
  let quote: { mark: string; line: number } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    if (quote !== undefined) {
      if (line.includes(quote.mark)) quote = undefined
      continue
    }
    if (/^\s*(#|$)/.test(line)) continue
    const [, value] = /^\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*(.*)$/.exec(line) ?? []
    if (value === undefined) faults.push(`line ${index + 1}: expected NAME=value`)
    const mark = value?.[0] ?? ''
    if (['"', "'", '`'].includes(mark) && !value?.slice(1).includes(mark)) quote = { mark, line: index + 1 }
  }
  if (quote !== undefined) faults.push(`line ${quote.line}: the quoted value has no closing quote`)
  return faults
}

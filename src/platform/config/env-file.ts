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
  /** Names in the file that are not taken from it, because other programs may read it, too. */
  others?: string[]
}

/** The folder of the program, where `npm start` and the Procfile run. */
const checkout = fileURLToPath(new URL('../../..', import.meta.url))

/** Paths in the file count from its own folder, wherever the command that reads it runs. */
const paths = ['DATA_DIR', 'GITHUB_APP_PRIVATE_KEY_FILE', 'MASTER_CA_FILE']

/** Chooses among the settings of a `.env` that merely lies in the current folder; undefined: the file is not one of ours. */
export type ChooseSettings = (file: EnvFile) => EnvFile | undefined

/**
 * The file of settings for processes that run in `cwd`: `CAPSTAN_ENV_FILE` (empty: none), else `.env` there, else
 * `.env` of the checkout.
 * @param choose what counts of a `.env` that was found in the current folder; by default everything
 * @returns undefined when there is none
 * @throws ConfigError naming the file and the line that is no setting, never a value
 */
export function readEnvFile(
  env: NodeJS.ProcessEnv,
  { cwd = process.cwd(), choose }: { cwd?: string; choose?: ChooseSettings } = {},
): EnvFile | undefined {
  const { CAPSTAN_ENV_FILE: named } = env
  if (named === '') return undefined
  if (named !== undefined) return read(resolve(cwd, named))
  const here = join(cwd, '.env')
  const own = join(checkout, '.env')
  if (here !== own && existsSync(here)) {
    const found = choose === undefined ? read(here) : choose(readable(here))
    // Only now: lines of another project's file are none of our business.
    if (choose !== undefined && found !== undefined) read(here)
    if (found !== undefined) return found
  }
  return existsSync(own) ? read(own) : undefined
}

/** Adds the settings of a file to an environment; what is set there already wins, also when it is empty. */
export function addSettings(env: NodeJS.ProcessEnv, file: EnvFile | undefined): void {
  for (const [name, value] of Object.entries(file?.settings ?? {})) env[name] ??= value
}

function read(path: string): EnvFile {
  const text = textOf(path)
  const faults = faultsOf(text)
  if (faults.length > 0) throw new ConfigError(faults.map((fault) => `${path}: ${fault}`))
  return parsed(path, text)
}

/** What can be understood of a file; nothing of one that can't be read. */
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
    // As `#NAME=` uncommented and not filled in: not set.
    if (value === '') continue
    const isRelative = paths.includes(name) && !isAbsolute(value)
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

/** Node's parser passes over what it does not understand: a setting that is not read should be a fault instead. */
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
  if (quote !== undefined) faults.push(`line ${quote.line}: the quote is not closed`)
  return faults
}

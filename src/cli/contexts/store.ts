import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { isOwn } from '../../platform/installation/index.ts'
import { errorCode, propertiesOf } from '../../platform/thrown.ts'
import { UsageFault } from '../faults.ts'

/** A service that the user has signed in to, with the token for it. */
export interface Context {
  name: string
  /** Without a trailing slash. */
  url: string
  token: string
  /** The id of a token that `login` has created; undefined for one that the user has given. */
  tokenId?: string
  username?: string
}

/** The name for the service on this machine, which needs no context. */
export const localName = 'local'

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

/** The contexts in the user's configuration folder: one file each, which only the user can read. */
export interface ContextStore {
  folder: string
  list(): Context[]
  /** @throws UsageFault for an unknown name, or a file that others can read */
  get(name: string): Context
  find(name: string): Context | undefined
  /** Saves a context and makes it the current one. */
  save(context: Context): void
  remove(name: string): void
  /** The name of the current context; undefined for the service on this machine. */
  current(): string | undefined
  use(name: string | undefined): void
}

export function contextStore(env: NodeJS.ProcessEnv): ContextStore {
  const config = env.XDG_CONFIG_HOME
  const base = config && isAbsolute(config) ? config : join(env.HOME || homedir(), '.config')
  const folder = join(base, 'capstan')
  const contexts = join(folder, 'contexts')
  const currentFile = join(folder, 'current-context')
  const fileOf = (name: string) => join(contexts, `${name}.json`)

  function find(name: string): Context | undefined {
    const file = fileOf(name)
    if (!namePattern.test(name) || !existsSync(file)) return undefined
    // A token is never read from a file that somebody else may have written or read.
    if (!isOwn(file, { secret: true }))
      throw new UsageFault(`${file} must belong to you and be readable by nobody else: chmod 600 ${file}`)
    const { url, token, tokenId, username } = parse(file)
    if (typeof url !== 'string' || typeof token !== 'string')
      throw new UsageFault(
        `${file} is damaged: remove it with capstan context remove ${name}, then sign in again`,
      )
    return {
      ...{ name, url, token },
      ...(typeof tokenId === 'string' ? { tokenId } : {}),
      ...(typeof username === 'string' ? { username } : {}),
    }
  }
  const names = () => {
    if (!existsSync(contexts)) return []
    const files = readdirSync(contexts).filter((file) => file.endsWith('.json'))
    return files.map((file) => file.slice(0, -'.json'.length)).toSorted()
  }
  const current = () => {
    if (!isOwn(currentFile)) return undefined
    return readFileSync(currentFile, 'utf8').trim() || undefined
  }
  const use = (name: string | undefined) => {
    if (name === undefined) rmSync(currentFile, { force: true })
    else write(folder, currentFile, `${name}\n`)
  }

  return {
    folder,
    find,
    current,
    use,
    list: () => names().flatMap((name) => find(name) ?? []),
    get(name) {
      const found = find(name)
      if (found !== undefined) return found
      const known = names()
      const choice = known.length === 0 ? 'capstan login URL creates one' : `there are ${known.join(', ')}`
      throw new UsageFault(`There is no context ${name}; ${choice}`)
    },
    save({ name, ...context }) {
      write(contexts, fileOf(name), `${JSON.stringify(context, null, 2)}\n`)
      use(name)
    },
    remove(name) {
      if (!namePattern.test(name) || !existsSync(fileOf(name)))
        throw new UsageFault(`There is no context ${name}`)
      rmSync(fileOf(name))
      if (current() === name) use(undefined)
    },
  }
}

/** @throws UsageFault for a text that cannot name a context */
export function requireContextName(name: string): void {
  if (!namePattern.test(name))
    throw new UsageFault('A name of a context has letters, digits, dots, dashes and underscores, at most 63')
  if (name === localName)
    throw new UsageFault(`"${localName}" is the service on this machine: choose another name`)
}

/** The name of a context that none was chosen for: the host of its service. */
export const nameOfUrl = (url: string): string =>
  new URL(url).host
    .replace(/[^A-Za-z0-9.-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)

function parse(file: string): Record<string, unknown> {
  try {
    return propertiesOf(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

/** Writes a file atomically, never readable by others. @throws UsageFault if the folder is not writable */
function write(folder: string, file: string, text: string): void {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true })
    renameSync(draft, file)
  } catch (error) {
    rmSync(draft, { force: true })
    throw new UsageFault(`${file} can't be written (${errorCode(error) ?? 'unknown'})`)
  }
}

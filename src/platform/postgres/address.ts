import { createRequire } from 'node:module'
import type pg from 'pg'
import { z } from 'zod'
import { readUrlOptions } from '../network/url-options.ts'
import { postgresOptions } from './url-options.ts'

/** The driver's TLS mode for each mode of a URL: off, with a full check of the certificate, or without a check. */
const tlsModes: Readonly<Record<string, string>> = {
  disable: 'disable',
  prefer: 'verify-full',
  require: 'verify-full',
  'verify-ca': 'verify-full',
  'verify-full': 'verify-full',
  'no-verify': 'no-verify',
}
/** The modes that the driver treats as libpq does if `uselibpqcompat` is set: some do not check the certificate. */
const libpqModes = ['prefer', 'require', 'verify-ca', 'verify-full']
/** The modes by the values of the option `ssl`. */
const tlsWords: Readonly<Record<string, string>> = {
  true: 'require',
  '1': 'require',
  false: 'disable',
  '0': 'disable',
}

const require = createRequire(import.meta.url)

/** Drivers of SQLAlchemy, whose names are part of the scheme. */
const otherDriver = /^(postgres(?:ql)?)\+(?:asyncpg|psycopg|psycopg2|psycopg2cffi|pg8000):/

interface PostgresUrl {
  /** The URL in a form that the driver understands completely. */
  url: string
  /** The names of the given options that have no effect. */
  ignored: string[]
}

/** @throws Error if the driver would misread the URL; its message quotes only names of options from the URL */
function parsePostgresUrl(text: string): PostgresUrl {
  const plain = text.replace(otherDriver, '$1:')
  if (!/^postgres(ql)?:\/\//.test(plain)) throw new Error('expected postgresql://...')
  const [beforeQuery = '', ...rest] = plain.split('?')
  if (plain.includes('#')) throw new Error('expected no #; write it as %23')
  if (/,/.test(beforeQuery.slice(beforeQuery.lastIndexOf('@') + 1))) throw new Error('expected one host')
  const { given, ignored } = readUrlOptions(rest.join('?'), postgresOptions)
  if (given.get('host')?.includes(',')) throw new Error('expected one host')
  setTls(given)
  requireOneOf(given, 'channel_binding', ['disable', 'prefer', 'require'])
  requireOneOf(given, 'sslnegotiation', ['postgres', 'direct'])
  if (given.get('channel_binding') === 'require' && !hasTls(given))
    throw new Error('channel_binding=require needs TLS: add sslmode=require')
  const query = [...given].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
  const url = query === '' ? beforeQuery : `${beforeQuery}?${query}`
  requireReadable(url)
  return { url, ignored }
}

const tlsOptions = ['sslmode', 'sslcert', 'sslkey', 'sslrootcert']
/** True if the driver uses TLS with these options. */
const hasTls = (given: Map<string, string>) =>
  given.get('sslmode') !== 'disable' &&
  (given.get('sslnegotiation') === 'direct' || tlsOptions.some((name) => given.has(name)))

/** Replaces the TLS options by equivalent ones that the driver understands. */
function setTls(given: Map<string, string>): void {
  requireOneOf(given, 'uselibpqcompat', ['true', 'false'])
  const mode = tlsModeOf(given)
  const compatible = given.get('uselibpqcompat') === 'true'
  for (const name of ['ssl', 'uselibpqcompat']) given.delete(name)
  // `system` means the certificate authorities that Node.js trusts.
  if (given.get('sslrootcert') === 'system') {
    given.delete('sslrootcert')
    given.set('sslmode', 'verify-full')
  } else if (compatible && mode === 'verify-ca' && !given.has('sslrootcert'))
    throw new Error('sslmode=verify-ca with uselibpqcompat needs sslrootcert')
  else if (compatible && mode !== undefined && libpqModes.includes(mode)) {
    given.set('uselibpqcompat', 'true')
    given.set('sslmode', mode)
  } else if (mode !== undefined) given.set('sslmode', tlsModes[mode] ?? mode)
}

/** @returns a key of `tlsModes` */
function tlsModeOf(given: Map<string, string>): string | undefined {
  const [ssl, sslmode] = [given.get('ssl'), given.get('sslmode')]
  if (ssl !== undefined && sslmode !== undefined && !(ssl === 'true' && sslmode !== 'disable'))
    throw new Error('expected ssl or sslmode, not both')
  const named = sslmode ?? (ssl === undefined ? undefined : (tlsWords[ssl] ?? ssl))
  if (named === undefined || Object.hasOwn(tlsModes, named)) return named
  throw new Error(
    `expected ${sslmode === undefined ? 'ssl' : 'sslmode'} to be one of ${Object.keys(tlsModes).join(', ')}`,
  )
}

function requireOneOf(given: Map<string, string>, name: string, values: string[]): void {
  const value = given.get(name)
  if (value === undefined || values.includes(value)) return
  throw new Error(`expected ${name} to be one of ${values.join(', ')}`)
}

/** Lets the driver read the URL and the files that it names. Replaces its errors, which may quote the URL. */
function requireReadable(url: string): void {
  // Loaded at the first use: the command line reads the names of the settings, and usually no URL.
  const { Client }: typeof pg = require('pg')
  try {
    new Client({ connectionString: url })
  } catch (error) {
    const isFile = error instanceof Error && 'syscall' in error
    throw new Error(isFile ? 'a file of sslcert, sslkey or sslrootcert can not be read' : 'malformed')
  }
}

/** The names of the options of a valid URL that have no effect. */
export const ignoredPostgresOptions = (url: string): string[] => parsePostgresUrl(url).ignored

/** Parses a setting with `parsePostgresUrl`. */
export const postgresUrl = z.string().transform((text, context) => {
  try {
    return parsePostgresUrl(text).url
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'malformed' })
    return z.NEVER
  }
})

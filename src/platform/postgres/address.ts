import pg from 'pg'
import { z } from 'zod'
import { readUrlOptions } from '../network/url-options.ts'

const options = {
  known: [
    ...['ssl', 'sslmode', 'sslcert', 'sslkey', 'sslrootcert'],
    ...['host', 'port', 'user', 'password', 'application_name'],
  ],
  hints: {
    options: 'use `alter role ... set ...` in the database',
    dbname: 'the name of the database is the path of the URL',
    connect_timeout: 'the limits are fixed, see docs/outages.md',
    target_session_attrs: 'name one host that accepts writes',
  },
}

/** What each mode is for us: TLS is off, or on with a full check of the certificate unless it says `no-verify`. */
const tlsModes: Readonly<Record<string, string>> = {
  disable: 'disable',
  prefer: 'verify-full',
  require: 'verify-full',
  'verify-ca': 'verify-full',
  'verify-full': 'verify-full',
  'no-verify': 'no-verify',
}
/** Other spellings of these, in the option `ssl`. */
const tlsWords: Readonly<Record<string, string>> = {
  true: 'require',
  '1': 'require',
  false: 'disable',
  '0': 'disable',
}

/**
 * The URL in the form in which the driver understands all of it.
 * @throws Error, without any part of the URL but the name of an option, for what would be ignored or misread
 */
function parsePostgresUrl(text: string): string {
  const plain = text.replace(/^(postgres(?:ql)?)\+asyncpg:/, '$1:')
  if (!/^postgres(ql)?:\/\//.test(plain)) throw new Error('expected postgresql://...')
  const [beforeQuery = '', ...rest] = plain.split('?')
  if (plain.includes('#')) throw new Error('expected no #; write it as %23')
  if (/,/.test(beforeQuery.slice(beforeQuery.lastIndexOf('@') + 1))) throw new Error('expected one host')
  const given = readUrlOptions(rest.join('?'), options)
  const mode = tlsModeOf(given)
  given.delete('ssl')
  if (mode !== undefined) given.set('sslmode', mode)
  const query = [...given].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
  const url = query === '' ? beforeQuery : `${beforeQuery}?${query}`
  requireReadable(url)
  return url
}

function tlsModeOf(given: Map<string, string>): string | undefined {
  const [ssl, sslmode] = [given.get('ssl'), given.get('sslmode')]
  if (ssl !== undefined && sslmode !== undefined) throw new Error('expected ssl or sslmode, not both')
  const named = ssl === undefined ? sslmode : (tlsWords[ssl] ?? ssl)
  if (named === undefined) return undefined
  const mode = tlsModes[named]
  if (mode !== undefined) return mode
  const option = ssl === undefined ? 'sslmode' : 'ssl'
  throw new Error(`expected ${option} to be one of ${Object.keys(tlsModes).join(', ')}`)
}

/** The driver reads the URL, and the files that it names, when a client is made. Its errors may quote the URL. */
function requireReadable(url: string): void {
  try {
    new pg.Client({ connectionString: url })
  } catch (error) {
    const isFile = error instanceof Error && 'syscall' in error
    throw new Error(isFile ? 'a file of sslcert, sslkey or sslrootcert can not be read' : 'malformed')
  }
}

/** A setting that `parsePostgresUrl` understands. */
export const postgresUrl = z.string().transform((text, context) => {
  try {
    return parsePostgresUrl(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'malformed' })
    return z.NEVER
  }
})

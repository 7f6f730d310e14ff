import { isIP } from 'node:net'
import { z } from 'zod'

/** An optional variable that must not be empty. */
export const flag = (name: string) => z.string().min(1, `${name} is set but empty`).optional()

export const port = (fallback: number) =>
  z.coerce
    .number('expected a port number')
    .int('expected a port number')
    .min(0, 'expected a port number')
    .max(65535, 'expected a port number')
    .default(fallback)

const anyHttpUrl = z
  .string()
  .trim()
  .pipe(z.url({ protocol: /^https?$/, error: 'expected an http(s) URL' }))
const withoutOptions = (url: string) => !/[?#]/.test(url)
const optionsFault = 'expected no ? and no # in the URL'

/** A base URL to which paths are appended; a query or fragment would be lost or break them. */
export const httpUrl = anyHttpUrl
  .refine(withoutOptions, optionsFault)
  .refine((url) => !/^[^/]*\/\/[^/]*@/.test(url), 'expected no user name and no password in the URL')

/** The URL of a proxy, which may contain a user name and a password. */
export const proxyUrl = anyHttpUrl.refine(withoutOptions, optionsFault)

/**
 * A key, token or similar value that is usually copied. White space around it is removed; characters that no such value
 * has, like the quotes that `docker --env-file` keeps, are a fault, since the other service would refuse it much later.
 */
export const credentialText = (name: string) =>
  z
    .string()
    .trim()
    .min(1, `${name} is set but empty`)
    .refine((text) => !/^(["'`]).*\1$/s.test(text), 'is in quotes; remove them')
    .regex(/^[\x21-\x7e]*$/, 'contains white space or other characters that are not allowed')

export const credential = (name: string) => credentialText(name).optional()

/** A password, which may contain spaces; a line break at its end comes from the file that it was read from. */
export const passwordText = z
  .string()
  .regex(/^(\S(.*\S)?)?$/su, 'starts or ends with white space')
  .regex(/^\P{Cc}*$/u, 'contains control characters')
  .refine((text) => !/^(["']).*\1$/s.test(text), 'is in quotes; remove them')

/** The parts of a comma-separated list, trimmed, without empty ones. */
export const listOf = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)

/** An address, or a network with its prefix length. */
export function isAddress(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d+$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

import { isIP } from 'node:net'
import { z } from 'zod'

/** A variable that is absent or says something. */
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

/** An address under which paths of ours follow: what stands behind its path would be lost or spoil them. */
export const httpUrl = anyHttpUrl
  .refine(withoutOptions, optionsFault)
  .refine((url) => !/^[^/]*\/\/[^/]*@/.test(url), 'expected no user name and no password in the URL')

/** The address of a proxy, which may have a user name and a password. */
export const proxyUrl = anyHttpUrl.refine(withoutOptions, optionsFault)

/**
 * A key, token or the like that is copied from somewhere: white space around it is left out; what cannot belong to one,
 * like the quotes that `docker --env-file` leaves in place, is a fault. Otherwise the far end would refuse it much later.
 */
export const credentialText = (name: string) =>
  z
    .string()
    .trim()
    .min(1, `${name} is set but empty`)
    .refine((text) => !/^(["'`]).*\1$/s.test(text), 'is in quotes; leave them out')
    .regex(/^[\x21-\x7e]*$/, 'has white space or other characters inside that no such value has')

export const credential = (name: string) => credentialText(name).optional()

/** A password may have spaces inside, but a line break at its end comes from the file that it was read from. */
export const passwordText = z
  .string()
  .regex(/^(\S(.*\S)?)?$/su, 'begins or ends with white space')
  .regex(/^\P{Cc}*$/u, 'has control characters')
  .refine((text) => !/^(["']).*\1$/s.test(text), 'is in quotes; leave them out')

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

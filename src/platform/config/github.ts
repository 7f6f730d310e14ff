import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { flag, httpUrl } from './fields.ts'

/** A GitHub App of the installation's owner, and where its API answers. */
export interface GitHubConfig {
  baseUrl: string
  app: { id: string; privateKey: KeyObject } | undefined
}

export const githubVariables = z.object({
  GITHUB_API_BASE_URL: httpUrl
    .refine(
      (url) => /^(https:|http:\/\/(127\.|localhost|\[::1\]))/.test(url),
      'expected https, since a token goes there; http only on this machine',
    )
    .default('https://api.github.com'),
  GITHUB_APP_ID: z
    .string()
    .trim()
    .regex(/^(\d{1,20}|[A-Za-z0-9.]{8,64})$/, "expected the App's id or client id")
    .optional(),
  GITHUB_APP_PRIVATE_KEY: flag('GITHUB_APP_PRIVATE_KEY'),
  GITHUB_APP_PRIVATE_KEY_FILE: flag('GITHUB_APP_PRIVATE_KEY_FILE'),
})
type Variables = z.infer<typeof githubVariables>

export function githubConfig(vars: Variables, faults: string[]): GitHubConfig {
  return { baseUrl: vars.GITHUB_API_BASE_URL.replace(/\/+$/, ''), app: appOf(vars, faults) }
}

/** A group is whole or absent: half of it is a fault, not a guess. */
function appOf(vars: Variables, faults: string[]): GitHubConfig['app'] {
  const { GITHUB_APP_ID: id, GITHUB_APP_PRIVATE_KEY: text, GITHUB_APP_PRIVATE_KEY_FILE: file } = vars
  if (id === undefined && text === undefined && file === undefined) return undefined
  if (text !== undefined && file !== undefined) {
    faults.push('GITHUB_APP_PRIVATE_KEY: set it or GITHUB_APP_PRIVATE_KEY_FILE, not both')
    return undefined
  }
  if (id === undefined) {
    faults.push('GITHUB_APP_ID: required when a private key is set')
    return undefined
  }
  const name = file === undefined ? 'GITHUB_APP_PRIVATE_KEY' : 'GITHUB_APP_PRIVATE_KEY_FILE'
  const pem = file === undefined ? text : read(file)
  // Where a variable must be one line, people write the line breaks as \n.
  const privateKey = pem === undefined ? undefined : rsaKey(pem.replaceAll('\\n', '\n'))
  if (privateKey === undefined) {
    faults.push(`${name}: expected ${file === undefined ? '' : 'a file with '}an RSA private key in PEM`)
    return undefined
  }
  return { id, privateKey }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** PKCS#1 or PKCS#8. The error of the parser is not passed on: it may quote the key. */
function rsaKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem)
    return key.asymmetricKeyType === 'rsa' ? key : undefined
  } catch {
    return undefined
  }
}

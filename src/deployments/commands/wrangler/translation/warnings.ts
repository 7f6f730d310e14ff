import { plain } from '../../../../cli/index.ts'
import { writtenSection } from '../reading/environments.ts'
import type { ConfigPath, RawConfig } from '../reading/raw-config.ts'
import { inSection } from '../reading/refusals.ts'

const secretName =
  /SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL|SIGNING_?KEY|ENCRYPTION_?KEY/i
const publicName =
  /PUBLIC|PUBLISHABLE|SITE_?KEY|(_ID|_NAME|_URL|_URI|_TTL|_AGE|_EXPIRY|_LENGTH|_LIMIT|_COUNT|_SECONDS|_MS|_HEADER|_TYPE|_ENABLED|_PATH)$/i
const secretValues = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /^(sk|rk)[-_](live|test|proj|ant)[-_]/,
  /^sk-[\w-]{20,}$/,
  /^(gh[oprsu]_|github_pat_|glpat-|npm_)\w{16,}/,
  /^xox[abpsr]-/,
  /^AKIA[0-9A-Z]{16}$/,
  /^AIza[\w-]{30,}$/,
  /^cf(ut|at|k)_\w{20,}/,
  /^eyJ[\w-]{10,}\.eyJ[\w-]{10,}\./,
  /^[a-z][a-z0-9+]*:\/\/[^\s:/@]+:[^\s@/]{3,}@/,
]
const placeholder =
  /^<.*>$|^\{.*\}$|^\$|\byour[-_ ]|^x{4,}|placeholder|replace[-_ ]?(me|with|this)|change[-_ ]?(me|this)|^todo\b|^[-0]{8,}$|^(insert|put|enter|add)[-_ ]/i
/** Keys that name a resource or account. */
const resourceKey = /(^|_)(id|index_name|bucket_name)$/

/** All texts of a value with their paths. */
function* textsOf(value: unknown, path: ConfigPath): Generator<{ text: string; path: ConfigPath }> {
  if (typeof value === 'string') yield { text: value, path }
  if (Array.isArray(value)) {
    for (const [index, each] of value.entries()) yield* textsOf(each, [...path, index])
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) yield* textsOf(each, [...path, key])
  }
}

/** Variables whose value looks like a secret: everybody who may read the Worker's settings can read it. */
export function secretVariables(raw: RawConfig, section: string): string[] {
  const variables = [...textsOf(writtenSection(raw, section).vars, inSection(section, 'vars'))]
  return variables
    .filter(({ text, path }) => isSecret(String(path.at(-1)), text))
    .map(({ path }) => {
      const name = plain(String(path.at(-1)))
      return `${raw.name}, line ${raw.lineOf(path)}: the variable ${name} looks like a secret, and is not encrypted. Remove it, and give its value with --secret ${name}`
    })
}

function isSecret(name: string, value: string): boolean {
  if (placeholder.test(value)) return false
  if (secretValues.some((pattern) => pattern.test(value))) return true
  return secretName.test(name) && !publicName.test(name) && value.length >= 8 && !/\s/.test(value)
}

/** Keys with other texts than ids. */
const otherKeys = new Set(['env', 'vars', 'define', 'dev', 'build'])

/** Ids that a template left for people to fill in. */
export function placeholders(raw: RawConfig, section: string): string[] {
  const keys = Object.entries(writtenSection(raw, section)).filter(([key]) => !otherKeys.has(key))
  const texts = keys.flatMap(([key, value]) => [...textsOf(value, inSection(section, key))])
  return texts
    .filter(({ text, path }) => resourceKey.test(String(path.at(-1))) && placeholder.test(text))
    .map(
      ({ text, path }) =>
        `${raw.name}, line ${raw.lineOf(path)}: ${plain(String(path.at(-1)))} is a placeholder (${plain(text)})`,
    )
}

/** Keys that wrangler deploys and Capstan does not. */
export function undeployedKeys(raw: RawConfig, section: string): string[] {
  const written = writtenSection(raw, section)
  const notes: string[] = []
  const add = (path: ConfigPath, text: string) =>
    notes.push(
      `${raw.name}, line ${raw.lineOf(path)}: ${path.filter((part) => typeof part === 'string').join('.')} ${text}`,
    )
  if (raw.value.addresses !== undefined)
    add(['addresses'], 'is not deployed: rules of Email Routing stay as they are')
  const triggers = written.triggers ?? raw.value.triggers
  if (typeof triggers === 'object' && triggers !== null && 'events' in triggers)
    add(
      inSection(written.triggers === undefined ? '' : section, 'triggers', 'events'),
      'is not deployed: event triggers stay as they are',
    )
  return notes
}

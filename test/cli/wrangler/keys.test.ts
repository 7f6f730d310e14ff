import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

interface Schema {
  $ref?: string
  properties?: Record<string, unknown>
  allOf?: Schema[]
  anyOf?: Schema[]
}

const wrangler = dirname(createRequire(import.meta.url).resolve('wrangler/package.json'))
const { definitions }: { definitions: Record<string, Schema> } = JSON.parse(
  readFileSync(join(wrangler, 'config-schema.json'), 'utf8'),
)

/** The keys of a configuration by the schema that wrangler brings. */
function keysOf({ $ref, properties = {}, allOf = [], anyOf = [] }: Schema): string[] {
  const named = $ref === undefined ? [] : keysOf(definitions[decodeURIComponent($ref.slice(14))] ?? {})
  return [...named, ...Object.keys(properties), ...[...allOf, ...anyOf].flatMap(keysOf)]
}

test('the documentation says of every key of a wrangler configuration what becomes of it', () => {
  const page = readFileSync(new URL('../../../docs/wrangler-projects.md', import.meta.url), 'utf8')
  const section = page.slice(page.indexOf('## Keys'))
  const named = new Set([...section.matchAll(/`([$\w]+)(?:[.[][^`]*)?`/g)].map(([, key]) => key))
  const keys = [...new Set(keysOf({ $ref: '#/definitions/RawConfig' }))]
  expect(keys.length).toBeGreaterThan(80)
  expect(keys.filter((key) => !named.has(key))).toEqual([])
})

import { readFileSync } from 'node:fs'

/**
 * One of the compact contracts of this folder; `build.ts` makes them, README.md says from what.
 * @returns the parsed OpenAPI document, without prose.
 */
export function readContract(name: 'cloudflare' | 'github' | 'kubernetes') {
  return JSON.parse(readFileSync(new URL(`${name}.generated.json`, import.meta.url), 'utf8'))
}

/** Operations of Cloudflare's API beyond that contract, as `METHOD /path/{parameter}`. */
export function readOtherOperations(): string[] {
  return JSON.parse(readFileSync(new URL('cloudflare-others.generated.json', import.meta.url), 'utf8'))
}

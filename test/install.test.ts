import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

test('npm ci prints warnings for maintainers only', () => {
  expect(read('.npmrc')).toMatch(/^loglevel=error$/m)
  const installs = read('.ci/run').match(/^npm ci\b.*$/gm)
  expect(installs).toEqual([expect.stringMatching(/^npm ci --loglevel=warn\b/)])
})

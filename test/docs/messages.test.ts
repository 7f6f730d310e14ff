import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { textOfPage } from './markdown.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** All sources of the program as one text, in which texts that are split over lines are joined. */
function sources(): string {
  const files = ['src', 'bin'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|js)$/.test(file) && !file.includes('generated'))
      .map((file) => join(root, folder, file)),
  )
  return files
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')
    .replace(/['`] \+\s+['`]/g, '')
    .replaceAll("\\'", "'")
}

/** The messages in the first column of the tables: code spans with at least three words. */
function messagesOf(page: string): string[] {
  const cells = [...textOfPage(page).matchAll(/^\| (?<symptom>[^|]+) \|/gm)].map(
    ({ groups }) => groups?.symptom ?? '',
  )
  return cells
    .flatMap((cell) => [...cell.matchAll(/`(?<code>[^`]+)`/g)].map(({ groups }) => groups?.code ?? ''))
    .filter((code) => code.split(' ').length >= 3 && !/^(GET|PUT|POST) /.test(code))
}

test('troubleshooting quotes only messages that the program prints', () => {
  const text = sources()
  const messages = messagesOf('docs/troubleshooting.md')
  expect(messages.length).toBeGreaterThan(15)
  const fragments = messages.flatMap((message) => message.split('...').map((part) => part.trim()))
  expect(fragments.filter((part) => part.length > 3 && !text.includes(part))).toEqual([])
})

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const textOf = (file: string) => readFileSync(join(root, file), 'utf8')

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]
const records = pages.filter((page) => /^docs\/decisions\/\d{4}-/.test(page)).toSorted()

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

const anchorsOf = (page: string) =>
  [...textOf(page).matchAll(/^#+ (?<heading>.+)$/gm)].map((match) => anchorOf(match.groups?.heading ?? ''))

/** Relative links of a page whose file or heading does not exist. */
function brokenLinksOf(page: string): string[] {
  const links = [...textOf(page).matchAll(/\]\((?<link>(?!https?:)[^)\s]+)\)/g)]
  return links
    .map((match) => match.groups?.link ?? '')
    .filter((link) => {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : relative(root, join(root, dirname(page), path))
      if (!existsSync(join(root, target))) return true
      return anchor !== undefined && !anchorsOf(target).includes(anchor)
    })
    .map((link) => `${page}: ${link}`)
}

/** Paths in code spans that look like files of this repository. */
function missingPathsOf(page: string): string[] {
  const paths = textOf(page).matchAll(
    /`(?<path>(?:(?:src|test|bench|bin|scripts|docs)\/[\w./-]+|workers\/[\w-]+\.ts))`/g,
  )
  return [...paths]
    .map((match) => match.groups?.path ?? '')
    .filter((path) => !existsSync(join(root, path)))
    .map((path) => `${page}: ${path}`)
}

describe('the documentation', () => {
  test('links only to files and headings that exist', () => {
    expect(pages.length).toBeGreaterThan(40)
    expect(pages.flatMap(brokenLinksOf)).toEqual([])
  })

  test('names only files and folders that exist', () => {
    expect(pages.flatMap(missingPathsOf)).toEqual([])
  })

  test('numbers each decision record once', () => {
    const numbers = records.map((page) => page.slice('docs/decisions/'.length, 'docs/decisions/0000'.length))
    expect(numbers.filter((number, index) => numbers.indexOf(number) !== index)).toEqual([])
  })

  test.each(records)('%s has Context, Decision and Consequences', (page) => {
    const headings = [...textOf(page).matchAll(/^## (?<name>.+)$/gm)].map((match) => match.groups?.name)
    expect(headings).toEqual(['Context', 'Decision', 'Consequences'])
  })
})

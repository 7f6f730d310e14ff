import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A fenced block of a page. */
export interface Block {
  page: string
  /** The line of the page on which the block's text begins. */
  line: number
  /** The first word of the info string, '' without one. */
  language: string
  /** The reason for which the block is not executed. */
  skip: string | undefined
  text: string
}

/** The pages that users and contributors read; decision records and the changelog contain no instructions. */
export const pages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .toSorted()
    .map((name) => `docs/${name}`),
]

export const textOfPage = (page: string): string => readFileSync(join(root, page), 'utf8')

const fence = /^```(?<info>[^\n]*)\n(?<text>.*?)^```$/gms
const infoString = /^(?<language>[a-z]*)(?: skip="(?<skip>[^"]+)")?$/

/** @throws Error for a fence with an info string that is not understood */
export function blocksOf(page: string): Block[] {
  const text = textOfPage(page)
  return [...text.matchAll(fence)].map(({ index, groups = {} }) => {
    const line = text.slice(0, index).split('\n').length + 1
    const info = infoString.exec(groups.info ?? '')?.groups
    if (info === undefined) throw new Error(`${page}:${line - 1}: the info string is not understood`)
    return { page, line, language: info.language ?? '', skip: info.skip, text: groups.text ?? '' }
  })
}

/** The code spans of a page outside of its fenced blocks. */
export function spansOf(page: string): string[] {
  const prose = textOfPage(page).replace(fence, '')
  return [...prose.matchAll(/`(?<code>[^`]+)`/g)].map(({ groups }) =>
    (groups?.code ?? '').replace(/\s+/g, ' '),
  )
}

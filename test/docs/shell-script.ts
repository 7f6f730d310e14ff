import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Block } from './markdown.ts'

/** What stands in the pages for a value that only the reader's installation has, with the value of the test's. */
export type Replacements = readonly (readonly [inPage: string | RegExp, value: string])[]

const languages = ['sh', 'ts']

/** True for blocks that a reader would run, also those that the tests skip. */
export const isExecutable = ({ language }: Block): boolean => languages.includes(language)

/**
 * One script for all blocks of a page, in their order, so that variables and files of one block exist in the next. It ends at
 * the first command that fails, and names the page and the line of its block.
 * @param folder receives the TypeScript blocks as modules
 */
export function scriptOf(blocks: readonly Block[], folder: string, replacements: Replacements): string {
  const run = blocks.filter((block) => isExecutable(block) && block.skip === undefined)
  const parts = run.map((block) => {
    const text = replacements.reduce(
      (before, [inPage, value]) => before.replaceAll(inPage, value),
      block.text,
    )
    return `at='${block.page}:${block.line}'\n${block.language === 'ts' ? moduleOf(block, folder, text) : text}`
  })
  return [
    'set -meuo pipefail',
    `trap 'code=$?; [ $code = 0 ] || echo "the block at $at ended with $code" >&2' EXIT`,
    ...parts,
  ].join('\n')
}

function moduleOf({ line }: Block, folder: string, text: string): string {
  const file = join(folder, `snippet-${line}.ts`)
  writeFileSync(file, text)
  return `node ${file}\n`
}

/** Lines of the `output` blocks of a page that its commands have not printed; `...` stands for any text. */
export function missingOutput(blocks: readonly Block[], output: string): string[] {
  const lines = output.split('\n')
  const isPrinted = (parts: string[]) =>
    lines.some((line) => {
      let from = 0
      return parts.every((part) => {
        const at = line.indexOf(part, from)
        from = at + part.length
        return at >= 0
      })
    })
  return blocks
    .filter(({ language }) => language === 'output')
    .flatMap(({ page, line, text }) =>
      text
        .trim()
        .split('\n')
        .filter((expected) => !isPrinted(expected.trim().split('...')))
        .map((expected) => `${page}:${line}: ${expected}`),
    )
}

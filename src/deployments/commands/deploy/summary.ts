import { appendFileSync } from 'node:fs'
import { UsageFault } from '../../../cli/index.ts'
import { errorCode } from '../../../platform/thrown.ts'
import { cell } from './plan-option.ts'

/** A file that a CI system shows as the summary of a job. */
export interface Summary {
  add(lines: string[]): void
}

/** @throws UsageFault if the file cannot be written, before anything is deployed */
export function openSummary(file: string): Summary {
  const append = (text: string) => {
    try {
      appendFileSync(file, text)
    } catch (error) {
      throw new UsageFault(`The summary cannot be written to ${file} (${errorCode(error) ?? 'unknown'})`)
    }
  }
  append('')
  return { add: (lines) => append(`${lines.join('\n')}\n\n`) }
}

/** The end of a deployment as Markdown: the first line is the result, the others explain it. */
export function outcomeMarkdown(lines: string[]): string[] {
  const [result = '', ...rest] = lines.map((line) => cell(line.trim()))
  // A command for the terminal, for addresses that not every machine resolves.
  const shown = rest.filter((line) => !line.startsWith('curl '))
  return [`**${result}**`, ...(shown.length === 0 ? [] : ['', ...shown.map((line) => `- ${line}`)])]
}

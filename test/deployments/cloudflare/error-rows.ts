import { readFileSync } from 'node:fs'
import type { ErrorCode } from '../../../src/platform/error-codes.ts'

/** A row of `docs/deployment-errors.md`: the tests are made of them. */
export interface Row {
  said: string
  step: string
  code: ErrorCode
  status: number
  retryable: boolean
}

const document = readFileSync(new URL('../../../docs/deployment-errors.md', import.meta.url), 'utf8')

/** The rows of the document's table below a heading. */
export function rowsOf(heading: string): Row[] {
  const [, section = ''] = document.split(`\n## ${heading}\n`)
  const lines =
    section
      .split('\n## ')[0]
      ?.split('\n')
      .filter((line) => line.startsWith('| ')) ?? []
  return lines.slice(1).map((line) => {
    const [, said = '', step = '', code = '', status = '', retryable = ''] = line
      .split(' | ')
      .flatMap((part, at) => (at === 0 ? ['', part.slice(2)] : [part.replace(/ \|$/, '')]))
    return { said, step, code: code as ErrorCode, status: Number(status), retryable: retryable === 'yes' }
  })
}

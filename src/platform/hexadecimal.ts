/**
 * Describes the fault of a text that should have `count` hexadecimal digits, optionally after `sha256:`. The
 * description has the number of digits, since one too many or too few is hard to see, but never the text itself.
 * @param expected e.g. `expected 64 hexadecimal digits`
 */
export function digitsProblem(text: string, count: number, expected: string): string {
  const [, digits] = /^(?:sha256:)?([0-9a-f]*)$/i.exec(text) ?? []
  const isMiscounted = digits !== undefined && digits.length !== count
  return isMiscounted ? `${expected}, found ${digits.length}` : expected
}

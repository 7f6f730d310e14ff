/**
 * What is wrong with a text that should be so many hexadecimal digits, perhaps after `sha256:`. Says how many it has,
 * since one too many or too few is hard to see; never the text itself.
 * @param expected e.g. `expected 64 hexadecimal digits`
 */
export function digitsProblem(text: string, count: number, expected: string): string {
  const [, digits] = /^(?:sha256:)?([0-9a-f]*)$/i.exec(text) ?? []
  const isMiscounted = digits !== undefined && digits.length !== count
  return isMiscounted ? `${expected}, found ${digits.length}` : expected
}

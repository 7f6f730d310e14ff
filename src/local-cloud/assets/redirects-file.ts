import {
  hostOf,
  isAbsolute,
  isDynamic,
  normalizedUrl,
  type Problem,
  type RuleLine,
  ruleLines,
} from './rule-lines.ts'

const maxStatic = 2000
const maxDynamic = 100
const statuses = new Set([200, 301, 302, 303, 307, 308])

interface Rule {
  from: string
  to: string
  status: number
  line: number
}

/** The rules in the form that the asset Worker expects. It tries static rules, by path, before the others, in order. */
export interface Redirects {
  version: 1
  staticRules: Record<string, { status: number; to: string; lineNumber: number }>
  rules: Record<string, { status: number; to: string }>
}

/** Parses a `_redirects` file: lines `from to [status]`. `htmlHandling` decides which rules redirect endlessly. */
export function parseRedirects(
  file: string,
  htmlHandling: string | undefined,
): { redirects: Redirects; problems: Problem[] } {
  const { lines, problems } = ruleLines(file)
  const redirects: Redirects = { version: 1, staticRules: {}, rules: {} }
  const seen = new Set<string>()
  // A static rule below a dynamic one counts as dynamic, so that the order of the file decides.
  let isStatic = true
  for (const line of lines) {
    const rule = parseRule(line, htmlHandling)
    if (typeof rule === 'string') {
      problems.push({ line: line.number, message: rule })
      continue
    }
    if (seen.has(rule.from)) {
      problems.push({ line: rule.line, message: `There is already a rule for ${rule.from}.` })
      continue
    }
    seen.add(rule.from)
    isStatic &&= !isDynamic(rule.from)
    const { from, to, status } = rule
    if (isStatic) redirects.staticRules[from] = { status, to, lineNumber: rule.line }
    else redirects.rules[from] = { status, to }
  }
  const counts = [Object.keys(redirects.staticRules).length, Object.keys(redirects.rules).length] as const
  if (counts[0] > maxStatic)
    problems.push({ line: 0, message: `There are more than ${maxStatic} static rules.` })
  if (counts[1] > maxDynamic)
    problems.push({ line: 0, message: `There are more than ${maxDynamic} dynamic rules.` })
  return { redirects, problems }
}

/** @returns the problem as a sentence if the line is not a valid rule */
function parseRule(line: RuleLine, htmlHandling: string | undefined): Rule | string {
  const tokens = line.text.replace(/\s+#.*$/, '').split(/\s+/)
  const [from = '', to, status = '302'] = tokens
  if (to === undefined || tokens.length > 3) return 'Expected a path, a destination and optionally a status.'
  if (isAbsolute(from)) return `The source must be a path: ${from}`
  const path = normalizedUrl(from.startsWith('/') ? from : `/${from}`, false)
  if (path === undefined) return `The source is not a valid path: ${from}`
  const destination = normalizedUrl(to, true)
  if (destination === undefined) return `The destination must begin with / or https://: ${to}`
  if (!statuses.has(Number(status))) return `The status must be 200, 301, 302, 303, 307 or 308: ${status}`
  if (Number(status) === 200 && hostOf(destination) !== undefined) {
    return `A rule with status 200 needs a path as its destination: ${to}`
  }
  if (isEndless(path, destination, htmlHandling)) {
    return 'Infinite loop detected in this rule. This would cause a redirect to strip `.html` or `/index` and end up triggering this rule again.'
  }
  return { from: path, to: destination, status: Number(status), line: line.number }
}

/** True for a rule to an index page whose own redirect to the folder would match the rule again. */
function isEndless(from: string, to: string, htmlHandling: string | undefined): boolean {
  if (hostOf(to) !== undefined || !/\/index(\.html)?$/.test(to)) return false
  return from.endsWith('/*') || (from.endsWith('/') && htmlHandling !== 'none')
}

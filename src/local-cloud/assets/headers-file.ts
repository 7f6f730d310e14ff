import { hostOf, normalizedUrl, type Problem, ruleLines } from './rule-lines.ts'

const maxRules = 100

interface Rule {
  set?: Record<string, string>
  unset?: string[]
}

/** The rules in the form that the asset Worker expects, by path or URL. */
export interface HeaderRules {
  version: 2
  rules: Record<string, Rule>
}

/** Parses a `_headers` file: a path or https URL, followed by lines `Name: value`, or `! Name` to remove a header. */
export function parseHeaders(file: string): { headers: HeaderRules; problems: Problem[] } {
  const { lines, problems } = ruleLines(file)
  const headers: HeaderRules = { version: 2, rules: {} }
  let current: { line: number; rule: Rule } | undefined
  const close = () => {
    if (current === undefined || current.rule.set !== undefined || current.rule.unset !== undefined) return
    problems.push({ line: current.line, message: 'The rule has no headers.' })
  }
  let isSkipping = false
  for (const { number, text } of lines) {
    if (/^(\/|\S+:\/\/)/.test(text)) {
      close()
      const path = pathOf(text)
      isSkipping = 'problem' in path
      if ('problem' in path) {
        problems.push({ line: number, message: path.problem })
        current = undefined
        continue
      }
      const rule: Rule = {}
      headers.rules[path.path] = rule
      current = { line: number, rule }
    } else if (current === undefined) {
      if (!isSkipping) problems.push({ line: number, message: 'A path must come before the first header.' })
    } else {
      const problem = addHeader(current.rule, text)
      if (problem !== undefined) problems.push({ line: number, message: problem })
    }
  }
  close()
  const count = Object.keys(headers.rules).length
  if (count > maxRules) problems.push({ line: 0, message: `There are more than ${maxRules} rules.` })
  return { headers, problems }
}

function pathOf(text: string): { path: string } | { problem: string } {
  const path = normalizedUrl(text, false)
  if (path === undefined) return { problem: `A rule must begin with / or https://: ${text}` }
  if (/:\d+$/.test(hostOf(path) ?? '')) return { problem: `A port is not supported: ${text}` }
  const wildcards = path.split('*').length - 1
  if (wildcards > 1) return { problem: 'A rule can have only one wildcard.' }
  if (wildcards > 0 && /:splat(?!\w)/.test(path)) {
    return { problem: 'A rule cannot have both a wildcard and the placeholder :splat.' }
  }
  return { path }
}

/** Adds a line to a rule. @returns the problem as a sentence, if any */
function addHeader(rule: Rule, text: string): string | undefined {
  if (!text.includes(':')) {
    const [, removed] = /^! +(\S+)$/.exec(text) ?? []
    if (removed === undefined) return 'Expected a header of the form Name: value.'
    rule.unset = [...(rule.unset ?? []), removed]
    return undefined
  }
  const at = text.indexOf(':')
  const name = text.slice(0, at).trim().toLowerCase()
  const value = text.slice(at + 1).trim()
  if (name === '' || /\s/.test(name)) return 'The name of a header must be one word.'
  if (value === '') return `The header ${name} has no value.`
  const present = rule.set?.[name]
  rule.set = { ...rule.set, [name]: present === undefined ? value : `${present}, ${value}` }
  return undefined
}

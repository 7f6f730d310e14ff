import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { match } from 'path-to-regexp'
import { afterAll, describe, expect, test } from 'vitest'
import { allRoutes } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { createContext } from '../../src/context.ts'
import { blocksOf, pages, spansOf } from './markdown.ts'
import { isExecutable } from './shell-script.ts'

// Nothing is asked: a context opens its connections when they are first used.
const ctx = createContext(
  loadConfig({
    DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
    SECRET_KEY: 'a-secret-key-of-the-tests-0123456789',
    DATA_DIR: join(tmpdir(), 'documented-names'),
    CLOUDFLARE_TARGET: 'local',
    LOG_LEVEL: 'error',
  }),
  'test',
)
afterAll(() => ctx.dispose())

const helpFile = new URL('../../bin/help.generated.json', import.meta.url)
const helpTexts: Record<string, string> = JSON.parse(readFileSync(helpFile, 'utf8'))
const routes = allRoutes(ctx, () => false).map(({ method, path }) => ({
  method: method.toUpperCase(),
  matches: match(path),
}))

/** The command lines of `capstan` in a text, each as its words. */
function commandLines(text: string): string[][] {
  const lines = text
    .replaceAll('\\\n', ' ')
    .matchAll(/(?:^|[;&|(])\s*(?:[A-Z_0-9]+=\S+ )*capstan (?<words>[^\n#;&|)`]+(?:\|[a-z|]+)?[^\n#;&|)`]*)/gm)
  return [...lines].map(({ groups }) => (groups?.words ?? '').trim().split(/\s+/))
}

/** What a command line names and no command has: the command itself, or some of its options. */
function unknownIn(words: string[]): string[] {
  const [first = '', second = ''] = words
  if (/^(--(help|version)|-[hV])$/.test(first)) return []
  // `deploy watch|list` names several commands; a word in capitals or in <> stands for any value.
  const named = first.includes('|') ? first.split('|') : second.split('|').map((each) => `${first} ${each}`)
  return named.flatMap((command) => {
    const help = helpTexts[command] ?? helpTexts[first]
    if (help === undefined) return [command]
    const isGroup = /\[command\]\n/.test(help) && help === helpTexts[first]
    if (isGroup && /^[a-z]/.test(second)) return [command]
    const options = words.flatMap((word) => /^(?<name>--?[a-z][a-z-]*)/.exec(word)?.groups?.name ?? [])
    const known = [...help.matchAll(/(?:^|[\s,])(--?[a-z][a-z-]*)/g)].map(([, name]) => name)
    return options
      .filter((option) => option !== '--help' && !known.includes(option))
      .map((option) => `${command} ${option}`)
  })
}

/** The requests in a code span, like `GET|POST /jobs/{id}`; none for a span that is no request. */
function requestsIn(span: string): { method: string; path: string }[] {
  const [, methods, written = ''] = /^((?:(?:GET|POST|PUT|PATCH|DELETE)(?:, |\|)?)+) (\/\S+)/.exec(span) ?? []
  if (methods === undefined) return []
  const path = written.replace(/[?#].*$/, '').replaceAll(/\{[^}]*\}/g, 'x')
  return methods.split(/, |\|/).map((method) => ({ method, path }))
}

const isRoute = (method: string, path: string) =>
  routes.some((route) => route.method === method && route.matches(path))

describe('the documentation names only', () => {
  test('commands and options that exist', () => {
    const unknown = pages.flatMap((page) => {
      const texts = [
        ...blocksOf(page)
          .filter(isExecutable)
          .map(({ text }) => text),
        ...spansOf(page),
      ]
      return texts
        .flatMap(commandLines)
        .flatMap(unknownIn)
        .map((name) => `${page}: ${name}`)
    })
    expect(unknown).toEqual([])
  })

  test('routes that exist', () => {
    const unknown = pages.flatMap((page) =>
      spansOf(page)
        .flatMap(requestsIn)
        // Pages about one API leave the common beginning out.
        .filter(({ method, path }) => !isRoute(method, path) && !isRoute(method, `/api/v1${path}`))
        .map(({ method, path }) => `${page}: ${method} ${path}`),
    )
    expect(unknown).toEqual([])
  })

  test('languages that say whether a block is executed', () => {
    const languages = new Set(pages.flatMap(blocksOf).map(({ language }) => language))
    expect([...languages].toSorted()).toEqual(['json', 'output', 'sh', 'text', 'ts', 'yaml'])
  })
})

import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { findNodeAtLocation, type ParseError, parse, parseTree, printParseErrorCode } from 'jsonc-parser'
import { parse as parseToml, TomlError } from 'smol-toml'
import { plain, UsageFault } from '../../../../cli/index.ts'
import { errorCode, propertiesOf } from '../../../../platform/thrown.ts'

export type ConfigPath = (string | number)[]

/** A wrangler configuration as written. */
export interface RawConfig {
  /** The name of the file, for messages. */
  name: string
  value: Record<string, unknown>
  /** The line of a key, or of the nearest key above it; from 1. */
  lineOf(path: ConfigPath): number
}

/** Reads a configuration without wrangler. @throws UsageFault with the line of a syntax error */
export async function readRawConfig(file: string): Promise<RawConfig> {
  const name = basename(file)
  const text = await textOf(file, name)
  const parsed = name.endsWith('.toml') ? tomlConfig(name, text) : jsonConfig(name, text)
  return { name, ...parsed }
}

/** The text of a file, without a byte order mark. wrangler would replace what is not UTF-8 without saying so. */
async function textOf(file: string, name: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file))
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw new UsageFault(`${name} is not encoded in UTF-8: save it as UTF-8`)
    throw new UsageFault(`${name} can't be read (${code})`)
  }
}

function jsonConfig(name: string, text: string): Omit<RawConfig, 'name'> {
  const errors: ParseError[] = []
  const options = { allowTrailingComma: true }
  const value: unknown = parse(text, errors, options)
  const [error] = errors
  if (error !== undefined) {
    throw new UsageFault(`${name}, line ${lineAt(text, error.offset)}: ${printParseErrorCode(error.error)}`)
  }
  const tree = parseTree(text, [], options)
  return {
    value: propertiesOf(value),
    lineOf(path) {
      for (let length = path.length; tree !== undefined && length > 0; length -= 1) {
        const node = findNodeAtLocation(tree, path.slice(0, length))
        // The parent of a value is its property, which begins with the key.
        if (node !== undefined)
          return lineAt(text, (node.parent?.type === 'property' ? node.parent : node).offset)
      }
      return 1
    },
  }
}

function tomlConfig(name: string, text: string): Omit<RawConfig, 'name'> {
  try {
    return { value: parseToml(text), lineOf: (path) => tomlLine(text, path) }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    throw new UsageFault(`${name}, line ${error.line}: ${plain(error.message.split('\n')[0] ?? '')}`)
  }
}

/** The line of the longest part of the path. Indices count the `[[tables]]` of a name. */
function tomlLine(text: string, path: ConfigPath): number {
  const found = tomlKeys(text)
  for (let length = path.length; length > 0; length -= 1) {
    const wanted = path.slice(0, length).join('\0')
    const line = found.get(wanted)
    if (line !== undefined) return line
  }
  return 1
}

const keyPart = /"([^"]*)"|'([^']*)'|([\w-]+)/g
const partsOf = (dotted: string) => [...dotted.matchAll(keyPart)].map(([, a, b, c]) => a ?? b ?? c ?? '')

function tomlKeys(text: string): Map<string, number> {
  const lines = new Map<string, number>()
  const counts = new Map<string, number>()
  let table: ConfigPath = []
  const add = (path: ConfigPath, line: number) => {
    const key = path.join('\0')
    if (!lines.has(key)) lines.set(key, line)
  }
  text.split('\n').forEach((content, at) => {
    const header = /^\s*(\[\[?)([^\]]+)\]/.exec(content)
    if (header !== null) {
      table = partsOf(header[2] ?? '')
      add(table, at + 1)
      if (header[1] !== '[[') return
      const key = table.join('\0')
      const index = counts.get(key) ?? 0
      counts.set(key, index + 1)
      table = [...table, index]
      add(table, at + 1)
      return
    }
    const key = /^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=/.exec(content)
    if (key !== null) add([...table, ...partsOf(key[1] ?? '')], at + 1)
  })
  return lines
}

const lineAt = (text: string, offset: number) => text.slice(0, offset).split('\n').length

import { existsSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** A position in a bundle of the programs, see bin/build-bundle.js. */
const bundledPosition = /(file:\/\/[^\s()]+\/capstan-programs\/[^\s():]+):(\d+):(\d+)/g

/** The source positions that were looked up. A process has only so many places that create errors. */
const found = new Map<string, string>()

/**
 * Names the sources of a stack in place of the bundle's files. Node could do this itself, but would read the source maps
 * at every start, which takes a third of its processor time.
 */
export function sourceStack(stack: string): string {
  const maps = new Map<string, SourceMap | undefined>()
  return stack.replace(bundledPosition, (position, url: string, line: string, column: string) => {
    const known = found.get(position)
    if (known !== undefined) return known
    const file = fileURLToPath(url)
    if (!maps.has(file)) maps.set(file, readMap(`${file}.map`))
    const origin = maps.get(file)?.findOrigin(Number(line), Number(column))
    const source =
      origin === undefined || !('fileName' in origin)
        ? position
        : `${pathToFileURL(resolve(dirname(file), origin.fileName))}:${origin.lineNumber}:${origin.columnNumber}`
    found.set(position, source)
    return source
  })
}

/** A parsed map takes tens of megabytes, and is not kept. */
function readMap(file: string): SourceMap | undefined {
  return existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8'))) : undefined
}

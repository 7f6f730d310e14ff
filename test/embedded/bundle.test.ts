import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type * as Bundle from '../../bin/bundle.js'
import { sourceStack } from '../../src/platform/logging/source-positions.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'capstan-bundle-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('the bundle of the programs', () => {
  /** A checkout with two sources. */
  async function checkout() {
    for (const each of ['bin', 'src', 'workers', 'node_modules']) mkdirSync(join(folder, each))
    const module = join(folder, 'bin/bundle.js')
    cpSync(fileURLToPath(new URL('../../bin/bundle.js', import.meta.url)), module)
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'src/api.ts'), '1')
    writeFileSync(join(folder, 'node_modules/.package-lock.json'), '{}')
    const { bundledPrograms, currentBundle }: typeof Bundle = await import(pathToFileURL(module).href)
    return { bundledPrograms, currentBundle }
  }

  test('is used as long as no source and no package has changed', async () => {
    const { bundledPrograms, currentBundle } = await checkout()
    expect(bundledPrograms()).toBeUndefined()
    const first = currentBundle() as string
    mkdirSync(first, { recursive: true, mode: 0o755 })
    for (const path of [first, dirname(first)]) chmodSync(path, 0o755)
    expect(bundledPrograms()).toBe(first)
    for (const file of ['src/api.ts', 'node_modules/.package-lock.json', 'package.json', 'bin/bundle.js']) {
      const text = readFileSync(join(folder, file))
      writeFileSync(join(folder, file), `${text} `)
      expect(bundledPrograms(), file).toBeUndefined()
      writeFileSync(join(folder, file), text)
      expect(bundledPrograms(), file).toBe(first)
    }
    for (const path of [first, dirname(first)]) {
      chmodSync(path, 0o775)
      expect(bundledPrograms(), 'others could have written it').toBeUndefined()
      chmodSync(path, 0o755)
    }
    rmSync(join(folder, 'node_modules/.package-lock.json'))
    expect(currentBundle(), 'the installed packages are not known').toBeUndefined()
    writeFileSync(join(folder, 'node_modules/.package-lock.json'), '{}')
    expect(bundledPrograms()).toBe(first)
    writeFileSync(join(folder, 'workers/new.ts'), '')
    expect(bundledPrograms()).toBeUndefined()
  })
})

describe('the stack of an error in a bundle', () => {
  test('names the positions of the sources', async () => {
    const source = join(folder, 'fails.ts')
    const lines = [
      'interface Long {',
      '  a: string',
      '}',
      'export const fails = (): Long => {',
      "  throw new Error('no')",
      '}',
    ]
    writeFileSync(source, lines.join('\n'))
    const outfile = join(folder, 'capstan-programs/x/fails.js')
    await build({ entryPoints: [source], outfile, format: 'esm', sourcemap: true, minify: true })
    const column = readFileSync(outfile, 'utf8').indexOf('new Error') + 1
    const stack = `Error: no\n    at fails (${pathToFileURL(outfile)}:1:${column})\n    at async file:///other.js:1:2`
    const mapped = `Error: no\n    at fails (${pathToFileURL(source)}:5:9)\n    at async file:///other.js:1:2`
    expect(sourceStack(stack)).toBe(mapped)
  })

  test('is unchanged if there is no source map', () => {
    const stack = 'Error: no\n    at file:///none/capstan-programs/x/api.js:1:2'
    expect(sourceStack(stack)).toBe(stack)
  })
})

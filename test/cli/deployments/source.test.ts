import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findAppPath, projectFileOf, readSource } from '../../../src/deployments/commands/project/source.ts'
import { folderWith } from '../folder.ts'

async function sourceOf(files: Record<string, string>, main?: string) {
  return readSource(await findAppPath(folderWith(files)), main)
}
const namesOf = (source: { modules: { name: string }[] }) => source.modules.map((each) => each.name)

describe('the modules of a folder', () => {
  test('get their type from the file extension; the main one comes first, the others by name', async () => {
    const source = await sourceOf({
      'z.mjs': '1',
      'a/b.cjs': '2',
      'index.js': 'main',
      'm.wasm': '3',
      'page.html': '4',
      'notes.md': '5',
      'q.sql': '6',
      't.txt': '7',
      'd.bin': '8',
      'index.js.map': '9',
    })
    expect(source.name).toBe('my-app')
    expect(source.modules.map(({ name, type }) => [name, type])).toEqual([
      ['index.js', 'esm'],
      ['a/b.cjs', 'commonjs'],
      ['d.bin', 'data'],
      ['index.js.map', 'sourcemap'],
      ['m.wasm', 'wasm'],
      ['notes.md', 'text'],
      ['page.html', 'text'],
      ['q.sql', 'text'],
      ['t.txt', 'text'],
      ['z.mjs', 'esm'],
    ])
    expect(Buffer.from(source.modules[0]?.content ?? '', 'base64').toString()).toBe('main')
  })

  test('omit dot files, node_modules, package.json and capstan.json; unsupported files are listed as skipped', async () => {
    const source = await sourceOf({
      'index.js': '',
      '.env': 'SECRET=1',
      '.git/config.txt': '',
      'node_modules/x/index.js': '',
      'package.json': '{}',
      'capstan.json': '{}',
      'data.json': '{}',
      'lib/x.ts': '',
    })
    expect(namesOf(source)).toEqual(['index.js'])
    expect(source.skipped).toEqual(['data.json', 'lib/x.ts'])
  })

  test('do not include links out of the folder', async () => {
    const outside = folderWith({ 'private.txt': 'x' })
    const folder = folderWith({ 'index.js': '' })
    symlinkSync(outside, join(folder, 'link'))
    symlinkSync(join(outside, 'private.txt'), join(folder, 'private.txt'))
    const source = await readSource(await findAppPath(folder), undefined)
    expect(namesOf(source)).toEqual(['index.js'])
    expect(source.skipped).toEqual(['link', 'private.txt'])
  })

  test('are refused above 11.5 MiB in total', async () => {
    await expect(sourceOf({ 'index.js': '', 'b.bin': 'x'.repeat(12 * 1024 * 1024) })).rejects.toThrow(
      '11.5 MiB',
    )
  })
})

describe('the main module', () => {
  test.each<[Record<string, string>, string | undefined, string]>([
    [{ 'index.js': '', 'src/a.mjs': '', 'package.json': '{"main":"index.js"}' }, './src/a.mjs', 'src/a.mjs'],
    [{ 'index.js': '', 'other.js': '', 'package.json': '{"main":"./other"}' }, undefined, 'other.js'],
    [{ 'index.js': '', 'worker.js': '', 'package.json': '{"main":"gone.js"}' }, undefined, 'index.js'],
    [{ 'index.mjs': '', 'worker.js': '', 'package.json': 'not JSON' }, undefined, 'index.mjs'],
    [{ 'worker.js': '', 'a.js': '' }, undefined, 'worker.js'],
    [{ 'only.js': '', 'page.html': '' }, undefined, 'only.js'],
  ])('of %o with main %s is %s', async (files, main, expected) => {
    expect(namesOf(await sourceOf(files, main))[0]).toBe(expected)
  })

  test.each(['../other/index.js', 'gone.js', 'data.txt', '/etc/index.js'])('cannot be %s', async (main) => {
    await expect(sourceOf({ 'index.js': '', 'data.txt': '' }, main)).rejects.toThrow('main module')
  })

  test('in TypeScript is refused with the advice to build it first', async () => {
    await expect(sourceOf({ 'index.ts': '' })).rejects.toThrow('build the app first')
    await expect(sourceOf({ 'index.js': '', 'index.ts': '' }, 'index.ts')).rejects.toThrow(
      'build the app first',
    )
  })
})

describe('a single file', () => {
  test('is the whole app, named after the file or its folder', async () => {
    const folder = folderWith({ 'index.js': '', 'greeter.mjs': '', 'capstan.json': 'not JSON' })
    const one = async (name: string) => readSource(await findAppPath(join(folder, name)), undefined)
    expect(await one('greeter.mjs')).toMatchObject({ name: 'greeter', modules: [{ name: 'greeter.mjs' }] })
    expect(await one('index.js')).toMatchObject({ name: 'my-app', modules: [{ name: 'index.js' }] })
    expect(await projectFileOf(await findAppPath(join(folder, 'index.js')))).toMatchObject({ secrets: [] })
  })

  test('has to exist and be an ES module', async () => {
    const folder = folderWith({ 'a.txt': '' })
    await expect(readSource(await findAppPath(join(folder, 'a.txt')), undefined)).rejects.toThrow('ES module')
    await expect(findAppPath(join(folder, 'none'))).rejects.toThrow('There is no')
  })
})

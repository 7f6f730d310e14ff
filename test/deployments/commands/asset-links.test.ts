import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readAssets } from '../../../src/deployments/commands/wrangler/contents/assets.ts'
import type { WranglerConfig } from '../../../src/deployments/commands/wrangler/reading/config-schema.ts'

let parent: string
let project: string
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'capstan-links-'))
  project = join(parent, 'project')
  write('project/public/index.html', 'page')
  write('project/.env', 'KEY=1')
  write('project/common/logo.svg', '<svg/>')
  write('outside/id_rsa', 'private')
})
afterEach(() => rmSync(parent, { recursive: true, force: true }))

function write(name: string, text: string): void {
  mkdirSync(dirname(join(parent, name)), { recursive: true })
  writeFileSync(join(parent, name), text)
}

const link = (name: string, target: string) => symlinkSync(target, join(project, 'public', name))

async function pathsOf(configFiles = [join(project, 'wrangler.jsonc')]): Promise<string[] | undefined> {
  const config = { configPath: configFiles[0], assets: { directory: './public' } }
  const found = await readAssets(config as unknown as WranglerConfig, configFiles)
  return found?.assets.files.map(({ path }) => path)
}

test('a link to a file of the project is published with its content', async () => {
  link('logo.svg', '../common/logo.svg')
  link('again.html', 'index.html')
  expect(await pathsOf()).toEqual(['/again.html', '/index.html', '/logo.svg'])
})

test.each([
  ['by a relative path', '../../outside/id_rsa'],
  ['over another link', 'over'],
])('a link out of the project is refused by its name, %s', async (_, target) => {
  symlinkSync(join(parent, 'outside/id_rsa'), join(project, 'over'))
  link('key.txt', target === 'over' ? '../over' : target)
  await expect(pathsOf()).rejects.toThrow(
    'The asset key.txt is a link to a file outside of the project: put a copy in its place, or name it in .assetsignore',
  )
  write('project/public/.assetsignore', 'key.txt\n')
  expect(await pathsOf()).toEqual(['/index.html'])
})

test('a link to a private file of the project is refused', async () => {
  link('settings.txt', '../.env')
  await expect(pathsOf()).rejects.toThrow('The asset settings.txt is a link to a private file of the project')
})

test.each(['_headers', '_redirects', '.assetsignore'])(
  'the settings file %s may be a link inside of the project, and is refused as one out of it',
  async (name) => {
    write('project/common/settings', '/* /index.html 200')
    link(name, '../common/settings')
    expect(await pathsOf()).toEqual(['/index.html'])
    rmSync(join(project, 'public', name))
    link(name, '../../outside/id_rsa')
    await expect(pathsOf()).rejects.toThrow(
      `The asset ${name} is a link to a file outside of the project: put a copy in its place`,
    )
    rmSync(join(project, 'public', name))
    link(name, '../.env')
    await expect(pathsOf()).rejects.toThrow(`The asset ${name} is a link to a private file of the project`)
  },
)

test('links to folders are not followed, and broken ones are left out', async () => {
  link('folder', '../../outside')
  link('nothing.txt', './absent')
  expect(await pathsOf()).toEqual(['/index.html'])
})

test('a built configuration may link to files of the project that it was built from', async () => {
  write('project/dist/wrangler.json', '{}')
  write('project/dist/public/index.html', 'page')
  symlinkSync('../../common/logo.svg', join(project, 'dist/public/logo.svg'))
  const files = [join(project, 'dist/wrangler.json'), join(project, 'wrangler.jsonc')]
  expect(await pathsOf(files)).toEqual(['/index.html', '/logo.svg'])
})

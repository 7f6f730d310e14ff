import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { folderWith } from './folder.ts'
import { capstan } from './run.ts'

const textOf = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8')

describe('capstan init', () => {
  test('writes a Worker into an empty folder, and changes no file', async () => {
    const folder = folderWith({ '.gitignore': 'mine\n', 'README.md': '' })
    const { code, out } = await capstan(['init', folder])
    expect([code, out]).toEqual([
      0,
      `Wrote wrangler.jsonc, src/index.js\nTo deploy my-app: capstan deploy ${folder}\n`,
    ])
    expect(JSON.parse(textOf(folder, 'wrangler.jsonc'))).toMatchObject({
      name: 'my-app',
      main: 'src/index.js',
    })
    expect(textOf(folder, '.gitignore')).toBe('mine\n')
    const worker: { default: { fetch(request: Request, env: object): Promise<Response> } } = await import(
      join(folder, 'src/index.js')
    )
    const answer = await worker.default.fetch(new Request('http://my-app.test/'), { GREETING: 'Hello' })
    expect([answer.status, await answer.text()]).toEqual([200, 'Hello\n'])
  })

  test('creates the folder, and takes the name from --app', async () => {
    const folder = join(folderWith({}), 'My First App')
    expect((await capstan(['init', folder, '--json'])).out).toContain('"app": "my-first-app"')
    const other = join(folderWith({}), '___')
    expect((await capstan(['init', other])).err).toContain('choose one with --app')
    expect((await capstan(['init', other, '--app', 'A'])).err).toContain("can't be an app's name")
    expect((await capstan(['init', other, '--app', 'shop'])).code).toBe(0)
    expect(readdirSync(other).toSorted()).toEqual(['.gitignore', 'src', 'wrangler.jsonc'])
  })

  test('refuses a folder with other files', async () => {
    const folder = folderWith({ 'index.js': '' })
    const { code, err } = await capstan(['init', folder])
    expect(code).toBe(2)
    expect(err).toContain('has files, but no wrangler configuration: index.js')
    expect(readdirSync(folder)).toEqual(['index.js'])
  })

  test('writes only what a wrangler project does not say itself', async () => {
    const folder = folderWith({ 'wrangler.toml': 'name = "shop"\n[env.production]\n' })
    const { out } = await capstan(['init', folder])
    expect(out).toContain(
      'Found wrangler.toml: shop\n  sections: production\n  staging: the top level, with resources',
    )
    expect(out).toContain('Nothing to write')
    expect(readdirSync(folder)).toEqual(['wrangler.toml'])
  })

  test('maps sections under other names, and finds a valid name', async () => {
    const folder = folderWith({
      'wrangler.jsonc': '{"name": "My_Shop", "env": {"prod": {}, "dev": {}, "other": {}}}',
    })
    const { out } = await capstan(['init', folder])
    expect(out).toContain('staging: env.dev\n  production: env.prod\nWrote capstan.json')
    expect(JSON.parse(textOf(folder, 'capstan.json'))).toEqual({
      app: 'my-shop',
      wrangler: { staging: 'dev', production: 'prod' },
    })
    const again = await capstan(['init', folder])
    expect(again.out).toContain('capstan.json exists, and stays as it is')
  })
})

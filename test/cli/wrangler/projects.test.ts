import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sampleCases } from './project-cases.ts'
import { copyOf, requestOf } from './project-folder.ts'

// Each case bundles with wrangler, which takes seconds: `npm run test:projects` has all other projects.

test.for(sampleCases)('translates the project $project', { timeout: 120_000 }, async (each) => {
  const env = { PATH: process.env.PATH, ...each.env }
  const result = await requestOf(copyOf(each.project), each.flags, env)
  expect(result.config).toMatchObject(each.config)
  each.check?.(result)
})

test('runs build.command without credentials, and leaves nothing but its output', {
  timeout: 120_000,
}, async () => {
  const folder = copyOf('build-command')
  writeProjectFile(folder)
  const env = {
    PATH: process.env.PATH,
    VITE_API: 'x',
    RELEASE: 'x',
    CLOUDFLARE_API_TOKEN: 'x',
    DATABASE_URL: 'x',
    SECRET_KEY: 'x',
    NODE_ENV: 'development',
    WRANGLER_CI_OVERRIDE_NAME: 'other',
  }
  const { config } = await requestOf(folder, {}, env)
  const seen: unknown = JSON.parse(readFileSync(join(folder, 'out/seen.json'), 'utf8'))
  expect(seen).toEqual(expect.arrayContaining(['PATH', 'VITE_API', 'RELEASE', 'WRANGLER_COMMAND', 'CI']))
  const secret = Object.keys(env).slice(3)
  expect(seen).not.toEqual(
    expect.arrayContaining([expect.stringMatching(new RegExp(`^(${secret.join('|')})$`))]),
  )
  expect(config).toMatchObject({ appName: 'report', keepVars: true })
  expect(readFileSync(join(folder, 'out/worker.js'), 'utf8')).toContain('Response.json')
})

function writeProjectFile(folder: string): void {
  writeFileSync(join(folder, 'capstan.json'), JSON.stringify({ wrangler: { buildVariables: ['RELEASE'] } }))
}

import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { folderWith } from './folder.ts'
import { capstan } from './run.ts'

test('the browser gets no token, and no setting of a .env', async () => {
  const folder = folderWith({ browser: '#!/bin/sh\nenv > "$0.part" && mv "$0.part" "$0.env"\n' })
  const browser = join(folder, 'browser')
  chmodSync(browser, 0o755)
  const shellEnv = {
    ...{ PATH: process.env.PATH, HOME: folder, XDG_STATE_HOME: folder, BROWSER: browser },
    ...{ CAPSTAN_URL: 'http://127.0.0.1:1', CAPSTAN_TOKEN: 'of-the-shell' },
  }
  const ran = await capstan(['open', '--json'], { env: { ...shellEnv, SECRET_KEY: 'of-the-file' }, shellEnv })
  expect(JSON.parse(ran.out)).toEqual({ url: 'http://127.0.0.1:1/admin', opened: true })
  await vi.waitFor(() => expect(existsSync(`${browser}.env`)).toBe(true), { timeout: 10_000 })
  const variables = readFileSync(`${browser}.env`, 'utf8')
  expect(variables).toContain(`HOME=${folder}`)
  expect(variables).not.toMatch(/CAPSTAN_|SECRET_KEY/)
})

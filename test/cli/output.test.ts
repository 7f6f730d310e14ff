import { expect, test } from 'vitest'
import { createOutput } from '../../src/cli/output.ts'
import { json, startFakeApi } from './fake-api.ts'
import { folderWith } from './folder.ts'
import { capstan } from './run.ts'

const hostile = 'ops\u001b]0;title\u0007\u001b[2J\u009b31m\r\u202e'

function written(isJson: boolean, use: (out: ReturnType<typeof createOutput>) => void) {
  const text = { out: '', err: '' }
  const stdout = { write: (part: string) => (text.out += part) }
  const stderr = { write: (part: string) => (text.err += part) }
  use(createOutput(isJson, { stdout, stderr }))
  return text
}

test('lines for people control no terminal, whatever a service sent', () => {
  const text = written(false, (out) => {
    out.say(hostile)
    out.warn(hostile)
    out.answer([`a\tb\n${hostile}`], null)
  })
  expect(text).toEqual({ out: 'ops]0;title[2J31m\na\tb\nops]0;title[2J31m\n', err: 'ops]0;title[2J31m\n' })
})

test('the document of --json has the text as it is', () => {
  const text = written(true, (out) => out.answer([hostile], { name: hostile }))
  expect([JSON.parse(text.out), text.err]).toEqual([{ name: hostile }, ''])
})

test('login shows a hostile user name without its control characters', async () => {
  const account = { id: 'u', username: hostile, email: 'o@example.org', is_admin: true, scopes: null }
  const api = await startFakeApi((_asked, res) => json(res, 200, account))
  const folder = folderWith({})
  const env = { HOME: folder, XDG_STATE_HOME: folder }
  const ran = await capstan(['login', api.url, '--name', 'prod'], { env, input: 'ora_given' })
  expect(ran.out).toBe(`Signed in to ${api.url} as ops]0;title[2J31m; the current context is prod\n`)
})

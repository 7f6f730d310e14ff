import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readOrCreate } from '../../src/platform/installation/secret-file.ts'

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'secret-file-'))
  file = join(dir, 'data', 'secret')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

test('a secret is created once and readable by its owner only', () => {
  expect(readOrCreate(file, () => 'first')).toBe('first')
  expect(readOrCreate(file, () => 'second')).toBe('first')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(statSync(join(dir, 'data')).mode & 0o777).toBe(0o700)
  expect(readdirSync(join(dir, 'data'))).toEqual(['secret'])
})

test('the secret of the faster process is used, and the other is removed', () => {
  const made = readOrCreate(file, () => {
    writeFileSync(file, 'faster', { mode: 0o600 })
    return 'slower'
  })
  expect(made).toBe('faster')
  expect(readdirSync(join(dir, 'data'))).toEqual(['secret'])
})

test('a secret that could not be created leaves no file', () => {
  const failing = () => {
    throw new Error('on purpose')
  }
  expect(() => readOrCreate(file, failing)).toThrow('on purpose')
  expect(existsSync(file)).toBe(false)
})

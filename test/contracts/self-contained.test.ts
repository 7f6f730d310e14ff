import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const outside = new Set(['node_modules', '.git', '.capstan', 'test-artifacts', 'coverage'])

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !outside.has(name))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return filesBelow(path)
      return entry.isFile() ? [path] : []
    })
}

const files = filesBelow(root)
const parent = mkdtempSync(join(tmpdir(), 'capstan-contracts-'))
afterAll(() => rmSync(parent, { recursive: true, force: true }))

test('No file names the folder of specifications that a clone does not have beside it', () => {
  expect(files.length).toBeGreaterThan(300)
  // Put together here, so that this file is not found itself.
  const names = [['..', 'shared'].join('/'), ['shared', 'contracts'].join('/')]
  const found = files.filter((file) => {
    const text = readFileSync(file, 'latin1')
    return names.some((name) => text.includes(name))
  })
  expect(found.map((file) => relative(root, file))).toEqual([])
})

test('Every path that a file derives from its own place lies inside the checkout', () => {
  const derived = /new URL\(\s*['"`](\.[^'"`]*)['"`]\s*,\s*import\.meta\.url/g
  const found = files
    .filter((file) => /\.(ts|js)$/.test(file))
    .flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(derived)].map(([, path = '']) => ({ file, path })),
    )
  expect(found.length).toBeGreaterThan(10)
  const escaping = found.filter(({ file, path }) => {
    const target = fileURLToPath(new URL(path, pathToFileURL(file)))
    return relative(root, target).split(sep)[0] === '..'
  })
  expect(escaping.map(({ file, path }) => `${relative(root, file)}: ${path}`)).toEqual([])
})

test('.ci/run works in a copy without neighbours, calls npm ci and npm test, and keeps their exit code', () => {
  // npm itself would take minutes: this one writes down how and where it is called.
  const bin = join(parent, 'bin')
  const log = join(parent, 'calls')
  const fake = `#!/bin/sh\necho "$(pwd) $(ls .. | wc -l) $*" >> "${log}"\n[ "$1" != test ] || exit 7\n`
  execFileSync('sh', ['-c', `mkdir -p "${bin}" && cat > "${bin}/npm" && chmod +x "${bin}/npm"`], {
    input: fake,
  })
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, TMPDIR: parent }
  let status = 0
  try {
    execFileSync('bash', [join(root, '.ci/run')], { env, cwd: tmpdir(), stdio: 'pipe' })
  } catch (error) {
    status = (error as { status: number }).status
  }
  expect(status).toBe(7)
  const calls = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
  expect(calls.map(([, , ...args]) => args.join(' '))).toEqual(['ci --loglevel=warn', 'test'])
  for (const [folder = '', neighbours] of calls) {
    expect(neighbours).toBe('1')
    expect(relative(parent, folder).split(sep)[0]).not.toBe('..')
    // It is removed afterwards.
    expect(existsSync(folder)).toBe(false)
  }
})

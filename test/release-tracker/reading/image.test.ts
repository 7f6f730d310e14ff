import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize, relative, resolve } from 'node:path'
import { loadAllYaml } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'

/** What can be known of the image without building it. */
const root = join(import.meta.dirname, '../../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const lines = read('Dockerfile')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => /^[A-Z]/.test(line))
const all = (instruction: string) =>
  lines
    .filter((line) => line.startsWith(`${instruction} `))
    .map((line) => line.slice(instruction.length + 1).trim())
const copied = [
  ...new Set(
    all('COPY')
      .filter((line) => !line.startsWith('--from='))
      .flatMap((line) => line.split(/\s+/).slice(0, -1)),
  ),
]

function filesIn(path: string): string[] {
  if (statSync(join(root, path)).isFile()) return [path]
  return readdirSync(join(root, path)).flatMap((name) => filesIn(join(path, name)))
}

describe('the image', () => {
  it('is made of files that are there and that the build may see', () => {
    const visible = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1))
    for (const path of copied) {
      expect(existsSync(join(root, path)), path).toBe(true)
      expect(visible).toContain(path)
    }
  })

  it('has every file that its programs name', () => {
    const files = copied.flatMap(filesIn)
    const known = new Set(files)
    expect(known).toContain('bin/start.js')
    for (const line of read('Procfile').split('\n')) {
      for (const [program] of line.matchAll(/\S+\.(?:ts|js)/g)) expect(known).toContain(normalize(program))
    }
    for (const file of files.filter((each) => /\.[jt]s$/.test(each))) {
      const named =
        /^(?:import|export|\}).* from '(\.{1,2}\/[^']+)'|new URL\('(\.{1,2}\/[^']+)', import\.meta\.url\)/gm
      for (const [, imported, opened] of read(file).matchAll(named)) {
        const path = imported ?? opened ?? ''
        const target = relative(root, resolve(root, dirname(file), path))
        // The checkout itself, and what npm installs, are there.
        if (target === '' || target.startsWith('node_modules')) continue
        const isThere = known.has(target) || files.some((each) => each.startsWith(`${target}/`))
        expect(isThere, `${file} names ${path}`).toBe(true)
      }
    }
  })

  it('runs as the manifests run it: the same user, command, port and folder', () => {
    const text = read('deploy/kubernetes/slave.yaml')
    // biome-ignore lint/suspicious/noExplicitAny: manifests of every kind
    const manifests: any[] = loadAllYaml(text)
    const { data } = manifests.find(({ kind }) => kind === 'ConfigMap')
    const { spec } = manifests.find(({ kind }) => kind === 'Deployment').spec.template
    const [container] = spec.containers
    const { runAsUser, runAsGroup } = spec.securityContext
    expect(all('USER')).toEqual([`${runAsUser}:${runAsGroup}`])
    expect(runAsUser).toBeGreaterThan(0)
    expect(JSON.parse(all('CMD')[0] ?? '')).toEqual(container.command)
    expect(all('EXPOSE')).toEqual([String(container.ports[0].containerPort)])
    const env = Object.fromEntries(
      all('ENV')[0]
        ?.split(' ')
        .map((each) => each.split('=')) ?? [],
    )
    for (const name of ['HOST', 'PORT', 'DATA_DIR']) expect(env[name]).toBe(data[name])
    expect(all('VOLUME')).toEqual([data.DATA_DIR])
    expect(container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath)).toContain(
      data.DATA_DIR,
    )
  })

  it('has the Node that the tests run under', () => {
    const major = process.versions.node.split('.')[0]
    for (const line of all('FROM')) expect(line).toMatch(new RegExp(`^node:${major}-`))
  })
})

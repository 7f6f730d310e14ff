import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { extract } from 'tar'
import { expect, test } from 'vitest'
import { generated, operationsText, readDocument, schemaText } from '../../client/scripts/generate-types.ts'
import { json, startFakeApi } from '../cli/fake-api.ts'
import { folderWith } from '../cli/folder.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const client = join(root, 'client')
const run = promisify(execFile)

test('the types are those of openapi.json; npm run client:types writes them', async () => {
  const document = readDocument()
  expect(readFileSync(generated.operations, 'utf8')).toBe(operationsText(document))
  expect(readFileSync(generated.schema, 'utf8') === (await schemaText(document))).toBe(true)
})

test('the client adds less than 15 kB, compressed, to a bundle for browsers', async () => {
  const { outputFiles } = await build({
    stdin: { contents: `export * from './src/index.ts'`, resolveDir: client },
    ...{ bundle: true, minify: true, write: false, format: 'esm', platform: 'browser', target: 'es2022' },
  })
  const bytes = gzipSync(outputFiles[0]?.contents ?? '').length
  expect(bytes).toBeGreaterThan(1000)
  expect(bytes).toBeLessThan(15_000)
})

const program = `
import { ApiError, type components, createClient, isApiError } from '@capstan/client'

const client = createClient({ url: process.argv[2] ?? '', auth: { token: 'ora_x' }, patienceMs: 0 })
const jobs: components['schemas']['Job'][] = []
for await (const job of client.items('listJobs', 'jobs', { query: { state: 'failed' } })) jobs.push(job)
const error = await client.call('getJob', { path: { id: 'lost' } }).catch((thrown: unknown) => thrown)
const code: string | undefined = isApiError(error, 'SYS_005') ? error.code : undefined
console.log(jobs.map(({ id }) => id).join(), code, error instanceof ApiError)
`

test('the packed client is usable alone: it installs, type-checks and runs', async () => {
  const folder = folderWith({
    'program.ts': program,
    'package.json': '{"type":"module"}',
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        ...{ strict: true, module: 'nodenext', target: 'es2023', outDir: 'out', skipLibCheck: false },
        // What a program for browsers and one for Node have in common.
        ...{
          lib: ['es2023', 'dom', 'dom.iterable'],
          types: ['node'],
          typeRoots: [join(root, 'node_modules/@types')],
        },
      },
      files: ['program.ts'],
    }),
  })
  const { stdout: packed } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: client,
  })
  const report = packed.slice(packed.indexOf('['))
  const [{ filename, files }] = JSON.parse(report)
  const names: string[] = files.map((file: { path: string }) => file.path)
  expect(names).toEqual(
    expect.arrayContaining(['README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts']),
  )
  expect(names.filter((name) => !/^(dist\/.*\.(js|d\.ts)|README\.md|package\.json)$/.test(name))).toEqual([])

  const installed = join(folder, 'node_modules/@capstan/client')
  mkdirSync(installed, { recursive: true })
  await extract({ file: join(folder, filename), cwd: installed, strip: 1 })
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  // The packages that npm would install beside it, and nothing else of ours.
  for (const name of [...Object.keys(dependencies), 'openapi-typescript-helpers']) {
    const place = join(folder, 'node_modules', name)
    mkdirSync(dirname(place), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), place)
  }
  await run(join(root, 'node_modules/.bin/tsc'), ['-p', folder])

  const api = await startFakeApi(({ path }, res) =>
    path.startsWith('/jobs?')
      ? json(res, 200, { jobs: [{ id: 'a' }], next_cursor: null })
      : json(res, 404, { error: { code: 'SYS_005', message: 'No', details: {} } }),
  )
  const { stdout } = await run(process.execPath, [join(folder, 'out/program.js'), api.url])
  expect(stdout).toBe('a SYS_005 true\n')
  expect(api.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer ora_x', 'Bearer ora_x'])
})

test('the client has the version of the service', () => {
  const [own, others] = [join(client, 'package.json'), join(root, 'package.json')].map((file) =>
    JSON.parse(readFileSync(file, 'utf8')),
  )
  expect(own.version).toBe(others.version)
})

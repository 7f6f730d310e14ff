import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { create, extract } from 'tar'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageVersion } from '../../../src/cli/run.ts'
import { startEmbeddedPostgres } from '../../../src/embedded/postgres/index.ts'
import { lockDataDir } from '../../../src/platform/installation/data-dir-lock.ts'
import { migrateUp } from '../../../src/platform/postgres/db.ts'
import { canInspectProcesses, leftOf } from '../../helpers/stack-processes.ts'
import { until } from '../../helpers/until.ts'
import { capstan } from '../run.ts'

const folder = mkdtempSync(join(tmpdir(), 'capstan-backup-'))
const [source, target, archive] = ['source', 'target', 'saved.tar.gz'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
]
// The server's user has to pass this folder to reach the data below it.
chmodSync(folder, 0o755)
const log = { info: () => undefined, warn: console.warn, error: console.error }
const serve = (dataDir: string) => startEmbeddedPostgres({ dataDir, log, settings: { fsync: 'off' } })

async function run(dataDir: string, ...args: string[]) {
  const { code, out, err } = await capstan(args, { env: { DATA_DIR: dataDir } })
  return { exitCode: code, output: out + err }
}

/** Starts the command line as its own process. */
function start(dataDir: string, ...args: string[]): ChildProcess {
  const script = fileURLToPath(new URL('../../../bin/capstan.js', import.meta.url))
  const { PATH, HOME } = process.env
  return spawn(process.execPath, [script, ...args], {
    env: { PATH, HOME, DATA_DIR: dataDir },
    stdio: 'ignore',
  })
}

async function on<T>(dataDir: string, work: (client: Client) => Promise<T>): Promise<T> {
  const server = await serve(dataDir)
  const client = new Client({ connectionString: server.url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
    await server.stop()
  }
}

/** Every row of every table as text, and the values of the sequences. */
async function everything(client: Client): Promise<Record<string, unknown>> {
  const { rows } = await client.query<{ name: string }>(`
    select relname as name from pg_class where relnamespace = 'public'::regnamespace
    and relkind = 'r' and relname !~ '^schema_migrations' order by relname`)
  const found: Record<string, unknown> = {}
  for (const { name } of rows) {
    const all = await client.query(`select t::text as row from "${name}" t order by 1`)
    found[name] = all.rows.map(({ row }) => row)
  }
  const sequences = await client.query(
    "select sequencename, last_value from pg_sequences where sequencename !~ '^schema_' order by 1",
  )
  return { ...found, sequences: sequences.rows }
}

const awkward = 'tab\there, \\N, "quotes", newline\nand ünï©ødé'
let before: Record<string, unknown>

beforeAll(async () => {
  mkdirSync(join(source, 'local-cloud'), { recursive: true })
  writeFileSync(join(source, 'secret.key'), 'k'.repeat(43), { mode: 0o600 })
  writeFileSync(join(source, 'local-cloud', 'state.sqlite'), Buffer.from([0, 255, 10, 13]))
  // A killed write can leave a file with two names.
  linkSync(join(source, 'secret.key'), join(source, 'local-cloud', 'twin'))
  // The release store is on another disk, by a link.
  mkdirSync(join(folder, 'elsewhere'))
  writeFileSync(join(folder, 'elsewhere', 'binary'), 'a released file')
  symlinkSync(join(folder, 'elsewhere'), join(source, 'release-store'))
  const server = await serve(source)
  await migrateUp(server.url)
  await server.stop()
  before = await on(source, async (client) => {
    await client.query(
      "insert into jobs (id, queue, name, payload, max_attempts) values (gen_random_uuid(), 'collect', 'x', $1, 1)",
      [JSON.stringify({ awkward })],
    )
    await client.query(
      "insert into orchestrator_nodes (name, ip_address, rpc_port) values ('n', '127.0.0.1', 1)",
    )
    await client.query("select orchestrator_samples_partition('2020-01-01')")
    await client.query(
      "insert into orchestrator_samples (at, cycle_id, node_id, seconds, verdict) values ('2020-01-15', 1, 1, 60, 'g')",
    )
    return everything(client)
  })
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a backup contains everything, is readable only by its owner, and does not overwrite a file', async () => {
  const lock = lockDataDir(source)
  const refused = await run(source, 'backup', archive)
  expect(refused.exitCode).toBe(2)
  expect(refused.output).toContain(`Capstan already runs here (pid ${process.pid}`)
  lock.release()

  const made = await run(source, 'backup', archive)
  expect(made.output).toMatch(/^Backed up \d+ rows of \d+ tables/)
  expect(made.exitCode).toBe(0)
  expect(statSync(archive).mode & 0o777).toBe(0o600)
  expect(existsSync(join(source, 'backup'))).toBe(false)

  const again = await run(source, 'backup', archive)
  expect(again.exitCode).toBe(2)
  expect(again.output).toContain('exists already')
})

test('a file that is no backup, a torn one and one of a later version are refused before any write', async () => {
  const torn = join(folder, 'torn.tar.gz')
  writeFileSync(torn, readFileSync(archive))
  truncateSync(torn, statSync(archive).size - 100)
  const later = join(folder, 'later.tar.gz')
  mkdirSync(join(folder, 'later', 'backup'), { recursive: true })
  const manifest = { format: 1, version: '99.0.0', createdAt: new Date().toISOString() }
  const contents = { migrations: ['20990101000000_later.ts'], tables: [], partitions: [], sequences: [] }
  writeFileSync(join(folder, 'later/backup/manifest.json'), JSON.stringify({ ...manifest, ...contents }))
  await create({ cwd: join(folder, 'later'), file: later, gzip: true }, ['backup/manifest.json'])

  const cases = {
    [join(folder, 'absent')]: 'Cannot read',
    [join(source, 'secret.key')]: 'is no backup of Capstan, or a damaged one',
    [torn]: 'is no backup of Capstan, or a damaged one',
    [later]: 'The backup is of Capstan 99.0.0',
  }
  for (const [file, said] of Object.entries(cases)) {
    const { exitCode, output } = await run(target, 'restore', file)
    expect(output).toContain(said)
    expect(exitCode).toBe(2)
  }
  expect(existsSync(target)).toBe(false)
  const used = await run(source, 'restore', archive)
  expect(used.output).toContain('is not empty')
})

test('an archive with additional entries is refused as a whole', async () => {
  const made = join(folder, 'made')
  const real = join(folder, 'real')
  mkdirSync(real)
  await extract({ cwd: real, file: archive })
  const more: Record<string, (at: string) => void> = {
    'settings of a server': (at) => {
      mkdirSync(join(at, 'postgres'))
      writeFileSync(join(at, 'postgres', 'postgresql.auto.conf'), "restore_command = 'touch ours'")
    },
    'the place of a server': (at) =>
      writeFileSync(join(at, 'postgres.json'), JSON.stringify({ home: folder })),
    'a lock': (at) => writeFileSync(join(at, 'supervisor.pid'), '1'),
    'a link': (at) => symlinkSync(folder, join(at, 'local-cloud', 'link')),
  }
  for (const [what, add] of Object.entries(more)) {
    cpSync(real, made, { recursive: true })
    add(made)
    const file = join(folder, 'foreign.tar.gz')
    await create({ cwd: made, file, gzip: true }, ['backup/manifest.json', ...readdirSync(made)])
    const { exitCode, output } = await run(target, 'restore', file)
    expect([what, exitCode, output]).toEqual([what, 2, expect.stringContaining('is no backup of Capstan')])
    rmSync(made, { recursive: true })
  }
  expect(existsSync(target)).toBe(false)
})

// A killed process leaves its server running, and the next process has to find it.
test.skipIf(!canInspectProcesses)(
  'a killed restore leaves no startable installation, and the next restore completes it',
  async () => {
    const child = start(target, 'restore', archive)
    const begun = () => existsSync(join(target, 'postgres', 'postmaster.pid'))
    await until(begun, { timeoutMs: 30_000, what: 'the server of the restore runs' })
    child.kill('SIGKILL')
    await once(child, 'close')
    expect(() => lockDataDir(target)).toThrow('was interrupted')
    expect((await run(target, 'backup', join(folder, 'never.tar.gz'))).output).toContain('was interrupted')

    const restored = await run(target, 'restore', archive, '--json')
    expect(JSON.parse(restored.output)).toMatchObject({ version: packageVersion() })
    expect(leftOf(target)).toEqual([])
  },
  60_000,
)

test('a restore reproduces rows, sequences, partitions and files for another installation', async () => {
  if (!existsSync(target)) await run(target, 'restore', archive)
  const { installation, ...restored } = await on(target, everything)
  const { installation: original, ...saved } = before
  expect(restored).toEqual(saved)
  // The installation's id differs: the original may continue beside the copy, on the same Redis.
  expect(installation).toHaveLength(1)
  expect(installation).not.toEqual(original)
  for (const file of ['secret.key', 'local-cloud/twin', 'local-cloud/state.sqlite', 'release-store/binary'])
    expect(readFileSync(join(target, file))).toEqual(readFileSync(join(source, file)))
  expect(existsSync(join(target, 'backup'))).toBe(false)
  lockDataDir(target).release()
})

test('the backup of an external database is refused in favour of its own tools', async () => {
  const env = { DATABASE_URL: 'postgresql://u:p@127.0.0.1:1/x', DATA_DIR: join(archive, 'none') }
  const refused = await capstan(['backup', archive], { env })
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('pg_dump') })
  for (const other of [env, { ...env, DATABASE_URL: '', ENVIRONMENT: 'production' }]) {
    const { code, err } = await capstan(['restore', archive], { env: other })
    expect([code, err]).toEqual([2, expect.stringContaining('npm start would use another database')])
  }
})

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { registerNodeCommands } from '../../../src/orchestrators/commands.ts'
import { readPythonLiteral } from '../../../src/orchestrators/import/python-literal.ts'
import { fromEnvironment, fromJson, fromMappingFile } from '../../../src/orchestrators/import/sources.ts'
import { createTestContext, type TestContext } from '../../helpers/context.ts'

describe('a Python literal', () => {
  const read = (text: string) => readPythonLiteral(text, 'X')
  const value = (text: string) => {
    const result = read(text)
    return 'value' in result ? result.value : result
  }

  it.each([
    [`X = 'a' "b"\n`, 'ab'],
    [`X = r'\\d' '\\x41\\u00e9\\n'`, '\\dAé\n'],
    [`X = """two\nlines"""`, 'two\nlines'],
    [
      `X = [1, -2.5, 1_000, None, True, ('one'), ('one',), ()]`,
      [1, -2.5, 1000, null, true, 'one', ['one'], []],
    ],
    [`"""\nX = 1\n"""\n# X = 2\nX: int = 3 # four\n`, 3],
    [`X = 1\nX = 2\n`, 2],
    [`if True:\n    X = 1\nX = {\\\n}\n`, new Map()],
    [`Y = f("X = 1")\nXX = 5\nX == 4\nX = {'k': {'n': 1,},} # }\n`, new Map([['k', new Map([['n', 1]])]])],
  ])('is read from %j', (text, expected) => {
    expect(value(text)).toEqual(expected)
  })

  it.each([
    ['quotes without an end', '\\"'.repeat(50_000)],
    ['triple quotes without an end', `"""${"\\'''".repeat(25_000)}`],
    ['assignments inside each other', 'X = [\n'.repeat(16_000)],
    ['names without an assignment', 'X : X '.repeat(16_000)],
    ['comments', '#\n'.repeat(50_000)],
  ])('is looked for in 100 kB of %s within a second', (_title, text) => {
    const start = performance.now()
    read(text)
    expect(performance.now() - start).toBeLessThan(1000)
  })

  it.each([
    [`X = __import__('os').system('touch /tmp/x')`, 'line 1: expected a literal'],
    [`X = {\n  'a': open('b'),\n}`, 'line 2: expected a literal'],
    [`X = f'{1}'`, 'line 1: a string with the prefix f'],
    [`X = {'a': 'b'`, 'line 1: expected a comma or }'],
    [`X = {'a' 'b'}`, 'line 1: expected :'],
    [`X = 'a\n'`, 'line 1: a string does not end'],
    [`X = ${'['.repeat(50)}`, 'line 1: nested too deeply'],
    ['Y = 1', 'there is no assignment to X'],
  ])('is refused in %j', (text, fault) => {
    expect(value(text)).toEqual({ fault: expect.stringContaining(fault) })
  })
})

describe('sources of nodes', () => {
  it('are JSON arrays and objects, mapping files and the environment', () => {
    const anvil = { name: 'Anvil', ip: '192.0.2.1', pubkey: 'a2V5' }
    const of = (found: ReturnType<typeof fromJson>) => found.entries.map(({ where: _, ...entry }) => entry)
    expect(of(fromJson(`\uFEFF${JSON.stringify([anvil])}`))).toEqual([anvil])
    expect(of(fromJson(JSON.stringify({ '192.0.2.1': { name: 'Anvil', pubkey: 'a2V5' } })))).toEqual([anvil])
    expect(
      of(fromMappingFile(`PILLAR_MAPPING = {"192.0.2.1": {"name": "Anvil", "pubkey": "a2V5"}}`)),
    ).toEqual([anvil])
    const env = {
      ORCHESTRATOR_IP_10: '192.0.2.2',
      ORCHESTRATOR_IP_2: '192.0.2.1',
      ORCHESTRATOR_NAME_2: 'Anvil',
      ORCHESTRATOR_PUBKEY_2: 'a2V5',
    }
    expect(of(fromEnvironment(env))).toEqual([anvil, { name: 'Node-10', ip: '192.0.2.2' }])
  })

  it('say of each node why it can not be one', () => {
    const found = fromJson(
      JSON.stringify([{ name: 'A' }, { ip: '1' }, 'x', { name: 'B', ip: '192.0.2.1', color: 1 }]),
    )
    expect(found.entries).toEqual([])
    expect(found.rejected.map((each) => [each.where, each.name, each.reason])).toEqual([
      ['entry 1', 'A', 'ip: missing'],
      ['entry 2', null, 'name: missing; ip: expected an IP address'],
      ['entry 3', null, 'expected an object with name and ip'],
      ['entry 4', 'B', 'unknown field color'],
    ])
  })

  it('have an example with addresses of documentation only', () => {
    const { entries, rejected } = fromJson(readFileSync('nodes.example.json', 'utf8'))
    expect(rejected).toEqual([])
    expect(entries).toHaveLength(20)
    for (const { ip } of entries) expect(ip).toMatch(/^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+$/)
  })
})

describe('capstan nodes import', () => {
  let ctx: TestContext
  const dir = mkdtempSync(join(tmpdir(), 'capstan-nodes-'))
  beforeAll(async () => {
    ctx = await createTestContext()
  })
  beforeEach(async () => {
    await ctx.db('orchestrator_nodes').delete()
  })
  afterAll(async () => {
    await ctx?.dispose()
    rmSync(dir, { recursive: true })
  })

  async function run(args: string[], env: NodeJS.ProcessEnv = {}) {
    let output = ''
    let exitCode = 0
    const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined })
    registerNodeCommands(program, {
      env,
      stdout: { write: (text) => (output += text) },
      exitWith: (code) => {
        exitCode = code
      },
      withDb: (work) => work({ db: ctx.db, rpcPort: 55_000 }),
    })
    await program.parseAsync(['nodes', 'import', ...args], { from: 'user' })
    return { lines: output.trimEnd().split('\n'), exitCode }
  }
  const nodes = async () =>
    (await ctx.db('orchestrator_nodes').orderBy('id')).map((row) => [
      ...[row.name, row.ip_address, row.rpc_port, row.pubkey, row.is_active],
    ])
  const json = (value: unknown) => {
    const file = join(dir, 'nodes.json')
    writeFileSync(file, JSON.stringify(value))
    return ['--json', file]
  }

  it('makes nodes, and does nothing the second time', async () => {
    const file = json([
      { name: 'A', ip: '192.0.2.1' },
      { name: 'B', ip: '2001:DB8:0::1', pubkey: 'a2V5', rpc_port: 1 },
    ])
    expect(await run([...file, '--dry-run'])).toMatchObject({ exitCode: 0, lines: { 0: 'created    A' } })
    expect(await nodes()).toEqual([])
    expect((await run(file)).lines.at(-1)).toBe('2 created, 0 updated, 0 unchanged, 0 rejected')
    expect((await run(file)).lines.at(-1)).toBe('0 created, 0 updated, 2 unchanged, 0 rejected')
    expect(await nodes()).toEqual([
      ['A', '192.0.2.1', 55_000, null, true],
      ['B', '2001:db8::1', 1, 'a2V5', true],
    ])
  })

  it('finds nodes by name, then by address, and wakes those that sleep', async () => {
    await run(
      json([
        { name: 'A', ip: '192.0.2.1', pubkey: 'a2V5' },
        { name: 'B', ip: '192.0.2.2' },
      ]),
    )
    await ctx.db('orchestrator_nodes').where({ name: 'B' }).update({ is_active: false })
    const { lines } = await run(
      json([
        { name: 'A', ip: '192.0.2.9' },
        { name: 'B', ip: '192.0.2.2' },
      ]),
    )
    expect(lines.slice(0, 2)).toEqual(['updated    A (ip_address)', 'updated    B (is_active)'])
    expect((await run(json([{ name: 'C', ip: '192.0.2.9' }]))).lines[0]).toBe('updated    C (name)')
    expect(await nodes()).toEqual([
      ['C', '192.0.2.9', 55_000, 'a2V5', true],
      ['B', '192.0.2.2', 55_000, null, true],
    ])
  })

  it('rejects what contradicts itself or the nodes there are, and imports the rest', async () => {
    await run(
      json([
        { name: 'A', ip: '192.0.2.1' },
        { name: 'B', ip: '192.0.2.2' },
      ]),
    )
    const { lines, exitCode } = await run(
      json([
        { name: 'A', ip: '192.0.2.2' },
        { name: 'C', ip: '192.0.2.3' },
        { name: 'C', ip: '192.0.2.4' },
        { name: 'D', ip: '192.0.2.3' },
        { name: 'E', ip: 'nowhere' },
      ]),
    )
    expect(exitCode).toBe(1)
    expect(lines).toEqual([
      'created    C',
      'rejected   E (entry 5): ip: expected an IP address',
      'rejected   A (entry 1): the address belongs to the node B',
      'rejected   C (entry 3): the node was named before',
      'rejected   D (entry 4): the node was named before',
      '1 created, 0 updated, 0 unchanged, 4 rejected',
    ])
  })

  it('reads a mapping file and the environment', async () => {
    const file = join(dir, 'mapping.py')
    writeFileSync(file, `import os\nPILLAR_MAPPING = {\n  '192.0.2.1': {'name': 'A'},  # first\n}\n`)
    expect((await run(['--mapping-file', file])).lines[0]).toBe('created    A')
    const env = { ORCHESTRATOR_IP_1: '192.0.2.1' }
    expect((await run(['--from-env'], env)).lines[0]).toBe('updated    Node-1 (name)')
  })

  it('says what is wrong with a source as a whole', async () => {
    await expect(run([])).rejects.toThrow('say where the nodes are')
    await expect(run(['--from-env'])).rejects.toThrow('there is no node in it')
    const file = join(dir, 'none')
    await expect(run(['--json', file])).rejects.toThrow(`${file} can't be read (ENOENT)`)
    await expect(run(json(7))).rejects.toThrow('expected an array or an object')
    await expect(run([...json([]), '--from-env'])).rejects.toThrow('cannot be used with')
  })
})

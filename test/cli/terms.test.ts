import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { CommandDeps } from '../../src/cli/index.ts'
import { deployOptions, inCommandTerms } from '../../src/cli/terms.ts'
import { areas } from '../../src/commands.ts'
import * as requests from '../../src/deployments/model/schema.ts'

const write = () => undefined
const deps: CommandDeps = {
  env: {},
  shellEnv: {},
  stdout: { write },
  stderr: { write },
  prompt: { interactive: false, ask: async () => '', firstLine: async () => '' },
  client: () => Promise.reject(new Error('no command runs here')),
  exitWith: write,
}

/** A program with the commands of one area only, as `runCommandLine` loads them. */
async function loadArea(word: string): Promise<Command> {
  const program = new Command('capstan')
  await areas[word]?.(program, deps)
  return program
}

const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)]

const objectSchema = z.looseObject({ properties: z.record(z.string(), z.unknown()).optional() })

/** The paths of all fields of a schema, `healthCheck.path`. */
function pathsOf(schema: unknown, before = ''): string[] {
  const { properties = {} } = objectSchema.parse(schema)
  return Object.entries(properties).flatMap(([name, field]) => [
    `${before}${name}`,
    ...pathsOf(field, `${before}${name}.`),
  ])
}

const fieldsOf = (schema: z.ZodType) =>
  pathsOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })).map((path) =>
    path.replace(/^config\./, ''),
  )

describe('the options for the fields of a deployment', () => {
  test('are the fields of the API', () => {
    const fields = [...fieldsOf(requests.prepareBody), ...fieldsOf(requests.deployOptions)]
    expect(fields).toEqual(expect.arrayContaining(Object.keys(deployOptions)))
  })

  test('are all options of capstan deploy', async () => {
    const deploy = (await loadArea('deploy')).commands.find((each) => each.name() === 'deploy')
    const names = (deploy?.options ?? []).map(({ long }) => long)
    // Opposites and another name of options, and options without a field.
    const others = [
      ...['--no-workers-dev', '--no-preview-urls', '--env', '--health', '--yes', '--json'],
      ...['--wrangler-env', '--share-resources', '--no-create', '--plan', '--replan'],
      ...['--summary', '--cancel-on-signal'],
    ]
    expect(new Set([...Object.values(deployOptions), ...others])).toEqual(new Set(names))
  })
})

const cases: Record<string, string> = {
  'This content was rolled back before: deploying it again needs options.force: true':
    'This content was rolled back before: deploying it again needs --force',
  'Change what is deployed, or send options.force: true': 'Change what is deployed, or send --force',
  'That version was rolled back itself; to have it again, deploy that code again with options.force: true':
    'That version was rolled back itself; to have it again, deploy that code again with capstan deploy DIR --force',
  'config.containerImage: no such image': '--image: no such image',
  'config.container.class: unknown': '--container-class: unknown',
  'config.container.pullSecret.username: missing': '--pull-user: missing',
  'config.environmentVars.BIG: too long': '--var BIG: too long',
  'config.healthCheck.timeoutSeconds: too long': '--timeout: too long',
  'config.modules.0.type: unknown': 'config.modules.0.type: unknown',
  'options.constructor: unknown': 'options.constructor: unknown',
}

test.each(Object.keys(areas))('the commands of %s print the options of capstan deploy', async (word) => {
  const commands = everyCommand(await loadArea(word))
  for (const command of [undefined, ...commands])
    for (const [text, expected] of Object.entries(cases)) expect(inCommandTerms(text, command)).toBe(expected)
})

import { describe, expect, test } from 'vitest'
import type { DeployFlags } from '../../src/deployments/commands/deploy/flags.ts'
import { readProjectFile } from '../../src/deployments/commands/project/project-file.ts'
import { prepareRequest } from '../../src/deployments/commands/project/request.ts'
import { prepareBody } from '../../src/deployments/model/schema.ts'
import { folderWith } from './folder.ts'
import { projectWith, requestOf as wranglerRequestOf } from './wrangler/project-folder.ts'

const source = {
  name: 'my-app',
  modules: [{ name: 'index.js', type: 'esm' as const, content: '' }],
  skipped: [],
}
const asked = () => Promise.reject(new Error('asked'))
const silent = { interactive: false, ask: asked, firstLine: asked }

async function requestOf(file: object, flags: Partial<DeployFlags> = {}, env: NodeJS.ProcessEnv = {}) {
  const read = await readProjectFile(folderWith({ 'capstan.json': JSON.stringify(file) }))
  return prepareRequest(
    { flags: { rollback: true, ...flags }, file: read, source },
    { shellEnv: env, prompt: silent },
  )
}

describe('capstan.json', () => {
  test('gives the defaults if it is missing or empty, and the API accepts the request', async () => {
    const request = await requestOf({})
    expect(request).toMatchObject({
      environment: 'staging',
      config: { appName: 'my-app', durableObjects: [] },
    })
    expect(prepareBody.safeParse(request).error).toBeUndefined()
    expect(await readProjectFile(folderWith({}))).toEqual(
      await readProjectFile(folderWith({ 'capstan.json': '{}' })),
    )
  })

  test.each([
    ['{', 'not JSON'],
    ['[]', 'expected object'],
    ['{"envVars":{}}', 'envVars'],
    ['{"app":"Not A Label"}', 'app: expected a DNS label'],
    ['{"env":"qa"}', 'env: '],
    ['{"secrets":{"KEY":"value"}}', 'secrets: '],
    ['{"secrets":["KEY=value"]}', 'never kept here'],
    ['{"healthCheck":{"path":"nope"}}', 'healthCheck.path: '],
    ['{"durableObjects":["not-a-class"]}', 'durableObjects.0: '],
  ])('with the content %s is refused: %s', async (text, problem) => {
    await expect(readProjectFile(folderWith({ 'capstan.json': text }))).rejects.toThrow(problem)
  })

  test('is refused with all its faults together', async () => {
    const file = folderWith({ 'capstan.json': '{"app":"-","env":"qa"}' })
    await expect(readProjectFile(file)).rejects.toThrow(/app: .*\n.*env: /)
  })
})

describe('options of the command line', () => {
  test('take precedence over the file', async () => {
    const file = {
      app: 'one',
      env: 'production',
      durableObjects: ['Counter'],
      environmentVars: { GREETING: 'Hello', OTHER: 'kept' },
      healthCheck: { path: '/health', timeoutSeconds: 30 },
    }
    const flags = {
      app: 'two',
      environment: 'staging',
      do: ['Room', 'Counter'],
      var: ['GREETING=a=b', 'EMPTY='],
    }
    const { environment, config } = await requestOf(file, { ...flags, health: '/up', timeout: 5 })
    expect(environment).toBe('staging')
    expect(config).toMatchObject({
      appName: 'two',
      durableObjects: ['Counter', 'Room'],
      environmentVars: { GREETING: 'a=b', OTHER: 'kept', EMPTY: '' },
      healthCheck: { path: '/up', expectStatus: '200-399', timeoutSeconds: 5 },
    })
  })

  test('are refused if they are invalid, without their values', async () => {
    await expect(requestOf({}, { environment: 'qa' })).rejects.toThrow('--environment')
    await expect(requestOf({}, { app: 'A b' })).rejects.toThrow("can't be an app's name")
    await expect(requestOf({}, { var: ['=x'] })).rejects.toThrow('NAME=VALUE')
    await expect(requestOf({}, { var: ['hunter2'] })).rejects.toThrow(/^((?!hunter2).)*$/)
  })
})

describe('values of secrets', () => {
  test('are read from the environment', async () => {
    const { config } = await requestOf({ secrets: ['A'] }, { secret: ['B'] }, { A: '1', B: '', C: '3' })
    expect(config.secrets).toEqual({ A: '1', B: '' })
  })

  test.each([
    ...['CAPSTAN_TOKEN', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'GITHUB_TOKEN', 'github_token', 'GH_TOKEN'],
    ...['CLOUDFLARE_API_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'CI_JOB_TOKEN', 'DATABASE_URL'],
  ])('are not those of the credential %s because capstan.json names it', async (name) => {
    const file = { secrets: ['KEY', name] }
    const env = { KEY: 'k', [name]: 'hunter2' }
    const reason = `"secrets" in capstan.json can't take credentials of this machine (${name}): to deploy their values, add --secret ${name}`
    await expect(requestOf(file, {}, env)).rejects.toThrow(reason)
    const { config } = await requestOf(file, { secret: [name] }, env)
    expect(config.secrets).toEqual({ KEY: 'k', [name]: 'hunter2' })
    const project = projectWith({
      'capstan.json': JSON.stringify(file),
      'wrangler.json': '{"name":"my-app"}',
    })
    await expect(wranglerRequestOf(project, {}, env)).rejects.toThrow(reason)
  })

  test('are refused on the command line, and not shown', async () => {
    await expect(requestOf({}, { secret: ['KEY=hunter2'] })).rejects.toThrow(/^((?!hunter2).)*$/)
    await expect(requestOf({}, { secret: ['KEY=hunter2'] })).rejects.toThrow('name only')
  })

  test('are prompted for without echo on a terminal, and required without one', async () => {
    await expect(requestOf({ secrets: ['A', 'B'] }, {}, { B: 'x' })).rejects.toThrow('No value for A:')
    const asked: unknown[] = []
    const prompt = {
      interactive: true,
      ask: async (...question: unknown[]) => {
        asked.push(question)
        return 'typed'
      },
      firstLine: async () => '',
    }
    const file = await readProjectFile(undefined)
    const flags = { rollback: true, secret: ['A'] }
    const { config } = await prepareRequest({ flags, file, source }, { shellEnv: {}, prompt })
    expect(config.secrets).toEqual({ A: 'typed' })
    expect(asked).toEqual([['A: ', { hidden: true }]])
  })
})

describe('a container', () => {
  test('is configured by the file and the command line; its password only by the environment', async () => {
    const file = { containerImage: 'ghcr.io/me/app:1', container: { port: 3000, maxInstances: 2 } }
    const flags = { image: 'ghcr.io/me/app:2', instanceType: 'basic', pullUser: 'me' }
    const request = await requestOf(file, flags, { CAPSTAN_PULL_PASSWORD: 'sesame' })
    expect(request.config).toMatchObject({
      containerImage: 'ghcr.io/me/app:2',
      container: {
        ...{ port: 3000, maxInstances: 2, instanceType: 'basic' },
        pullSecret: { username: 'me', password: 'sesame' },
      },
    })
    expect(prepareBody.safeParse(request).error).toBeUndefined()
    await expect(requestOf(file, flags)).rejects.toThrow(/CAPSTAN_PULL_PASSWORD/)
  })

  test('is refused with a password in the file', async () => {
    const file = { container: { pullSecret: { username: 'me', password: 'sesame' } } }
    await expect(requestOf(file)).rejects.toThrow(/container: Unrecognized key: "pullSecret"/)
  })
})

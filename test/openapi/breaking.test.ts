import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { breakingChanges } from '../../scripts/openapi/breaking.ts'
import { projectRoot } from '../../scripts/openapi/file.ts'

const read = (name: string) => readFileSync(join(projectRoot, name), 'utf8')
const released = read('openapi.released.json')

/** The released document with a change. */
// biome-ignore lint/suspicious/noExplicitAny: a change may be anywhere in the document
function changed(change: (document: any) => void): object {
  const document = JSON.parse(released)
  change(document)
  return document
}

const breaksOf = (change: Parameters<typeof changed>[0]) =>
  breakingChanges(JSON.parse(released), changed(change))

describe('the current OpenAPI document', () => {
  it('breaks no client of the released one', () => {
    expect(breakingChanges(JSON.parse(released), JSON.parse(read('openapi.json')))).toEqual([])
  })
})

describe('a change of the document', () => {
  it.each<[string, Parameters<typeof changed>[0], string]>([
    ['an operation is gone', (d) => delete d.paths['/jobs'].get, 'GET /jobs is gone'],
    ['an operation has another id', (d) => (d.paths['/jobs'].get.operationId = 'jobs'), 'operation id'],
    ['a parameter is gone', (d) => d.paths['/jobs'].get.parameters.shift(), 'is gone'],
    [
      'a new parameter is required',
      (d) => d.paths['/jobs'].get.parameters.push({ in: 'query', name: 'x', required: true, schema: {} }),
      'the query parameter x is new and required',
    ],
    [
      'a field of a request is newly required',
      (d) => d.components.schemas.CreateTokenBody.required.push('scopes'),
      'body requires scopes',
    ],
    [
      'a request accepts a value less',
      (d) => d.components.schemas.CreateDeploymentBody.properties.environment.enum.pop(),
      'does not accept production any more',
    ],
    [
      'a request accepts shorter text only',
      (d) => (d.components.schemas.CreateTokenBody.properties.name.maxLength = 3),
      'has a tighter maxLength',
    ],
    [
      'a field of an answer is gone',
      (d) => delete d.components.schemas.Job.properties.state,
      'has no field state',
    ],
    [
      'a field of an answer is not always there',
      (d) => d.components.schemas.Job.required.splice(d.components.schemas.Job.required.indexOf('queue'), 1),
      'does not always have queue any more',
    ],
    [
      'a field of an answer has another type',
      (d) => (d.components.schemas.Job.properties.queue.type = 'integer'),
      'has another type',
    ],
    [
      'an answer has a new value of a closed list',
      (d) => d.components.schemas.Job.properties.state.enum.push('paused'),
      'has the new value paused',
    ],
    ['a success status is gone', (d) => delete d.paths['/jobs'].get.responses[200], 'the status 200 is gone'],
  ])('is a break if %s', (_, change, expected) => {
    expect(breaksOf(change).join('\n')).toContain(expected)
  })

  it.each<[string, Parameters<typeof changed>[0]]>([
    ['an operation is new', (d) => (d.paths['/new'] = { get: d.paths['/jobs'].get })],
    [
      'a field of an answer is new',
      (d) => {
        d.components.schemas.Job.properties.extra = { type: 'string' }
        d.components.schemas.Job.required.push('extra')
      },
    ],
    [
      'a field of a request is new and optional',
      (d) => (d.components.schemas.CreateTokenBody.properties.extra = { type: 'string' }),
    ],
    ['an error does not occur any more', (d) => delete d.paths['/jobs'].get.responses[429]],
    ['a text explains more', (d) => (d.paths['/jobs'].get.summary = 'Lists jobs.')],
  ])('is no break if %s', (_, change) => {
    expect(breaksOf(change)).toEqual([])
  })
})

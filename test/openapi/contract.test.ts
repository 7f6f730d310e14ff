import { describe, expect, it } from 'vitest'
import { faultsOf, type Seen } from './contract.ts'

const limits = {
  'x-ratelimit-limit': '100',
  'x-ratelimit-remaining': '99',
  'x-ratelimit-reset': '1',
  ratelimit: 'x',
  'ratelimit-policy': 'x',
}
const headers = { 'content-type': 'application/json; charset=utf-8', 'x-request-id': 'x', ...limits }
const good: Seen = {
  method: 'GET',
  template: '/jobs',
  status: 200,
  headers,
  body: JSON.stringify({ jobs: [], next_cursor: null }),
}
const refusal = (code: string) =>
  JSON.stringify({
    error: {
      code,
      message: 'No',
      details: { timestamp: '2026-01-01T00:00:00.000Z', correlationId: 'x' },
      retryable: false,
      suggestedAction: 'Stop',
    },
  })
const event = 'id: 1\nevent: end\ndata: {"state":"completed","attempt":1,"error":null}\n\n'
const stream = { template: '/jobs/{id}/events', headers: { ...headers, 'content-type': 'text/event-stream' } }

describe('a response', () => {
  it.each<[string, Partial<Seen>]>([
    ['that is described', {}],
    ['to HEAD', { method: 'HEAD', body: '' }],
    [
      'that is a described error',
      { status: 409, template: '/jobs/{id}/retry', method: 'POST', body: refusal('STATE_001') },
    ],
    ['of events', { ...stream, body: `: keep-alive\n\n${event}` }],
    ['of events that was cut off', { ...stream, body: `${event}id: 2\nda` }],
    ['to a path that does not exist', { template: undefined, status: 404, body: refusal('SYS_005') }],
  ])('%s has no fault', (_, change) => {
    expect(faultsOf({ ...good, ...change })).toEqual([])
  })

  it.each<[string, Partial<Seen>, string]>([
    [
      'a field too many',
      { body: '{"jobs":[],"next_cursor":null,"x":1}' },
      'must NOT have additional properties',
    ],
    ['a field too few', { body: '{"jobs":[]}' }, "must have required property 'next_cursor'"],
    ['a field of another type', { body: '{"jobs":{},"next_cursor":null}' }, '/jobs must be array'],
    ['no JSON', { body: '<html>' }, 'the body must be object'],
    [
      'another type',
      { headers: { ...headers, 'content-type': 'text/html' } },
      'the type text/html is not documented',
    ],
    [
      'a header too few',
      { headers: { ...headers, ratelimit: undefined } },
      'the header RateLimit is missing',
    ],
    ['a status that is not described', { status: 418 }, 'the status is not documented'],
    ['a code that is not described', { status: 403, body: refusal('STATE_001') }, 'must be equal to one of'],
    ['an event that is not described', { ...stream, body: event.replace('end', 'finished') }, 'must'],
    ['a body where none is described', { ...stream, status: 204, body: 'x' }, 'none is documented'],
    [
      'an error without the envelope at no path',
      { template: undefined, status: 404, body: '{}' },
      'required',
    ],
  ])('with %s has a fault', (_, change, expected) => {
    expect(faultsOf({ ...good, ...change }).join('\n')).toContain(expected)
  })
})

import { expect, test } from 'vitest'
import { requireTransfers } from '../../../src/deployments/model/permission.ts'
import type { Permission, Principal } from '../../../src/platform/auth.ts'

const principal = (...permissions: Permission[]): Principal => ({
  kind: 'api-token',
  id: 'token-1',
  name: 'ci',
  isAdmin: false,
  permissions: new Set(permissions),
  rateLimit: { perSecond: 10, burst: 20 },
  stillValid: async () => true,
})
const from = (script: string) => [
  { tag: 'v1', transferred_classes: [{ from: 'Room', from_script: script, to: 'Room' }] },
]

test('a transfer of a class needs the permission for the environment that loses it', () => {
  const staging = principal('deployments:write:staging')
  expect(() => requireTransfers(staging, from('chat-staging'))).not.toThrow()
  expect(() => requireTransfers(staging, undefined)).not.toThrow()
  expect(() => requireTransfers(staging, from('chat'))).toThrow('deployments in production')
  const production = principal('deployments:write:production')
  expect(() => requireTransfers(production, from('chat'))).not.toThrow()
  expect(() => requireTransfers(production, from('chat-staging'))).toThrow('deployments in staging')
})

import { expect, test } from 'vitest'
import { knownSettings, settings } from '../../src/config.ts'
import { configurationPage, envExample } from './settings-pages.ts'

const all = settings()

// After a change: npx vitest run test/docs/settings.test.ts -u
test('docs/configuration.md has the settings of the schemas', async () => {
  await expect(configurationPage(all)).toMatchFileSnapshot('../../docs/configuration.md')
})

test('.env.example has the settings of the schemas', async () => {
  await expect(envExample(all)).toMatchFileSnapshot('../../.env.example')
})

test('every setting has a meaning and says where it has an effect', () => {
  const described = all.filter(({ meaning, usedBy }) => meaning !== '' && usedBy.length > 0)
  const names = described.map(({ name }) => name)
  // Kubernetes sets it in every pod; nobody else does.
  expect(knownSettings.filter((name) => name !== 'KUBERNETES_SERVICE_HOST' && !names.includes(name))).toEqual(
    [],
  )
  expect(new Set(names).size).toBe(names.length)
})

test('settings that carry a secret are marked', () => {
  const likely = /TOKEN$|PASSWORD$|SECRET_KEY|_KEY$|API_KEYS/
  const unmarked = all.filter(({ name, secret }) => likely.test(name) && !secret).map(({ name }) => name)
  expect(unmarked).toEqual([])
})

import { expect, test } from 'vitest'
import { estimateCost } from '../../../src/deployments/plans/prices.ts'

const basic = { vcpu: 0.25, memoryMib: 1024, diskMb: 4000 }

test('the local cloud costs nothing', () => {
  expect(estimateCost('local', { ...basic, instances: 9 })).toMatchObject({ monthly: 0, currency: 'USD' })
})

test('a Worker costs the price of the Workers Paid plan', () => {
  const { monthly, details } = estimateCost('cloudflare')
  expect(monthly).toBe(5)
  expect(details.asOf).toMatch(/^\d{4}-\d\d-\d\d$/)
  expect(details.assumptions).toContain('no container')
})

test('containers cost their use above the included amounts, part by part', () => {
  const { monthly, details } = estimateCost('cloudflare', { ...basic, instances: 2 })
  // 2 x 240 h = 1 728 000 s awake.
  const cpu = (0.25 * 0.25 * 1_728_000 - 22_500) * 0.00002
  const memory = (1_728_000 - 90_000) * 0.0000025
  const disk = (4 * 1_728_000 - 720_000) * 0.00000007
  expect(details.parts.cpu).toBeCloseTo(cpu, 2)
  expect(details.parts.memory).toBeCloseTo(memory, 2)
  expect(details.parts.disk).toBeCloseTo(disk, 2)
  expect(monthly).toBeCloseTo(5 + cpu + memory + disk, 2)
  expect(details.assumptions.join()).toContain('240 hours')
})

test('included amounts are not billed', () => {
  const { monthly, details } = estimateCost('cloudflare', {
    vcpu: 0.01,
    memoryMib: 100,
    diskMb: 100,
    instances: 1,
  })
  expect([monthly, details.parts]).toEqual([5, { workersPaid: 5, cpu: 0, memory: 0, disk: 0 }])
})

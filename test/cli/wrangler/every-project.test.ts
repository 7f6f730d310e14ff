import { expect, test } from 'vitest'
import { otherCases } from './project-cases.ts'
import { copyOf, requestOf } from './project-folder.ts'

test.for(otherCases)('translates the project $project', { timeout: 120_000 }, async (each) => {
  const result = await requestOf(copyOf(each.project), each.flags, { PATH: process.env.PATH, ...each.env })
  expect(result.config).toMatchObject(each.config)
  each.check?.(result)
})

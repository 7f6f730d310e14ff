import { z } from 'zod'
import { type Answer, jsonAnswer, time } from '../../../platform/operations/index.ts'
import { stepKeys } from '../../model/states.ts'

const metadata = z
  .strictObject({ timestamp: time, version: z.string(), correlationId: z.string() })
  .meta({ id: 'AnswerMetadata' })

/** An answer in the success envelope of all deployment routes. */
export const success = (
  description: string,
  data: z.ZodType,
  headers?: NonNullable<Answer['headers']>,
): Answer => jsonAnswer(description, z.strictObject({ success: z.literal(true), data, metadata }), headers)

export const environment = z.enum(['staging', 'production'])
export const step = z.enum(stepKeys as [(typeof stepKeys)[number]])
export const percentage = z.number().min(0).max(100)

/** The effect of a return to earlier versions on secrets and variables. */
const named = z.array(z.strictObject({ kind: z.string(), name: z.string() }))
export const bindingReturn = z
  .strictObject({ returning: named, disappearing: named, reverting: named })
  .meta({ id: 'BindingReturn' })

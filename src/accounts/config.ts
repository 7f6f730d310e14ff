import { z } from 'zod'
import { passwordText } from '../platform/config/fields.ts'

/** The first administrator, created if no user exists. */
export interface FirstAdminConfig {
  username: string
  email: string
  password: string | undefined
}

export const accountsVariables = z.object({
  ADMIN_USERNAME: z.string().min(3).max(50).default('admin'),
  ADMIN_EMAIL: z
    .string()
    .max(255)
    .regex(/^[^@\s]+@[^@\s]+$/, 'expected an e-mail address')
    .default('admin@localhost'),
  ADMIN_PASSWORD: passwordText.min(8, 'expected at least 8 characters').optional(),
})

export function firstAdminConfig(vars: z.infer<typeof accountsVariables>): FirstAdminConfig {
  return { username: vars.ADMIN_USERNAME, email: vars.ADMIN_EMAIL, password: vars.ADMIN_PASSWORD }
}

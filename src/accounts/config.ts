import { z } from 'zod'
import { passwordText } from '../platform/config/fields.ts'
import { settingGroup } from '../platform/config/settings.ts'

/** The first administrator, created if no user exists. */
export interface FirstAdminConfig {
  username: string
  email: string
  password: string | undefined
}

// It is created if no user exists.
const about = settingGroup('The first administrator', ['migrate'])

export const accountsVariables = z.object({
  ADMIN_USERNAME: about(z.string().min(3).max(50).default('admin'), 'name of the first administrator'),
  ADMIN_EMAIL: about(
    z
      .string()
      .max(255)
      .regex(/^[^@\s]+@[^@\s]+$/, 'expected an e-mail address')
      .default('admin@localhost'),
    'e-mail address of the first administrator',
  ),
  ADMIN_PASSWORD: about(
    passwordText.min(8, 'expected at least 8 characters').optional(),
    'password of the first administrator, 8 characters or more',
    { secret: true, without: 'generated and printed once; in production required while no user exists' },
  ),
})

export function firstAdminConfig(vars: z.infer<typeof accountsVariables>): FirstAdminConfig {
  return { username: vars.ADMIN_USERNAME, email: vars.ADMIN_EMAIL, password: vars.ADMIN_PASSWORD }
}

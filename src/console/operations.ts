import { type OperationDescription, redirect } from '../platform/operations/index.ts'

export const operations = {
  openConsole: {
    summary: 'Leads a browser to the console.',
    answers: { 302: redirect('To the console, which asks to sign in') },
  },
} satisfies Record<string, OperationDescription>

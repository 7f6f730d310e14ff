import { z } from 'zod'
import {
  jsonAnswer,
  type OperationDescription,
  preparedAnswer,
  redirect,
} from '../platform/operations/index.ts'

export const operations = {
  getOpenApiDocument: {
    summary: 'Shows this document.',
    answers: {
      200: preparedAnswer(
        'The OpenAPI document',
        z.looseObject({ openapi: z.string(), paths: z.looseObject({}) }),
      ),
    },
  },
  showReference: {
    summary: 'Shows the reference of the API to a browser.',
    description: 'A browser that is not signed in is led to the sign-in page.',
    answers: {
      200: { description: 'The page', content: { 'text/html': { bytes: true } } },
      302: redirect('To the sign-in page'),
    },
  },
  readReferenceFile: {
    summary: 'Reads a script or a style of the reference.',
    answers: {
      200: {
        ...jsonAnswer('The file', z.unknown()),
        content: { 'text/javascript': { bytes: true }, 'text/css': { bytes: true } },
      },
    },
  },
} satisfies Record<string, OperationDescription>

import { ConnectionError } from '../../../client/src/errors.ts'

/** The service, or its database, cannot be reached; or another server answers. */
export class Unreachable extends ConnectionError {
  override name = 'Unreachable'

  constructor(message: string, options?: ErrorOptions) {
    super('unreachable', message, options)
  }
}

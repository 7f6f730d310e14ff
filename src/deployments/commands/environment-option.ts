import { Option } from 'commander'
import { environment } from '../model/schema.ts'

/** For commands about an app that is deployed. */
export const environmentOption = () =>
  new Option(
    '--environment <environment>',
    `${environment.options.join(' or ')}; required if the app is deployed to both`,
  )
/** As `capstan deploy` calls it. */
export const environmentAlias = () => new Option('--env <environment>').hideHelp()

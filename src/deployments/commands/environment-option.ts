import { type Command, Option } from 'commander'
import { environment } from '../model/schema.ts'

/** Both spellings set the same value, so no command can read one of them only. */
class ShortEnvironmentOption extends Option {
  override attributeName(): string {
    return 'environment'
  }
}

/**
 * Adds `--environment` and its short form `--env`. The value is in `flags.environment`; the last one given counts.
 * @param omission the effect of omitting the option, for the help
 */
export function addEnvironmentOption(command: Command, omission?: string): Command {
  const description = environment.options.join(' or ')
  return command
    .addOption(
      new Option(
        '--environment <environment>',
        omission === undefined ? description : `${description}; ${omission}`,
      ),
    )
    .addOption(new ShortEnvironmentOption('--env <environment>', 'short form of --environment'))
}

/** The effect of omitting the option, for commands on a deployed app. */
export const ifDeployedToBoth = 'required if the app is deployed to both'

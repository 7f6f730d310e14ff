import type { Command } from 'commander'

/** The options of `capstan deploy` for wrangler projects, as commander gives them. */
export interface WranglerFlags {
  wranglerEnv?: string
  shareResources?: boolean
  /** False for `--no-create`. */
  create?: boolean
  /** False for `--no-migrate`. */
  migrate?: boolean
}

/** Adds the options for wrangler projects. */
export function addWranglerOptions(deploy: Command): void {
  deploy
    .option(
      '--wrangler-env <name>',
      "section below env of the wrangler configuration (default: the environment's)",
    )
    .option(
      '--share-resources',
      'let staging use the resources and routes of production, if it has no section',
    )
    .option('--no-create', 'do not create bound resources that are missing')
    .option('--no-migrate', 'do not apply the migrations of D1 databases')
}

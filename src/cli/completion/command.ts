import { readFileSync } from 'node:fs'
import { Argument, type Command } from 'commander'
import { type CommandDeps, withoutContext } from '../index.ts'
import { type Shell, shells } from './scripts.ts'

const help = `
Put one of these lines into the start file of your shell:
  ~/.bashrc                   eval "$(capstan completion bash)"
  ~/.zshrc, after compinit    eval "$(capstan completion zsh)"
  ~/.config/fish/config.fish  capstan completion fish | source`

/** Adds `completion`, which prints the stored script of a shell. */
export function registerCompletionCommand(program: Command, deps: CommandDeps): void {
  withoutContext(program.command('completion'))
    .addArgument(new Argument('<shell>', 'name of the shell').choices(shells))
    .description('print a script that completes the words of capstan in your shell')
    .addHelpText('after', help)
    .action((shell: Shell) => {
      deps.stdout.write(storedScript(shell))
    })
}

/** The script is stored, because a shell asks for it at each of its starts. */
const storedScript = (shell: Shell): string =>
  JSON.parse(readFileSync(new URL('../../../bin/completion.generated.json', import.meta.url), 'utf8'))[shell]

import { Argument, Command } from 'commander';
import type { Entry } from './command-entry.js';
import { BASH_COMPLETION } from './completion-bash.js';

const SHELLS = ['bash', 'zsh', 'fish', 'powershell'];
const SETUP = `
To use it, now and in every later shell:
  bash   hive completion bash >> ~/.bashrc
  zsh    hive completion zsh > "\${fpath[1]}/_hive"
  fish   hive completion fish > ~/.config/fish/completions/hive.fish

For this shell alone: eval "$(hive completion bash)"`;

export function completionCommand(): Command {
  return new Command('completion')
    .description('Print a script with which a shell completes `hive` commands, their options, and ids of attempts.')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText('after', SETUP)
    .action(async (shell: string) => {
      if (shell === 'bash') {
        process.stdout.write(BASH_COMPLETION);
        return;
      }
      const { script } = await import('@bomb.sh/tab');
      script(shell, 'hive', 'hive');
    });
}

/** What the scripts call: `hive complete -- WORDS`. */
export function completeCommand(commands: readonly Entry[]): Command {
  return new Command('complete')
    .description('Answer such a script.')
    .argument('[words...]', 'what has been typed')
    .allowUnknownOption()
    .action(async (words: string[]) => {
      const { printCompletions } = await import('./complete-words.js');
      await printCompletions(commands, words);
    });
}

/** The `hive` command. Each of its commands is a file that is loaded when it is called: most need no database. */
import { Command } from 'commander';
import { VERSION } from '../version.js';
import type { Entry } from './command-entry.js';
import { COMMANDS } from './command-list.js';
import { finishCommands } from './usage.js';

/**
 * @param args of the command line
 * @returns the program with the command that they call; the others have only what the program's own help shows
 */
export async function hiveProgram(args: readonly string[]): Promise<Command> {
  const called = commandOf(args);
  return programOf(async (entry) => (entry.name === called ? entry.load() : listed(entry)));
}

/** The program with all that its commands can do. */
export function wholeProgram(): Promise<Command> {
  return programOf((entry) => entry.load());
}

/** `hive help logs` is about `logs`, too. */
function commandOf(args: readonly string[]): string | undefined {
  const [first, second] = args.filter((argument) => !argument.startsWith('-'));
  return first === 'help' ? second : first;
}

async function programOf(commandFor: (entry: Entry) => Promise<Command>): Promise<Command> {
  const program = new Command('hive')
    .description('The hive: a central copy of what coding agents did on many machines.')
    .version(VERSION)
    .configureHelp({ subcommandTerm: (command) => command.name() });
  for (const entry of COMMANDS) {
    const command = await commandFor(entry);
    command.helpGroup(entry.group);
    program.addCommand(command, { hidden: entry.isHidden ?? false });
  }
  return finishCommands(program);
}

function listed({ name, summary }: Entry): Promise<Command> {
  return Promise.resolve(new Command(name).description(summary));
}
